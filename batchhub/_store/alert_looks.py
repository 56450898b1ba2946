"""
What is asked of jobs for alerts, again and again: never of all that have ended.

Jobs that have ended come by their deliveries, each once. Jobs that are open are found by an index,
and what was submitted since the last look by the jobs' numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, func, literal_column, select

from .alert_records import EndedJob
from .alerts import CONSUMER
from .codec import from_text
from .database import Database
from .statements import Row, Statement
from .tables import OPEN_FAILURE, deliveries, jobs, results

MOST_ENDED: Final = 500
"""How many jobs that have ended are taken in at once."""

_MOST_RETRIES: Final = 1_000

_LATE: Final = 100
"""How many numbers of jobs are looked at again on PostgreSQL: a number is given before the commit,
and whoever had a later one may have committed first."""

_COLUMNS: Final = (
    jobs.c.job_no,
    jobs.c.job_id,
    jobs.c.account,
    jobs.c.operation,
    jobs.c.retry_of,
    jobs.c.ended_at,
    jobs.c.cancelled_at,
    jobs.c.total,
    jobs.c.succeeded,
    jobs.c.failed,
    jobs.c.not_executed,
    jobs.c.unknown,
)
_ENDED: Final = Statement(
    select(deliveries.c.job_no.label("heard_no"), *_COLUMNS)
    .join_from(deliveries, jobs, jobs.c.job_no == deliveries.c.job_no)
    .where(deliveries.c.consumer == CONSUMER)
    .order_by(deliveries.c.due_at, deliveries.c.job_no)
    .limit(MOST_ENDED)
)
_HAS_ENDED: Final = Statement(
    select(deliveries.c.job_no).where(deliveries.c.consumer == CONSUMER).limit(1)
)
_OPEN: Final = Statement(
    select(jobs.c.account, jobs.c.job_id, jobs.c.created_at).where(
        jobs.c.ended_at.is_(None), jobs.c.place.is_not(None)
    )
)
_SUBMITTED: Final = Statement(
    select(jobs.c.account, func.max(jobs.c.created_at).label("at"))
    .where(
        jobs.c.job_no > bindparam("after"),
        jobs.c.place.is_not(None),
        jobs.c.retry_of.is_(None),
    )
    .group_by(jobs.c.account)
)
_NEWEST: Final = Statement(select(func.max(jobs.c.job_no).label("newest")))
# A job that is being stored has its number already, and is seen later.
_COMING: Final = Statement(
    select(func.min(jobs.c.job_no).label("oldest")).where(jobs.c.loaded_by.is_not(None))
)
_BY_ID: Final = Statement(
    select(jobs.c.job_no, jobs.c.ended_at, jobs.c.failed, jobs.c.not_executed).where(
        jobs.c.job_id == bindparam("this_id"), jobs.c.place.is_not(None)
    )
)
_RETRIES: Final = Statement(
    select(jobs.c.job_id, jobs.c.job_no, jobs.c.ended_at).where(
        jobs.c.retry_of == bindparam("this_id"), jobs.c.place.is_not(None)
    )
)
_of_job: Final = (results.c.job_no == bindparam("this_job"), OPEN_FAILURE)
_FAILURES: Final = Statement(
    select(func.count().label("count"))
    .select_from(results)
    .where(*_of_job, results.c.state != literal_column("'unknown'"))
)
_UNKNOWN: Final = Statement(
    select(results.c.position)
    .where(*_of_job, results.c.state == literal_column("'unknown'"))
    .limit(1)
)


@frozen(kw_only=True)
class OldestJob:
    """
    The oldest open job of an account.

    Attributes:
        job_id: Its id.
        created_at: When it was submitted.
    """

    job_id: str
    created_at: datetime


class AlertLooks:
    """
    What alerts ask of the jobs of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def has_ended(self) -> bool:
        """Whether a job has ended whose end was not taken in."""
        return await self._db.read(lambda connection: _HAS_ENDED.first(connection) is not None)

    async def ended(self) -> list[EndedJob]:
        """Return the jobs that have ended first and were not taken in; some hundreds at most."""

        def work(connection: Connection) -> list[EndedJob]:
            return [_read_ended(row) for row in _ENDED.rows(connection)]

        return await self._db.read(work)

    async def oldest_open(self) -> dict[str, OldestJob]:
        """Return the oldest open job of each account that has one."""

        def work(connection: Connection) -> dict[str, OldestJob]:
            oldest: dict[str, OldestJob] = {}
            for row in _OPEN.rows(connection):
                at = _time(row["created_at"])
                known = oldest.get(row["account"])
                if at is not None and (known is None or at < known.created_at):
                    oldest[row["account"]] = OldestJob(job_id=row["job_id"], created_at=at)
            return oldest

        return await self._db.read(work)

    async def submitted(self, after: int) -> tuple[dict[str, datetime], int]:
        """
        Return when each account's newest job after a number was submitted, and the next number.

        Retries don't count: they send nothing new. A job may be found again.
        """
        late = _LATE if self._db.place.is_postgres else 0

        def work(connection: Connection) -> tuple[dict[str, datetime], int]:
            newest = _NEWEST.scalar(connection) or 0
            coming = _COMING.scalar(connection)
            found: dict[str, datetime] = {}
            if newest > after:
                for row in _SUBMITTED.rows(connection, {"after": after}):
                    if (at := _time(row["at"])) is not None:
                        found[row["account"]] = at
            upto = newest if coming is None else min(newest, coming - 1)
            return found, max(after, upto - late)

        return await self._db.read(work)

    async def open_failures(self, job_ids: Collection[str]) -> dict[str, int | None]:
        """
        Return how many items of jobs have failed after all, their retries included.

        `None` stands for a job that has a retry that has not ended; a job that is gone is left out.
        """

        def work(connection: Connection) -> dict[str, int | None]:
            found: dict[str, int | None] = {}
            for job_id in job_ids:
                row = _BY_ID.first(connection, {"this_id": job_id})
                if row is not None:
                    found[job_id] = _count_failures(connection, job_id, row["job_no"])
            return found

        return await self._db.read(work)

    async def existing(self, job_ids: Collection[str]) -> list[str]:
        """Return those of some jobs that are still there."""

        def work(connection: Connection) -> list[str]:
            return [one for one in job_ids if _BY_ID.first(connection, {"this_id": one})]

        return await self._db.read(work)

    async def still_unknown(self, job_ids: Sequence[str]) -> list[str]:
        """Return those of some jobs that have items with unknown outcome that no retry has."""

        def work(connection: Connection) -> list[str]:
            found: list[str] = []
            for job_id in job_ids:
                row = _BY_ID.first(connection, {"this_id": job_id})
                if row is not None and _UNKNOWN.first(connection, {"this_job": row["job_no"]}):
                    found.append(job_id)
            return found

        return await self._db.read(work)


def _count_failures(connection: Connection, job_id: str, job_no: int) -> int | None:
    """Count the failures of a job and of all its retries that no retry has."""
    count, waiting, seen = 0, [(job_id, job_no)], 0
    while waiting and seen < _MOST_RETRIES:
        this_id, this_no = waiting.pop()
        seen += 1
        count += int(_FAILURES.scalar(connection, {"this_job": this_no}) or 0)
        for retry in _RETRIES.rows(connection, {"this_id": this_id}):
            if retry["ended_at"] is None:
                return None
            waiting.append((retry["job_id"], retry["job_no"]))
    return count


def _read_ended(row: Row) -> EndedJob:
    counts = ("total", "succeeded", "failed", "not_executed", "unknown")
    return EndedJob(
        job_no=row["heard_no"],
        job_id=str(row["job_id"]),
        account=str(row["account"]),
        operation=str(row["operation"]),
        retry_of=row["retry_of"],
        ended_at=_time(row["ended_at"]),
        is_cancelled=row["cancelled_at"] is not None,
        **{name: row[name] if isinstance(row[name], int) else 0 for name in counts},
    )


def _time(text: object) -> datetime | None:
    try:
        return from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None
