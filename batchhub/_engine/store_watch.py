"""
Whether other processes have written to the store, for the whole hub at once.

On SQLite that is one look a second. On PostgreSQL they ring (`Bell`), and what they name is looked
at; every few seconds all of it, as whoever only hears may miss something.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import ANYTHING, News, Store
from batchhub.errors import StoreError

LOOK_S: Final = 1.0
"""Seconds between two looks where others are not heard."""

FALLBACK_S: Final = 5.0
"""Seconds between two looks at everything where they are."""

GAP_S: Final = 0.2
"""Seconds between two looks at what was heard of."""

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
        self._followers: list[Callable[[Collection[str] | None], None]] = []
        self._news = News()
        self._stirred = asyncio.Event()
        self._looked_s = -math.inf
        self._is_unsure = self._is_away = False
        self._is_closed = self._is_listening = False
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch as long as there are lanes, followers, or jobs that are waited for."""
        if not self._store.is_shared or self._is_closed:
            return
        if self._watching is None or self._watching.done():
            if self._store.bell is not None and not self._is_listening:
                self._is_listening = True
                self._store.bell.listen(self._hear)
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
        if self._stamps.get(job_id) != stamp:
            self._is_unsure = True
            self._stirred.set()
        self.start()
        try:
            yield
        finally:
            self._awaited[job_id].remove(stamp)
            if not self._awaited[job_id]:
                del self._awaited[job_id]

    @contextmanager
    def following(self, on_change: Callable[[Collection[str] | None], None]) -> Iterator[None]:
        """
        Have a function called whenever other processes may have handed something over.

        Args:
            on_change: Called with the lanes; `None` for any.
        """
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
            news = await self._wait()
            try:
                await self._look(news)
            except StoreError as error:
                if not self._is_away:
                    _log.warning("store.failed", store=self._store.name, error=str(error))
                self._is_away = True
                self._version = None  # everything is looked at again, whatever it is then
                self._looked_s = self._clock.monotonic() - FALLBACK_S + LOOK_S
            else:
                self._is_away = False

    # When to look.

    def _hear(self, news: News) -> None:
        if news.lanes != frozenset() or self._awaited:  # figures of jobs come all the time
            self._news |= news
            self._stirred.set()

    async def _wait(self) -> News:
        """Wait until there is something to look at, and return what."""
        bell, clock = self._store.bell, self._clock
        if bell is None:
            await clock.sleep(LOOK_S)
            return ANYTHING
        every_s = FALLBACK_S if bell.is_heard else LOOK_S
        left_s = min(max(GAP_S, self._looked_s + every_s - clock.monotonic()), every_s)
        timer = clock.call_later(left_s, self._stirred.set)
        try:
            await self._stirred.wait()
        finally:
            timer.cancel()
        await clock.sleep(GAP_S)  # what else comes meanwhile goes along
        self._stirred.clear()
        news, self._news = self._news, News()
        if clock.monotonic() >= self._looked_s + every_s:
            news = ANYTHING
        if news.is_anything:
            self._looked_s = clock.monotonic()
        return news

    # What to look at.

    async def _look(self, news: News) -> None:
        if news.is_anything:
            before, self._version = self._version, await self._store.foreign_version()
            if before == self._version:
                news = News()
        if news.lanes != frozenset():
            for on_change in list(self._followers):
                on_change(news.lanes)
        if self._lanes():
            await self._look_at_lanes(news)
        if news.has_jobs or self._is_unsure:
            await self._look_at_jobs()

    async def _look_at_lanes(self, news: News) -> None:
        held, is_all = self._lanes(), news.is_anything
        named = list(held) if news.lanes is None else sorted(n for n in news.lanes if n in held)
        # Where others are heard a late answer is looked for with everything else: it is seldom.
        doubtful = self._doubtful() if is_all else ()
        places = await self._store.lanes.places(named) if named else {}
        before = self._places
        # In the order of the lanes, so that a simulated world takes the same course.
        new = [n for n in named if n in doubtful or places.get(n) != before.get(n)]
        self._places = places if is_all else before
        self._places.update(places)
        for lane in new:
            if lane in self._lanes():
                self._on_lane(lane)

    async def _look_at_jobs(self) -> None:
        self._is_unsure = False
        self._stamps = await self._store.jobs.stamps(list(self._awaited)) if self._awaited else {}
        for job_id, known in list(self._awaited.items()):
            if any(stamp != self._stamps.get(job_id) for stamp in known):
                self._on_job(job_id)
