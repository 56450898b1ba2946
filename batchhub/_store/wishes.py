"""Wishes: what a process asks of whoever drives a lane, and the answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from .codec import from_text, to_text
from .database import Database
from .lane_records import Hold
from .lane_rows import is_held, take_place
from .statements import Row, Statement
from .tables import wishes

MAX_AGE_S: Final = 24 * 3600.0
"""Seconds after which a wish is dropped, answered or not."""

_THIS: Final = wishes.c.wish_no == bindparam("this_wish")
_IS_OPEN: Final = wishes.c.answered_at.is_(None)

_ADD: Final = Statement(insert(wishes).returning(wishes.c.wish_no))
_GET: Final = Statement(select(wishes).where(_THIS))
_OPEN_OF_LANE: Final = Statement(
    select(wishes)
    .where(wishes.c.lane == bindparam("this_lane"), _IS_OPEN)
    .order_by(wishes.c.wish_no)
)
_NOTE: Final = Statement(
    update(wishes)
    .where(_THIS, _IS_OPEN)
    .values(answer=bindparam("said", type_=wishes.c.answer.type))
)
_ANSWER: Final = Statement(
    update(wishes)
    .where(_THIS, _IS_OPEN)
    .values(answer=bindparam("said", type_=wishes.c.answer.type), answered_at=bindparam("at"))
)
_DROP: Final = Statement(delete(wishes).where(_THIS))
_DROP_OPEN: Final = Statement(delete(wishes).where(_THIS, _IS_OPEN))
_DROP_OLD: Final = Statement(delete(wishes).where(wishes.c.asked_at < bindparam("before")))


@frozen(kw_only=True)
class Wish:
    """
    The wish that a ticket be the batch a vendor knows by some ids.

    Attributes:
        wish_no: The store's number of it; 0 before it has one.
        lane: The lane whose driver is asked.
        job_id: The job.
        position: The ticket's place in the job, from 1.
        attempt_id: The ticket's attempt, as whoever asks has seen it.
        vendor_refs: The vendor's ids.
        asked_at: When it was asked.
        asked_by: The token of whoever asks.
    """

    wish_no: int = 0
    lane: str
    job_id: str
    position: int
    attempt_id: str | None
    vendor_refs: tuple[str, ...]
    asked_at: datetime
    asked_by: str


@frozen(kw_only=True)
class WishState:
    """
    How far a wish is.

    Attributes:
        is_seen: Whether a driver has taken it up.
        is_answered: Whether it is done, or refused.
        kind: The kind of error it was refused with; `None` if it is done.
        message: What the error says.
    """

    is_seen: bool = False
    is_answered: bool = False
    kind: str | None = None
    message: str = ""


class Wishes:
    """
    The wishes in a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def ask(self, wish: Wish) -> int:
        """Keep a wish, so that the lane's driver looks at it; return its number."""
        row = {
            "lane": wish.lane,
            "job_id": wish.job_id,
            "position": wish.position,
            "attempt_id": wish.attempt_id,
            "vendor_refs": list(wish.vendor_refs),
            "asked_at": to_text(wish.asked_at),
            "asked_by": wish.asked_by,
        }

        def work(connection: Connection) -> int:
            number = int(_ADD.scalar(connection, row))
            take_place(connection, wish.lane)  # its driver looks
            return number

        return await self._db.write(work, lanes=[wish.lane])

    async def look(self, wish_no: int) -> WishState | None:
        """Return how far a wish is; `None` if it is gone, with its job or with time."""

        def work(connection: Connection) -> WishState | None:
            row = _GET.first(connection, {"this_wish": wish_no})
            return None if row is None else _read_state(row)

        return await self._db.read(work)

    async def withdraw(self, wish_no: int) -> WishState | None:
        """
        Forget a wish; return how far it is if it was answered before, else `None`.

        What is not answered by then is never done.
        """

        def work(connection: Connection) -> WishState | None:
            this = {"this_wish": wish_no}
            if _DROP_OPEN.run(connection, this):
                return None
            row = _GET.first(connection, this)
            _DROP.run(connection, this)
            return None if row is None else _read_state(row)

        return await self._db.write(work)

    async def find(self, lane: str) -> list[Wish]:
        """Return the wishes of a lane that have no answer, oldest first."""

        def work(connection: Connection) -> list[Wish]:
            rows = _OPEN_OF_LANE.rows(connection, {"this_lane": lane})
            return [wish for row in rows if (wish := _read(row)) is not None]

        return await self._db.read(work)

    async def note_seen(self, wish_nos: Sequence[int], stale: Sequence[int]) -> None:
        """Keep that a driver has taken wishes up; those that nobody waits for are forgotten."""

        def work(connection: Connection) -> None:
            for number in wish_nos:
                _NOTE.run(connection, {"this_wish": number, "said": {"is_seen": True}})
            for number in stale:
                _DROP_OPEN.run(connection, {"this_wish": number})

        await self._db.write(work)

    async def answer(
        self, wish_no: int, hold: Hold, at: datetime, kind: str | None, message: str
    ) -> None:
        """Answer a wish, if the lane is held and the wish was not withdrawn."""

        def work(connection: Connection) -> None:
            if is_held(connection, hold):
                said = {"kind": kind, "message": message}
                _ANSWER.run(connection, {"this_wish": wish_no, "said": said, "at": to_text(at)})

        await self._db.write(work, lanes=[hold.lane])

    async def drop_old(self, now: datetime) -> None:
        """Forget the wishes of all lanes that are older than `MAX_AGE_S`."""
        before = to_text(now - timedelta(seconds=MAX_AGE_S))

        def work(connection: Connection) -> None:
            _DROP_OLD.run(connection, {"before": before})

        await self._db.write(work)


def is_open(connection: Connection, wish_no: int) -> bool:
    """Whether a wish was neither answered nor withdrawn."""
    row = _GET.first(connection, {"this_wish": wish_no})
    return row is not None and row["answered_at"] is None


def note_done(connection: Connection, wish_no: int, at: datetime) -> None:
    """Answer a wish inside the transaction that does what is wished."""
    said = {"kind": None, "message": ""}
    _ANSWER.run(connection, {"this_wish": wish_no, "said": said, "at": to_text(at)})


def _read(row: Row) -> Wish | None:
    """Return a wish; `None` if it makes no sense."""
    asked_at, refs = from_text(row["asked_at"]), row["vendor_refs"]
    if asked_at is None or not isinstance(refs, list):
        return None
    return Wish(
        wish_no=row["wish_no"],
        lane=row["lane"],
        job_id=row["job_id"],
        position=row["position"],
        attempt_id=row["attempt_id"],
        vendor_refs=tuple(map(str, refs)),
        asked_at=asked_at,
        asked_by=row["asked_by"] or "",
    )


def _read_state(row: Row) -> WishState:
    said: Any = row["answer"]
    said = said if isinstance(said, dict) else {}
    kind = said.get("kind")
    return WishState(
        is_seen=bool(said),
        is_answered=row["answered_at"] is not None,
        kind=None if kind is None else str(kind),
        message=str(said.get("message", "")),
    )
