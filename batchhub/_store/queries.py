"""The questions asked of the tables, one function each; each runs inside a transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import evolve
from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from batchhub._adapter.exchange import WireItem
from batchhub.errors import KeyConflictError, NotKnownError
from batchhub.models import BatchState, Counts, Finding, ItemResult, ItemState
from batchhub.models.tickets import merge_findings

from .codec import (
    findings_row,
    job_row,
    read_job,
    read_state,
    read_ticket,
    ticket_row,
    to_text,
    to_words,
    unpack,
)
from .database import Work
from .records import JobRecord, TicketPlan, TicketRecord
from .tables import items, jobs, results, tickets

PAGE: Final = 500
"""How many rows of items or results are in memory at once."""

_NOT_THE_DRIVERS: Final = ("cancelled_at", "ended_at", "claimed_at", "acknowledged_at")
_TERMINAL: Final = [state.value for state in BatchState if state.is_terminal]

# Made once: SQLAlchemy takes longer to build these two than SQLite to run them. The columns to
# set are those of the row that is given.
_SAVE_JOB: Final = update(jobs).where(jobs.c.job_no == bindparam("this_job"))
_SAVE_TICKET: Final = update(tickets).where(
    tickets.c.job_no == bindparam("this_job"),
    tickets.c.position == bindparam("this_position"),
    tickets.c.state.not_in(_TERMINAL),
)
_SAVE_UNACCEPTED: Final = _SAVE_TICKET.where(tickets.c.accepted_at.is_(None))


def find_by_key(connection: Connection, lane: str, key: str, fingerprint: str) -> JobRecord | None:
    """Return the job that has a key already; refuse it if it is another one."""
    query = select(jobs).where(jobs.c.lane == lane, jobs.c.key == key)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    old = read_job(row)
    if old.fingerprint != fingerprint:
        raise KeyConflictError(
            f"key {key!r} belongs to job {old.job_id}, which has other items, options or "
            "another operation; use another key, or hand over the same again",
            job_id=old.job_id,
        )
    return old


def insert_job(connection: Connection, job: JobRecord, plans: Sequence[TicketPlan]) -> JobRecord:
    """Write a job and its tickets; return it with its number."""
    row = job_row(job)
    del row["job_no"]
    job_no = connection.execute(insert(jobs).returning(jobs.c.job_no), row).scalar_one()
    rows = [
        ticket_row(
            TicketRecord(
                job_no=job_no,
                position=position,
                first_item=plan.first_item,
                total=plan.total,
                waits_for_previous=job.stop_on_first_failure and position > 1,
            )
        )
        for position, plan in enumerate(plans, 1)
    ]
    connection.execute(insert(tickets), rows)
    return evolve(job, job_no=job_no)


def insert_items(
    connection: Connection, job_no: int, position: int, chunk: Sequence[WireItem]
) -> None:
    """Write items from a position on."""
    rows = [
        {"job_no": job_no, "position": position + n, "item_id": item.id, "wire": item.wire}
        for n, item in enumerate(chunk)
    ]
    connection.execute(insert(items), rows)


def get_job(connection: Connection, job_id: str) -> JobRecord:
    """Return a job by its id, or raise `NotKnownError`."""
    row = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).mappings().first()
    if row is None:
        raise NotKnownError("job", job_id, hint="`batchhub list` shows the jobs of a store")
    return read_job(row)


def find_newest_retry(
    connection: Connection, job_no: int, states: Collection[ItemState]
) -> JobRecord | None:
    """Return the newest job that repeats items of a job which came out as one of `states`."""
    repeated = (
        select(results.c.retried_in)
        .where(results.c.job_no == job_no, results.c.retried_in.is_not(None))
        .where(results.c.state.in_([state.value for state in states]))
    )
    query = select(jobs).where(jobs.c.job_id.in_(repeated)).order_by(jobs.c.job_no.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else read_job(row)


def tickets_of(connection: Connection, job_no: int) -> list[TicketRecord]:
    """Return the tickets of a job, in order."""
    query = select(tickets).where(tickets.c.job_no == job_no).order_by(tickets.c.position)
    return [read_ticket(row) for row in connection.execute(query).mappings()]


def get_ticket(connection: Connection, ticket: TicketRecord) -> TicketRecord:
    """Return a ticket as it is stored now."""
    query = select(tickets).where(same(ticket))
    return read_ticket(connection.execute(query).mappings().one())


def save_ticket(connection: Connection, ticket: TicketRecord) -> None:
    """Write a ticket; one that has ended, or that the vendor has unknown to the writer, stays."""
    statement = _SAVE_UNACCEPTED if ticket.accepted_at is None else _SAVE_TICKET
    this = {"this_job": ticket.job_no, "this_position": ticket.position}
    connection.execute(statement, {**ticket_row(ticket), **this})


def accept_ticket(connection: Connection, job: JobRecord, ticket: TicketRecord) -> TicketRecord:
    """
    Write that the vendor took a ticket, whoever learned it and however late.

    A ticket that has ended meanwhile, or that is the vendor's under another attempt or id,
    stays as it is and says so by a finding.
    """
    old = get_ticket(connection, ticket)
    is_free = not old.state.is_terminal and not old.vendor_refs
    if is_free and old.attempt_id in (None, ticket.attempt_id):
        save_ticket(connection, ticket)
        save_job(connection, job)
        return ticket
    if old.vendor_refs == ticket.vendor_refs:
        return old
    late = with_late(old, ticket.vendor_refs)
    connection.execute(
        update(tickets).where(same(ticket)).values(findings=findings_row(late.findings))
    )
    return late


def with_late(ticket: TicketRecord, vendor_refs: tuple[str, ...]) -> TicketRecord:
    """Return a ticket with the finding that the vendor took another batch for it."""
    late = Finding(
        code="late_ticket",
        message="the vendor took a batch that had been given up or sent again; see there",
        examples=vendor_refs,
    )
    return evolve(ticket, findings=merge_findings((*ticket.findings, late)))


def save_job(connection: Connection, job: JobRecord) -> None:
    """
    Write a job, but for what a driver may not know of.

    Anybody may set `cancelled_at` at any time, `ended_at` is set by `end_job`, and events are
    claimed and acknowledged by their consumers.
    """
    row = job_row(job)
    for name in _NOT_THE_DRIVERS:
        del row[name]
    connection.execute(_SAVE_JOB, {**row, "this_job": job.job_no})


def count_results(connection: Connection, ticket: TicketRecord) -> Counts:
    """Count the results of a ticket by state."""
    query = (
        select(results.c.state, func.count())
        .where(in_ticket(results, ticket))
        .group_by(results.c.state)
    )
    counted: dict[str, int] = dict(connection.execute(query).all())
    return Counts(**{str(state): number for state, number in counted.items()})


def open_jobs(lane: str) -> Select[Any]:
    """Select the unfinished jobs of a lane, oldest first."""
    return (
        select(jobs).where(jobs.c.lane == lane, jobs.c.ended_at.is_(None)).order_by(jobs.c.job_no)
    )


def select_jobs(
    *,
    account: str | None = None,
    states: Collection[BatchState] | None = None,
    since: datetime | None = None,
) -> Select[Any]:
    """
    Select jobs, oldest first.

    Args:
        account: The account they are of; `None` for any.
        states: The states they may be in. The query only considers whether they have ended.
        since: When they were made, at the earliest.
    """
    query = select(jobs).order_by(jobs.c.job_no)
    if account is not None:
        query = query.where(jobs.c.account == account)
    if since is not None:
        query = query.where(jobs.c.created_at >= to_text(since))
    kinds = {state.is_terminal for state in states or ()}
    if kinds == {True}:
        query = query.where(jobs.c.ended_at.is_not(None))
    elif kinds == {False}:
        query = query.where(jobs.c.ended_at.is_(None))
    return query


def with_tickets(
    connection: Connection, query: Select[Any]
) -> list[tuple[JobRecord, list[TicketRecord]]]:
    """Return the jobs a query selects, each with its tickets; two questions, however many jobs."""
    found = [read_job(row) for row in connection.execute(query).mappings()]
    numbers = query.order_by(None).with_only_columns(jobs.c.job_no)
    theirs = (
        select(tickets)
        .where(tickets.c.job_no.in_(numbers))
        .order_by(tickets.c.job_no, tickets.c.position)
    )
    by_job: dict[int, list[TicketRecord]] = {job.job_no: [] for job in found}
    for row in connection.execute(theirs).mappings():
        ticket = read_ticket(row)
        by_job[ticket.job_no].append(ticket)
    return [(job, by_job[job.job_no]) for job in found]


def end_job(job_no: int, at: datetime) -> Update:
    """Mark a job as ended if no ticket of it is open."""
    open_tickets = exists().where(tickets.c.job_no == job_no, tickets.c.state.not_in(_TERMINAL))
    return (
        update(jobs)
        .where(jobs.c.job_no == job_no, jobs.c.ended_at.is_(None), ~open_tickets)
        .values(ended_at=to_text(at))
    )


def unacknowledged_jobs(job_ids: Collection[str] | None) -> Select[Any]:
    """Select the job that ended first of those whose event is unacknowledged."""
    query = select(jobs).where(jobs.c.acknowledged_at.is_(None), jobs.c.ended_at.is_not(None))
    if job_ids is not None:
        query = query.where(jobs.c.job_id.in_(job_ids))
    return query.order_by(jobs.c.ended_at, jobs.c.job_no).limit(1)


def same(ticket: TicketRecord) -> ColumnElement[bool]:
    """Match one ticket."""
    return and_(tickets.c.job_no == ticket.job_no, tickets.c.position == ticket.position)


def in_ticket(table: Table, ticket: TicketRecord) -> ColumnElement[bool]:
    """Match the items, or the results, of a ticket."""
    last = ticket.first_item + ticket.total - 1
    return and_(table.c.job_no == ticket.job_no, table.c.position.between(ticket.first_item, last))


def fill_rest(ticket: TicketRecord, rest: ItemState, message: str | None) -> Insert:
    """Write a result for each item of a ticket that has none."""
    done = select(results.c.position).where(in_ticket(results, ticket))
    ref = ticket.vendor_refs[0] if len(ticket.vendor_refs) == 1 else None
    missing = select(
        items.c.job_no,
        items.c.position,
        literal(rest.value),
        literal(to_words(message)),
        literal(to_words(ref)),
    ).where(in_ticket(items, ticket), items.c.position.not_in(done))
    columns = ["job_no", "position", "state", "message", "vendor_ref"]
    return insert(results).from_select(columns, missing)


def results_page(
    job_no: int,
    after: int,
    only: Collection[ItemState] | None,
    codes: Collection[int] | None,
) -> Work[list[tuple[int, ItemResult]]]:
    """Return a page of results after a position."""
    query = (
        select(results, items.c.item_id)
        .join_from(
            results,
            items,
            and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position),
        )
        .where(results.c.job_no == job_no, results.c.position > after)
        .order_by(results.c.position)
        .limit(PAGE)
    )
    if only is not None:
        query = query.where(results.c.state.in_([state.value for state in only]))
    if codes is not None:
        query = query.where(results.c.code.in_(codes))

    def work(connection: Connection) -> list[tuple[int, ItemResult]]:
        return [
            (
                row["position"],
                ItemResult(
                    id=row["item_id"],
                    state=read_state(row["state"]),
                    code=row["code"],
                    message=row["message"],
                    vendor_ref=row["vendor_ref"],
                    raw=unpack(row["raw"], row["packed"]),
                ),
            )
            for row in connection.execute(query).mappings()
        ]

    return work


def to_retry(job_no: int, states: Collection[ItemState]) -> ColumnElement[bool]:
    """Match the results whose items are to be repeated."""
    return and_(
        results.c.job_no == job_no,
        results.c.state.in_([state.value for state in states]),
        results.c.retried_in.is_(None),
    )


def retry_page(
    job_no: int, after: int, states: Collection[ItemState]
) -> Work[list[tuple[int, WireItem]]]:
    """Return a page of items to repeat after a position."""
    query = (
        select(items.c.position, items.c.item_id, items.c.wire)
        .join_from(
            results,
            items,
            and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position),
        )
        .where(to_retry(job_no, states), results.c.position > after)
        .order_by(results.c.position)
        .limit(PAGE)
    )

    def work(connection: Connection) -> list[tuple[int, WireItem]]:
        rows = connection.execute(query)
        return [(position, WireItem(id=item_id, wire=wire)) for position, item_id, wire in rows]

    return work


def old_jobs(before: datetime) -> Work[list[int]]:
    """Find the numbers of the jobs that ended before a moment."""

    def work(connection: Connection) -> list[int]:
        query = select(jobs.c.job_no).where(jobs.c.ended_at < to_text(before))
        return list(connection.execute(query.order_by(jobs.c.job_no)).scalars())

    return work


def forget(job_no: int) -> Work[int]:
    """Delete a job with everything that belongs to it; returns how many items it had."""

    def work(connection: Connection) -> int:
        forgotten = 0
        for table in (results, items, tickets, jobs):
            done = connection.execute(delete(table).where(table.c.job_no == job_no))
            if table is items:
                forgotten = done.rowcount
        return forgotten

    return work
