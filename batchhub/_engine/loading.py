"""
Jobs on their way into the store, and out of it: by chunks, seen by nobody until they are whole.

A job of one chunk is stored in one transaction. A larger one is a load: rows that no query shows,
in the name of this process, until the last transaction makes them a job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

from attrs import evolve

from batchhub._base.clock import Clock
from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._store import JobRecord, Store
from batchhub._store.chunks import Chunk, RepeatedMeanwhileError
from batchhub._store.load_rows import Added, LoadInfo
from batchhub.errors import StoreError

from .process_lock import ProcessLock, Verdict

LOOK_S: Final = 0.25
"""Seconds between two looks at a load that has to come to its end first."""

BEAT_S: Final = 10.0
"""Seconds between two signs of life of a process that loads."""

PAUSE_S: Final = 0.01
"""Seconds between two steps that give room back to the disk."""

SILENT_S: Final = 30.0
"""Seconds without one after which a process that has no lock file counts as dead."""

_log = get_logger()


class Loader:
    """
    Loads the jobs of an open hub, and deletes what dead processes left of theirs.

    Args:
        store: The store.
        process: Who this is, and who lives.
        clock: Where time comes from.
        on_deleted: Called with the ids of jobs that nobody sees any more, before they are deleted.
    """

    def __init__(
        self,
        store: Store,
        process: ProcessLock,
        clock: Clock,
        on_deleted: Callable[[Collection[str]], None],
    ) -> None:
        self._store = store
        self._process = process
        self._clock = clock
        self._on_deleted = on_deleted
        self._active: set[str] = set()
        self._cleaning: asyncio.Task[None] | None = None
        self._dropping: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None

    def load(self, job: JobRecord) -> Load:
        """Return a load for a job; use it as an async context manager."""
        return Load(self, self._store, self._process, self._clock, job)

    def clean(self) -> None:
        """Delete, in the background, what dead processes left."""
        if self._store.is_read_only:
            return
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = asyncio.create_task(self._clean_quietly(), name="batchhub-clean")

    async def prune(self, before: datetime) -> tuple[int, int]:
        """
        Forget the jobs that ended before a moment: first out of sight, then deleted by chunks.

        Returns:
            How many jobs and how many items were forgotten.
        """
        self._store.loads.check_writable()
        self._process.hold()
        await self._clean()
        jobs = items = 0
        while True:
            now, token = self._clock.now(), self._process.token
            hidden = await self._store.loads.hide_old(before, token, now)
            if not hidden:
                return jobs, items
            failpoint("jobs.hidden")
            self._on_deleted([job_id for job_id, _ in hidden])
            self._active.update(job_id for job_id, _ in hidden)
            try:
                for job_id, had in hidden:
                    await self._store.loads.delete(job_id, token, token, now)
                    jobs, items = jobs + 1, items + had
            finally:
                self._active.difference_update(job_id for job_id, _ in hidden)

    async def give_back(self) -> None:
        """
        Give the room of what was deleted back to the disk.

        Between two steps others may write, also other processes, which look for their turn only
        now and then.
        """
        while await self._store.give_back_some():
            await self._clock.sleep(PAUSE_S)

    async def wait_for_retries(self, job_id: str) -> None:
        """Wait until nobody is loading a retry of a job."""
        while (other := await self._store.loads.find_retry(job_id)) is not None:
            await self.wait_out(other)

    async def wait_out(self, other: LoadInfo) -> None:
        """Wait a little for another load to come to its end; delete it if its process is dead."""
        if self._is_dead(other):
            await self._delete(other)
        else:
            await self._clock.sleep(LOOK_S)

    async def aclose(self) -> None:
        """Come to the end of deleting loads that came to nothing; the dead's are left alone."""
        for task in (self._cleaning, self._beating):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if self._dropping:
            await asyncio.wait(self._dropping)

    # For loads.

    def begin(self, job_id: str) -> None:
        """Take note of a load of this process, before the store knows of it."""
        self._store.loads.check_writable()
        self._process.hold()
        self._active.add(job_id)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat(), name="batchhub-load-beat")

    def end(self, job_id: str) -> None:
        """Forget a load that has become a job."""
        self._active.discard(job_id)

    def drop(self, job_id: str) -> asyncio.Task[None]:
        """Delete a load that came to nothing, even if nobody waits for it any more."""
        task = asyncio.create_task(self._drop(job_id), name=f"batchhub-drop-{job_id}")
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)
        return task

    async def _drop(self, job_id: str) -> None:
        token = self._process.token
        try:
            await self._store.loads.delete(job_id, token, token, self._clock.now())
        except StoreError as error:
            # Nobody sees it; the next process that opens the store deletes it.
            _log.warning("load.left", job_id=job_id, error=str(error))
        finally:
            self._active.discard(job_id)

    async def _beat(self) -> None:
        while self._active:
            await self._clock.sleep(BEAT_S)
            try:
                await self._store.loads.touch(self._process.token, self._clock.now())
            except StoreError as error:
                _log.warning("load.silent", error=str(error))

    async def _clean_quietly(self) -> None:
        try:
            await self._clean()
        except StoreError as error:
            _log.warning("load.left", error=str(error))

    async def _clean(self) -> None:
        for load in await self._store.loads.find():
            if self._is_dead(load):
                await self._delete(load)

    async def _delete(self, load: LoadInfo) -> None:
        self._process.hold()
        self._on_deleted([load.job_id])  # a process may have died while it pruned
        is_ours = load.job_id in self._active
        self._active.add(load.job_id)
        try:
            token, now = self._process.token, self._clock.now()
            if await self._store.loads.delete(load.job_id, load.process, token, now):
                _log.info("load.deleted", job_id=load.job_id, process=load.process)
        finally:
            if not is_ours:
                self._active.discard(load.job_id)

    def _is_dead(self, load: LoadInfo) -> bool:
        """Whether nobody loads or deletes a job any more."""
        if load.process == self._process.token:
            return load.job_id not in self._active
        verdict = self._process.verdict(load.process)
        if verdict is Verdict.UNKNOWN:
            silent_s = (self._clock.now() - load.seen_at).total_seconds()
            return silent_s >= SILENT_S
        return verdict is Verdict.DEAD


