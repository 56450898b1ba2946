"""
The model every vendor comes out as: items, tickets, the status of a job, one result per item.

A `BatchStatus` is folded from its tickets when it is made, so its state,
outcome, counts and progress can't disagree with one another. The folding is
done here, by pure functions, and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import evolve, field, frozen
from attrs.converters import optional

from . import _json, _show

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "BatchEvent",
    "BatchItem",
    "BatchState",
    "BatchStatus",
    "Contact",
    "Counts",
    "Finding",
    "ItemResult",
    "ItemState",
    "Outcome",
    "Ticket",
]

T = TypeVar("T")

MAX_EXAMPLES: Final = 5
"""The most examples a finding keeps."""


class BatchState(StrEnum):
    """What the vendor says of a ticket; a job's state is folded from its tickets'."""

    PENDING = "pending"
    """Not handed over yet."""
    QUEUED = "queued"
    """The vendor has it and has not begun."""
    IN_PROGRESS = "in_progress"
    """The vendor has begun."""
    UNCONFIRMED = "unconfirmed"
    """Sent, and no answer came: nobody can tell whether the vendor has it."""
    COMPLETED = "completed"
    """Finished. What came of it is the outcome."""
    FAILED = "failed"
    """Refused, or failed as a whole."""
    CANCELLED = "cancelled"
    """Ended because we asked for it."""
    LOST = "lost"
    """The vendor no longer knows it."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows."""
        return self in _TERMINAL

    def may_become(self, new: BatchState) -> bool:
        """Whether a ticket in this state may move to `new`: forward only, terminal is final."""
        if self.is_terminal or new is self:
            return new is self
        if self is BatchState.UNCONFIRMED:
            return new is not BatchState.PENDING
        if new is BatchState.UNCONFIRMED:
            return self is BatchState.PENDING
        return new.is_terminal or _ORDER[new] > _ORDER[self]


_TERMINAL: Final = frozenset(
    {BatchState.COMPLETED, BatchState.FAILED, BatchState.CANCELLED, BatchState.LOST}
)
_ORDER: Final = {BatchState.PENDING: 0, BatchState.QUEUED: 1, BatchState.IN_PROGRESS: 2}


class Outcome(StrEnum):
    """What came of a job, once it is terminal."""

    SUCCEEDED = "succeeded"
    """Every item succeeded."""
    PARTIAL = "partial"
    """Some items succeeded; of the others it is known that they did not."""
    FAILED = "failed"
    """No item succeeded."""
    INDETERMINATE = "indeterminate"
    """Of some item nobody can tell."""


class Contact(StrEnum):
    """How well we hear the vendor: a second axis, which changes no state."""

    OK = "ok"
    STALE = "stale"
    """No fresh answer."""
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    """Our own side is broken: credentials or store."""


class ItemState(StrEnum):
    """What came of one item."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_EXECUTED = "not_executed"
    """It certainly did not run."""
    UNKNOWN = "unknown"
    """Nobody can tell whether it ran."""


@frozen(kw_only=True)
class BatchItem:
    """
    One unit of work.

    Attributes:
        id: Names the item in the results, unique in its job; `None` means its
            position in the input, from 1, as text.
        payload: The item in the vendor's own form.
    """

    id: str | None = None
    payload: Mapping[str, Any]


@frozen(kw_only=True)
class ItemResult:
    """
    What came of one item.

    Attributes:
        id: The item's id.
        state: What came of it.
        code: The item's own HTTP status, if the vendor gave one.
        message: The vendor's words on a failure, or ours on why nothing is known.
        vendor_ref: The vendor's id of the request the item went with, if known.
    """

    id: str
    state: ItemState
    code: int | None = None
    message: str | None = None
    vendor_ref: str | None = None
    raw: bytes | None = field(default=None, repr=False)
    """The vendor's answer for this item as it came, which may be a text that holds JSON."""

    @property
    def body(self) -> Any:
        """
        The vendor's answer for this item: JSON, else text, else `None`. Decoded at each call.

        JSON that came escaped in a text is JSON here.
        """
        if self.raw is None:
            return None
        try:
            value = _json.loads(self.raw)
        except ValueError:
            return self.raw.decode("utf-8", "replace") or None
        if isinstance(value, str) and value.startswith(("{", "[")):
            try:
                return _json.loads(value)
            except ValueError:
                return value
        return value

    def as_(self, kind: type[T]) -> T:
        """
        Make an object of a type from the vendor's answer for this item: any attrs class.

        It is read by `batchhub.wire.converter`, anew at each call. Look at `state` first:
        the body of an item that failed is the vendor's error.

        Raises:
            BodyError: If there is no body, or it is none of that type; it names
                the item and each field that is wrong, with its path.
        """
        from ._wire.body import read_body  # noqa: PLC0415  # cattrs is slow to import

        return read_body(self.raw, kind, self.id)


