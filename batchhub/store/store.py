"""The store: every question the hub and the loop ask of the database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from sqlalchemy import Select, and_, exists, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from batchhub.adapter import WireItem
from batchhub.errors import KeyConflictError, NotKnownError
from batchhub.models import BatchState, BatchStatus, Contact, Counts, ItemResult, ItemState

from .codec import job_row, read_job, read_state, read_ticket, result_row, ticket_row, to_text
from .database import Database, open_database
from .records import JobRecord, ResultRow, TicketPlan, TicketRecord, make_status
from .tables import items, jobs, results, tickets

StoredJob = tuple[JobRecord, BatchStatus]
"""A job as it is kept, and as users see it."""

PAGE: Final = 500
"""How many rows of items or results are in memory at once."""


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

        async def work(connection: AsyncConnection) -> int:
            version = (await connection.exec_driver_sql("PRAGMA data_version")).scalar_one()
            return int(version)

        return await self._db.read(work)

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

        async def work(connection: AsyncConnection) -> tuple[JobRecord, bool]:
            if job.key is not None and (old := await _find_by_key(connection, job)) is not None:
                return old, False
            new = await _insert_job(connection, job, plans)
            position = 1
            for chunk in wire_items:
                await _insert_items(connection, new.job_no, position, chunk)
                position += len(chunk)
            return new, True

        return await self._db.write(work)

    async def get_job(self, job_id: str) -> StoredJob:
        """
        Return a job and what is known of it.

        Raises:
            NotKnownError: The store has no such job.
        """

        async def work(connection: AsyncConnection) -> StoredJob:
            job = await _get_job(connection, job_id)
            return job, make_status(job, await _tickets_of(connection, job.job_no))

        return await self._db.read(work)

    async def find_jobs(
        self, *, account: str | None = None, state: BatchState | None = None
    ) -> list[StoredJob]:
        """Return the jobs of an account, in a state; oldest first."""

        async def work(connection: AsyncConnection) -> list[StoredJob]:
            query = select(jobs).order_by(jobs.c.job_no)
            if account is not None:
                query = query.where(jobs.c.account == account)
            if state is not None:
                ended = jobs.c.ended_at.is_not(None)
                query = query.where(ended if state.is_terminal else ~ended)
            found = [read_job(row) for row in (await connection.execute(query)).mappings()]
            views = [(j, make_status(j, await _tickets_of(connection, j.job_no))) for j in found]
            return [view for view in views if state is None or view[1].state is state]

        return await self._db.read(work)

    async def find_open(
        self, lane: str, *, after: int = 0
    ) -> list[tuple[JobRecord, list[TicketRecord]]]:
        """Return the unfinished jobs of a lane with their tickets, those after a job number."""

        async def work(
            connection: AsyncConnection,
        ) -> list[tuple[JobRecord, list[TicketRecord]]]:
            query = _open_jobs(lane).where(jobs.c.job_no > after)
            found = [read_job(row) for row in (await connection.execute(query)).mappings()]
            return [(job, await _tickets_of(connection, job.job_no)) for job in found]

        return await self._db.read(work)

    async def find_cancelled(self, lane: str) -> dict[int, datetime]:
        """Return when the unfinished jobs of a lane were asked to stop, by job number."""

        async def work(connection: AsyncConnection) -> dict[int, datetime]:
            query = _open_jobs(lane).where(jobs.c.cancelled_at.is_not(None))
            found = [read_job(row) for row in (await connection.execute(query)).mappings()]
            return {job.job_no: job.cancelled_at for job in found if job.cancelled_at is not None}

        return await self._db.read(work)

    async def save_cancel(self, job_id: str, at: datetime) -> None:
        """Keep that a job is to be cancelled; whoever drives it acts on it."""

        async def work(connection: AsyncConnection) -> None:
            wanted = and_(jobs.c.job_id == job_id, jobs.c.cancelled_at.is_(None))
            await connection.execute(
                update(jobs).where(wanted).values(cancelled_at=to_text(at), updated_at=to_text(at))
            )

        await self._db.write(work)

    async def save_contact(
        self, job_nos: Collection[int], contact: Contact, note: str | None
    ) -> None:
        """Keep how well the vendor of some jobs is heard."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                update(jobs)
                .where(jobs.c.job_no.in_(job_nos))
                .values(contact=contact.value, contact_note=note)
            )

        await self._db.write(work)

    # Tickets.

    async def save_ticket(self, job: JobRecord, ticket: TicketRecord) -> None:
        """Keep a ticket as it is now, and its job."""

        async def work(connection: AsyncConnection) -> None:
            await _save_ticket(connection, ticket)
            await _save_job(connection, job)

        await self._db.write(work)

    async def end_ticket(
        self,
        job: JobRecord,
        ticket: TicketRecord,
        rows: Sequence[ResultRow],
        rest: ItemState,
        rest_message: str | None = None,
        *,
        at: datetime,
    ) -> tuple[TicketRecord, JobRecord]:
        """
        Store the results of a ticket together with its terminal state.

        Items without a row come out as `rest`, so that each has exactly one result.
        A ticket that has ended already is left as it is. With its last ticket a job ends.

        Returns:
            The ticket with its counts, and the job.
        """

        async def work(connection: AsyncConnection) -> tuple[TicketRecord, JobRecord]:
            old = await _get_ticket(connection, ticket)
            if old.state.is_terminal:
                return old, await _get_job(connection, job.job_id)
            values = [result_row(ticket.job_no, row) for row in rows]
            if values:
                await connection.execute(insert(results), values)
            await connection.execute(_fill_rest(ticket, rest, rest_message))
            ended = ticket.with_counts(await _count_results(connection, ticket))
            await _save_ticket(connection, ended)
            await _save_job(connection, job)
            await connection.execute(_end_job(ticket.job_no, at))
            return ended, await _get_job(connection, job.job_id)

        return await self._db.write(work)

    async def get_items(self, ticket: TicketRecord) -> list[WireItem]:
        """Return the items of a ticket, in order."""

        async def work(connection: AsyncConnection) -> list[WireItem]:
            query = (
                select(items.c.item_id, items.c.wire)
                .where(_range(items, ticket))
                .order_by(items.c.position)
            )
            rows = (await connection.execute(query)).tuples()
            return [WireItem(id=item_id, wire=wire) for item_id, wire in rows]

        return await self._db.read(work)

    # Results.

    async def results(
        self, job_id: str, only: Collection[ItemState] | None = None
    ) -> AsyncIterator[ItemResult]:
        """Yield the results a job has so far, in the order of its items, a page in memory."""
        job, _ = await self.get_job(job_id)
        after = 0
        while True:
            page = await self._db.read(_results_page(job.job_no, after, only))
            for position, result in page:
                yield result
                after = position
            if len(page) < PAGE:
                return

    async def find_retry(self, job_id: str) -> str | None:
        """Return the id of the newest job that repeats items of a job; `None` if there is none."""

        async def work(connection: AsyncConnection) -> str | None:
            query = (
                select(jobs.c.job_id)
                .where(jobs.c.retry_of == job_id)
                .order_by(jobs.c.job_no.desc())
                .limit(1)
            )
            return (await connection.execute(query)).scalar()

        return await self._db.read(work)

    async def retry_items(
        self, job_id: str, states: Collection[ItemState]
    ) -> AsyncIterator[WireItem]:
        """Yield the items of a job that came out as one of `states` and were not repeated yet."""
        job, _ = await self.get_job(job_id)
        after = 0
        while True:
            page = await self._db.read(_retry_page(job.job_no, after, states))
            for position, item in page:
                yield item
                after = position
            if len(page) < PAGE:
                return

    async def add_retry(
        self,
        job: JobRecord,
        plans: Sequence[TicketPlan],
        wire_items: Iterable[list[WireItem]],
        states: Collection[ItemState],
    ) -> JobRecord:
        """Store a job that repeats the items of `job.retry_of`, and mark them as repeated."""

        async def work(connection: AsyncConnection) -> JobRecord:
            old = await _get_job(connection, job.retry_of or "")
            wanted = _to_retry(old.job_no, states)
            count = select(func.count()).select_from(results).where(wanted)
            if (await connection.execute(count)).scalar() != sum(plan.total for plan in plans):
                # Somebody else was faster: what they made is the retry.
                return await _newest_retry(connection, old.job_id)
            await connection.execute(update(results).where(wanted).values(retried_in=job.job_id))
            new = await _insert_job(connection, job, plans)
            position = 1
            for chunk in wire_items:
                await _insert_items(connection, new.job_no, position, chunk)
                position += len(chunk)
            return new

        return await self._db.write(work)


