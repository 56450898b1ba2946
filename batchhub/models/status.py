"""
The status of a job, folded from tallies of its tickets when it is made, and how it is shown.

All ways to show it have the same facts: the line of `repr`, and the tables in a notebook and on a
terminal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from attrs import Factory, field, frozen
from attrs.converters import optional

from batchhub._base.show import clean, draw_html, draw_table, moment, number, words
from batchhub.errors import UsageError

from .fold import STUCK, Tally, fold_outcome, fold_progress, part_of
from .plain import Plain
from .states import BatchState, Contact, Outcome
from .tickets import Counts, Finding, Ticket, merge_findings, to_utc
from .words import counts_text, finding_text, ticket_facts

if TYPE_CHECKING:
    from rich.table import Table


def _tally(status: BatchStatus) -> Tally:
    if not status.tickets:
        raise ValueError("a job has at least one ticket")
    stops = any(ticket.waits_for_previous for ticket in status.tickets)
    return Tally.of(map(part_of, status.tickets), stops=stops).of_job(status.findings)


@frozen(kw_only=True)
class BatchStatus(Plain):
    """
    What is known of a job at one moment.

    Attributes:
        job_id: The job's id.
        account: The account's name in the settings.
        adapter: The adapter's name.
        operation: The kind of batch.
        key: The user's idempotency key, if it has one.
        label: The user's own text for it.
        retry_of: The id of the job whose items it retries; `None` for other jobs.
        contact: Contact with the vendor, independent of the state.
        contact_note: Why contact is not OK, in one line.
        tickets: One per request, in the order of the items; empty if they were not read.
        findings: What a reader of the status should know; one per code.
        created_at: When the job was submitted.
        updated_at: When its state last changed.
        observed_at: When the vendor last answered for it; `None` before the first answer.
        state: Follows from the tickets.
        counts: Number of items by how they went; they add up to the items submitted.
        outcome: How the job went; `None` while it is open.
        progress: 0..1, `None` if unknown; never goes back.
    """

    job_id: str
    account: str
    adapter: str
    operation: str
    key: str | None = None
    label: str | None = None
    retry_of: str | None = None
    state: BatchState = field(init=False)
    outcome: Outcome | None = field(init=False)
    contact: Contact = Contact.OK
    contact_note: str | None = None
    progress: float | None = field(init=False)
    counts: Counts = field(init=False)
    tickets: Sequence[Ticket] = ()
    findings: tuple[Finding, ...] = field(default=(), converter=merge_findings)
    created_at: datetime = field(converter=to_utc)
    updated_at: datetime = field(converter=to_utc)
    observed_at: datetime | None = field(default=None, converter=optional(to_utc))

    _tally: Tally = field(default=Factory(_tally, takes_self=True), eq=False, repr=False)
    """What state, outcome, counts and progress follow from; by default that of the tickets."""

    def __attrs_post_init__(self) -> None:
        """Work out what follows from the tickets."""
        tally = self._tally
        state, counts = tally.state, tally.counts
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "outcome", fold_outcome(state, counts))
        object.__setattr__(self, "progress", fold_progress(state, tally.total, tally.done))

    def __repr__(self) -> str:
        """Return it in one line."""
        return make_line("BatchStatus", self)

    def _repr_html_(self) -> str:
        """Return all facts as a table for a notebook."""
        return draw_html(facts(self))

    def __rich__(self) -> Table:
        """Return all facts as a table for a terminal."""
        return draw_table(facts(self))

    @property
    def is_held(self) -> bool:
        """Whether it waits for a decision (`adopt`, `retry`, `cancel`) on an unconfirmed ticket."""
        return self.state is BatchState.UNCONFIRMED

    @property
    def held_by(self) -> str | None:
        """The id of the job to decide about, if `is_held` is because of another job's ticket."""
        found = [e for f in self.findings if f.code == STUCK for e in f.examples]
        return next((job_id for job_id in found if job_id != self.job_id), None)

    @property
    def is_refused(self) -> bool:
        """Whether the vendor refused every ticket that was sent; needs the tickets to be read."""
        return self.state is BatchState.FAILED and not any(t.vendor_refs for t in self.tickets)


class Delivery(Protocol):
    """What an event needs to be settled in its store."""

    async def acknowledge(self) -> None:
        """Keep that it was handled."""
        ...

    async def postpone(self, delay_s: float) -> None:
        """Give it back for some seconds."""
        ...

    async def give_up(self) -> None:
        """Keep that it failed for good."""
        ...


@frozen(kw_only=True)
class BatchEvent(Plain):
    """
    A job has ended.

    Its consumer gets it again, marked as repeated, until it is acknowledged: by the loop that asks
    for the next event, or by `acknowledge`. Settling an event again, or one that was made by hand,
    does nothing.

    Attributes:
        status: Its final status.
        consumer: Whom it is for.
        is_repeated: True if it was handed out before and not acknowledged; it may have been
            handled.
        tries: How often it was postponed.
    """

    status: BatchStatus
    consumer: str = "default"
    is_repeated: bool = False
    tries: int = 0
    _delivery: Delivery | None = field(default=None, eq=False, repr=False, alias="delivery")

    @property
    def job_id(self) -> str:
        """The job's id. Each job has one event for each consumer."""
        return self.status.job_id

    async def acknowledge(self) -> None:
        """
        Store that the event was handled; the consumer never gets it again.

        Raises:
            UsageError: The hub it came from is closed.
            StoreError: The store can't be written; the event comes again.
        """
        if self._delivery is not None:
            await self._delivery.acknowledge()

    async def postpone(self, delay_s: float) -> None:
        """
        Give the event back unhandled; the consumer gets it again later.

        Args:
            delay_s: Seconds until then, at least.

        Raises:
            UsageError: The number of seconds is negative or not finite, or the hub is closed.
            StoreError: The store can't be written.
        """
        if not 0 <= delay_s < math.inf:
            raise UsageError(f"delay_s must be a number of seconds, not {delay_s}")
        if self._delivery is not None:
            await self._delivery.postpone(delay_s)

    async def give_up(self) -> None:
        """
        Store that the event can't be handled; the consumer does not get it again.

        The store keeps that it failed until the job is pruned.

        Raises:
            UsageError: The hub it came from is closed.
            StoreError: The store can't be written; the event comes again.
        """
        if self._delivery is not None:
            await self._delivery.give_up()


