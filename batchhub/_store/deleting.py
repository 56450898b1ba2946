"""Jobs that go by chunks: out of sight at once, then deleted, a number of rows in a transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)

from .chunks import CHUNK_ITEMS
from .codec import to_text
from .job_rows import find_job_no
from .statements import Statement
from .tables import (
    LARGEST,
    deliveries,
    exports,
    input_blocks,
    inputs,
    items,
    jobs,
    results,
    tickets,
    wishes,
)
from .works import Work

_JOBS_AT_ONCE: Final = 100

_IS_VISIBLE: Final = jobs.c.place.is_not(None)
IS_MINE: Final = and_(
    jobs.c.place.is_(None),
    jobs.c.job_id == bindparam("this_job"),
    jobs.c.loaded_by == bindparam("this_process"),
)
"""Whether a job is one that nobody sees, in the hands of a process."""

_UNMARK: Final = Statement(
    update(results)
    .where(
        results.c.job_no == bindparam("this_job_no"),
        results.c.position.between(bindparam("first"), bindparam("last")),
        results.c.retried_in == bindparam("retry"),
    )
    .values(retried_in=None)
)
_FIND_MINE: Final = Statement(
    select(jobs.c.job_no, jobs.c.retry_of, jobs.c.ended_at).where(IS_MINE)
)
_LAST_RESULT: Final = Statement(
    select(func.max(results.c.position)).where(results.c.job_no == bindparam("this_job_no"))
)
_OLD: Final = Statement(
    select(jobs.c.job_no, jobs.c.job_id)
    .where(_IS_VISIBLE, jobs.c.ended_at < bindparam("before"))
    .order_by(jobs.c.job_no)
    .limit(_JOBS_AT_ONCE)
)
_HIDE: Final = Statement(
    update(jobs)
    .where(jobs.c.job_no == bindparam("this_job_no"), _IS_VISIBLE)
    # Without its key: that may be used again at once.
    .values(place=None, key=None, loaded_by=bindparam("this_process"), updated_at=bindparam("at"))
)
_COUNT_ITEMS: Final = Statement(
    select(func.coalesce(func.max(items.c.position), 0)).where(
        items.c.job_no == bindparam("this_job_no")
    )
)
_DROP_DELIVERIES: Final = Statement(
    delete(deliveries).where(deliveries.c.job_no == bindparam("this_job_no"))
)
_DROP_EXPORTS: Final = Statement(delete(exports).where(exports.c.job_id == bindparam("this_job")))
_DROP_INPUT: Final = Statement(delete(inputs).where(inputs.c.job_no == bindparam("this_job_no")))
_DROP_WISHES: Final = Statement(delete(wishes).where(wishes.c.job_id == bindparam("this_job")))
_DROP_JOB: Final = Statement(delete(jobs).where(jobs.c.job_no == bindparam("this_job_no")))


def hide_old(
    connection: Connection, before: datetime, process: str, at: datetime
) -> list[tuple[str, int]]:
    """Take some jobs that ended before a moment out of sight; return id and items of each."""
    hidden = []
    for row in list(_OLD.rows(connection, {"before": to_text(before)})):
        this = {"this_job_no": row["job_no"]}
        had = _COUNT_ITEMS.scalar(connection, this)
        _DROP_DELIVERIES.run(connection, this)
        _HIDE.run(connection, {**this, "this_process": process, "at": to_text(at)})
        hidden.append((row["job_id"], had))
    return hidden


def unmark(connection: Connection, marks: dict[str, Any]) -> None:
    """Let what a retry marked be repeated again."""
    _UNMARK.run(connection, marks)


def find_marks(connection: Connection, job_id: str, process: str) -> list[dict[str, Any]]:
    """Return the stretches of results that a retry may have marked, as they are unmarked."""
    mine = {"this_job": job_id, "this_process": process}
    row = _FIND_MINE.one(connection, mine)
    if row["retry_of"] is None or row["ended_at"] is not None:
        return []  # one that has ended did repeat the items
    old_no = find_job_no(connection, row["retry_of"])
    if old_no is None:
        return []
    end = _LAST_RESULT.scalar(connection, {"this_job_no": old_no}) or 0
    return [
        {"this_job_no": old_no, "retry": job_id, "first": n, "last": n + CHUNK_ITEMS - 1}
        for n in range(1, end + 1, CHUNK_ITEMS)
    ]


def delete_some(job_id: str, process: str) -> Work[bool]:
    """Delete a chunk of what a job has; the row itself last. Tells whether it is gone."""

    def work(connection: Connection) -> bool:
        mine = {"this_job": job_id, "this_process": process}
        row = _FIND_MINE.first(connection, mine)
        if row is None:
            return True  # another one was faster
        room = CHUNK_ITEMS
        for table, weight in _WEIGHTS.items():
            some = max(1, room // weight)
            room -= weight * _delete_rows(connection, table, row["job_no"], some)
            if room <= 0:
                return False
        _DROP_DELIVERIES.run(connection, {"this_job_no": row["job_no"]})
        _DROP_INPUT.run(connection, {"this_job_no": row["job_no"]})
        _DROP_EXPORTS.run(connection, {"this_job": job_id})
        _DROP_WISHES.run(connection, {"this_job": job_id})
        _DROP_JOB.run(connection, {"this_job_no": row["job_no"]})
        return True

    return work


def _delete_rows(connection: Connection, table: Table, job_no: int, room: int) -> int:
    """Delete at most so many rows of a job; return how many."""
    this, (last_of, drop) = {"this_job_no": job_no}, _DROPS[table]
    last = last_of.scalar(connection, {**this, "skipped": room - 1})
    upto = {"last": last} if last is not None else {"last": _END}
    return drop.run(connection, {**this, **upto})


_END: Final = LARGEST
_WEIGHTS: Final = {results: 1, items: 1, tickets: 1, input_blocks: 25}
"""How many rows of results one of each table counts for; in an order that no row is missed in."""


def _make_drop(table: Table, place: Column[Any]) -> tuple[Statement, Statement]:
    is_theirs: ColumnElement[bool] = table.c.job_no == bindparam("this_job_no")
    last = select(place).where(is_theirs).order_by(place).limit(1).offset(bindparam("skipped"))
    drop = delete(table).where(is_theirs, place <= bindparam("last"))
    return Statement(last), Statement(drop)


_DROPS: Final = {
    table: _make_drop(table, table.c["first_row" if table is input_blocks else "position"])
    for table in _WEIGHTS
}
