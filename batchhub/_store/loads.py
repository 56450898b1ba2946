"""
Jobs that come and go by chunks: nobody sees them before they are whole, or once they are not.

A job without a place is being loaded, or deleted, by the process that `jobs.loaded_by` names. What
is left of a process that died is deleted by whoever opens the store.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

from attrs import evolve
from sqlalchemy import Connection, bindparam, update

from batchhub.errors import StoreError

from . import deleting, load_rows
from .chunks import Chunk, counts_row, insert_chunk, insert_job, new_status, tickets_until
from .codec import job_row, to_text
from .database import Database
from .deleting import IS_MINE
from .lane_rows import take_place
from .load_rows import Added, LoadInfo, find_other
from .records import JobRecord
from .statements import Statement
from .tables import jobs

_TOUCH: Final = Statement(update(jobs).where(IS_MINE).values(updated_at=bindparam("at")))
_TOUCH_ALL: Final = Statement(
    update(jobs)
    .where(jobs.c.loaded_by == bindparam("this_process"), jobs.c.place.is_(None))
    .values(updated_at=bindparam("at"))
)
_TAKE: Final = Statement(
    update(jobs)
    .where(IS_MINE)
    # Its key may be used again at once.
    .values(loaded_by=bindparam("by"), key=None, updated_at=bindparam("at"))
)
_PUBLISH: Final = Statement(update(jobs).where(IS_MINE))


class Loads:
    """
    The jobs of a store that come and go by chunks.

    Every method raises `StoreError` when the database can't be read or written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    def check_writable(self) -> None:
        """Raise `StoreError` if the store could only be opened for reading."""
        self._db.check_writable()

    async def add(self, job: JobRecord, chunk: Chunk) -> Added:
        """
        Store a small job as a whole, in one transaction.

        Args:
            job: The job; its `job_no` and `place` are given by the store.
            chunk: All its items and tickets.

        Raises:
            KeyConflictError: The key belongs to a job with other items or options.
        """

        def work(connection: Connection) -> Added:
            found = find_other(connection, job)
            if found is not None:
                return found
            made = insert_job(connection, job, chunk, place=True)
            return Added(job=made, status=new_status(made, chunk))

        return await self._db.write(work, lanes=None if job.retry_of else [job.lane])

    async def begin(self, job: JobRecord, process: str, chunk: Chunk) -> Added:
        """
        Store the first part of a job that nobody sees before `publish`.

        Args:
            job: The job; its fingerprint is not known yet.
            process: The token of this process.
            chunk: The first part.
        """

        def work(connection: Connection) -> Added:
            found = find_other(connection, job)
            if found is not None:
                return found
            return Added(job=insert_job(connection, job, chunk, process=process))

        return await self._db.write(work, bulk=True, lanes=None if job.retry_of else [job.lane])

    async def extend(self, job: JobRecord, process: str, chunk: Chunk, at: datetime) -> None:
        """
        Store the next part of a job.

        Raises:
            StoreError: Another process has deleted what there was.
        """

        def work(connection: Connection) -> None:
            mine = {"this_job": job.job_id, "this_process": process}
            if not _TOUCH.run(connection, {**mine, "at": to_text(at)}):
                raise _lost(job)
            insert_chunk(connection, job, chunk)

        await self._db.write(work, bulk=True, lanes=None if job.retry_of else [job.lane])

    async def publish(self, job: JobRecord, process: str, chunk: Chunk) -> JobRecord:
        """
        Store the last part of a job and make it visible.

        Args:
            job: The job as it is to be seen.
            process: The token of this process.
            chunk: The last part; may be empty.

        Raises:
            StoreError: Another process has deleted what there was.
        """

        def work(connection: Connection) -> JobRecord:
            made = evolve(job, place=take_place(connection, job.lane))
            row = {
                **counts_row(chunk.first_item + len(chunk.items) - 1, tickets_until(chunk)),
                **{name: job_row(made)[name] for name in _PUBLISHED},
                "loaded_by": None,
            }
            mine = {"this_job": job.job_id, "this_process": process}
            if not _PUBLISH.run(connection, {**row, **mine}):
                raise _lost(job)
            insert_chunk(connection, job, chunk)
            return made

        return await self._db.write(work, bulk=True, lanes=None if job.retry_of else [job.lane])

    async def touch(self, process: str, at: datetime) -> None:
        """Show that a process is still at its loads."""

        def work(connection: Connection) -> None:
            _TOUCH_ALL.run(connection, {"this_process": process, "at": to_text(at)})

        await self._db.write(work, lanes=())

    async def find(self) -> list[LoadInfo]:
        """Return all jobs that are being loaded or deleted."""

        return await self._db.read(load_rows.find_loads)

    async def hide_old(self, before: datetime, process: str, at: datetime) -> list[tuple[str, int]]:
        """
        Take some of the jobs that ended before a moment out of sight, to be deleted.

        Returns:
            Their ids, and how many items each had; nothing when there are no more.
        """

        def work(connection: Connection) -> list[tuple[str, int]]:
            return deleting.hide_old(connection, before, process, at)

        return await self._db.write(work, bulk=True)

    async def find_retry(self, job_id: str) -> LoadInfo | None:
        """Return the load that repeats items of a job, or that is deleted again; or `None`."""

        def work(connection: Connection) -> LoadInfo | None:
            return load_rows.find_retry(connection, job_id)

        return await self._db.read(work)

    async def delete(self, job_id: str, process: str, by: str, at: datetime) -> bool:
        """
        Delete, by chunks, what a process left of a job that is not visible.

        What a retry that came to nothing has marked as repeated can be repeated again.

        Args:
            job_id: The job.
            process: The token of the process it is of.
            by: The token of this process: from now on, the other one can't go on with it.
            at: The time.

        Returns:
            Whether there was such a job.
        """

        # In the order of the other writes of a load: the last of them may still be waiting.
        def take(connection: Connection) -> list[dict[str, Any]] | None:
            theirs = {"this_job": job_id, "this_process": process}
            now = {"by": by, "at": to_text(at)}
            if not _TAKE.run(connection, {**theirs, **now}):
                return None
            return deleting.find_marks(connection, job_id, by)

        marked = await self._db.write(take, bulk=True)
        if marked is None:
            return False
        for marks in marked:
            await self._db.write(partial(deleting.unmark, marks=marks), bulk=True)
        while not await self._db.write(deleting.delete_some(job_id, by), bulk=True):
            pass
        return True


_PUBLISHED: Final = ("place", "fingerprint", "deadline_s", "created_at", "updated_at", "findings")


def _lost(job: JobRecord) -> StoreError:
    return StoreError(
        f"another process deleted job {job.job_id} while it was stored, since this one seemed "
        "dead; nothing of it was sent; submit it again"
    )
