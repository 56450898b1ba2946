"""
Telling that jobs have ended: each job once, whoever asks, also over restarts.

That a job has ended is in the store together with its last results, so no end is
missed. It is told by one process at a time; what a process was telling when it died
is told again, marked as repeated, since nobody can know how far it came.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Final

from batchhub._base.failpoints import failpoint
from batchhub.models import BatchEvent

from .open_hub import Core
from .process_lock import LaneLock

LOCK_NAME: Final = "events"
"""The lock of those who tell; no lane is called so, since lanes have a colon."""

LOOK_S: Final = 1.0
"""Seconds between two looks for jobs that have ended."""


class Teller:
    """
    Tells of the jobs of one hub's store.

    Args:
        core: What the hub has.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._telling: set[int] = set()

    async def events(
        self, job_ids: Collection[str] | None, *, follow: bool
    ) -> AsyncGenerator[BatchEvent]:
        """Yield the jobs that have ended and were not told of; see `BatchHub.events`."""
        clock, store = self._core.clock, self._core.store
        lock = LaneLock(store.path, LOCK_NAME)
        while True:
            if not await store.has_untold(job_ids):
                if not follow:
                    return
                await clock.sleep(LOOK_S)
                continue
            if not lock.claim(clock.now()):
                await clock.sleep(LOOK_S)
                continue
            try:
                found = await store.take_untold(clock.now(), job_ids)
                if found is None:
                    continue  # another process was faster
                job, status = found
                self._telling.add(job.job_no)
                try:
                    yield BatchEvent(status=status, is_repeated=job.telling_at is not None)
                finally:
                    failpoint("end.told")
                    await self._told(job.job_no)
            finally:
                lock.release()

    async def finish(self) -> None:
        """Keep what was told and left: a loop that was broken out of has had its event."""
        for job_no in list(self._telling):
            await self._told(job_no)

    async def _told(self, job_no: int) -> None:
        if job_no in self._telling:
            self._telling.discard(job_no)
            await self._core.store.save_told(job_no, self._core.clock.now())
