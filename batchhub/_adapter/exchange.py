"""What an adapter's verbs are given, and what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import field, frozen

from batchhub.models import BatchState, Finding, ItemState

from .capabilities import JSONMapping


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
    """

    operation: str
    items: Sequence[WireItem]
    options: JSONMapping
    stop_on_first_failure: bool
    group: str
    key: str | None = None
    idempotency_key: str


@frozen(kw_only=True)
class Attempt:
    """
    A request that was made, or was about to be made, without a known answer.

    Attributes:
        operation: The kind of batch.
        group: The `Submission.group` it was sent with.
        key: The `Submission.key` it was sent with.
        idempotency_key: The `Submission.idempotency_key` it was sent with.
        attempted_at: When it was first made.
        total: How many items it has.
    """

    operation: str
    group: str
    key: str | None
    idempotency_key: str
    attempted_at: datetime
    total: int


@frozen(kw_only=True)
class Accepted:
    """
    The vendor took a batch.

    Attributes:
        vendor_refs: The ids it gave; at least one.
        vendor: The other fields of the answer, as they came.
    """

    vendor_refs: tuple[str, ...]
    vendor: JSONMapping = field(factory=dict)


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
        state: Its state as last seen.
        submitted_at: When it was sent.
    """

    vendor_refs: tuple[str, ...]
    operation: str
    total: int
    group: str
    options: JSONMapping
    state: BatchState
    submitted_at: datetime


@frozen(kw_only=True)
class Observation:
    """
    What a poll brought. The core decides what it means.

    A ticket with several `vendor_refs` has one word each; its other figures are sums over them.

    Attributes:
        words: The vendor's word for the state of each of the ticket's refs, as it came; `None`
            where the answer had none. Looked up in `Adapter.states`.
        done: How many items are done, if the vendor counts only that.
        succeeded: How many items succeeded, if the vendor counts them.
        failed: How many items failed, if the vendor counts them.
        progress: The share that is done, 0..1, as the vendor puts it; used where it counts nothing.
        vendor: The other fields of the answer, as they came.
        findings: What the adapter noticed while reading.
        age_s: Seconds the answer had waited in a cache; `None` if it came fresh.
    """

    words: tuple[str | None, ...] = (None,)
    done: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    progress: float | None = None
    vendor: JSONMapping = field(factory=dict)
    findings: tuple[Finding, ...] = ()
    age_s: float | None = None


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
class ItemReport:
    """
    What the vendor says about one item.

    Attributes:
        id: The item's id as the vendor gave it back; `None` if it gave none.
        state: Its outcome.
        code: The item's own HTTP status.
        message: The vendor's message on a failure.
        raw: The vendor's answer for the item, as it came.
        vendor_ref: The vendor's id for it, where that is not the ticket's.
    """

    id: str | None
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
        items: One entry per item that the vendor names.
        rest: The outcome of the items it does not name.
        is_settled: Whether there is nothing more to wait for: while it is false, the results
            are fetched again for `Capabilities.count_grace_s`.
        findings: What the adapter noticed while reading.
    """

    items: Sequence[ItemReport]
    rest: ItemState = ItemState.UNKNOWN
    is_settled: bool = True
    findings: tuple[Finding, ...] = ()


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
    """

    templates: Mapping[str, str]
    quoted: frozenset[str] = frozenset()
    set_under: str | None = None