class Load:
    """A job on its way into the store, by chunks. Use it as an async context manager."""

    def __init__(
        self,
        loader: Loader,
        store: Store,
        process: ProcessLock,
        clock: Clock,
        job: JobRecord,
    ) -> None:
        self._loader = loader
        self._store = store
        self._process = process
        self._clock = clock
        self._job = job
        self._is_begun = False
        self._is_known = False
        self._joined: JobRecord | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Delete what there is, unless it has become a job."""
        if not self._is_known:
            return
        dropping = self._loader.drop(self._job.job_id)
        if isinstance(error, Exception):  # else nobody wants to wait for it
            await asyncio.shield(dropping)

    async def put(self, chunk: Chunk) -> None:
        """
        Store the next part.

        If there is a job with the same key, nothing is stored; if another load has it, this waits.

        Raises:
            StoreError: It could not be stored.
        """
        if self._joined is not None:
            return
        token = self._process.token
        if self._is_begun:
            await self._store.loads.extend(self._job, token, chunk, self._clock.now())
        else:
            self._loader.begin(self._job.job_id)
            self._is_known = True
            added = await self._add(chunk, whole=False)
            if not added.is_new:
                self._joined = added.job
                return
            self._job, self._is_begun = added.job, True
        failpoint("chunk.kept")

    async def finish(self, chunk: Chunk, **facts: Any) -> Added:
        """
        Store the last part and make the job visible.

        Args:
            chunk: The last part.
            facts: What is known of the job only now.

        Returns:
            What came of it; nothing blocks it any more.

        Raises:
            KeyConflictError: The key belongs to a job with other items or options.
            StoreError: It could not be stored.
        """
        job = evolve(self._job, **facts)
        if self._joined is not None:
            return Added(job=await self._find_joined(job), is_new=False)
        if self._is_begun:
            made = await self._store.loads.publish(job, self._process.token, chunk)
            self._loader.end(job.job_id)
            self._is_known = False
            return Added(job=made)
        self._job = job
        return await self._add(chunk, whole=True)

    async def _add(self, chunk: Chunk, *, whole: bool) -> Added:
        loads, is_logged = self._store.loads, False
        while True:
            if whole:
                added = await loads.add(self._job, chunk)
            else:
                added = await loads.begin(self._job, self._process.token, chunk)
            if (other := added.blocked_by) is None:
                return added
            if not is_logged:
                is_logged = True
                _log.info("load.waited", job_id=self._job.job_id, other=other.job_id)
            await self._loader.wait_out(other)
            if self._job.retry_of is not None:  # what is left to be repeated is read again
                raise RepeatedMeanwhileError(self._job.retry_of)

    async def _find_joined(self, job: JobRecord) -> JobRecord:
        old = await self._store.jobs.find_by_key(job.lane, job.key or "", job.fingerprint)
        if old is None:
            raise StoreError(
                f"the job with key {job.key!r} was deleted meanwhile; nothing was sent; "
                "submit it again"
            )
        return old
