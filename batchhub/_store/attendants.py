"""Attendants in the store: the processes that drive lanes until they are stopped."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, insert, inspect, select, update

from .codec import from_text, to_text
from .database import Database
from .lane_records import LaneOwner
from .statements import ManyRows, Row, Statement
from .tables import attendants, attended

_THIS: Final = attendants.c.token == bindparam("this_token")
_SEE: Final = Statement(update(attendants).where(_THIS).values(seen_at=bindparam("at")))
_ADD: Final = Statement(insert(attendants))
_DROP: Final = Statement(delete(attendants).where(_THIS))
_LANES: Final = Statement(
    select(attended.c.lane).where(attended.c.token == bindparam("this_token"))
)
_DROP_LANES: Final = Statement(delete(attended).where(attended.c.token == bindparam("this_token")))
_DROP_LANE: Final = Statement(
    delete(attended).where(
        attended.c.token == bindparam("this_token"), attended.c.lane == bindparam("this_lane")
    )
)
_ADD_LANES: Final = ManyRows.insert(attended, "lane", "token")
_SINCE: Final = attendants.c.began_at
# Since version 7; an older store that can only be read has all the others.
_KNOWN: Final = [column for column in attendants.c if column is not _SINCE]
_OF_LANE: Final = Statement(
    select(*_KNOWN)
    .join(attended, attended.c.token == attendants.c.token)
    .where(attended.c.lane == bindparam("this_lane"))
    .order_by(attendants.c.seen_at.desc())
)
_BY_LANE: Final = Statement(
    select(attended.c.lane, *_KNOWN).join(attended, attended.c.token == attendants.c.token)
)
_ALL: Final = Statement(select(attendants).order_by(attendants.c.seen_at.desc()))
_ALL_KNOWN: Final = Statement(select(*_KNOWN).order_by(attendants.c.seen_at.desc()))


@frozen(kw_only=True)
class Attendant:
    """
    A process that drives lanes until it is stopped.

    Attributes:
        owner: The process.
        seen_at: When it gave its last sign of life.
        began_at: When it began; `None` of one of an earlier version.
    """

    owner: LaneOwner
    seen_at: datetime
    began_at: datetime | None = None


class Attendants:
    """
    The attendants of a store.

    They are for others to see who is going to drive a lane; which process may, its row says.
    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def show(self, owner: LaneOwner, lanes: Iterable[str], at: datetime) -> None:
        """Write that a process drives these lanes, and no others, until it is stopped."""
        wanted = set(lanes)

        def work(connection: Connection) -> None:
            this = {"this_token": owner.token}
            if not _SEE.run(connection, {**this, "at": to_text(at)}):
                new = {"token": owner.token, "pid": owner.pid, "host": owner.host}
                _ADD.run(connection, {**new, "began_at": to_text(at), "seen_at": to_text(at)})
            known = {row["lane"] for row in _LANES.rows(connection, this)}
            for lane in known - wanted:
                _DROP_LANE.run(connection, {**this, "this_lane": lane})
            # At first all of them, which may be thousands.
            added = [(lane, owner.token) for lane in sorted(wanted - known)]
            _ADD_LANES.run(connection, added)

        await self._db.write(work, lanes=())

    async def beat(self, token: str, at: datetime) -> bool:
        """Give a sign of life; return whether the store still has this attendant."""

        def work(connection: Connection) -> bool:
            return bool(_SEE.run(connection, {"this_token": token, "at": to_text(at)}))

        return await self._db.write(work, lanes=())

    async def drop(self, tokens: Collection[str]) -> None:
        """Forget attendants that have ended."""

        def work(connection: Connection) -> None:
            for token in tokens:
                _DROP_LANES.run(connection, {"this_token": token})
                _DROP.run(connection, {"this_token": token})

        await self._db.write(work, lanes=())

    async def find(self, lane: str | None = None) -> list[Attendant]:
        """Return the attendants of a lane, or of any; who gave a sign of life last comes first."""

        def work(connection: Connection) -> list[Attendant]:
            if self._is_old(connection, attendants.name):
                return []
            if lane is None:
                is_known = not self._is_old(connection, attendants.name, _SINCE.name)
                rows = (_ALL if is_known else _ALL_KNOWN).rows(connection)
            else:
                rows = _OF_LANE.rows(connection, {"this_lane": lane})
            return [found for row in rows if (found := _read(row)) is not None]

        return await self._db.read(work)

    async def by_lane(self) -> dict[str, list[Attendant]]:
        """Return the attendants of each lane that has some."""

        def work(connection: Connection) -> dict[str, list[Attendant]]:
            lanes: dict[str, list[Attendant]] = {}
            if self._is_old(connection, attended.name):
                return lanes
            for row in _BY_LANE.rows(connection):
                if (found := _read(row)) is not None:
                    lanes.setdefault(row["lane"], []).append(found)
            return lanes

        return await self._db.read(work)

    def _is_old(self, connection: Connection, table: str, column: str | None = None) -> bool:
        """Whether a store that can only be read is too old for a table, or a column of it."""
        if not self._db.is_read_only:
            return False
        found = inspect(connection)
        if not found.has_table(table):
            return True
        return column is not None and all(c["name"] != column for c in found.get_columns(table))


def _read(row: Row) -> Attendant | None:
    """Read a row; one that makes no sense is nobody's, and stops nobody."""
    try:
        owner = LaneOwner(token=str(row["token"]), pid=int(row["pid"]), host=str(row["host"]))
        seen_at = from_text(row["seen_at"])
        began_at = from_text(row.get("began_at"))
    except (TypeError, ValueError):
        return None
    if seen_at is None:
        return None
    return Attendant(owner=owner, seen_at=seen_at, began_at=began_at)
