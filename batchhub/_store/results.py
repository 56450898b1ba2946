"""Results in the store: those of a job, and the items that may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection

from sqlalchemy import Connection

from batchhub._adapter.exchange import WireItem
from batchhub.models import ItemResult, ItemState

from . import job_rows, result_rows
from .damage import DamagedError
from .database import Database


class Results:
    """
    The results of a store.

    Every method raises `StoreError` when the database can't be read.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def of_job(
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
        job_no, after = 0, 0

        def work(connection: Connection) -> tuple[int, list[tuple[int, ItemResult]]]:
            of = job_no or job_rows.get_job(connection, job_id).job_no
            return of, result_rows.results_page(connection, of, after, only, codes)

        while True:
            try:
                job_no, page = await self._db.read(work)
            except DamagedError as error:
                raise error.of(job_id) from None
            for position, result in page:
                yield result
                after = position
            if len(page) < result_rows.PAGE:
                return

    async def find_retry(self, job_id: str, states: Collection[ItemState]) -> str | None:
        """Return the newest job that repeats such items of a job; `None` if there is none."""

        def work(connection: Connection) -> str | None:
            job = job_rows.get_job(connection, job_id)
            newest = result_rows.find_newest_retry(connection, job.job_no, states)
            return None if newest is None else newest.job_id

        return await self._db.read(work)

    async def retry_items(
        self, job_id: str, states: Collection[ItemState]
    ) -> AsyncIterator[tuple[int, WireItem, bytes | None]]:
        """
        Yield the items of a job that came out as one of `states` and were not repeated yet.

        Each comes with its position, and the hash of its target; `None` if nobody knows that.
        """
        job = await self._db.read(lambda connection: job_rows.get_job(connection, job_id))
        after = 0
        while True:
            page = await self._db.read(result_rows.retry_page(job.job_no, after, states))
            for position, item, target in page:
                yield position, item, target
                after = position
            if len(page) < result_rows.PAGE:
                return
