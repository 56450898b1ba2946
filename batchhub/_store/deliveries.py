"""
Events in the store: which consumer still has to be given the end of which job.

A consumer is registered at its first look, with a delivery for each job that has ended by then.
From then on the end of a job adds one for each consumer, in the transaction of the job's state.
Acknowledging deletes it, so that a look finds what is left by an index, however many jobs there
are. A delivery that was given up stays, without a time at which it is due.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, String, bindparam, delete, insert, select, update

from . import delivery_rows
from .codec import to_text
from .database import Database
from .delivery_rows import PUT_OFF, THIS, Candidate, Claimed
from .statements import Statement
from .tables import consumers, deliveries, jobs

_HAS_ENDED: Final = (jobs.c.ended_at.is_not(None), jobs.c.place.is_not(None))
_GET_CONSUMER: Final = Statement(
    select(consumers.c.consumer).where(consumers.c.consumer == bindparam("consumer"))
)
_ADD_CONSUMER: Final = Statement(insert(consumers))
_COLUMNS: Final = ["consumer", "job_no", "due_at"]
_ADD_PAST: Final = Statement(
    insert(deliveries).from_select(
        _COLUMNS,
        select(bindparam("for_consumer", type_=String), jobs.c.job_no, jobs.c.ended_at).where(
            *_HAS_ENDED
        ),
    )
)
_RELEASE: Final = Statement(
    update(deliveries)
    .where(*THIS, deliveries.c.claimed_by == bindparam("token"))
    .values(claimed_by=None)
)
_RELEASE_ALL: Final = Statement(
    update(deliveries).where(deliveries.c.claimed_by == bindparam("token")).values(claimed_by=None)
)
_BEAT: Final = Statement(
    update(deliveries)
    .where(deliveries.c.claimed_by == bindparam("token"))
    .values(claimed_at=bindparam("at"))
)
_ACKNOWLEDGE: Final = Statement(delete(deliveries).where(*THIS))


class Deliveries:
    """
    The events of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def register(self, consumer: str, at: datetime) -> None:
        """Register a consumer that is new, with a delivery for each job that has ended."""

        def is_known(connection: Connection) -> bool:
            return _GET_CONSUMER.first(connection, {"consumer": consumer}) is not None

        def work(connection: Connection) -> None:
            if not is_known(connection):
                _ADD_CONSUMER.run(connection, {"consumer": consumer, "since": to_text(at)})
                _ADD_PAST.run(connection, {"for_consumer": consumer})

        # Read first: to write is dearer, and waits for whoever else writes.
        if not await self._db.read(is_known):
            await self._db.write(work)

    async def look(
        self,
        consumer: str,
        at: datetime,
        job_ids: Collection[str] | None = None,
        *,
        retries: bool = False,
    ) -> list[Candidate]:
        """
        Return the deliveries that are claimed, and of the others the one that is due first.

        Args:
            consumer: Whose they are.
            at: The time.
            job_ids: The jobs that are asked about; `None` for all.
            retries: Whether to return those that were put off before, whatever their jobs.
        """

        def work(connection: Connection) -> list[Candidate]:
            return delivery_rows.look(connection, consumer, at, job_ids, retries=retries)

        return await self._db.read(work)

    async def claim(
        self, consumer: str, candidate: Candidate, token: str, at: datetime
    ) -> Claimed | None:
        """
        Claim a delivery for a process.

        Returns:
            `None` if it changed since it was looked at, or its job can't be read: then it is put
            off.
        """

        def work(connection: Connection) -> Claimed | None:
            return delivery_rows.claim(connection, consumer, candidate, token, at)

        return await self._db.write(work, lanes=())

    async def acknowledge(self, consumer: str, job_no: int) -> None:
        """Delete a delivery: it was handled, by whomever."""
        await self._change(_ACKNOWLEDGE, consumer, job_no)

    async def release(self, consumer: str, job_no: int, token: str) -> None:
        """Give a delivery that a process has claimed back, unhandled."""
        await self._change(_RELEASE, consumer, job_no, token=token)

    async def release_all(self, token: str) -> None:
        """Give all that a process has claimed back, unhandled."""
        mine = {"token": token}
        await self._db.write(lambda connection: _RELEASE_ALL.run(connection, mine), lanes=())

    async def beat(self, token: str, at: datetime) -> None:
        """Give a sign of life for all that a process has claimed."""
        sign = {"token": token, "at": to_text(at)}
        await self._db.write(lambda connection: _BEAT.run(connection, sign), lanes=())

    async def put_off(self, consumer: str, job_no: int, token: str, until: datetime) -> None:
        """Give a delivery back until a time, unless somebody else has claimed it meanwhile."""
        facts = {"token": token, "until": to_text(until), "failed": None}
        await self._change(PUT_OFF, consumer, job_no, **facts)

    async def give_up(self, consumer: str, job_no: int, token: str, at: datetime) -> None:
        """Keep a delivery as failed, for nobody, unless somebody else has claimed it meanwhile."""
        facts = {"token": token, "until": None, "failed": to_text(at)}
        await self._change(PUT_OFF, consumer, job_no, **facts)

    async def _change(self, statement: Statement, consumer: str, job_no: int, **facts: Any) -> None:
        values = {"this_consumer": consumer, "this_job": job_no, **facts}
        await self._db.write(lambda connection: statement.run(connection, values), lanes=())
