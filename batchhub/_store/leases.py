"""Leases in the store: what one process does for all, and which process that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, and_, bindparam, insert, inspect, select, update

from .codec import from_text, to_text
from .database import Database
from .lane_records import LaneOwner
from .statements import Row, Statement
from .tables import leases

_THIS: Final = leases.c.name == bindparam("this_name")
_HELD: Final = and_(
    _THIS,
    leases.c.holder == bindparam("held_by"),
    leases.c.epoch == bindparam("held_epoch"),
)
_GET: Final = Statement(select(leases).where(_THIS))
_ADD: Final = Statement(insert(leases))
_TAKE: Final = Statement(
    update(leases)
    .where(
        _THIS,
        leases.c.epoch == bindparam("this_epoch"),
        # Its holder may give a sign of life at the same moment.
        leases.c.seen_at.is_not_distinct_from(bindparam("this_seen_at")),
    )
    .values(
        epoch=leases.c.epoch + 1,
        holder=bindparam("token"),
        pid=bindparam("pid"),
        host=bindparam("host"),
        seen_at=bindparam("at"),
    )
)
_RENEW: Final = Statement(update(leases).where(_HELD).values(seen_at=bindparam("at")))
_LET_GO: Final = Statement(update(leases).where(_HELD).values(holder=None, pid=None, host=None))
_IS_HELD: Final = Statement(select(leases.c.epoch).where(_HELD))


@frozen(kw_only=True)
class LeaseRow:
    """
    A lease as the store keeps it.

    Attributes:
        epoch: How often it was taken.
        holder: Who has it; `None` if nobody does.
        seen_at: When its last holder gave a sign of life; `None` if it never had one.
    """

    epoch: int = 0
    holder: LaneOwner | None = None
    seen_at: datetime | None = None


@frozen(kw_only=True)
class Lease:
    """
    The right to do something for all processes: gone once another one has raised the epoch.

    Attributes:
        name: What it is a lease of.
        token: The holder's open hub.
        epoch: The number of this hold; every other one of the lease has another.
    """

    name: str
    token: str
    epoch: int

    def bound(self) -> dict[str, Any]:
        """Return the values of `is_held`."""
        return {"this_name": self.name, "held_by": self.token, "held_epoch": self.epoch}


def is_held(connection: Connection, lease: Lease) -> bool:
    """Whether a lease is still held; for a write that only its holder may make."""
    return _IS_HELD.first(connection, lease.bound()) is not None


class Leases:
    """
    The leases of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, name: str) -> LeaseRow:
        """Return the row of a lease; an empty one if nobody has ever had it."""

        def work(connection: Connection) -> LeaseRow:
            return get_lease(connection, name)

        return await self._db.read(work)

    async def find(self, name: str) -> LeaseRow | None:
        """Return the row of a lease; `None` in an older store that can only be read."""

        def work(connection: Connection) -> LeaseRow | None:
            if self._db.is_read_only and not inspect(connection).has_table(leases.name):
                return None
            return get_lease(connection, name)

        return await self._db.read(work)

    async def take(
        self, name: str, holder: LaneOwner, at: datetime, is_free: Callable[[LeaseRow], bool]
    ) -> Lease | None:
        """
        Take a lease if it is free; `None` if it is not.

        Args:
            name: What it is a lease of.
            holder: Who takes it.
            at: The time.
            is_free: Says so of the row it is given, whose holder may be dead.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """

        def work(connection: Connection) -> Lease | None:
            self._db.check_file()
            return take_lease(connection, name, holder, at, is_free)

        return await self._db.write(work)

    async def renew(self, lease: Lease, at: datetime) -> bool:
        """
        Give a sign of life; return whether the lease is still held.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """

        def work(connection: Connection) -> bool:
            self._db.check_file()
            return bool(_RENEW.run(connection, {**lease.bound(), "at": to_text(at)}))

        return await self._db.write(work, lanes=())

    async def let_go(self, lease: Lease) -> None:
        """Let a lease go, unless another process has it."""
        await self._db.write(lambda connection: _LET_GO.run(connection, lease.bound()), lanes=())


def get_lease(connection: Connection, name: str) -> LeaseRow:
    """Return the row of a lease; an empty one if nobody has ever had it."""
    row = _GET.first(connection, {"this_name": name})
    return LeaseRow() if row is None else read_lease(row)


def read_lease(row: Row) -> LeaseRow:
    """Return a lease as its row has it."""
    holder = None
    if row["holder"] is not None:
        holder = LaneOwner(token=row["holder"], pid=row["pid"] or 0, host=row["host"] or "")
    try:
        seen_at = from_text(row["seen_at"])
    except (TypeError, ValueError):  # edited by hand: as if nothing had ever been heard of it
        seen_at = None
    return LeaseRow(epoch=int(row["epoch"]), holder=holder, seen_at=seen_at)


def take_lease(
    connection: Connection,
    name: str,
    holder: LaneOwner,
    at: datetime,
    is_free: Callable[[LeaseRow], bool],
) -> Lease | None:
    """Take a lease if it is free, inside a transaction; see `Leases.take`."""
    found = _GET.first(connection, {"this_name": name})
    row = LeaseRow() if found is None else read_lease(found)
    if not is_free(row):
        return None
    if found is None:
        _ADD.run(connection, {"name": name})
    values = {
        "this_name": name,
        "this_epoch": row.epoch,
        "this_seen_at": None if found is None else found["seen_at"],
        "token": holder.token,
        "pid": holder.pid,
        "host": holder.host,
        "at": to_text(at),
    }
    if not _TAKE.run(connection, values):
        return None
    return Lease(name=name, token=holder.token, epoch=row.epoch + 1)
