"""What an adapter's verbs are given, and what they return."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol

from attrs import field, frozen

from batchhub.models import BatchState, Finding, ItemState

from .capabilities import JSONMapping
from .kinds import Kind

NOTHING_KEPT: Final[Mapping[str, str]] = MappingProxyType({})
"""What steps have kept of most batches."""


@frozen(kw_only=True)
class Credentials:
    """
    What authorises the requests to the account's own host.

    Attributes:
        headers: Sent with each of these requests. The values are secrets: they are kept in memory
            only, and blanked wherever they come back.
        valid_s: Seconds for which they are good from now on; `None` where nobody knows. They are
            renewed a little before.
    """

    headers: Mapping[str, str] = field(factory=dict, repr=False)
    valid_s: float | None = None

    @classmethod
    def basic(cls, user: str, password: str) -> Credentials:
        """Return those of HTTP's own scheme Basic. The user has no ``:``."""
        pair = b64encode(f"{user}:{password}".encode()).decode()
        return cls(headers={"Authorization": f"Basic {pair}"})


@frozen(kw_only=True)
class WireItem:
    """
    An item as it is stored and sent.

    Attributes:
        id: The item's id.
        wire: The item in the form `Adapter.encode` gave it.
    """

    id: str
    wire: bytes


@frozen(kw_only=True)
class Submission:
    """
    One request to be made.

    Attributes:
        operation: The kind of batch.
        items: Its items, in order, at most `Capabilities.max_items`.
        options: What `Adapter.check_options` gave.
        stop_on_first_failure: Whether the vendor shall stop at the first failed item.
        group: The same for all requests of a job, and only for them.
        key: The user's key of the job; the same in every store it is handed to.
        idempotency_key: A UUID; the same when the same attempt is sent again.
        is_repeat: Whether the same attempt was sent before, and nobody knows whether it ran: what
            the vendor refuses now it may have done then.
    """

    operation: str
    items: Sequence[WireItem]
    options: JSONMapping
    stop_on_first_failure: bool
    group: str
    key: str | None = None
    idempotency_key: str
    is_repeat: bool = False

    def json_array(self, number: str | None = None) -> bytes:
        """
        Return its items as one JSON array, the body that `Adapter.envelope_bytes` expects.

        Args:
            number: The field that each item gets its place in, from 1, at a vendor that names items
                by a number; its items are objects with fields of their own then.
        """
        parts = [item.wire for item in self.items]
        if number is not None:
            name = number.encode()
            parts = [b'{"%b":%d,%b' % (name, n, part[1:]) for n, part in enumerate(parts, 1)]
        return b"[" + b",".join(parts) + b"]"


class Steps(Protocol):
    """
    What a `Adapter.submit` of several requests keeps between two of them.

    A process may end between any two requests. What is kept is there again when the batch is
    submitted once more, and when it is searched (`Attempt.kept`).

    Attributes:
        kept: What was kept so far, by name.
    """

    @property
    def kept(self) -> Mapping[str, str]:
        """What was kept so far, by name; also by an earlier process."""
        ...

    async def keep(self, **values: str | None) -> None:
        """
        Keep texts by name, in the store, before the next request goes; `None` forgets one.

        Such as the id of an uploaded file. Not a place for secrets.

        Raises:
            AdapterError: A value is no text of at most 1,000 characters, contains a secret of the
                account, or is a URL with a query (such URLs let anybody in).
            ContactError: The lane is not this process's any more. Nothing more is to be sent.
        """
        ...


@frozen(kw_only=True)
class Attempt:
    """
    A request that was made, or was about to be made, without a known answer.

    Attributes:
        operation: The kind of batch.
        options: The `Submission.options` it was sent with.
        group: The `Submission.group` it was sent with.
        key: The `Submission.key` it was sent with.
        idempotency_key: The `Submission.idempotency_key` it was sent with.
        attempted_at: When it was first made.
        total: How many items it has.
        kept: What `Steps.keep` kept of it.
    """

    operation: str
    options: JSONMapping
    group: str
    key: str | None
    idempotency_key: str
    attempted_at: datetime
    total: int
    kept: Mapping[str, str] = NOTHING_KEPT


@frozen(kw_only=True)
class ItemReport:
    """
    What the vendor says about one item.

    It names its item by one of `id`, `key_value` and `at`.

    Attributes:
        id: The item's id, where the vendor gives it back.
        key_value: The item's value of `Adapter.key_field`, where the vendor names it by that.
        at: The item's place in the request, from 0, where the vendor names it by that.
        state: Its outcome.
        code: The item's own HTTP status.
        message: The vendor's message on a failure.
        raw: The vendor's answer for the item, as it came.
        vendor_ref: The vendor's id for it, where that is not the ticket's.
    """

    id: str | None = None
    key_value: str | None = None
    at: int | None = None
    state: ItemState
    code: int | None = None
    message: str | None = None
    raw: bytes | None = field(default=None, repr=False)
    vendor_ref: str | None = None


