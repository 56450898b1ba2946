"""What is written of tickets, with what follows from it for their jobs, inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve
from sqlalchemy import Connection, and_, bindparam, update

from batchhub.models import BatchState, Finding, ItemResult, ItemState
from batchhub.models.tickets import merge_findings

from .codec import findings_row, ticket_row
from .delivery_rows import add_deliveries
from .job_rows import end_job, get_job, get_summary, save_job, save_summary
from .records import JobRecord, Summary, TicketRecord
from .result_rows import add_results
from .statements import Statement
from .tables import tickets
from .ticket_rows import get_ticket, this_ticket

LATE: Final = "late_ticket"
"""The finding with the ids of batches that the vendor took for what had been given up."""

# Each by itself: the text of a list of values depends on its length.
_TICKET_IS_OPEN: Final = and_(*(tickets.c.state != s.value for s in BatchState if s.is_terminal))
_saving: Final = update(tickets).where(
    tickets.c.job_no == bindparam("this_job"),
    tickets.c.position == bindparam("this_position"),
    _TICKET_IS_OPEN,
)
_SAVE_TICKET: Final = Statement(_saving)
_SAVE_UNACCEPTED: Final = Statement(_saving.where(tickets.c.accepted_at.is_(None)))
_SAVE_FINDINGS: Final = Statement(
    update(tickets).where(
        tickets.c.job_no == bindparam("this_job"), tickets.c.position == bindparam("this_position")
    )
)


def change_tickets(
    connection: Connection, job: JobRecord | None, changed: Sequence[TicketRecord]
) -> Summary:
    """
    Write some tickets of a job, one or more, and the job with what follows from them.

    A ticket that has ended, or that the vendor has unknown to the writer, stays. Whoever else
    wrote a ticket meanwhile, the job's tally changes by what this one changes. Without a job only
    what follows from the tickets is written: the rest is known better by another process.

    Returns:
        What follows from all its tickets now.
    """
    job_no = changed[0].job_no if job is None else job.job_no
    return _change(connection, job_no, job, ((get_ticket(connection, t), t) for t in changed))


def change_ticket(
    connection: Connection, job: JobRecord | None, before: TicketRecord, after: TicketRecord
) -> Summary:
    """Write a ticket, as `change_tickets` does, that was read in this transaction."""
    return _change(connection, after.job_no, job, [(before, after)])


def _change(
    connection: Connection,
    job_no: int,
    job: JobRecord | None,
    changed: Iterable[tuple[TicketRecord, TicketRecord]],
) -> Summary:
    summary = get_summary(connection, job_no)
    for before, after in changed:
        if _save_ticket(connection, after):
            summary = summary.change(before, after)
    if job is None:
        save_summary(connection, job_no, summary)
    else:
        save_job(connection, job, summary)
    return summary


def _save_ticket(connection: Connection, ticket: TicketRecord) -> bool:
    """Write a ticket unless it has ended, or is the vendor's unknown to the writer."""
    statement = _SAVE_UNACCEPTED if ticket.accepted_at is None else _SAVE_TICKET
    return bool(statement.run(connection, {**ticket_row(ticket), **this_ticket(ticket)}))


def accept_ticket(
    connection: Connection, job: JobRecord | None, ticket: TicketRecord
) -> TicketRecord:
    """
    Write that the vendor took a ticket, whoever learned it and however late.

    A ticket that has ended meanwhile, or that is the vendor's under another attempt or id,
    stays as it is and says so by a finding.
    """
    old = get_ticket(connection, ticket)
    is_free = not old.state.is_terminal and not old.vendor_refs
    if is_free and old.attempt_id in (None, ticket.attempt_id):
        change_ticket(connection, job, old, ticket)
        return ticket
    return keep_late(connection, old, ticket)


def keep_late(connection: Connection, old: TicketRecord, late: TicketRecord) -> TicketRecord:
    """Write that the vendor took what is given up, or something else, by now; return the ticket."""
    if late.vendor_refs:
        is_known = old.vendor_refs == late.vendor_refs
    else:  # then the attempt is all that tells one batch from another
        is_known = old.accepted_at is not None and old.attempt_id == late.attempt_id
    if is_known:
        return old
    found = with_late(old, late.vendor_refs)
    _SAVE_FINDINGS.run(connection, {**this_ticket(old), "findings": findings_row(found.findings)})
    summary = get_summary(connection, old.job_no).change(old, found)
    save_summary(connection, old.job_no, summary)
    return found


def with_late(ticket: TicketRecord, vendor_refs: tuple[str, ...]) -> TicketRecord:
    """Return a ticket with the finding that the vendor took another batch for it."""
    late = Finding(
        code=LATE,
        message="the vendor took a batch that had been given up or sent again; see there",
        examples=vendor_refs,
    )
    return evolve(ticket, findings=merge_findings((*ticket.findings, late)))


def end_ticket(
    connection: Connection,
    job: JobRecord,
    ticket: TicketRecord,
    found: Sequence[ItemResult],
    rest: ItemState,
    *,
    rest_message: str | None,
    at: datetime,
    is_held: bool,
) -> tuple[TicketRecord, JobRecord]:
    """
    Write the end of a ticket with its results, and that of its job with the last of its tickets.

    Args:
        connection: Of a transaction that writes.
        job: The job as its driver knows it.
        ticket: The ticket in its terminal state.
        found: Results of its first items, in their order.
        rest: What became of the items after them.
        rest_message: Why.
        at: The time.
        is_held: Whether the lane is held; without it, only what the vendor has is ended.

    Returns:
        The ticket and the job as they are in the store then.
    """
    old = get_ticket(connection, ticket)
    is_known = ticket.accepted_at is not None and (
        # Also where it was taken for one that never arrived.
        old.attempt_id == ticket.attempt_id or (old.attempt_id is None and old.accepted_at is None)
    )
    if old.state.is_terminal or not (is_held or is_known):
        if ticket.accepted_at is not None:
            old = keep_late(connection, old, ticket)
        return old, get_job(connection, job.job_id)
    counts = add_results(connection, ticket, found, rest, rest_message)
    ended = ticket.with_counts(counts)
    if old.accepted_at is not None and ticket.accepted_at is None:
        # Given up by one who did not know yet that the vendor has it.
        ended = with_late(evolve(ended, accepted_at=old.accepted_at), old.vendor_refs)
    writer = job if is_held else None
    summary = change_ticket(connection, writer, old, ended)
    if summary.tally.open_tickets:
        return ended, job
    if end_job(connection, ticket.job_no, at):
        add_deliveries(connection, ticket.job_no, at)
        return ended, evolve(job, ended_at=at)
    return ended, get_job(connection, job.job_id)
