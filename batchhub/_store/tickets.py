"""Tickets in the store: before a request, after it, and at their end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from batchhub._adapter.exchange import WireItem
from batchhub.models import ItemResult, ItemState

from . import (
    adopting,
    attempts,
    bodies,
    figures,
    lane_rows,
    result_rows,
    ticket_changes,
    ticket_rows,
)
from .adopting import Adopted, RefOwner
from .attempts import Fenced
from .database import Database
from .lane_records import Hold, Traffic
from .records import JobRecord, TicketRecord


class Tickets:
    """
    The tickets of a store, and the items in them.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def get(self, ticket: TicketRecord) -> TicketRecord:
        """Return a ticket as it is stored now."""

        def work(connection: Connection) -> TicketRecord:
            return ticket_rows.get_ticket(connection, ticket)

        return await self._db.read(work)

    async def of_job(
        self, job_no: int, positions: Sequence[int] | None = None
    ) -> list[TicketRecord]:
        """Return the tickets of a job, or those at some positions, in order."""

        def work(connection: Connection) -> list[TicketRecord]:
            if positions is None:
                return ticket_rows.tickets_of(connection, job_no)
            return ticket_rows.some_tickets(connection, job_no, positions)

        return await self._db.read(work)

    async def get_items(self, ticket: TicketRecord) -> list[WireItem]:
        """Return the items of a ticket, in order."""

        def work(connection: Connection) -> list[WireItem]:
            return result_rows.get_items(connection, ticket)

        return await self._db.read(work)

    async def begin_attempt(
        self,
        ticket: TicketRecord,
        old_attempt: str | None,
        *,
        hold: Hold,
        traffic: Traffic,
        at: datetime,
        read_s: Callable[[], float],
    ) -> Fenced:
        """
        Keep that a ticket is about to be sent, if its lane is held; see `attempts.begin_attempt`.

        Raises:
            StoreMovedError: The store's file was replaced or deleted.
        """

        def work(connection: Connection) -> Fenced:
            self._db.check_file()
            return attempts.begin_attempt(
                connection,
                ticket,
                old_attempt,
                hold=hold,
                traffic=traffic,
                at=at,
                read_s=read_s,
            )

        return await self._db.write(work, lanes=[hold.lane])

    async def keep_steps(self, ticket: TicketRecord, hold: Hold) -> bool:
        """Keep what a submit keeps between two requests; return whether it still may."""

        def work(connection: Connection) -> bool:
            self._db.check_file()
            return attempts.keep_steps(connection, ticket, hold)

        return await self._db.write(work, lanes=[hold.lane])

    async def note_body(
        self, job: JobRecord, ticket: TicketRecord, body: bytes
    ) -> list[TicketRecord]:
        """Note the hash of what a ticket sends; return others of its lane that sent the same."""

        def work(connection: Connection) -> list[TicketRecord]:
            return bodies.note_body(connection, job, ticket, body)

        return await self._db.write(work, lanes=[job.lane])

    async def save(
        self,
        changed: Iterable[tuple[JobRecord, Sequence[TicketRecord]]],
        hold: Hold | None = None,
    ) -> bool:
        """
        Keep jobs as they are now, and some tickets of each, if their lane is held.

        Returns:
            Whether it was; without it nothing is written.
        """
        changed = list(changed)

        def work(connection: Connection) -> bool:
            if hold is not None and not lane_rows.is_held(connection, hold):
                return False
            for job, tickets in changed:
                ticket_changes.change_tickets(connection, job, tickets)
            return True

        return await self._db.write(work, lanes={job.lane for job, _ in changed})

    async def save_figures(
        self,
        changed: Sequence[tuple[JobRecord, Sequence[TicketRecord]]],
        token: str | None = None,
    ) -> None:
        """
        Keep what vendors say of work under way: progress, and their own words and fields.

        A ticket whose state, attempt or progress is newer in the store stays as it is.

        Args:
            changed: Jobs as they are now, each with some of its tickets.
            token: Who drives their lanes; those of a lane that another process has stay as they
                are. `None` for anybody.
        """

        lanes = {job.lane for job, _ in changed}

        def work(connection: Connection) -> None:
            owned = lanes if token is None else lane_rows.owned_among(connection, token, lanes)
            figures.save_figures(connection, [one for one in changed if one[0].lane in owned])

        await self._db.write(work, lanes=lanes)

    async def accept(
        self, job: JobRecord, ticket: TicketRecord, hold: Hold | None = None
    ) -> TicketRecord:
        """
        Keep that the vendor took a ticket; return the ticket as it is in the store then.

        It is evidence, however late it comes: a ticket that has ended meanwhile stays ended, and
        gets the finding ``late_ticket``.
        """

        def work(connection: Connection) -> TicketRecord:
            is_held = hold is None or lane_rows.is_held(connection, hold)
            kept = ticket_changes.accept_ticket(connection, job if is_held else None, ticket)
            if not is_held:
                # Whoever has the lane may have left it, since nothing more could be asked.
                lane_rows.take_place(connection, job.lane)
            return kept

        return await self._db.write(work, lanes=[job.lane])

    async def find_ref_owner(
        self, lane: str, refs: tuple[str, ...], ticket: TicketRecord
    ) -> RefOwner | None:
        """Return another ticket of a lane that has one of some ids; `None` if none has."""

        def work(connection: Connection) -> RefOwner | None:
            return adopting.find_ref_owner(connection, lane, refs, ticket)

        return await self._db.read(work)

    async def adopt(
        self,
        job: JobRecord,
        ticket: TicketRecord,
        hold: Hold,
        *,
        wish_no: int | None = None,
        at: datetime,
    ) -> Adopted:
        """Keep that the vendor has a ticket, under ids that a user named; see `adopt_ticket`."""

        def work(connection: Connection) -> Adopted:
            self._db.check_file()
            return adopting.adopt_ticket(connection, job, ticket, hold, wish_no=wish_no, at=at)

        return await self._db.write(work, lanes=[hold.lane])

    async def end(
        self,
        job: JobRecord,
        ticket: TicketRecord,
        found: Sequence[ItemResult],
        rest: ItemState,
        rest_message: str | None = None,
        *,
        at: datetime,
        hold: Hold | None = None,
    ) -> tuple[TicketRecord, JobRecord]:
        """
        Store the results of a ticket together with its terminal state.

        `found` holds results of the ticket's first items, in their order. Items after them come
        out as `rest`, so that each has exactly one result.
        A ticket that has ended already, or was sent anew meanwhile, is left as it is; so is one
        the vendor has not, if its lane is not held. With its last ticket a job ends.

        Returns:
            The ticket with its counts, and the job.
        """

        def work(connection: Connection) -> tuple[TicketRecord, JobRecord]:
            is_held = hold is None or lane_rows.is_held(connection, hold)
            return ticket_changes.end_ticket(
                connection,
                job,
                ticket,
                found,
                rest,
                rest_message=rest_message,
                at=at,
                is_held=is_held,
            )

        return await self._db.write(work, lanes=[job.lane])
