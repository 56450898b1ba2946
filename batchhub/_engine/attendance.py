"""Driving for as long as it takes: whatever any process hands over is taken up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Final

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub.errors import BatchHubError, StoreError

from .driver import Driver
from .lane import Lane
from .presence import Presence

_RETRY_BASE_S: Final = 1.0
_RETRY_CAP_S: Final = 15.0

_log = get_logger()


class Attendance:
    """
    Drives every lane of a hub that has unfinished jobs, now and from now on.

    It looks when another process has written to the store, and then only at lanes that have
    something new: what is waited for costs the one number that the hub's watch reads anyway.

    Args:
        store: The store.
        clock: Where time comes from.
        rng: Where the jitter comes from.
        driver: Drives lanes, and takes over those whose process has ended.
        presence: Has others see it.
        names: Returns the names of all lanes of the hub.
        find_lane: Returns a lane by its name; `None` if it is none of the hub's any more.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        rng: random.Random,
        driver: Driver,
        presence: Presence,
        names: Callable[[], Collection[str]],
        find_lane: Callable[[str], Lane | None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._driver = driver
        self._presence = presence
        self._names = names
        self._find_lane = find_lane
        self._marks: dict[str, tuple[int, int]] = {}
        self._said: dict[str, str] = {}
        self._news = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """End it: the hub is about to be closed."""
        self._is_closed = True
        self._news.set()

    async def leave(self) -> None:
        """Have others leave it nothing any more."""
        await self._presence.end()

    def look_again(self) -> None:
        """Look at all lanes anew: there are others, or they have other settings."""
        self._marks.clear()
        self._said.clear()
        self._news.set()

    async def run(self) -> None:
        """Go on until it is cancelled or closed; what is driven goes on in the background."""
        self.look_again()
        with self._driver.attending(self._news.set):
            try:
                await self._attend()
            finally:
                await self._presence.end()

    async def _attend(self) -> None:
        tries = 0
        while not self._is_closed:
            self._news.clear()
            try:
                await self._look()
            except StoreError as error:
                _log.error("store.failed", store=self._store.name, error=str(error))
                await self._clock.sleep(
                    backoff_s(tries, base_s=_RETRY_BASE_S, cap_s=_RETRY_CAP_S, rng=self._rng)
                )
                tries += 1
            else:
                tries = 0
                await self._news.wait()

    async def _look(self) -> None:
        """Drive the lanes that have unfinished jobs, of those where something is new."""
        names = list(self._names())
        marks = await self._store.lanes.marks(names)
        # A lane that nobody has ever taken or submitted to has no row, and nothing to drive.
        new = [name for name, mark in marks.items() if self._is_new(name, mark)]
        for name in await self._store.jobs.find_open_lanes(new):
            self._drive(name)
        if not self._is_closed:
            await self._presence.show(set(names) - set(self._said))
        self._marks = marks

    def _is_new(self, name: str, mark: tuple[int, int]) -> bool:
        """Whether others have handed something over, or had the lane: they may let it go."""
        place, epoch = self._marks.get(name, (None, None))
        return mark[0] != place or mark[1] not in {epoch, self._driver.find_epoch(name)}

    def _drive(self, name: str) -> None:
        try:
            lane = self._find_lane(name)
        except BatchHubError as error:  # one account's settings do not stop the others
            if self._said.get(name) != str(error):  # once, not with each of its jobs
                self._said[name] = str(error)
                _log.error("lane.stopped", lane=name, error=str(error))
        else:
            self._said.pop(name, None)
            if lane is not None:
                self._driver.drive(lane)
