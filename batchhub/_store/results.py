"""Results in the store: those of a job, and the items that may be repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial

from sqlalchemy import Connection

from batchhub._adapter.exchange import WireItem
from batchhub.models import FailureGroup, ItemResult, ItemState

from . import job_rows, result_rows, retry_rows
from .damage import DamagedError
from .database import Database
from .failure_groups import group_failures
from .last_words import LastWords
from .retry_rows import Selection


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

    async def last_words(
        self,
        job_id: str,
        only: Collection[ItemState] | None = None,
        codes: Collection[int] | None = None,
    ) -> AsyncIterator[ItemResult]:
        """
        Yield the last word on each item of a job: of the newest retry that has a result for it.

        Those without a result are left out. A page is in memory, as many rows of each retry.

        Args:
            job_id: The job.
            only: The states that are wanted; `None` for all.
            codes: The items' own HTTP statuses that are wanted; `None` for all.
        """

        def begin(connection: Connection) -> tuple[int, int]:
            job_no = job_rows.get_job(connection, job_id).job_no
            return job_no, job_rows.get_summary(connection, job_no).tally.total

        job_no, total = await self._db.read(begin)
        words = LastWords(job_no, with_retries=True)
        for first in range(1, total + 1, result_rows.PAGE):
            read = partial(words.read, first=first, last=first + result_rows.PAGE - 1)
            try:
                page = await self._db.read(read)
            except DamagedError as error:
                raise error.of(job_id) from None
            for position in sorted(page):
                result = page[position]
                is_wanted = only is None or result.state in only
                if is_wanted and (codes is None or result.code in codes):
                    yield result

    async def failures(self, job_id: str) -> list[FailureGroup]:
        """Return why items of a job did not succeed, the most frequent reason first."""
        return await group_failures(self._db, job_id)

    async def find_retry(self, job_id: str, selection: Selection) -> str | None:
        """Return the newest job that repeats some of these items; `None` if there is none."""

        def work(connection: Connection) -> str | None:
            job = job_rows.get_job(connection, job_id)
            newest = retry_rows.find_newest_retry(connection, job.job_no, selection)
            return None if newest is None else newest.job_id

        return await self._db.read(work)

    async def find_retry_ids(self, job_id: str) -> Sequence[str]:
        """Return the ids of all jobs that repeat items of a job, oldest first."""
        return await self._db.read(lambda connection: retry_rows.find_retry_ids(connection, job_id))

    async def retry_items(
        self, job_id: str, selection: Selection
    ) -> AsyncIterator[tuple[int, WireItem, bytes | None]]:
        """
        Yield the items of a job that are meant and were not repeated yet.

        Each comes with its position, and the hash of its target; `None` if nobody knows that.
        """
        job = await self._db.read(lambda connection: job_rows.get_job(connection, job_id))
        after = 0
        while True:
            page = await self._db.read(retry_rows.retry_page(job.job_no, after, selection))
            for position, item, target in page:
                yield position, item, target
                after = position
            if len(page) < retry_rows.PAGE:
                return