def tally_of(status: BatchStatus) -> Tally:
    """Return the tally of a job's tickets, whether they were read or not."""
    return status._tally  # noqa: SLF001  # of use in this package only


# In words.


def state_text(status: BatchStatus) -> str:
    """Write a job's state in words, with a mark if it waits for a decision."""
    return ("held: " if status.is_held else "") + words(status.state)


def stand_text(status: BatchStatus) -> str:
    """Return a job's state, or its outcome once it has ended, with an unusual end beside it."""
    if status.is_held:
        return "held"
    if status.outcome is None:
        return words(status.state)
    if status.state is BatchState.COMPLETED:
        return status.outcome.value
    is_plain = status.outcome is Outcome.FAILED
    return status.state.value + ("" if is_plain else f" ({status.outcome.value})")


def done_count(status: BatchStatus) -> int:
    """
    Return how many items are done, by the counts or by the vendor's progress, if that is more.

    Items that were not executed do not count as done.
    """
    counts = status.counts
    total = counts.total
    settled = total - counts.pending - counts.not_executed
    if status.state.is_terminal:
        return settled
    return max(settled, min(total, round((status.progress or 0.0) * total)))


def done_text(status: BatchStatus) -> str:
    """Write how many items are done: 550/1,200."""
    return f"{number(done_count(status))}/{number(status.counts.total)}"


def vendor_words(status: BatchStatus) -> str:
    """Return the vendor's own words for open tickets, where they say more than the state."""
    said = dict.fromkeys(
        clean(ticket.vendor_state, 40)
        for ticket in _look_at(status.tickets)
        if ticket.vendor_state and not ticket.state.is_terminal
    )
    plain = {state.value for state in type(status.state)}
    return ", ".join(word for word in said if word.strip().casefold() not in plain)


def _look_at(tickets: Sequence[Ticket]) -> Iterable[Ticket]:
    """Return the tickets, or what is as good: it is asked with each drawing of a live display."""
    look: Callable[[], Iterable[Ticket]] | None = getattr(tickets, "look", None)
    return tickets if look is None else look()


def contact_text(status: BatchStatus) -> str:
    """Write what is wrong with the contact; empty if it is OK, or if the job has ended."""
    if status.contact.value == "ok" or status.state.is_terminal:
        return ""
    note = f": {clean(status.contact_note)}" if status.contact_note else ""
    return status.contact.value + note


def facts(status: BatchStatus, now: datetime | None = None) -> Iterator[tuple[str, str]]:
    """
    Yield the facts of a job: the name of each, and its text in one line.

    Args:
        status: The status to show.
        now: When it is read; `None` if it may be read at any later time, as in a notebook.
    """
    yield "job", clean(status.job_id)
    operation = clean(f"{status.adapter} {status.operation}")
    yield "account", f"{clean(status.account)} ({operation})"
    if status.key is not None:
        yield "key", clean(status.key)
    if status.label:
        yield "label", clean(status.label)
    if status.retry_of is not None:
        yield "retry of", f"job {clean(status.retry_of)}"
    said = vendor_words(status)
    yield "state", state_text(status) + (f", the vendor says {said}" if said else "")
    if status.outcome is not None:
        yield "outcome", status.outcome.value
    else:
        yield "contact", contact_text(status) or status.contact.value
        known = "unknown" if status.progress is None else f"{status.progress:.0%}"
        yield "progress", f"{known}, {_progress_text(status)}"
    yield "items", f"{number(status.counts.total)}: {counts_text(status.counts)}"
    yield from ticket_facts(status.tickets, now)
    for finding in status.findings:
        yield "finding", finding_text(finding)
    yield "created", moment(status.created_at, now)
    yield "changed", moment(status.updated_at, now)
    if status.observed_at is not None:
        yield "last answer", moment(status.observed_at, now)


def _progress_text(status: BatchStatus) -> str:
    """Write how many items are done, marked where only the vendor's progress says so."""
    done, counts = done_count(status), status.counts
    if done > counts.total - counts.pending:
        return f"{number(done)} of {number(counts.total)} by the vendor's count"
    return f"{done_text(status)} done"


def make_line(kind: str, status: BatchStatus) -> str:
    """Write a status in one line, for `repr`. `kind` is the name of the class."""
    ended = "" if status.outcome is None else f", {status.outcome.value}"
    contact = contact_text(status)
    heard = f"; contact {contact}" if contact else ""
    counts = f"{counts_text(status.counts)}, of {number(status.counts.total)}"
    return f"<{kind} {clean(status.job_id)}: {state_text(status)}{ended}; {counts}{heard}>"
