"""The leases of shards in the store: which process drives the lanes of which shard."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, exists, select, update

from .codec import to_text
from .database import Database
from .lane_records import LaneOwner
from .leases import Lease, LeaseRow, get_lease, read_lease, take_lease
from .migrations import check_version
from .statements import Statement
from .tables import jobs, lanes, leases

_PREFIX: Final = "shard/"

# Whoever has a lane of the shard has it no more: what it writes from now on is refused. Its name
# and its last sign of life stay, for the next one to know since when nobody saw what it sent.
_FENCE: Final = Statement(
    update(lanes)
    .where(lanes.c.shard == bindparam("this_shard"), lanes.c.owner.is_not(None))
    .values(epoch=lanes.c.epoch + 1)
)
_RENEW: Final = (
    update(leases)
    .where(
        leases.c.holder == bindparam("token"),
        leases.c.name.in_(bindparam("these", expanding=True)),
    )
    .values(seen_at=bindparam("at"))
    .returning(leases.c.name, leases.c.epoch)
)
_ALL: Final = Statement(select(leases).where(leases.c.name.startswith(_PREFIX)))
_OPEN: Final = Statement(
    select(lanes.c.lane, lanes.c.shard)
    .where(
        # One look into the index for each lane, however many jobs it has.
        exists().where(
            jobs.c.lane == lanes.c.lane, jobs.c.ended_at.is_(None), jobs.c.place.is_not(None)
        )
    )
    .order_by(lanes.c.lane)
)


@frozen(kw_only=True)
class OpenLane:
    """
    A lane that has unfinished jobs.

    Attributes:
        lane: Its name.
        shard: Its shard.
    """

    lane: str
    shard: int


def lease_name(shard: int) -> str:
    """Return the name of the lease of a shard."""
    return f"{_PREFIX}{shard}"


def shard_of_lease(name: str) -> int | None:
    """Return the shard whose lease has a name; `None` if it is no shard's."""
    number = name.removeprefix(_PREFIX)
    return int(number) if number.isascii() and number.isdigit() else None


class ShardLeases:
    """
    The leases of the shards of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, shard: int) -> LeaseRow:
        """Return the row of a shard's lease; an empty one if nobody has ever had it."""
        return await self._db.read(lambda connection: get_lease(connection, lease_name(shard)))

    async def holders(self) -> dict[int, LeaseRow]:
        """Return the row of the lease of each shard that somebody has had."""

        def work(connection: Connection) -> dict[int, LeaseRow]:
            found = {shard_of_lease(row["name"]): row for row in _ALL.rows(connection)}
            return {shard: read_lease(row) for shard, row in found.items() if shard is not None}

        return await self._db.read(work)

    async def take(
        self, shard: int, holder: LaneOwner, at: datetime, is_free: Callable[[LeaseRow], bool]
    ) -> Lease | None:
        """
        Take a shard if it is free, and with it each of its lanes from whoever has it.

        Args:
            shard: The shard.
            holder: Who takes it.
            at: The time.
            is_free: Says so of the row of its lease, whose holder may be dead.

        Returns:
            The lease; `None` if it is not free.

        Raises:
            StoreVersionError: The store is of another version by now.
            StoreMovedError: The store's file was replaced or deleted.
        """

        def work(connection: Connection) -> Lease | None:
            self._db.check_file()
            check_version(connection)
            lease = take_lease(connection, lease_name(shard), holder, at, is_free)
            if lease is not None:
                _FENCE.run(connection, {"this_shard": shard})
            return lease

        return await self._db.write(work, lanes=[shard])

    async def renew(self, token: str, shards: Collection[int], at: datetime) -> dict[str, int]:
        """
        Give a sign of life for shards of a process.

        Args:
            token: The process.
            shards: Those it drives. One that it could not let go is to be silent.
            at: The time.

        Returns:
            The epochs of the leases it still has of them, by their names.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """

        values = {"token": token, "these": list(map(lease_name, shards)), "at": to_text(at)}

        def work(connection: Connection) -> dict[str, int]:
            self._db.check_file()
            rows = connection.execute(_RENEW, values)
            return {row.name: row.epoch for row in rows}

        return await self._db.write(work, lanes=())

    async def find_open(self) -> list[OpenLane]:
        """Return the lanes that have unfinished jobs, by name."""

        def work(connection: Connection) -> list[OpenLane]:
            rows = _OPEN.rows(connection)
            return [OpenLane(lane=row["lane"], shard=row["shard"]) for row in rows]

        return await self._db.read(work)
