"""
The status of a job, derived from its tickets when it is made, and how it is shown.

All ways to show it have the same facts: the line of `repr`, and the tables in a notebook and on a
terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen
from attrs.converters import optional

from batchhub._base.show import clean, draw_html, draw_table, moment, number, words

from .fold import fold_outcome, fold_progress, fold_state
from .states import BatchState, Contact, Outcome
from .tickets import Counts, Finding, Ticket, merge_findings, to_utc
from .words import counts_text, finding_text, ticket_facts

if TYPE_CHECKING:
    from rich.table import Table


@frozen(kw_only=True)
class BatchStatus:
    """
    What is known of a job at one moment.

    Attributes:
        job_id: The job's id.
        account: The account's name in the settings.
        adapter: The adapter's name.
        operation: The kind of batch.
        label: The user's own text for it.
        contact: Contact with the vendor, independent of the state.
        contact_note: Why contact is not OK, in one line.
        tickets: One per request, in the order of the items.
        findings: What a reader of the status should know; one per code.
        created_at: When the job was submitted.
        updated_at: When its state last changed.
        observed_at: When the vendor last answered for it; `None` before the first answer.
        state: Derived from the tickets.
        counts: Number of items by how they went; they add up to the items submitted.
        outcome: How the job went; `None` while it is open.
        progress: 0..1, `None` if unknown; never goes back.
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
    created_at: datetime = field(converter=to_utc)
    updated_at: datetime = field(converter=to_utc)
    observed_at: datetime | None = field(default=None, converter=optional(to_utc))

    def __attrs_post_init__(self) -> None:
        """Derive what follows from the tickets."""
        if not self.tickets:
            raise ValueError("a job has at least one ticket")
        counts = sum((ticket.counts for ticket in self.tickets), Counts())
        state = fold_state(self.tickets)
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "outcome", fold_outcome(state, counts))
        object.__setattr__(self, "progress", fold_progress(state, self.tickets))

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
        status: Its final status.
        is_repeated: True if a process began to handle this event before and died; it may have been
            handled.
    """

    status: BatchStatus
    is_repeated: bool = False

    @property
    def job_id(self) -> str:
        """The job's id. Each job has one event."""
        return self.status.job_id


# In words.


def state_text(status: BatchStatus) -> str:
    """Write a job's state in words, with a mark if it waits for a decision."""
    return ("held: " if status.is_held else "") + words(status.state)


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
        for ticket in status.tickets
        if ticket.vendor_state and not ticket.state.is_terminal
    )
    plain = {state.value for state in type(status.state)}
    return ", ".join(word for word in said if word.strip().casefold() not in plain)


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
    if status.label:
        yield "label", clean(status.label)
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
