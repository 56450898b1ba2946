"""The store: every question the hub and the loop ask of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from attrs import evolve
from sqlalchemy import Connection, and_, func, insert, select, update

from batchhub._adapter.exchange import WireItem
from batchhub.errors import StoreError
from batchhub.models import BatchState, BatchStatus, Contact, ItemResult, ItemState

from . import queries
from .codec import read_job, result_row, to_text, to_words
from .database import Database, open_database
from .records import JobRecord, TicketPlan, TicketRecord, make_status
from .tables import items, jobs, results

StoredJob = tuple[JobRecord, BatchStatus]
"""A job as it is kept, and as users see it."""


class Store:
    """
    Jobs, tickets, items and results, durable.

    Every method is one transaction and raises `StoreError` when the database
    can't be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    @classmethod
    async def open(cls, store: str | Path | None) -> Store:
        """Open a store by path or URL; `None` is one in memory (see `open_database`)."""
        return cls(await open_database(store))

    @property
    def path(self) -> Path | None:
        """The file the store is in; `None` for one in memory."""
        return self._db.path

    async def foreign_version(self) -> int:
        """Return a number that changes when another process writes to the store."""
        return await self._db.foreign_version()

    @property
    def name(self) -> str:
        """What to call the store in messages."""
        return self._db.name

    async def aclose(self) -> None:
        """Finish what has begun and close."""
        await self._db.aclose()

    # Jobs.

    async def add_job(
        self, job: JobRecord, plans: Sequence[TicketPlan], wire_items: Iterable[list[WireItem]]
    ) -> tuple[JobRecord, bool]:
        """
        Store a job with its tickets and items in one transaction.

        Args:
            job: The job; its `job_no` is given by the store.
            plans: Its tickets, in order.
            wire_items: Its items, in order, in chunks.

        Returns:
            The job, and whether it is new: a job that has the same key, operation, options and
            items is returned as it is.

        Raises:
            KeyConflictError: The key belongs to a job with other items or options.
        """

        def work(connection: Connection) -> tuple[JobRecord, bool]:
            if job.key is not None:
                find = queries.find_by_key(connection, job.lane, job.key, job.fingerprint)
                if (old := find) is not None:
                    return old, False
            new = queries.insert_job(connection, job, plans)
            position = 1
            for chunk in wire_items:
                queries.insert_items(connection, new.job_no, position, chunk)
                position += len(chunk)
            return new, True

        return await self._db.write(work)

    async def find_by_key(self, lane: str, key: str, fingerprint: str) -> JobRecord | None:
        """
        Return the job that has a key in a lane; `None` if none has.

        Raises:
            KeyConflictError: The job has another fingerprint.
        """

        def work(connection: Connection) -> JobRecord | None:
            return queries.find_by_key(connection, lane, key, fingerprint)

        return await self._db.read(work)

    async def get_job(self, job_id: str) -> StoredJob:
        """
        Return a job and what is known of it.

        Raises:
            NotKnownError: The store has no such job.
        """

        def work(connection: Connection) -> StoredJob:
            job = queries.get_job(connection, job_id)
            return job, make_status(job, queries.tickets_of(connection, job.job_no))

        return await self._db.read(work)

    async def find_jobs(
        self,
        *,
        account: str | None = None,
        states: Collection[BatchState] | None = None,
        since: datetime | None = None,
    ) -> list[StoredJob]:
        """Return the jobs of an account, in certain states, made since a time; oldest first."""
        wanted = queries.select_jobs(account=account, states=states, since=since)

        def work(connection: Connection) -> list[StoredJob]:
            found = [
                (job, make_status(job, tickets))
                for job, tickets in queries.with_tickets(connection, wanted)
            ]
            return [one for one in found if states is None or one[1].state in states]

        return await self._db.read(work)

    async def find_open(
        self, lane: str, *, after: int = 0
    ) -> list[tuple[JobRecord, list[TicketRecord]]]:
        """Return the unfinished jobs of a lane with their tickets, those after a job number."""

        def work(
            connection: Connection,
        ) -> list[tuple[JobRecord, list[TicketRecord]]]:
            query = queries.open_jobs(lane).where(jobs.c.job_no > after)
            return queries.with_tickets(connection, query)

        return await self._db.read(work)

    async def find_cancelled(self, lane: str) -> dict[int, datetime]:
        """Return when the unfinished jobs of a lane were asked to stop, by job number."""

        def work(connection: Connection) -> dict[int, datetime]:
            query = queries.open_jobs(lane).where(jobs.c.cancelled_at.is_not(None))
            found = [read_job(row) for row in connection.execute(query).mappings()]
            return {job.job_no: job.cancelled_at for job in found if job.cancelled_at is not None}

        return await self._db.read(work)

    async def save_cancel(self, job_id: str, at: datetime) -> None:
        """Keep that a job is to be cancelled; whoever drives it acts on it."""

        def work(connection: Connection) -> None:
            wanted = and_(jobs.c.job_id == job_id, jobs.c.cancelled_at.is_(None))
            connection.execute(
                update(jobs).where(wanted).values(cancelled_at=to_text(at), updated_at=to_text(at))
            )

        await self._db.write(work)

    async def save_contact(
        self, job_nos: Collection[int], contact: Contact, note: str | None
    ) -> None:
        """Keep how well the vendor of some jobs is heard."""

        def work(connection: Connection) -> None:
            connection.execute(
                update(jobs)
                .where(jobs.c.job_no.in_(job_nos))
                .values(contact=contact.value, contact_note=to_words(note))
            )

        await self._db.write(work)

    # Tickets.

    async def save_tickets(
        self, changed: Iterable[tuple[JobRecord, Sequence[TicketRecord]]]
    ) -> None:
        """Keep jobs as they are now, and some tickets of each."""

        def work(connection: Connection) -> None:
            for job, tickets in changed:
                for ticket in tickets:
                    queries.save_ticket(connection, ticket)
                queries.save_job(connection, job)

        await self._db.write(work)

    async def accept_ticket(self, job: JobRecord, ticket: TicketRecord) -> TicketRecord:
        """
        Keep that the vendor took a ticket; return the ticket as it is in the store then.

        It is evidence, however late it comes: a ticket that has ended meanwhile stays ended, and
        gets the finding ``late_ticket``.
        """

        def work(connection: Connection) -> TicketRecord:
            return queries.accept_ticket(connection, job, ticket)

        return await self._db.write(work)

    async def get_tickets(self, job_no: int) -> list[TicketRecord]:
        """Return the tickets of a job, in order."""

        def work(connection: Connection) -> list[TicketRecord]:
            return queries.tickets_of(connection, job_no)

        return await self._db.read(work)

    async def end_ticket(
        self,
        job: JobRecord,
        ticket: TicketRecord,
        found: Sequence[ItemResult],
        rest: ItemState,
        rest_message: str | None = None,
        *,
        at: datetime,
    ) -> tuple[TicketRecord, JobRecord]:
        """
        Store the results of a ticket together with its terminal state.

        `found` holds results of the ticket's first items, in their order. Items after them come
        out as `rest`, so that each has exactly one result.
        A ticket that has ended already is left as it is. With its last ticket a job ends.

        Returns:
            The ticket with its counts, and the job.
        """

        def work(connection: Connection) -> tuple[TicketRecord, JobRecord]:
            old = queries.get_ticket(connection, ticket)
            if old.state.is_terminal:
                return old, queries.get_job(connection, job.job_id)
            values = [
                result_row(ticket.job_no, ticket.first_item + n, result)
                for n, result in enumerate(found)
            ]
            if values:
                connection.execute(insert(results), values)
            connection.execute(queries.fill_rest(ticket, rest, rest_message))
            ended = ticket.with_counts(queries.count_results(connection, ticket))
            if old.accepted_at is not None and ticket.accepted_at is None:
                # Given up by one who did not know yet that the vendor has it.
                ended = queries.with_late(
                    evolve(ended, accepted_at=old.accepted_at), old.vendor_refs
                )
            queries.save_ticket(connection, ended)
            queries.save_job(connection, job)
            connection.execute(queries.end_job(ticket.job_no, at))
            return ended, queries.get_job(connection, job.job_id)

        return await self._db.write(work)

    async def get_items(self, ticket: TicketRecord) -> list[WireItem]:
        """Return the items of a ticket, in order."""

        def work(connection: Connection) -> list[WireItem]:
            query = (
                select(items.c.item_id, items.c.wire)
                .where(queries.in_ticket(items, ticket))
                .order_by(items.c.position)
            )
            rows = connection.execute(query)
            return [WireItem(id=item_id, wire=wire) for item_id, wire in rows]

        return await self._db.read(work)

    # Events.

    async def claim_unacknowledged(
        self, at: datetime, job_ids: Collection[str] | None = None
    ) -> tuple[JobRecord, BatchStatus] | None:
        """
        Claim the event of the job that ended first of those that are unacknowledged.

        Args:
            at: The time.
            job_ids: The jobs that are asked about; `None` for all.

        Returns:
            The job as it was before: `JobRecord.claimed_at` is set if an earlier consumer claimed
            it and never acknowledged it. `None` if there is no such job.
        """

        def work(connection: Connection) -> tuple[JobRecord, BatchStatus] | None:
            found = connection.execute(queries.unacknowledged_jobs(job_ids))
            row = found.mappings().first()
            if row is None:
                return None
            job = read_job(row)
            connection.execute(
                update(jobs).where(jobs.c.job_no == job.job_no).values(claimed_at=to_text(at))
            )
            return job, make_status(job, queries.tickets_of(connection, job.job_no))

        return await self._db.write(work)

    async def has_unacknowledged(self, job_ids: Collection[str] | None = None) -> bool:
        """Whether a job has ended and its event is unacknowledged."""

        def work(connection: Connection) -> bool:
            found = connection.execute(queries.unacknowledged_jobs(job_ids))
            return found.first() is not None

        return await self._db.read(work)

    async def acknowledge(self, job_no: int, at: datetime) -> None:
        """Mark the event of a job's end as handled."""

        def work(connection: Connection) -> None:
            connection.execute(
                update(jobs).where(jobs.c.job_no == job_no).values(acknowledged_at=to_text(at))
            )

        await self._db.write(work)

    # Upkeep.

    async def prune(self, before: datetime) -> tuple[int, int]:
        """
        Forget the jobs that ended before a moment, a job a transaction.

        Returns:
            How many jobs and how many items were forgotten.
        """
        found, forgotten = await self._db.read(queries.old_jobs(before)), 0
        for job_no in found:
            forgotten += await self._db.write(queries.forget(job_no))
        return len(found), forgotten

    async def vacuum(self) -> None:
        """Give the room of what was forgotten back to the disk."""
        await self._db.vacuum()

    # Results.

    async def results(
        self,
        job_id: str,
        only: Collection[ItemState] | None = None,
        codes: Collection[int] | None = None,
    ) -> AsyncIterator[ItemResult]:
        """
        Yield the results a job has so far, in the order of its items, a page in memory.

        Args:
            job_id: The job.
            only: The states that are wanted; `None` for all.
            codes: The items' own HTTP statuses that are wanted; `None` for all.
        """
        job, _ = await self.get_job(job_id)
        after = 0
        while True:
            page = await self._db.read(queries.results_page(job.job_no, after, only, codes))
            for position, result in page:
                yield result
                after = position
            if len(page) < queries.PAGE:
                return

    async def find_retry(self, job_id: str, states: Collection[ItemState]) -> str | None:
        """Return the newest job that repeats such items of a job; `None` if there is none."""

        def work(connection: Connection) -> str | None:
            job = queries.get_job(connection, job_id)
            newest = queries.find_newest_retry(connection, job.job_no, states)
            return None if newest is None else newest.job_id

        return await self._db.read(work)

    async def retry_items(
        self, job_id: str, states: Collection[ItemState]
    ) -> AsyncIterator[WireItem]:
        """Yield the items of a job that came out as one of `states` and were not repeated yet."""
        job, _ = await self.get_job(job_id)
        after = 0
        while True:
            page = await self._db.read(queries.retry_page(job.job_no, after, states))
            for position, item in page:
                yield item
                after = position
            if len(page) < queries.PAGE:
                return

    async def add_retry(
        self,
        job: JobRecord,
        plans: Sequence[TicketPlan],
        wire_items: Iterable[list[WireItem]],
        states: Collection[ItemState],
    ) -> JobRecord:
        """Store a job that repeats the items of `job.retry_of`, and mark them as repeated."""

        def work(connection: Connection) -> JobRecord:
            old = queries.get_job(connection, job.retry_of or "")
            wanted = queries.to_retry(old.job_no, states)
            count = select(func.count()).select_from(results).where(wanted)
            if connection.execute(count).scalar() != sum(plan.total for plan in plans):
                # Somebody else was faster: what they made is the retry.
                newest = queries.find_newest_retry(connection, old.job_no, states)
                if newest is not None:
                    return newest
                raise StoreError(f"the items of job {old.job_id} changed meanwhile; try again")
            connection.execute(update(results).where(wanted).values(retried_in=job.job_id))
            new = queries.insert_job(connection, job, plans)
            position = 1
            for chunk in wire_items:
                queries.insert_items(connection, new.job_no, position, chunk)
                position += len(chunk)
            return new

        return await self._db.write(work)
