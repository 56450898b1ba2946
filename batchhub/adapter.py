"""
The seam: what an adapter is asked, and what it answers.

An adapter translates one vendor's API and nothing else. The core owns time,
retries, budgets, persistence and the state machine. An adapter is one class,
found through the entry-point group ``batchhub.adapters``; one instance serves
one account. Its class attributes say what the vendor can do; its verbs are
`submit`, `poll`, `fetch_results`, `cancel` and `aclose`.

Errors: let what `Transport.request` raises pass. Raise `InputError` from
`encode` and `check_options`, `ReplyError` for an answer that makes no sense.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from attrs import field, fields, frozen

from . import _json
from .errors import InputError, UnsupportedError
from .models import BatchItem, BatchState, Finding, ItemState

if TYPE_CHECKING:
    from .transport import Transport

__all__ = [
    "Accepted",
    "Account",
    "Adapter",
    "Attempt",
    "Budget",
    "Capabilities",
    "ItemReport",
    "Observation",
    "Probe",
    "Report",
    "RowMap",
    "Submission",
    "TicketRef",
    "WireItem",
    "secret",
]

JSONMapping = Mapping[str, Any]


def _deadline_default(items: int, options: JSONMapping) -> float:
    del options
    return 600.0 + 10.0 * items


@frozen(kw_only=True)
class Budget:
    """
    How many requests an account may make.

    Attributes:
        requests: At most this many requests …
        per_s: … in any window of this many seconds.
        burst: How many of them may go at once; the rest is spread evenly.
    """

    requests: int
    per_s: float
    burst: int = 5


@frozen(kw_only=True)
class Capabilities:
    """
    What a vendor can do for one operation.

    Attributes:
        max_items: The most items in one ticket.
        max_bytes: The most bytes in one request's body; `None` where no bound is known.
        parallel_tickets: How many tickets may be on their way at once in keep-going mode.
        poll_s: The usual seconds between two polls of a ticket.
        min_poll_s: The fewest seconds between two polls of a ticket.
        max_polled_at_once: How many tickets one `poll` may be asked about.
        can_cancel: Whether `cancel` works on a ticket the vendor has.
        stops_on_first_failure: Whether the vendor can stop a ticket at its first failed item.
        counts_items: Whether the vendor's answers count the items that are done, so that a word
            for success is believed only together with the counts.
        count_grace_s: Seconds for which word and counts of a ticket may disagree; after that it
            is completed, and what was never counted is UNKNOWN.
        dedup_window_s: Seconds for which the vendor answers a second submit with the same
            idempotency key with the first one's ticket; `None` where it does not.
        finds_attempts: Whether `Adapter.find_attempt` can tell whether the vendor has a batch that
            was sent and not answered.
        resends_unanswered: Whether the user has said that an unanswered submit is to be sent again
            although the vendor may then have it twice.
        visibility_grace_s: Seconds for which a fresh ticket may answer 404, and be missing in what
            `Adapter.find_attempt` sees.
        results_grace_s: Seconds for which the results of a finished ticket are asked for again
            while the vendor answers without them; after that its items are UNKNOWN.
        stall_s: Seconds without any progress after which a ticket is said to have stalled; it is
            asked about less often then, and nothing else.
        deadline_s: Seconds a job of so many items, with these options, may usually take.
    """

    max_items: int
    max_bytes: int | None = None
    parallel_tickets: int = 1
    poll_s: float = 5.0
    min_poll_s: float = 1.0
    max_polled_at_once: int = 1
    can_cancel: bool = False
    stops_on_first_failure: bool = False
    counts_items: bool = False
    count_grace_s: float = 60.0
    dedup_window_s: float | None = None
    finds_attempts: bool = False
    resends_unanswered: bool = False
    visibility_grace_s: float = 60.0
    results_grace_s: float = 900.0
    stall_s: float = 1800.0
    deadline_s: Callable[[int, JSONMapping], float] = field(default=_deadline_default, repr=False)


def secret(**kwargs: Any) -> Any:
    """Declare an attrs field of an `Account` that no log, store, error or `repr` may show."""
    return field(repr=False, metadata={"secret": True}, **kwargs)


@frozen(kw_only=True)
class Account(ABC):
    """
    One set of credentials at one vendor. Adapters derive their own.

    The fields are the settings: `batchhub.toml` has a key for each. A field made
    by `secret` is blanked everywhere.
    """

    adapter: ClassVar[str]
    """The name of the adapter that speaks for this account."""

    base_url: str
    """Where the vendor answers: scheme and host, without a trailing slash."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """Who this is at the vendor: names the lane, together with the adapter. No secret."""

    @property
    @abstractmethod
    def budget(self) -> Budget:
        """How many requests this account may make."""

    @property
    def lane(self) -> str:
        """The name of the lane all traffic of this account goes through."""
        return f"{self.adapter}:{self.identity}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must show nowhere."""
        values = (
            getattr(self, f.name) for f in fields(type(self)) if f.metadata.get("secret", False)
        )
        return tuple(value for value in values if isinstance(value, str) and value)


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
    A request that was made, or was about to be made, and of which no answer is known.

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
    A ticket the vendor has, as the verbs are told of it.

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
    What the vendor says of one item.

    Attributes:
        id: The item's id as the vendor gave it back; `None` if it gave none.
        state: What came of it.
        code: The item's own HTTP status.
        message: The vendor's words on a failure.
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
    What the vendor says of the items of a ticket. The core joins it with what was sent.

    Attributes:
        items: One entry per item the vendor speaks of.
        rest: What came of the items it does not speak of.
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


