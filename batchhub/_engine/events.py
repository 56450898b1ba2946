"""
Events: each job that ends is reported once, whoever asks, also across restarts.

The end of a job is stored in one transaction with its last results, so none is missed.
One process at a time hands out events. One that a process had claimed when it died is
handed out again, marked as repeated: nobody can know how far its consumer came.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from typing import Final

from batchhub._base.failpoints import failpoint
from batchhub.models import BatchEvent

from .lane_lock import LaneLock
from .open_hub import OpenHub

LOCK_NAME: Final = "events"
"""The lock of whoever hands out events; no lane has this name, since lanes have a colon."""

LOOK_S: Final = 1.0
"""Seconds between two looks for jobs that have ended."""


class EventFeed:
    """
    Hands out the events of one store.

    Args:
        opened: The open hub whose store it is.
    """

    def __init__(self, opened: OpenHub) -> None:
        self._opened = opened
        self._claimed: set[int] = set()

    async def events(
        self, job_ids: Collection[str] | None, *, follow: bool
    ) -> AsyncGenerator[BatchEvent]:
        """Yield an event for each job that has ended; see `BatchHub.events`."""
        clock, store = self._opened.clock, self._opened.store
        lock = LaneLock(store.path, LOCK_NAME)
        while True:
            if not await store.has_unacknowledged(job_ids):
                if not follow:
                    return
                await clock.sleep(LOOK_S)
                continue
            # Held from claim to acknowledgement: a second consumer would take the claim of a
            # living one for that of a dead one, and hand the event out twice.
            if not lock.claim(clock.now()):
                await clock.sleep(LOOK_S)
                continue
            try:
                found = await store.claim_unacknowledged(clock.now(), job_ids)
                if found is None:
                    continue  # another process was faster
                job, status = found
                self._claimed.add(job.job_no)
                try:
                    yield BatchEvent(status=status, is_repeated=job.claimed_at is not None)
                finally:
                    # Also when the consumer breaks out: it has had the event.
                    failpoint("event.handled")
                    await self._acknowledge(job.job_no)
            finally:
                lock.release()

    async def finish(self) -> None:
        """Acknowledge what was handed out: a loop that was left by `break` has had its event."""
        for job_no in list(self._claimed):
            await self._acknowledge(job_no)

    async def _acknowledge(self, job_no: int) -> None:
        if job_no in self._claimed:
            self._claimed.discard(job_no)
            await self._opened.store.acknowledge(job_no, self._opened.clock.now())