async def _find_by_key(connection: AsyncConnection, job: JobRecord) -> JobRecord | None:
    query = select(jobs).where(jobs.c.lane == job.lane, jobs.c.key == job.key)
    row = (await connection.execute(query)).mappings().first()
    if row is None:
        return None
    old = read_job(row)
    if old.fingerprint != job.fingerprint:
        raise KeyConflictError(
            f"key {job.key!r} belongs to job {old.job_id}, which has other items, options or "
            "another operation; use another key, or hand over the same again",
            job_id=old.job_id,
        )
    return old


async def _insert_job(
    connection: AsyncConnection, job: JobRecord, plans: Sequence[TicketPlan]
) -> JobRecord:
    row = job_row(job)
    del row["job_no"]
    job_no = (await connection.execute(insert(jobs).returning(jobs.c.job_no), row)).scalar_one()
    rows = [
        ticket_row(
            TicketRecord(
                job_no=job_no,
                position=position,
                first_item=plan.first_item,
                total=plan.total,
                waits_for_previous=job.stop_on_first_failure and position > 1,
            )
        )
        for position, plan in enumerate(plans, 1)
    ]
    await connection.execute(insert(tickets), rows)
    return evolve(job, job_no=job_no)


async def _insert_items(
    connection: AsyncConnection, job_no: int, position: int, chunk: Sequence[WireItem]
) -> None:
    rows = [
        {"job_no": job_no, "position": position + n, "item_id": item.id, "wire": item.wire}
        for n, item in enumerate(chunk)
    ]
    await connection.execute(insert(items), rows)