@frozen(kw_only=True)
class Report:
    """
    What the vendor says about the items of a ticket. The core joins it with what was sent.

    Attributes:
        items: One entry per item that the vendor names, in any order.
        rest: The outcome of the items it does not name.
        rest_message: Why; shown with each of them.
        is_settled: Whether there is nothing more to wait for: while it is false, the results
            are fetched again for `Capabilities.count_grace_s`.
        findings: What the adapter noticed while reading.
    """

    items: Iterable[ItemReport] | AsyncIterable[ItemReport] = ()
    rest: ItemState = ItemState.UNKNOWN
    rest_message: str | None = None
    is_settled: bool = True
    findings: tuple[Finding, ...] = ()


@frozen(kw_only=True)
class Accepted:
    """
    The vendor took a batch.

    Attributes:
        vendor_refs: The ids it gave; at least one, unless there is a report.
        vendor: The other fields of the answer, as they came.
        report: The results, of a vendor that answers at once: the ticket is finished then.
        findings: What the adapter noticed while reading.
    """

    vendor_refs: tuple[str, ...] = ()
    vendor: JSONMapping = field(factory=dict)
    report: Report | None = None
    findings: tuple[Finding, ...] = ()


@frozen(kw_only=True)
class Observation:
    """
    What a poll brought. The core decides what it means.

    A ticket with several `vendor_refs` has one word each; its other figures are sums over them.

    Attributes:
        words: The vendor's word for the state of each of the ticket's refs, as it came; `None`
            where the answer had none. Looked up in `Adapter.states`.
        state: The ticket's state, from a vendor that has no word for it; then there are no words.
        total: How many items the vendor says the ticket has, if it says so. A batch that a user
            names by hand as a ticket's own is refused where this is another number.
        done: How many items are done, if the vendor counts only that.
        succeeded: How many items succeeded, if the vendor counts them.
        failed: How many items failed, if the vendor counts them.
        progress: The share that is done, 0..1, as the vendor puts it; used where it counts nothing.
        message: Why the whole batch failed, in the vendor's words.
        vendor: The other fields of the answer, as they came.
        report: The results, where they come with the answer; or what makes them of it, called
            once with the items as they were sent, when the ticket is finished.
            `Adapter.fetch_results` gets it as `TicketRef.seen`.
        is_gone: Whether the vendor does not know the ticket: a 404 inside an answer about several.
        findings: What the adapter noticed while reading.
        age_s: Seconds the answer had waited in a cache; `None` if it came fresh.
    """

    words: tuple[str | None, ...] = (None,)
    state: BatchState | None = None
    total: int | None = None
    done: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    progress: float | None = None
    message: str | None = None
    vendor: JSONMapping = field(factory=dict)
    report: Report | Callable[[Sequence[WireItem]], Report] | None = field(default=None, repr=False)
    is_gone: bool = False
    findings: tuple[Finding, ...] = ()
    age_s: float | None = None


@frozen(kw_only=True)
class TicketRef:
    """
    A ticket the vendor has, as it is passed to the verbs.

    Attributes:
        vendor_refs: The vendor's ids for it.
        operation: The kind of batch.
        total: How many items were sent.
        group: The `Submission.group` it was sent with.
        options: The `Submission.options` it was sent with.
        state: Its state as last seen; in `Adapter.fetch_results` the final one.
        submitted_at: When it was sent.
        kept: What `Steps.keep` kept of it.
        seen: In `Adapter.fetch_results`, the answer that said it is finished, as the adapter gave
            it. In memory only: after a restart the ticket is polled once more.
    """

    vendor_refs: tuple[str, ...]
    operation: str
    total: int
    group: str
    options: JSONMapping
    state: BatchState
    submitted_at: datetime
    kept: Mapping[str, str] = NOTHING_KEPT
    seen: Observation | None = None


@frozen(kw_only=True)
class Probe:
    """
    What one harmless request brought.

    Attributes:
        request: What was asked: method and path, without credentials.
        status: The answer's HTTP status.
        raw: The answer's body as it came, secrets blanked.
        reading: What the adapter made of it, by name; JSON values.
    """

    request: str
    status: int
    raw: bytes = field(repr=False)
    reading: JSONMapping


@frozen(kw_only=True)
class RowMap:
    """
    What a row of a table, or an object in another form, becomes: an item's keys as templates.

    A template is text with names of columns in it, such as ``/products/{product_id}``;
    ``{{`` and ``}}`` stand for braces.

    Attributes:
        templates: The templates by the item's key; dotted where it is nested.
        quoted: Keys whose columns are percent-encoded, as parts of a URL.
        set_under: The key that holds what else the user sets, by name; `None` is the item itself.
        kinds: What the fields of every item made so take, as `Adapter.fields` says of each; `None`
            where it may differ from row to row.
    """

    templates: Mapping[str, str]
    quoted: frozenset[str] = frozenset()
    set_under: str | None = None
    kinds: Mapping[str, Kind] | None = None
