"""
Procrastinate's job manager, for a database that may be away for a while.

Procrastinate's worker ends when a sign of life, a look for jobs or the end of a job fails. Here
such a failure is noted and made up for: the worker lives as long as its process wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any

from procrastinate.connector import BaseConnector
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback

from .desk import Desk
from .reach import Reach
from .rows import Rows


class PatientManager(JobManager):
    """
    Does what Procrastinate's worker asks, for a desk.

    Attributes:
        lock: Held while a job is being taken: until then nobody here knows whose it is.

    Args:
        connector: Procrastinate's way to the database.
        rows: Our own statements over it.
        desk: What this process wants.
        reach: Keeps whether the database can be reached.
    """

    def __init__(self, connector: BaseConnector, rows: Rows, desk: Desk, reach: Reach) -> None:
        super().__init__(connector)
        self.lock = asyncio.Lock()
        self._rows = rows
        self._desk = desk
        self._reach = reach
        self._bell: NotificationCallback | None = None

    async def ring(self) -> None:
        """Let the worker look for jobs now."""
        if self._bell is not None:
            await self._bell(channel="", notification={"type": "job_inserted", "job_id": 0})

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Keep the bell: this process rings it itself, and needs no connection that listens."""
        self._bell = on_notification
        try:
            await asyncio.Event().wait()
        finally:
            self._bell = None

    async def register_worker(self) -> int:
        """Register a new worker."""
        self._desk.worker_id = await super().register_worker()
        return self._desk.worker_id

    async def unregister_worker(self, worker_id: int) -> None:
        """Remove it with whatever it still has."""
        if not self._reach.is_away:  # else others find it silent
            await self.tolerate(self._rows.sign_off(worker_id))
        self._desk.worker_id = None

    async def update_heartbeat(self, worker_id: int) -> None:
        """Give a sign of life, if that can be."""
        await self.tolerate(self._rows.beat(worker_id))

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Leave that to the looks, which end the jobs of dead workers, too."""
        return []

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> Iterable[int]:
        """Find none: nobody aborts the job of a shard."""
        return ()

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take a job that the desk asks for, if there is any."""
        async with self.lock:
            if not self._desk.queues:
                return None
            try:
                job = await super().fetch_job(list(self._desk.queues), worker_id)
            except ProcrastinateException as error:
                # One that was taken all the same is found by the next look.
                self._reach.lost(error)
                return None
            if job is not None and job.id is not None:
                self._desk.take(job.id, int(str(job.task_kwargs["shard"])))
            return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End a job, and leave its shard to the others if there is work left in it."""
        assert job.id is not None  # noqa: S101  # it was fetched
        if not self._reach.is_away:  # else the next look finds it
            await self.tolerate(self._rows.end([job.id], again=self._desk.goes_on(job.id)))
        self._desk.forget(job.id)

    async def tolerate(self, asked: Awaitable[Any]) -> None:
        """Wait for what may fail because the database is away."""
        try:
            await asked
        except ProcrastinateException as error:
            self._reach.lost(error)
