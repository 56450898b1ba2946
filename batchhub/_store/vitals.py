"""
What whoever watches a store asks of it every few seconds: figures, and whether it can be written.

All is counted by the database, off the loop: however many jobs are open, what comes back is a row
for each account and state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import frozen
from sqlalchemy import Connection, Text, bindparam, cast, delete, func, insert, select

from batchhub._base.store_place import StorePlace
from batchhub.models import BatchState

from .codec import from_text, to_text
from .database import Database
from .lane_records import LaneOwner
from .open_jobs import IS_OPEN, STALLED
from .server import find_size
from .tables import alerts, jobs, lanes, leases
from .works import Work

T = TypeVar("T")

_UNCONFIRMED: Final = jobs.c[f"tickets_{BatchState.UNCONFIRMED.value}"]
_OPEN: Final = (
    select(
        jobs.c.adapter,
        jobs.c.account,
        jobs.c.lane,
        jobs.c.state,
        func.count().label("number"),
        func.min(jobs.c.created_at).label("oldest_at"),
        func.sum(_UNCONFIRMED).label("unconfirmed"),
    )
    .where(IS_OPEN)
    # Not the lane first: an index that begins with it has all jobs.
    .group_by(jobs.c.state, jobs.c.adapter, jobs.c.account, jobs.c.lane)
)
_STALLED: Final = select(jobs.c.adapter, jobs.c.ticket_findings).where(
    IS_OPEN,
    cast(jobs.c.ticket_findings, Text).contains(f'"{STALLED}"'),
    jobs.c.updated_at < bindparam("quiet_before"),
)
_OLDEST: Final = (
    select(jobs.c.job_id)
    .where(IS_OPEN, jobs.c.lane == bindparam("this_lane"))
    .order_by(jobs.c.created_at)
    .limit(1)
)
_LANES: Final = select(
    *(lanes.c.lane, lanes.c.owner, lanes.c.owner_pid, lanes.c.owner_host, lanes.c.seen_at),
    lanes.c.cooled,
)
_FIRING: Final = (
    select(alerts.c.condition, func.count().label("number"))
    .where(alerts.c.state == "firing")
    .group_by(alerts.c.condition)
)
_CHECK: Final = "write check"
_LOG_SUFFIX: Final = "-wal"


@frozen(kw_only=True)
class OpenGroup:
    """
    The open jobs of an account that are in one state.

    Attributes:
        adapter: Their adapter.
        account: Their account's name.
        lane: Their lane.
        state: Their state, as it is stored.
        number: How many there are.
        oldest_at: When the oldest of them was submitted; `None` if that can't be read.
        unconfirmed: How many of their tickets are UNCONFIRMED.
    """

    adapter: str
    account: str
    lane: str
    state: str
    number: int
    oldest_at: datetime | None
    unconfirmed: int


@frozen(kw_only=True)
class LaneSign:
    """
    What the store knows of a lane at the moment.

    Attributes:
        owner: Who drives it; `None` if nobody does.
        seen_at: When its last owner gave a sign of life.
        cooled_until: Until when the whole lane is silent; `None` if nothing was said of that.
    """

    owner: LaneOwner | None
    seen_at: datetime | None
    cooled_until: datetime | None


@frozen(kw_only=True)
class StoreFigures:
    """
    A store in figures.

    Attributes:
        groups: The open jobs, by account and state.
        stalled: How many tickets the vendor makes no progress with, by adapter.
        lanes: The lanes, by name.
        firing: How many alerts are firing, by condition.
        size_bytes: How much room its files take, or its tables and their indexes on PostgreSQL;
            `None` for one in memory.
    """

    groups: Sequence[OpenGroup]
    stalled: Mapping[str, int]
    lanes: Mapping[str, LaneSign]
    firing: Mapping[str, int]
    size_bytes: int | None


class Vitals:
    """
    How a store does.

    Every method raises `StoreError` when the database can't be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def figures(self, quiet_before: datetime) -> StoreFigures:
        """
        Return the store in figures.

        Args:
            quiet_before: Stalled tickets count in jobs of which nothing has changed since then.
        """
        place = self._db.place

        def work(connection: Connection) -> StoreFigures:
            return _read_figures(connection, quiet_before, place)

        return await self._db.read(work)

    async def ask(self, work: Work[T]) -> T:
        """Return what is found in a transaction of its own that only reads."""
        return await self._db.read(work)

    async def oldest_open(self, lane: str) -> str | None:
        """Return the id of the oldest open job of a lane; `None` if none is open."""

        def work(connection: Connection) -> str | None:
            found: str | None = connection.execute(_OLDEST, {"this_lane": lane}).scalar()
            return found

        return await self._db.read(work)

    async def check_file(self) -> None:
        """
        Check that the file is where it was opened.

        Raises:
            StoreMovedError: It was deleted or moved, or another one is in its place.
        """
        await self._db.read(lambda _: self._db.check_file())

    async def check_write(self, *, for_real: bool) -> None:
        """
        Find out whether the store can be written, as `Database.measures` says then.

        Args:
            for_real: Whether something is written to the disk, and taken back. Else it is only
                found out whether a transaction may begin: the file is there, and nobody is in the
                way for long.
        """

        def work(connection: Connection) -> None:
            self._db.check_file()
            if for_real:
                connection.execute(delete(leases).where(leases.c.name == _CHECK))
                connection.execute(insert(leases).values(name=_CHECK))
                connection.execute(delete(leases).where(leases.c.name == _CHECK))

        await self._db.write(work, lanes=())


def _read_figures(
    connection: Connection, quiet_before: datetime, place: StorePlace
) -> StoreFigures:
    stalled: dict[str, int] = {}
    quiet = {"quiet_before": to_text(quiet_before)}
    for adapter, findings in connection.execute(_STALLED, quiet):
        stalled[adapter] = stalled.get(adapter, 0) + _count_stalled(findings)
    return StoreFigures(
        groups=[
            OpenGroup(
                adapter=row.adapter,
                account=row.account,
                lane=row.lane,
                state=row.state,
                number=row.number,
                oldest_at=_read_time(row.oldest_at),
                unconfirmed=row.unconfirmed,
            )
            for row in connection.execute(_OPEN)
        ],
        stalled=stalled,
        lanes={row.lane: _read_sign(row) for row in connection.execute(_LANES)},
        firing={row.condition: row.number for row in connection.execute(_FIRING)},
        size_bytes=_find_size(connection, place),
    )


def _read_sign(row: Any) -> LaneSign:
    owner = None
    if row.owner is not None:
        owner = LaneOwner(token=row.owner, pid=row.owner_pid or 0, host=row.owner_host or "")
    cooled = row.cooled if isinstance(row.cooled, dict) else {}
    return LaneSign(
        owner=owner, seen_at=_read_time(row.seen_at), cooled_until=_read_time(cooled.get(""))
    )


def _count_stalled(findings: object) -> int:
    """Count what findings say has stalled; of damaged ones nothing is known."""
    if not isinstance(findings, list):
        return 0
    counts = [f.get("count") for f in findings if isinstance(f, dict) and f.get("code") == STALLED]
    return sum(each for each in counts if isinstance(each, int))


def _read_time(value: object) -> datetime | None:
    try:
        return from_text(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _find_size(connection: Connection, place: StorePlace) -> int | None:
    """Return the bytes of a store's file and of SQLite's log beside it, or of its tables."""
    if place.is_postgres:
        return find_size(connection)
    if place.path is None:
        return None
    files = (place.path, Path(f"{place.path}{_LOG_SUFFIX}"))
    return sum(file.stat().st_size for file in files if file.exists())
