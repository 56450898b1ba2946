"""The driver: which lanes this process drives, and who is woken by a change."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from datetime import datetime
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub.errors import BatchHubError, StoreError
from batchhub.models import BatchStatus

from .lane import Lane
from .lane_lock import LaneLock

RECLAIM_S: Final = 1.0
"""Seconds between two tries to take a lane that another process drives."""

BEAT_S: Final = 5.0
"""Seconds between two signs of life of a lane's driver."""

SILENT_S: Final = 30.0
"""Seconds without a sign of life after which a waiting process names the lane's owner."""

_log = get_logger()


class Driver:
    """Drives lanes in the background of the running event loop."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lanes: dict[str, Lane] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._owned: set[str] = set()
        self._troubles: dict[str, BatchHubError] = {}
        self._silent_owners: dict[str, str] = {}
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def drive(self, lane: Lane) -> None:
        """
        Drive a lane in the background until it has nothing left to do.

        A lane that another process drives is taken over as soon as it is free. One whose
        credentials were refused sends nothing more from this process.
        """
        lane = self._lanes.setdefault(lane.name, lane)
        if lane.error is not None:
            return
        # A lane that is being driven looks into the store; it needs no second task.
        lane.poke()
        task = self._tasks.get(lane.name)
        if task is None or task.done():
            self._tasks[lane.name] = asyncio.create_task(
                self._run(lane), name=f"batchhub-lane-{lane.name}"
            )

    def owns(self, lane: str) -> bool:
        """Whether this process drives a lane at this moment."""
        return lane in self._owned

    def is_driving(self, lane: str) -> bool:
        """Whether this process drives a lane, or waits to take it over."""
        task = self._tasks.get(lane)
        return task is not None and not task.done()

    def find_trouble(self, lane: str) -> BatchHubError | None:
        """Return what stopped a lane: refused credentials, or a store that can't be read."""
        known = self._lanes.get(lane)
        return (known.error if known else None) or self._troubles.get(lane)

    def find_silent_owner(self, lane: str) -> str | None:
        """Return one line on a process that holds a lane and gives no sign of life, or `None`."""
        return self._silent_owners.get(lane)

    def find_status(self, lane: str, job_id: str) -> BatchStatus | None:
        """Return the freshest status of a job this process drives; `None` for any other."""
        known = self._lanes.get(lane) if lane in self._owned else None
        return known.find_status(job_id) if known else None

    def find_cooling(self, lane: str) -> datetime | None:
        """Return until when a lane this process drives is silent; `None` if nothing cools."""
        known = self._lanes.get(lane) if lane in self._owned else None
        return known.cooling_until if known else None

    async def wait_for_change(self, job_id: str, timeout_s: float) -> None:
        """Wait until a job that this process drives changes, at most `timeout_s` seconds."""
        event = asyncio.Event()
        self._watchers[job_id].add(event)
        waits = {
            asyncio.ensure_future(event.wait()),
            asyncio.ensure_future(self._clock.sleep(timeout_s)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self._watchers[job_id].discard(event)
            if not self._watchers[job_id]:  # else every job ever waited for would stay
                del self._watchers[job_id]

    def announce(self, job_id: str) -> None:
        """Wake everybody who waits for a change of a job."""
        for event in self._watchers.get(job_id, ()):
            event.set()

    async def aclose(self) -> None:
        """Stop driving. Requests with an effect that are under way come to their end first."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            # Not `gather`: one lane's error must not keep the others from closing.
            await asyncio.wait(list(self._tasks.values()))
        for lane in self._lanes.values():
            try:
                await lane.adapter.aclose()
            except Exception as error:  # one adapter's trouble keeps nothing else open
                _log.error("adapter.failed", lane=lane.name, error=str(error))

    async def _run(self, lane: Lane) -> None:
        self._troubles.pop(lane.name, None)
        try:
            await self._drive(lane)
        except StoreError as error:
            self._troubles[lane.name] = error
            _log.error("store.failed", lane=lane.name, error=str(error))
        except Exception as error:  # a fault of ours ends this lane with a reason, and no other
            reason = f"{type(error).__name__}: {error}"
            self._troubles[lane.name] = BatchHubError(f"lane {lane.name} stopped: {reason}")
            _log.error("lane.stopped", lane=lane.name, error=reason)
        finally:
            # Nothing moves in this lane any more: a `wait` without this would sleep to its end.
            for job_id in list(self._watchers):
                self.announce(job_id)

    async def _drive(self, lane: Lane) -> None:
        lock = LaneLock(self._store.path, lane.name)
        try:
            # Polled, since no file lock can be awaited; a dead owner's lock is free at once.
            while not lock.claim(self._clock.now()):
                self._look_at_owner(lane, lock)
                await self._clock.sleep(RECLAIM_S)
        finally:
            self._silent_owners.pop(lane.name, None)
        self._owned.add(lane.name)
        _log.info("lane.claimed", lane=lane.name)
        beating = asyncio.create_task(self._beat(lock), name=f"batchhub-beat-{lane.name}")
        try:
            await lane.drive()
        finally:
            # First: from here on the store knows more than this lane's memory.
            self._owned.discard(lane.name)
            beating.cancel()
            lock.release()

    async def _beat(self, lock: LaneLock) -> None:
        while True:
            await self._clock.sleep(BEAT_S)
            lock.beat(self._clock.now())

    def _look_at_owner(self, lane: Lane, lock: LaneLock) -> None:
        """Take note of an owner that gives no sign of life: it may be stopped for ever."""
        owner, now = lock.find_owner(), self._clock.now()
        if owner is None or (now - owner.seen_at).total_seconds() < SILENT_S:
            self._silent_owners.pop(lane.name, None)
            return
        if lane.name not in self._silent_owners:
            _log.warning("lane.waited", lane=lane.name, pid=owner.pid, host=owner.host)
        where = "" if owner.host == socket.gethostname() else f" on {owner.host}"
        self._silent_owners[lane.name] = (
            f"process {owner.pid}{where} drives this account and has given no sign of life since "
            f"{owner.seen_at.astimezone():%H:%M:%S}; continue it or end it"
        )
