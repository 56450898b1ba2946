"""Lanes in the store: which process has which, and what the next one has to know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from . import lane_rows, moves
from .database import Database
from .lane_records import Hold, LaneOwner, LaneRow, Traffic
from .leases import Lease
from .leases import is_held as is_lease_held

_PAGE: Final = 200


class Lanes:
    """
    The lanes of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, lane: str) -> LaneRow:
        """Return the row of a lane; an empty one if it has none yet."""

        def work(connection: Connection) -> LaneRow:
            return lane_rows.get_lane(connection, lane)

        return await self._db.read(work)

    async def get_all(self, lanes: Sequence[str]) -> dict[str, LaneRow]:
        """Return the rows of lanes, by name; an empty one for a lane that has none yet."""
        found: dict[str, LaneRow] = {}
        for at in range(0, len(lanes), _PAGE):
            page = lanes[at : at + _PAGE]

            def work(connection: Connection, page: Sequence[str] = page) -> dict[str, LaneRow]:
                return {lane: lane_rows.get_lane(connection, lane) for lane in page}

            found |= await self._db.read(work)
        return found

    async def take(
        self,
        lane: str,
        owner: LaneOwner,
        at: datetime,
        is_free: Callable[[LaneRow], bool],
        *,
        lease: Lease | None = None,
    ) -> tuple[LaneRow, Hold | None]:
        """
        Take a lane if it is free; return its row as it was, and the hold.

        Args:
            lane: The lane.
            owner: Who takes it.
            at: The time.
            is_free: Says so of the row it is given, which may have an owner that is dead.
            lease: What has to be held for it, if anything has: the lease of the lane's shard.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """

        def work(connection: Connection) -> tuple[LaneRow, Hold | None]:
            self._db.check_file()
            if lease is not None and not is_lease_held(connection, lease):
                return lane_rows.get_lane(connection, lane), None
            return lane_rows.take_lane(connection, lane, owner, at, is_free)

        return await self._db.write(work, lanes=[lane])

    async def places(self, lanes: Sequence[str]) -> dict[str, int]:
        """Return a number of each lane that grows with all that is new for its driver."""

        def work(connection: Connection) -> dict[str, int]:
            return lane_rows.last_places(connection, lanes)

        return await self._db.read(work)

    async def marks(self, lanes: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return the `places` number of each lane, and how often it was taken."""

        def work(connection: Connection) -> dict[str, tuple[int, int]]:
            return lane_rows.marks(connection, lanes)

        return await self._db.read(work)

    async def find_old(self, old_lanes: Collection[str]) -> list[tuple[str, str]]:
        """Return which of some lanes have jobs, each with the name of an account of such a job."""

        def work(connection: Connection) -> list[tuple[str, str]]:
            return moves.find_accounts(connection, old_lanes)

        return await self._db.read(work)

    async def move_jobs(self, old_lane: str, new_lane: str, account: str) -> bool:
        """Move an account's jobs to another lane; see `moves.move_jobs`."""

        def work(connection: Connection) -> bool:
            return moves.move_jobs(connection, old_lane, new_lane, account)

        return await self._db.write(work)

    async def is_held(self, hold: Hold) -> bool:
        """Whether a lane is still held."""

        def work(connection: Connection) -> bool:
            return lane_rows.is_held(connection, hold)

        return await self._db.read(work)

    async def beat(
        self, token: str, traffic: Mapping[Hold, Traffic], at: datetime
    ) -> dict[str, int]:
        """
        Give a sign of life for all lanes of a process; return their epochs, by lane.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """

        def work(connection: Connection) -> dict[str, int]:
            self._db.check_file()
            return lane_rows.beat(connection, token, traffic, at)

        return await self._db.write(work, lanes=())

    async def note_all_traffic(self, traffic: Mapping[Hold, Traffic], at: datetime) -> set[str]:
        """Keep what lanes have sent, and their cool-downs; return which are still held."""

        def work(connection: Connection) -> set[str]:
            return {
                hold.lane
                for hold, sent in traffic.items()
                if lane_rows.note_traffic(connection, hold, sent, at)
            }

        return await self._db.write(work, lanes=())

    async def note_traffic(self, hold: Hold, traffic: Traffic, at: datetime) -> bool:
        """Keep what a lane has sent, and its cool-downs; return whether it is still held."""

        def work(connection: Connection) -> bool:
            return lane_rows.note_traffic(connection, hold, traffic, at)

        return await self._db.write(work, lanes=())

    async def let_go(
        self, traffic: Mapping[Hold, Traffic], at: datetime, *, is_news: bool = False
    ) -> None:
        """
        Let lanes go, but for those that another process has.

        Args:
            traffic: What was sent through each.
            at: The time.
            is_news: Whether the processes that had the lanes before are to look at them.
        """

        def work(connection: Connection) -> None:
            lane_rows.let_go(connection, traffic, at)
            if is_news:
                for hold in traffic:
                    lane_rows.take_place(connection, hold.lane)

        await self._db.write(work, lanes=[hold.lane for hold in traffic] if is_news else ())

    async def let_all_go(self, token: str) -> None:
        """Let every lane of a process go."""

        def work(connection: Connection) -> None:
            lane_rows.let_all_go(connection, token)

        await self._db.write(work, lanes=())

    async def tokens(self) -> set[str]:
        """Return the tokens of all processes that own, load or have claimed something."""
        return await self._db.read(lane_rows.tokens)

    async def latest_at(self) -> datetime | None:
        """Return the newest time an owner of any lane has written; `None` if none has."""
        return await self._db.read(lane_rows.latest_at)