async def _get_job(connection: AsyncConnection, job_id: str) -> JobRecord:
    row = (await connection.execute(select(jobs).where(jobs.c.job_id == job_id))).mappings().first()
    if row is None:
        raise NotKnownError("job", job_id, hint="`batchhub list` shows the jobs of a store")
    return read_job(row)


async def _newest_retry(connection: AsyncConnection, job_id: str) -> JobRecord:
    query = select(jobs).where(jobs.c.retry_of == job_id).order_by(jobs.c.job_no.desc())
    return read_job((await connection.execute(query)).mappings().first())  # type: ignore[arg-type]


async def _tickets_of(connection: AsyncConnection, job_no: int) -> list[TicketRecord]:
    query = select(tickets).where(tickets.c.job_no == job_no).order_by(tickets.c.position)
    return [read_ticket(row) for row in (await connection.execute(query)).mappings()]


async def _get_ticket(connection: AsyncConnection, ticket: TicketRecord) -> TicketRecord:
    query = select(tickets).where(_same(ticket))
    return read_ticket((await connection.execute(query)).mappings().one())


async def _save_ticket(connection: AsyncConnection, ticket: TicketRecord) -> None:
    await connection.execute(update(tickets).where(_same(ticket)).values(ticket_row(ticket)))


async def _save_job(connection: AsyncConnection, job: JobRecord) -> None:
    row = job_row(job)
    del row["cancelled_at"]
    await connection.execute(update(jobs).where(jobs.c.job_no == job.job_no).values(row))


async def _count_results(connection: AsyncConnection, ticket: TicketRecord) -> Counts:
    query = (
        select(results.c.state, func.count())
        .where(_range(results, ticket))
        .group_by(results.c.state)
    )
    counted: dict[str, int] = dict((await connection.execute(query)).tuples().all())
    return Counts(**{str(state): number for state, number in counted.items()})


def _open_jobs(lane: str) -> Select[Any]:
    return (
        select(jobs).where(jobs.c.lane == lane, jobs.c.ended_at.is_(None)).order_by(jobs.c.job_no)
    )


def _end_job(job_no: int, at: datetime) -> Any:
    terminal = [state.value for state in BatchState if state.is_terminal]
    open_tickets = exists().where(tickets.c.job_no == job_no, tickets.c.state.not_in(terminal))
    return (
        update(jobs)
        .where(jobs.c.job_no == job_no, jobs.c.ended_at.is_(None), ~open_tickets)
        .values(ended_at=to_text(at))
    )


def _same(ticket: TicketRecord) -> Any:
    return and_(tickets.c.job_no == ticket.job_no, tickets.c.position == ticket.position)


def _range(table: Any, ticket: TicketRecord) -> Any:
    last = ticket.first_item + ticket.total - 1
    return and_(table.c.job_no == ticket.job_no, table.c.position.between(ticket.first_item, last))


def _fill_rest(ticket: TicketRecord, rest: ItemState, message: str | None) -> Any:
    done = select(results.c.position).where(_range(results, ticket))
    ref = ticket.vendor_refs[0] if len(ticket.vendor_refs) == 1 else None
    missing = select(
        items.c.job_no, items.c.position, literal(rest.value), literal(message), literal(ref)
    ).where(_range(items, ticket), items.c.position.not_in(done))
    columns = ["job_no", "position", "state", "message", "vendor_ref"]
    return insert(results).from_select(columns, missing)


def _results_page(job_no: int, after: int, only: Collection[ItemState] | None) -> Any:
    query = (
        select(results, items.c.item_id)
        .join_from(
            results,
            items,
            and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position),
        )
        .where(results.c.job_no == job_no, results.c.position > after)
        .order_by(results.c.position)
        .limit(PAGE)
    )
    if only is not None:
        query = query.where(results.c.state.in_([state.value for state in only]))

    async def work(connection: AsyncConnection) -> list[tuple[int, ItemResult]]:
        return [
            (
                row["position"],
                ItemResult(
                    id=row["item_id"],
                    state=read_state(row["state"]),
                    code=row["code"],
                    message=row["message"],
                    vendor_ref=row["vendor_ref"],
                    raw=row["raw"],
                ),
            )
            for row in (await connection.execute(query)).mappings()
        ]

    return work


def _to_retry(job_no: int, states: Collection[ItemState]) -> Any:
    return and_(
        results.c.job_no == job_no,
        results.c.state.in_([state.value for state in states]),
        results.c.retried_in.is_(None),
    )


def _retry_page(job_no: int, after: int, states: Collection[ItemState]) -> Any:
    query = (
        select(items.c.position, items.c.item_id, items.c.wire)
        .join_from(
            results,
            items,
            and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position),
        )
        .where(_to_retry(job_no, states), results.c.position > after)
        .order_by(results.c.position)
        .limit(PAGE)
    )

    async def work(connection: AsyncConnection) -> list[tuple[int, WireItem]]:
        rows = (await connection.execute(query)).tuples()
        return [(position, WireItem(id=item_id, wire=wire)) for position, item_id, wire in rows]

    return work
