"""The rows of jobs, as they are asked for and written inside a transaction."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal, or_, select, update

from batchhub.errors import KeyConflictError, NotKnownError
from batchhub.models import BatchState, BatchStatus, Contact, Finding

from .codec import (
    driver_row,
    findings_row,
    read_job,
    read_summary,
    summary_row,
    to_text,
    to_words,
)
from .damage import DamagedError, note, read_row
from .records import JobRecord, Summary, make_status
from .statements import Row, Statement
from .tables import ITEM_COUNTS, TICKET_COUNTS, jobs
from .ticket_rows import PAGE, tickets_of
from .ticket_view import TicketView

StoredJob = tuple[JobRecord, BatchStatus]
"""A job as it is kept, and as users see it."""

# Each by itself: the text of a list of values depends on its length.
_JOB_IS_OPEN: Final = or_(*(jobs.c.state == s.value for s in BatchState if not s.is_terminal))
# Sets whatever columns it is given.
_SAVE_JOB: Final = Statement(update(jobs).where(jobs.c.job_no == bindparam("this_job")))
_GET_JOB: Final = Statement(
    select(jobs).where(jobs.c.job_id == bindparam("this_id"), jobs.c.place.is_not(None))
)
_FIND: Final = Statement(
    select(jobs.c.job_no).where(jobs.c.job_id == bindparam("this_id"), jobs.c.place.is_not(None))
)
_STAMP: Final = (
    "updated_at",
    "observed_at",
    "contact",
    "contact_note",
    "state",
    "progress",
    "cancelled_at",
    "ended_at",
    "findings",
    "ticket_findings",
)
_GET_STAMPS: Final = select(jobs.c.job_id, *(jobs.c[name] for name in _STAMP)).where(
    jobs.c.job_id.in_(bindparam("these", expanding=True))
)
_GET_SUMMARY: Final = Statement(
    select(
        jobs.c.stop_on_first_failure,
        jobs.c.progress,
        jobs.c.ticket_findings,
        jobs.c.findings,
        *(jobs.c[name] for name in (*ITEM_COUNTS, *TICKET_COUNTS)),
    ).where(jobs.c.job_no == bindparam("this_job"))
)
_SAVE_CONTACT: Final = (
    update(jobs)
    .where(jobs.c.job_no.in_(bindparam("these", expanding=True)))
    .values(contact=bindparam("new_contact"), contact_note=bindparam("new_note"))
)
_CANCEL: Final = Statement(
    update(jobs)
    .where(jobs.c.job_id == bindparam("this_id"), jobs.c.cancelled_at.is_(None))
    .values(cancelled_at=bindparam("at"), updated_at=bindparam("at"))
)
_END_JOB: Final = Statement(
    update(jobs)
    .where(jobs.c.job_no == bindparam("this_job"), jobs.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"))
)
_BY_KEY: Final = Statement(
    select(jobs).where(
        jobs.c.lane == bindparam("lane"), jobs.c.key == bindparam("key"), jobs.c.place.is_not(None)
    )
)
_open: Final = (
    select(jobs)
    .where(
        jobs.c.lane == bindparam("lane"),
        jobs.c.ended_at.is_(None),
        jobs.c.place > bindparam("after"),
    )
    .order_by(jobs.c.place)
)
_OPEN_IDS: Final = Statement(
    select(jobs.c.job_no, jobs.c.job_id, jobs.c.account, jobs.c.lane)
    .where(
        jobs.c.place.is_not(None),
        _JOB_IS_OPEN,
    )
    .order_by(jobs.c.job_no)
)
_OPEN: Final = Statement(_open)
_IS_OPEN: Final = Statement(
    select(literal(1).label("is_open"))
    .select_from(jobs)
    .where(
        jobs.c.lane == bindparam("lane"),
        jobs.c.ended_at.is_(None),
        jobs.c.place.is_not(None),
    )
    .limit(1)
)
_MARKED: Final[list[ColumnElement[Any]]] = [
    func.count(jobs.c.job_no),
    func.max(jobs.c.updated_at),
    func.count(jobs.c.cancelled_at),
    *(func.sum(jobs.c[name]) for name in TICKET_COUNTS),
]
_OPEN_MARK: Final = Statement(
    select(*_MARKED).where(
        jobs.c.lane == bindparam("lane"),
        jobs.c.ended_at.is_(None),
        jobs.c.place.is_not(None),
    )
)
_CANCELLED: Final = Statement(_open.where(jobs.c.cancelled_at.is_not(None)))


def find_job_no(connection: Connection, job_id: str | None) -> int | None:
    """Return the number of a job by its id; `None` if there is none, or nobody sees it."""
    found = _FIND.scalar(connection, {"this_id": job_id})
    return None if found is None else int(found)


def find_by_key(connection: Connection, lane: str, key: str, fingerprint: str) -> JobRecord | None:
    """Return the job that has a key already; refuse it if it is another one."""
    row = _BY_KEY.first(connection, {"lane": lane, "key": key})
    if row is None:
        return None
    old = read_job(row)
    check_key(old, fingerprint)
    return old


def check_key(old: JobRecord, fingerprint: str) -> None:
    """
    Check that what is submitted is the job that has its key.

    Raises:
        KeyConflictError: It is another one.
    """
    if old.fingerprint != fingerprint:
        raise KeyConflictError(
            f"key {old.key!r} belongs to job {old.job_id}, which has other items, options or "
            "another operation; use another key, or hand over the same again",
            job_id=old.job_id,
        )


def get_row(connection: Connection, job_id: str) -> Row:
    """Return the row of a job by its id, or raise `NotKnownError`."""
    row = _GET_JOB.first(connection, {"this_id": job_id})
    if row is None:
        raise NotKnownError("job", job_id)
    return row


def get_job(connection: Connection, job_id: str) -> JobRecord:
    """Return a job by its id, or raise `NotKnownError`."""
    return read_job(get_row(connection, job_id))


def get_stored(connection: Connection, row: Row, *, with_tickets: bool = True) -> StoredJob:
    """Return a job, of its row, with or without its tickets."""
    job = read_job(row)
    try:
        theirs = TicketView.of(tickets_of(connection, job.job_no)) if with_tickets else ()
    except DamagedError as error:
        raise error.of(job.job_id) from None
    return job, make_status(job, read_summary(row), theirs)


def stamps(connection: Connection, job_ids: Sequence[str]) -> dict[str, str]:
    """Return of each job a text that is another whenever its status is."""
    found: dict[str, str] = {}
    for at in range(0, len(job_ids), PAGE):
        rows = connection.execute(_GET_STAMPS, {"these": job_ids[at : at + PAGE]})
        found.update((row["job_id"], stamp_of(row)) for row in rows.mappings())
    return found


def stamp_of(row: Row) -> str:
    """Return the stamp of a job, of its row."""
    return repr([row[name] for name in _STAMP])


def save_contact(
    connection: Connection, job_nos: Collection[int], contact: Contact, note: str | None
) -> None:
    """Write how well the vendor of some jobs is heard."""
    numbers = list(job_nos)
    words = {"new_contact": contact.value, "new_note": to_words(note)}
    for at in range(0, len(numbers), PAGE):
        connection.execute(_SAVE_CONTACT, {**words, "these": numbers[at : at + PAGE]})


def get_summary(connection: Connection, job_no: int) -> Summary:
    """Return what follows from the tickets of a job, as it is stored now."""
    return read_summary(_GET_SUMMARY.one(connection, {"this_job": job_no}))


def save_summary(connection: Connection, job_no: int, summary: Summary) -> None:
    """Write what follows from the tickets of a job, and nothing else of it."""
    _SAVE_JOB.run(connection, {**summary_row(summary), "this_job": job_no})


def save_job(connection: Connection, job: JobRecord, summary: Summary) -> None:
    """
    Write what a driver learns of a job, and nothing that somebody else may have changed meanwhile.

    Anybody may set `cancelled_at` at any time, and `ended_at` is set by `end_job`.
    """
    row = driver_row(job) | summary_row(summary.of_job(job))
    _SAVE_JOB.run(connection, {**row, "this_job": job.job_no})


def open_jobs(connection: Connection, lane: str, after: int) -> Sequence[Row]:
    """Return the unfinished jobs of a lane that stand after a place, in order."""
    return list(_OPEN.rows(connection, {"lane": lane, "after": after}))


def has_open(connection: Connection, lane: str) -> bool:
    """Whether a lane has unfinished jobs; one look into the index, however many there are."""
    return _IS_OPEN.first(connection, {"lane": lane}) is not None


def open_mark(connection: Connection, lane: str) -> str:
    """Return a text that is another whenever a ticket of a lane's unfinished jobs has changed."""
    return repr(list(_OPEN_MARK.one(connection, {"lane": lane}).values()))


