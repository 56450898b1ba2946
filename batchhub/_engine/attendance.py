"""Driving for as long as it takes: whatever any process hands over is taken up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub._store.shards import shard_of
from batchhub.errors import BatchHubError, StoreError

from .driver import Driver
from .lane import Lane
from .presence import Presence
from .shard_claims import ShardClaims

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
        shards: The shards of this process, where only their lanes are its to drive.
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
        shards: ShardClaims | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._driver = driver
        self._presence = presence
        self._names = names
        self._find_lane = find_lane
        self._shards = shards
        self._by_shard: dict[int, list[str]] = {}
        self._marks: dict[str, tuple[int, int]] = {}
        self._renewals = 0
        self._left: dict[str, str] = {}
        self._passed: set[str] = set()
        self._said: dict[str, str] = {}
        self._news = asyncio.Event()
        self._named: set[str] | None = None
        self._runs = 0
        self._is_closed = False

    def close(self) -> None:
        """End it: the hub is about to be closed."""
        self._is_closed = True
        self._news.set()

    async def leave(self) -> bool:
        """Have others leave it nothing any more; return whether that is written."""
        return await self._presence.leave()

    def look_again(self) -> None:
        """Look at all lanes anew: there are others, or they have other settings."""
        self._marks.clear()
        self._renewals += 1
        self._left.clear()
        self._said.clear()
        self._by_shard.clear()
        self._note(None)

    def take_up(self, shard: int) -> None:
        """Look at all lanes of a shard: this process has just taken it."""
        names = self._names_by_shard().get(shard, ())
        for name in names:
            self._marks.pop(name, None)
            self._left.pop(name, None)
        self._renewals += 1
        self._note(names)

    def find_refusal(self, lane: str) -> str | None:
        """Return why a lane could not be driven; `None` if it could, or nobody knows."""
        return self._said.get(lane)

    async def run(self, on_news: Callable[[], None] | None = None) -> None:
        """
        Go on until it is cancelled or closed; what is driven goes on in the background.

        Args:
            on_news: Called, too, whenever other processes may have written to the store.
        """

        def note(lanes: Collection[str] | None) -> None:
            self._note(lanes)
            if on_news is not None:
                on_news()

        self.look_again()
        self._runs += 1
        with self._driver.attending(note):
            try:
                await self._attend()
            finally:
                self._runs -= 1
                if not self._runs:
                    await self._presence.end()

    def _note(self, lanes: Collection[str] | None) -> None:
        """Look at some lanes soon; `None` for all."""
        if lanes is None:
            self._named = None
        elif self._named is not None:
            self._named.update(lanes)
        self._news.set()

    async def _attend(self) -> None:
        tries = 0
        while not self._is_closed:
            self._news.clear()
            named, self._named = self._named, set()
            try:
                await self._look(named)
            except StoreError as error:
                _log.error("store.failed", store=self._store.name, error=str(error))
                self._named = None
                await self._clock.sleep(
                    backoff_s(tries, base_s=_RETRY_BASE_S, cap_s=_RETRY_CAP_S, rng=self._rng)
                )
                tries += 1
            else:
                tries = 0
                await self._news.wait()

    async def _look(self, named: Collection[str] | None) -> None:
        """
        Drive the lanes that have unfinished jobs, of those where something is new.

        Args:
            named: The only ones where something may be new; `None` for all.
        """
        names = self._list_own() if named is None else self._find_own(named)
        if named is not None and not names:
            return  # others have them
        said, renewals = dict(self._said), self._renewals
        marks = await self._store.lanes.marks(names)
        # A lane that nobody has ever taken or submitted to has no row, and nothing to drive.
        new = [name for name, mark in marks.items() if self._is_new(name, mark)]
        opens = await self._store.jobs.find_open_lanes(new)
        passed = await self._find_passed(opens, marks)
        for name in opens:
            if name not in passed:
                self._drive(name)
        if not self._is_closed and (named is None or self._said != said):
            await self._presence.show(set(self._names()) - set(self._said))
        if self._renewals != renewals:
            return  # what is to be looked at anew meanwhile would pass for known
        if named is None:
            self._marks, self._passed = marks, passed
        else:
            self._marks.update(marks)
            self._passed = (self._passed - set(names)) | passed

    def _list_own(self) -> list[str]:
        """Return the lanes that are this process's to drive, as far as it knows."""
        if self._shards is None:
            return list(self._names())
        by_shard = self._names_by_shard()
        return [name for shard in self._shards.held for name in by_shard.get(shard, ())]

    def _find_own(self, named: Collection[str]) -> list[str]:
        """Return those of some lanes that are this process's to drive."""
        if self._shards is None:
            return sorted(set(named).intersection(self._names()))
        by_shard, held = self._names_by_shard(), self._shards.held
        found = ((name, shard_of(name)) for name in sorted(named))
        return [name for name, at in found if at in held and name in by_shard.get(at, ())]

    def _names_by_shard(self) -> Mapping[int, Sequence[str]]:
        if not self._by_shard:
            for name in self._names():
                self._by_shard.setdefault(shard_of(name), []).append(name)
        return self._by_shard

    def _is_new(self, name: str, mark: tuple[int, int]) -> bool:
        """Whether others have handed something over, or had the lane: they may let it go."""
        place, epoch = self._marks.get(name, (None, None))
        is_taken = mark[1] not in {epoch, self._driver.find_epoch(name)}
        return mark[0] != place or is_taken or name in self._passed

    async def _find_passed(
        self, names: Collection[str], marks: Mapping[str, tuple[int, int]]
    ) -> set[str]:
        """
        Return the lanes that others had and left as they were when this process last drove them.

        Two processes would take the lane of a held job from each other for ever. They are looked at
        each time until something is new: whoever has one may still change it, and then die.
        """
        had = []
        for name in names:
            if name in self._marks and marks[name][0] == self._marks[name][0]:
                had.append(name)
            else:
                self._left.pop(name, None)
        left = await self._store.jobs.open_marks(had)
        passed = {name for name in had if self._left.get(name) == left[name]}
        self._left |= left
        return passed

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
