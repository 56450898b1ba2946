"""Items that have not succeeded and that no retry has: of all jobs, by chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, func, or_, select

from batchhub.models import ItemState

from .codec import from_text, to_text
from .database import Database
from .tables import LARGEST, OPEN_FAILURE, items, jobs, results, tickets
from .targets import HASH_BYTES, NOTHING, target_of_each
from .works import Work

PAGE: Final = 1_000
"""How many results are read in one look, and how many jobs are looked at for them at most."""

_TICKETS: Final = 200
"""How many tickets are looked at at once for targets that were changed since."""

_NEWEST: Final = (LARGEST, 0)

_LAST_AT: Final = func.coalesce(jobs.c.ended_at, jobs.c.updated_at)
_JOBS: Final = (
    select(
        jobs.c.job_no,
        jobs.c.job_id,
        jobs.c.account,
        jobs.c.lane,
        jobs.c.operation,
        jobs.c.place,
        _LAST_AT.label("at"),
    )
    .where(
        jobs.c.place.is_not(None),
        jobs.c.failed + jobs.c.not_executed + jobs.c.unknown > 0,
    )
    .order_by(jobs.c.lane, jobs.c.operation, jobs.c.place)
)
_OPEN: Final = (
    select(results.c.position, results.c.state, results.c.code, results.c.message)
    .where(
        results.c.job_no == bindparam("this_job"),
        results.c.position > bindparam("after"),
        OPEN_FAILURE,
    )
    .order_by(results.c.position)
    .limit(bindparam("most"))
)
# Newest first, as `targets` looks for newer jobs.
_SINCE: Final = (
    select(
        jobs.c.place,
        tickets.c.position,
        tickets.c.job_no,
        tickets.c.first_item,
        tickets.c.total,
        tickets.c.succeeded,
        tickets.c.targets,
    )
    .join_from(jobs, tickets, jobs.c.job_no == tickets.c.job_no)
    .where(
        jobs.c.lane == bindparam("lane"),
        jobs.c.operation == bindparam("operation"),
        jobs.c.place > bindparam("after_place"),
        jobs.c.place <= bindparam("place"),
        or_(jobs.c.place < bindparam("place"), tickets.c.position > bindparam("position")),
        tickets.c.succeeded > 0,
        func.length(tickets.c.targets) > 0,
    )
    .order_by(jobs.c.place.desc(), tickets.c.position)
    .limit(bindparam("most"))
)
_SUCCEEDED: Final = select(results.c.position).where(
    results.c.job_no == bindparam("this_job"),
    results.c.position.in_(bindparam("positions", expanding=True)),
    results.c.state == ItemState.SUCCEEDED.value,
)
_IDS: Final = select(items.c.position, items.c.item_id).where(
    items.c.job_no == bindparam("this_job"),
    items.c.position.in_(bindparam("positions", expanding=True)),
)


@frozen(kw_only=True)
class FailedJob:
    """
    A job with items that have not succeeded; the attributes are those of its record.

    Attributes:
        at: When it ended, or when it changed last.
    """

    job_no: int
    job_id: str
    account: str
    lane: str
    operation: str
    place: int
    at: datetime


OpenResult = tuple[FailedJob, int, ItemState, int | None, str | None, bytes | None]
"""A job, the item's position, its state, code and message, and what it changes, if that is known
and anything."""


class Failures:
    """
    The open failures of a store.

    Every method raises `StoreError` when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def jobs(
        self, account: str | None = None, since: datetime | None = None
    ) -> list[FailedJob]:
        """
        Return the jobs that have items that have not succeeded, by lane, operation and place.

        Args:
            account: The account; `None` for any.
            since: When they ended or changed last, at the earliest.
        """
        query = _JOBS
        if account is not None:
            query = query.where(jobs.c.account == account)
        if since is not None:
            query = query.where(to_text(since) <= _LAST_AT)

        def work(connection: Connection) -> list[FailedJob]:
            rows = connection.execute(query).mappings()
            return [job for row in rows if (job := _read_job(row)) is not None]

        return await self._db.read(work)

    async def open_results(self, failed: Sequence[FailedJob]) -> AsyncIterator[list[OpenResult]]:
        """Yield the results of some jobs that are no success and that no retry has, by pages."""
        at, after = 0, 0
        while at < len(failed):
            page, at, after = await self._db.read(_open_page(failed, at, after))
            if page:
                yield page

    async def find_succeeded(
        self, lane: str, operation: str, wanted: Mapping[bytes, int]
    ) -> dict[bytes, int]:
        """
        Find which targets jobs have changed with success, newest first and by chunks.

        Args:
            lane: The lane of the jobs.
            operation: Their operation.
            wanted: The places, by target's hash, after which such a job counts.

        Returns:
            The place of the newest such job, by hash.
        """
        found: dict[bytes, int] = {}
        left = set(wanted)
        after_place = min(wanted.values(), default=0)
        start: tuple[int, int] | None = _NEWEST
        while left and start is not None:
            page, start = await self._db.read(
                _since_page(lane, operation, after_place, left, start)
            )
            found |= page
            left -= page.keys()
        return {target: place for target, place in found.items() if place > wanted[target]}

    async def item_ids(self, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Return the ids of some items, by the number of their job and their position."""
        by_job: dict[int, list[int]] = {}
        for job_no, position in keys:
            by_job.setdefault(job_no, []).append(position)
        found: dict[tuple[int, int], str] = {}
        left = iter(by_job.items())

        def work(connection: Connection) -> bool:
            for job_no, positions in (some := list(islice(left, PAGE // 10))):
                this = {"this_job": job_no, "positions": positions}
                for position, item_id in connection.execute(_IDS, this):
                    found[job_no, position] = item_id
            return bool(some)

        while await self._db.read(work):
            pass
        return found


def _read_job(row: Mapping[Any, Any]) -> FailedJob | None:
    try:
        at = from_text(row["at"])
    except (TypeError, ValueError):  # damaged, which is said when the job is read
        return None
    return None if at is None else FailedJob(**{**row, "at": at})


def _open_page(
    failed: Sequence[FailedJob], at: int, after: int
) -> Work[tuple[list[OpenResult], int, int]]:
    """Read a page of results from a job on, behind a position; tells where to go on."""

    def work(connection: Connection) -> tuple[list[OpenResult], int, int]:
        page: list[OpenResult] = []
        here, behind = at, after
        while here < len(failed) and here - at < PAGE:
            job, most = failed[here], PAGE - len(page)
            this = {"this_job": job.job_no, "after": behind, "most": most}
            rows = connection.execute(_OPEN, this).all()
            targets = target_of_each(connection, job.job_no, [row[0] for row in rows])
            page += (
                (
                    job,
                    position,
                    ItemState(state),
                    code if isinstance(code, int) else None,
                    message if isinstance(message, str) else None,
                    None if target == NOTHING else target,
                )
                for (position, state, code, message), target in zip(rows, targets, strict=True)
            )
            if len(rows) == most:
                return page, here, rows[-1][0]
            here, behind = here + 1, 0
        return page, here, behind

    return work


def _since_page(
    lane: str, operation: str, after_place: int, wanted: set[bytes], start: tuple[int, int]
) -> Work[tuple[dict[bytes, int], tuple[int, int] | None]]:
    values = {
        "lane": lane,
        "operation": operation,
        "after_place": after_place,
        "place": start[0],
        "position": start[1],
        "most": _TICKETS,
    }

    def work(connection: Connection) -> tuple[dict[bytes, int], tuple[int, int] | None]:
        found: dict[bytes, int] = {}
        rows = connection.execute(_SINCE, values).all()
        for place, _, job_no, first_item, total, succeeded, packed in rows:
            changed = dict(_find_wanted(packed, first_item, wanted))
            if changed and succeeded < total:
                this = {"this_job": job_no, "positions": list(changed)}
                well = {position for (position,) in connection.execute(_SUCCEEDED, this)}
                changed = {position: changed[position] for position in changed.keys() & well}
            for target in changed.values():
                found.setdefault(target, place)
        return found, (rows[-1][0], rows[-1][1]) if len(rows) == _TICKETS else None

    return work


def _find_wanted(
    packed: object, first_item: int, wanted: set[bytes]
) -> Iterator[tuple[int, bytes]]:
    """Yield the positions of items whose target is wanted, with it."""
    if not isinstance(packed, bytes) or len(packed) % HASH_BYTES:
        return  # damaged: as good as unknown
    hashes = [packed[n : n + HASH_BYTES] for n in range(0, len(packed), HASH_BYTES)]
    if wanted.isdisjoint(hashes):
        return
    for position, target in enumerate(hashes, first_item):
        if target in wanted:
            yield position, target
