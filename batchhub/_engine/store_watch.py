"""One look a second, for the whole hub, at whether other processes have written to the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub.errors import StoreError

LOOK_S: Final = 1.0
"""Seconds between two looks."""

_log = get_logger()


class StoreWatch:
    """
    Tells the lanes and the waiters of a hub what other processes have changed.

    A look is one number of the database, however many lanes and waiters there are. Only when it
    has changed the store is asked, once for all: which lanes have something new, and which of the
    jobs that somebody waits for.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        lanes: Callable[[], Collection[str]],
        doubtful: Callable[[], Collection[str]],
        on_lane: Callable[[str], None],
        on_job: Callable[[str], None],
    ) -> None:
        """
        Begin with no watching.

        Args:
            store: The store; one in memory has no other processes.
            clock: Where time comes from.
            lanes: Returns the lanes that this process drives.
            doubtful: Returns those of them for whom any write may hold an answer.
            on_lane: Called with a lane that may have something new.
            on_job: Called with a job that has changed.
        """
        self._store = store
        self._clock = clock
        self._lanes = lanes
        self._doubtful = doubtful
        self._on_lane = on_lane
        self._on_job = on_job
        self._version: int | None = None
        self._places: dict[str, int] = {}
        self._stamps: dict[str, str] = {}
        self._awaited: dict[str, list[str | None]] = {}
        self._followers: list[Callable[[], None]] = []
        self._is_unsure = False
        self._is_closed = False
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch as long as there are lanes, followers, or jobs that are waited for."""
        if not self._store.is_shared or self._is_closed:
            return
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch(), name="batchhub-store-watch")

    @contextmanager
    def awaiting(self, job_id: str, stamp: str | None) -> Iterator[None]:
        """
        Watch a job that this process does not drive.

        Args:
            job_id: The job.
            stamp: The stamp of what was read of it; only another one is a change. It may have
                changed since it was read.
        """
        self._awaited.setdefault(job_id, []).append(stamp)
        self._is_unsure = self._is_unsure or self._stamps.get(job_id) != stamp
        self.start()
        try:
            yield
        finally:
            self._awaited[job_id].remove(stamp)
            if not self._awaited[job_id]:
                del self._awaited[job_id]

    @contextmanager
    def following(self, on_change: Callable[[], None]) -> Iterator[None]:
        """Have a function called whenever other processes may have written anything."""
        self._followers.append(on_change)
        self.start()
        try:
            yield
        finally:
            self._followers.remove(on_change)

    async def aclose(self) -> None:
        """Stop."""
        self._is_closed = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})

    async def _watch(self) -> None:
        while self._lanes() or self._awaited or self._followers:
            await self._clock.sleep(LOOK_S)
            try:
                await self._look()
            except StoreError as error:
                _log.warning("store.failed", store=self._store.name, error=str(error))
                self._version = None  # looked at again, whatever it is then
                for lane in list(self._lanes()):
                    self._on_lane(lane)

    async def _look(self) -> None:
        before, self._version = self._version, await self._store.foreign_version()
        has_changed = before != self._version
        if has_changed:
            for on_change in list(self._followers):
                on_change()
        if has_changed and self._lanes():
            await self._look_at_lanes()
        if has_changed or self._is_unsure:
            await self._look_at_jobs()

    async def _look_at_lanes(self) -> None:
        doubtful = self._doubtful()
        places = await self._store.lanes.places(list(self._lanes()))
        for lane in list(self._lanes()):
            if lane in doubtful or places.get(lane) != self._places.get(lane):
                self._on_lane(lane)
        self._places = places

    async def _look_at_jobs(self) -> None:
        self._is_unsure = False
        self._stamps = await self._store.jobs.stamps(list(self._awaited)) if self._awaited else {}
        for job_id, known in list(self._awaited.items()):
            if any(stamp != self._stamps.get(job_id) for stamp in known):
                self._on_job(job_id)