@frozen(kw_only=True)
class Counts:
    """How many items came out how. The five parts add up to `total`."""

    total: int = field(init=False)
    succeeded: int = 0
    failed: int = 0
    not_executed: int = 0
    unknown: int = 0
    pending: int = 0

    def __attrs_post_init__(self) -> None:
        """Work out the total."""
        parts = (self.succeeded, self.failed, self.not_executed, self.unknown, self.pending)
        if min(parts) < 0:
            raise ValueError(f"counts can't be negative: {parts}")
        object.__setattr__(self, "total", sum(parts))

    def __add__(self, other: Counts) -> Counts:
        """Add part by part."""
        return Counts(
            succeeded=self.succeeded + other.succeeded,
            failed=self.failed + other.failed,
            not_executed=self.not_executed + other.not_executed,
            unknown=self.unknown + other.unknown,
            pending=self.pending + other.pending,
        )

    @classmethod
    def of_states(cls, states: Iterable[ItemState]) -> Counts:
        """Count item states."""
        return cls(**{state.value: n for state, n in Counter(states).items()})


def _few(examples: Iterable[str]) -> tuple[str, ...]:
    return tuple(examples)[:MAX_EXAMPLES]


@frozen(kw_only=True)
class Finding:
    """
    Something an honest reader of a status must know.

    Attributes:
        code: Its stable name, such as ``duplicate_id``.
        message: What it means, in one sentence.
        count: How often it was met.
        examples: At most five of the ids or words it was met at.
    """

    code: str
    message: str
    count: int = 1
    examples: tuple[str, ...] = field(default=(), converter=_few)


def merge_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Make one finding per code: counts added, the first message and examples kept."""
    merged: dict[str, Finding] = {}
    for new in findings:
        old = merged.get(new.code)
        if old is None:
            merged[new.code] = new
        else:
            examples = tuple(dict.fromkeys(old.examples + new.examples))
            merged[new.code] = evolve(old, count=old.count + new.count, examples=examples)
    return tuple(merged.values())


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"times are aware datetimes, not {value!r}")
    return value.astimezone(UTC)


@frozen(kw_only=True)
class Ticket:
    """
    One request with a batch in it, as last seen.

    Attributes:
        position: Its place in the job, from 1.
        state: What the vendor says of it.
        counts: What came of its items.
        vendor_refs: The vendor's ids for it; empty until it is accepted.
        vendor_state: The vendor's own word for its state, as it came.
        vendor: The other fields of the vendor's last answer, as they came.
        progress: The share of its items that is done, 0..1; `None` when nobody knows.
        message: Why it was refused, or why nothing is known of it.
        attempt_id: The idempotency key it was sent with; `None` while it was not.
        attempted_at: When it was sent, or was about to be.
        waits_for_previous: Whether it is sent only after the one before it ended clean.
    """

    position: int
    state: BatchState = BatchState.PENDING
    counts: Counts
    vendor_refs: tuple[str, ...] = ()
    vendor_state: str | None = None
    vendor: Mapping[str, Any] = field(factory=dict)
    progress: float | None = None
    message: str | None = None
    attempt_id: str | None = None
    attempted_at: datetime | None = field(default=None, converter=optional(_to_utc))
    waits_for_previous: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.state.is_terminal and self.counts.pending:
            raise ValueError(f"ticket {self.position} has ended with items still pending")
        if self.progress is not None and not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress is 0..1, not {self.progress}")


def fold_state(tickets: Sequence[Ticket]) -> BatchState:
    """Fold a job's state from its tickets, in their order (the table is in docs/statuses.md)."""
    states = [ticket.state for ticket in tickets]
    if all(state.is_terminal for state in states):
        for state in (BatchState.COMPLETED, BatchState.LOST, BatchState.FAILED):
            if state in states:
                return state
        return BatchState.CANCELLED
    if _is_held(tickets):
        return BatchState.UNCONFIRMED
    if any(state is BatchState.IN_PROGRESS or state.is_terminal for state in states):
        return BatchState.IN_PROGRESS
    if BatchState.QUEUED in states:
        return BatchState.QUEUED
    return BatchState.PENDING


