"""What the screens of the page ask of the store: figures and pages, never all rows of anything."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from batchhub.models import ItemState

from .damage import DamagedError
from .database import Database
from .job_rows import StoredJob, get_row, get_stored
from .page_items import Searched, ShownItem, Spot, items_page, newest_job, search_items
from .page_jobs import JobFilter, count_failing, jobs_page
from .page_lanes import LaneFigures, account_names, lane_figures
from .page_tickets import tickets_page
from .records import TicketRecord


class Pages:
    """
    What the screens show of a store.

    Every method is one transaction and raises `StoreError` when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def lanes(self) -> list[LaneFigures]:
        """Return the lanes that have jobs, and what each has open, by name."""
        return await self._db.read(lane_figures)

    async def accounts(self) -> list[str]:
        """Return the names of the accounts that have jobs, in order."""
        return await self._db.read(account_names)

    async def jobs(
        self, wanted: JobFilter, *, before: int | None = None, most: int
    ) -> list[StoredJob | DamagedError]:
        """Return jobs, newest first; see `jobs_page`."""
        read = partial(jobs_page, wanted=wanted, before=before, most=most)
        return await self._db.read(read)

    async def failing(self, *, since: datetime, most: int) -> int:
        """Return how many jobs ended since then with open failures, `most` at most."""
        return await self._db.read(partial(count_failing, since=since, most=most))

    async def job(self, job_id: str) -> StoredJob:
        """
        Return a job without its tickets.

        Raises:
            NotKnownError: The store has no such job.
        """

        def work(connection: Connection) -> StoredJob:
            return get_stored(connection, get_row(connection, job_id), with_tickets=False)

        return await self._db.read(work)

    async def tickets(
        self, job_no: int, *, after: int = 0, most: int, kind: str = "all"
    ) -> list[TicketRecord | DamagedError]:
        """Return tickets of a job behind a position; see `tickets_page`."""
        read = partial(tickets_page, job_no=job_no, after=after, most=most, kind=kind)
        return await self._db.read(read)

    async def items(
        self,
        job_no: int,
        *,
        after: int = 0,
        most: int,
        states: Collection[ItemState] | None = None,
    ) -> list[ShownItem]:
        """Return items of a job behind a position; see `items_page`."""
        read = partial(items_page, job_no=job_no, after=after, most=most, states=states)
        return await self._db.read(read)

    async def search(self, text: str, target: bytes, spot: Spot | None, most: int) -> Searched:
        """Look for items in one part of the store, from its newest job on if there is no spot."""

        def work(connection: Connection) -> Searched:
            start = newest_job(connection) if spot is None else spot
            if start is None:
                return Searched(hits=(), jobs=0, items=0, next=None)
            return search_items(connection, text, target, start, most)

        return await self._db.read(work)