def cancelled_jobs(connection: Connection, lane: str) -> Sequence[Row]:
    """Return the unfinished jobs of a lane that are to be cancelled."""
    return list(_CANCELLED.rows(connection, {"lane": lane, "after": 0}))


def open_ids(connection: Connection) -> list[tuple[str, str, str]]:
    """Return id, account and lane of each unfinished job, oldest first."""
    found: list[tuple[str, str, str]] = []
    for row in _OPEN_IDS.rows(connection):
        try:
            values = read_row(jobs, row, ("job_id", "account", "lane"))
        except DamagedError as error:  # one job's, which hides no other
            note(error)
        else:  # thousands of jobs have the same accounts
            shared = map(sys.intern, (values["account"], values["lane"]))
            found.append((values["job_id"], *shared))
    return found


def cancel_job(connection: Connection, job_id: str, at: datetime) -> None:
    """Mark a job as one that is to be cancelled, unless it is."""
    _CANCEL.run(connection, {"this_id": job_id, "at": to_text(at)})


def save_findings(connection: Connection, job_no: int, findings: tuple[Finding, ...]) -> None:
    """Write the findings of a job."""
    _SAVE_JOB.run(connection, {"this_job": job_no, "findings": findings_row(findings)})


def end_job(connection: Connection, job_no: int, at: datetime) -> bool:
    """Mark a job as ended whose last ticket has; tell whether it was not yet."""
    return bool(_END_JOB.run(connection, {"this_job": job_no, "at": to_text(at)}))