def _is_held(tickets: Sequence[Ticket]) -> bool:
    """Whether nothing moves until somebody decides over an unconfirmed ticket."""
    held = False
    for ticket in tickets:
        if ticket.state is BatchState.UNCONFIRMED:
            held = True
        elif ticket.state.is_terminal:
            continue
        elif not (held and ticket.state is BatchState.PENDING and ticket.waits_for_previous):
            return False
    return held


def fold_outcome(state: BatchState, counts: Counts) -> Outcome | None:
    """Tell what came of a job; `None` while it is open."""
    if not state.is_terminal:
        return None
    if counts.unknown:
        return Outcome.INDETERMINATE
    if counts.succeeded == counts.total:
        return Outcome.SUCCEEDED
    return Outcome.PARTIAL if counts.succeeded else Outcome.FAILED


def fold_progress(state: BatchState, tickets: Sequence[Ticket]) -> float | None:
    """
    Weigh the tickets' progress by their items: 0..1, `None` when no ticket knows.

    A ticket that does not know counts as nothing done, so the figure is a lower bound.
    """
    if state is BatchState.COMPLETED:
        return 1.0
    known = [(t.counts.total, _ticket_progress(t)) for t in tickets]
    total = sum(n for n, _ in known)
    if total == 0 or all(share is None for _, share in known):
        return None
    return sum(n * (share or 0.0) for n, share in known) / total


def _ticket_progress(ticket: Ticket) -> float | None:
    return 1.0 if ticket.state is BatchState.COMPLETED else ticket.progress


@frozen(kw_only=True)
class BatchStatus:
    """
    What is known of a job at one moment.

    Attributes:
        job_id: Our id of the job.
        account: The account's name in the settings.
        adapter: The adapter's name.
        operation: The kind of batch.
        label: The user's own words for it.
        contact: How well we hear the vendor; changes no state.
        contact_note: Why contact is not OK, in one line.
        tickets: One per request, in the order of the items.
        findings: What an honest reader must know; one per code.
        created_at: When the job was handed over.
        updated_at: When its state last changed.
        observed_at: When the vendor last answered for it; `None` before the first answer.
        state: Folded from the tickets.
        counts: What came of the items; adds up to the items handed over.
        outcome: What came of the job; `None` while it is open.
        progress: 0..1, `None` when nobody knows; never goes back.
    """

    job_id: str
    account: str
    adapter: str
    operation: str
    label: str | None = None
    state: BatchState = field(init=False)
    outcome: Outcome | None = field(init=False)
    contact: Contact = Contact.OK
    contact_note: str | None = None
    progress: float | None = field(init=False)
    counts: Counts = field(init=False)
    tickets: tuple[Ticket, ...]
    findings: tuple[Finding, ...] = field(default=(), converter=merge_findings)
    created_at: datetime = field(converter=_to_utc)
    updated_at: datetime = field(converter=_to_utc)
    observed_at: datetime | None = field(default=None, converter=optional(_to_utc))

    def __attrs_post_init__(self) -> None:
        """Fold what follows from the tickets."""
        if not self.tickets:
            raise ValueError("a job has at least one ticket")
        counts = sum((ticket.counts for ticket in self.tickets), Counts())
        state = fold_state(self.tickets)
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "outcome", fold_outcome(state, counts))
        object.__setattr__(self, "progress", fold_progress(state, self.tickets))

    def __repr__(self) -> str:
        """Show in one line where it stands."""
        return _show.make_line("BatchStatus", self)

    def _repr_html_(self) -> str:
        """Show all there is to know as a table in a notebook."""
        return _show.make_html(self)

    def __rich__(self) -> Table:
        """Show all there is to know as a table on a terminal."""
        return _show.make_table(self)

    @property
    def is_held(self) -> bool:
        """Whether the job waits for a decision (`retry` or `cancel`) on an unconfirmed ticket."""
        return self.state is BatchState.UNCONFIRMED

    @property
    def is_refused(self) -> bool:
        """Whether the vendor refused every ticket that was sent."""
        return self.state is BatchState.FAILED and not any(t.vendor_refs for t in self.tickets)


@frozen(kw_only=True)
class BatchEvent:
    """
    A job has ended.

    Attributes:
        status: Where it stands for good.
        is_repeated: Whether somebody was being told of it already, by a process that died then.
    """

    status: BatchStatus
    is_repeated: bool = False

    @property
    def job_id(self) -> str:
        """Our id of the job; each has one event."""
        return self.status.job_id
