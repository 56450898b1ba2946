"""Calls by vendors, kept for whoever drives the lane: the ids of batches they named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, Text, bindparam, cast, delete, insert, or_, select, update

from batchhub._base.json import loads
from batchhub.models import BatchState

from .codec import from_text, to_text, to_words
from .database import Database
from .lane_rows import take_place
from .statements import Statement
from .tables import jobs, pushes, tickets

MAX_PER_LANE: Final = 1000
"""How many ids are kept of a lane; the oldest make room."""

MAX_AGE_S: Final = 24 * 3600.0
"""Seconds after which an id that no driver has looked at is dropped."""

_OF_LANE: Final = pushes.c.lane == bindparam("this_lane")
_THIS: Final = (pushes.c.push_no == bindparam("this_push"),)

_AGAIN: Final = Statement(
    update(pushes)
    .where(_OF_LANE, pushes.c.vendor_ref == bindparam("this_ref"))
    .values(received_at=bindparam("at"))
)
_ADD: Final = Statement(insert(pushes))
_ALL: Final = Statement(
    select(pushes.c.push_no, pushes.c.vendor_ref, pushes.c.received_at)
    .where(_OF_LANE)
    .order_by(pushes.c.received_at.desc(), pushes.c.push_no.desc())
)
_DROP: Final = Statement(delete(pushes).where(*_THIS))
# The vendor may have called again since it was read.
_DROP_AS_READ: Final = Statement(
    delete(pushes).where(*_THIS, pushes.c.received_at == bindparam("read_at"))
)
_DROP_OLD: Final = Statement(delete(pushes).where(pushes.c.received_at < bindparam("before")))
_DROP_OLD_OF_LANE: Final = Statement(
    delete(pushes).where(_OF_LANE, pushes.c.received_at < bindparam("before"))
)
_AT_VENDOR: Final = Statement(
    select(tickets.c.job_no, tickets.c.position, cast(tickets.c.vendor_refs, Text).label("refs"))
    .join_from(jobs, tickets, jobs.c.job_no == tickets.c.job_no)
    .where(
        jobs.c.lane == bindparam("this_lane"),
        jobs.c.ended_at.is_(None),
        jobs.c.place.is_not(None),
        or_(
            tickets.c.state == BatchState.QUEUED.value,
            tickets.c.state == BatchState.IN_PROGRESS.value,
        ),
    )
)


@frozen(kw_only=True)
class Push:
    """
    A batch that a vendor has called about.

    Attributes:
        push_no: The store's number of it.
        received_at: When the last such call came.
        tickets: The tickets the vendor has under that id: numbers of jobs, and positions.
    """

    push_no: int
    received_at: datetime
    tickets: Sequence[tuple[int, int]]


class Pushes:
    """
    The calls in a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add(self, lane: str, refs: Iterable[str], at: datetime) -> None:
        """
        Keep that a lane's vendor has called about batches; its driver looks at it.

        Args:
            lane: The lane.
            refs: The vendor's ids of the batches; of more than `MAX_PER_LANE` the last ones count.
            at: When it called.
        """
        named = list(dict.fromkeys(to_words(ref) for ref in refs))[-MAX_PER_LANE:]

        def work(connection: Connection) -> None:
            _DROP_OLD_OF_LANE.run(connection, {"this_lane": lane, "before": _oldest(at)})
            for ref in named:
                again = {"this_lane": lane, "this_ref": ref, "at": to_text(at)}
                if not _AGAIN.run(connection, again):
                    new = {"lane": lane, "vendor_ref": ref, "received_at": to_text(at)}
                    _ADD.run(connection, new)
            for row in list(_ALL.rows(connection, {"this_lane": lane}))[MAX_PER_LANE:]:
                _DROP.run(connection, {"this_push": row["push_no"]})
            take_place(connection, lane)  # its driver looks

        await self._db.write(work, lanes=[lane])

    async def find(self, lane: str) -> list[Push]:
        """Return what a lane's vendor has called about, with the tickets it has under these ids."""

        def work(connection: Connection) -> list[Push]:
            found = list(_ALL.rows(connection, {"this_lane": lane}))
            if not found:
                return []
            theirs = _find_tickets(connection, lane, {row["vendor_ref"] for row in found})
            return [
                Push(
                    push_no=row["push_no"],
                    received_at=received_at,
                    tickets=theirs[row["vendor_ref"]],
                )
                for row in found
                if (received_at := from_text(row["received_at"])) is not None
            ]

        return await self._db.read(work)

    async def drop(self, looked_at: Iterable[Push]) -> None:
        """Forget calls, unless the vendor has called again since they were read."""
        rows = [
            {"this_push": push.push_no, "read_at": to_text(push.received_at)} for push in looked_at
        ]

        def work(connection: Connection) -> None:
            for row in rows:
                _DROP_AS_READ.run(connection, row)

        await self._db.write(work, lanes=())

    async def drop_old(self, now: datetime) -> None:
        """Forget the calls of all lanes that no driver has looked at for `MAX_AGE_S`."""

        def work(connection: Connection) -> None:
            _DROP_OLD.run(connection, {"before": _oldest(now)})

        await self._db.write(work, lanes=())


def _oldest(now: datetime) -> str | None:
    return to_text(now - timedelta(seconds=MAX_AGE_S))


def _find_tickets(
    connection: Connection, lane: str, wanted: set[str]
) -> dict[str, list[tuple[int, int]]]:
    """Return the tickets that a lane's vendor has, by those of their ids that are wanted."""
    found: dict[str, list[tuple[int, int]]] = {ref: [] for ref in wanted}
    for row in _AT_VENDOR.rows(connection, {"this_lane": lane}):
        for ref in _read_refs(row["refs"]):
            if ref in found:
                found[ref].append((row["job_no"], row["position"]))
    return found


def _read_refs(text: str) -> list[str]:
    try:
        refs = loads(text.encode())
    except ValueError:  # damaged, which is said when the ticket is read
        return []
    return [ref for ref in refs if isinstance(ref, str)] if isinstance(refs, list) else []