AccountT = TypeVar("AccountT", bound=Account)


class Adapter(ABC, Generic[AccountT]):
    """
    The code that speaks one vendor's API, for one account.

    Attributes:
        name: The adapter's name, as in the entry point.
        account_type: The class of its accounts.
        operations: What the vendor can do, per operation; the first is the default.
        states: The vendor's words (compared without regard to case) and what they mean.
            A word that is missing here ends no ticket: it is kept, shown and polled on.
        claims_id: Whether an item's `id` is part of the vendor's own form.
        not_executed_statuses: HTTP statuses by which the vendor says that it did not run a request;
            such a request is repeated fast and few times.
        text_keys: Keys of an item (dotted where nested) whose values out of a table are text
            whatever they look like, with all that is in them: an article's number is no figure.
        takes_decimals: Whether `encode` takes `decimal.Decimal`. Figures out of a table then keep
            every digit; else they come as float, as those out of JSON do.
        types: What bodies may be read as, by the names users call them: attrs classes, as
            ``module:Class``.
        sandbox: Where its stand-in server is, as ``module:Class``; `None` if it has none.
    """

    name: ClassVar[str]
    account_type: ClassVar[type[Account]]
    operations: ClassVar[Mapping[str, Capabilities]]
    states: Mapping[str, BatchState]  # of the class; an instance may extend it by settings
    claims_id: ClassVar[bool] = False
    not_executed_statuses: ClassVar[frozenset[int]] = frozenset()
    text_keys: ClassVar[frozenset[str]] = frozenset()
    takes_decimals: ClassVar[bool] = False
    types: ClassVar[Mapping[str, str]] = MappingProxyType({})
    sandbox: ClassVar[str | None] = None

    def __init__(self, account: AccountT, transport: Transport) -> None:
        self.account = account
        self.transport = transport

    def capabilities(self, operation: str) -> Capabilities:
        """Return what the vendor can do, as far as the account's settings change it."""
        return self.operations[operation]

    def check_options(self, operation: str, options: JSONMapping) -> JSONMapping:
        """
        Check a job's options (values may be text, from a command line) and complete them.

        Returns:
            The options as JSON values; what is sent and fingerprinted.

        Raises:
            InputError: An option is not known or its value is wrong.
        """
        for option in options:
            raise InputError(f"{self.name} {operation} takes no option {option!r}")
        return {}

    @classmethod
    def read_map(cls, operation: str, text: str) -> RowMap:
        """
        Read what a user says a row of a table becomes, in the adapter's own words.

        Raises:
            InputError: The text makes no sense.
            UnsupportedError: The adapter has no such words.
        """
        del operation, text
        raise UnsupportedError(f"{cls.name} takes no --map; name an item's keys by --set")

    @abstractmethod
    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """
        Check one item and give it the form it is sent in. `item.id` is set.

        Raises:
            InputError: The vendor would refuse the item, or it could do harm.
        """

    @classmethod
    def explain(cls, status: int, body: bytes) -> tuple[str | None, str | None]:
        """Read the vendor's error code and message from the body of an answer of 400 and above."""
        del status
        try:
            error = _json.loads(body)
        except ValueError:
            return None, None
        if not isinstance(error, dict):
            return None, None
        code, message = error.get("code"), error.get("message")
        return (None if code is None else str(code)), (None if message is None else str(message))

    def find_unique_key(self, operation: str, item: BatchItem) -> str | None:
        """Return what no two items of a job may share, besides the id; `None` if nothing is."""
        del operation, item
        return None

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes a request's body has besides its items (brackets, commas)."""
        del operation
        return items + 1

    @abstractmethod
    async def submit(self, submission: Submission) -> Accepted:
        """Send one batch. Called once per attempt, or again with the same key inside the window."""

    def may_repeat(self, operation: str, items: Sequence[WireItem], options: JSONMapping) -> bool:
        """
        Whether a batch may run twice without any more effect than once.

        Such as one that only reads. Asked when it was sent, no answer came, and the vendor does
        not deduplicate it.
        """
        del operation, items, options
        return False

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """
        Look for a batch that was sent and not answered among those the vendor has.

        Only asked where `Capabilities.finds_attempts` says so. `None` must be certain, once
        `Capabilities.visibility_grace_s` has passed: the batch is sent anew then.
        """
        del attempt
        raise UnsupportedError(f"{self.name} can't look for a batch that was not answered")

    @abstractmethod
    async def poll(self, tickets: Sequence[TicketRef]) -> Sequence[Observation]:
        """Ask about tickets, at most `Capabilities.max_polled_at_once`; answers in their order."""

    @abstractmethod
    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """
        Fetch what came of the items of a finished ticket.

        Raises:
            ResultsMissingError: The vendor says finished and does not say with which results.
        """

    async def cancel(self, ticket: TicketRef) -> None:
        """Ask the vendor to stop a ticket; polls tell what came of it."""
        del ticket
        raise UnsupportedError(f"{self.name} can't cancel a batch it has accepted")

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Send one harmless request, to see whether vendor and credentials work.

        Args:
            vendor_ref: A ticket of the vendor's to ask about; `None` asks for something else.
        """
        del vendor_ref
        raise UnsupportedError(f"{self.name} has no harmless request to try")

    async def aclose(self) -> None:
        """Let go of what the adapter itself opened; the transport is the core's."""
