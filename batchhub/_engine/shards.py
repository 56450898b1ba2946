"""Which shards this process drives: an engine says when, the store's leases say whether."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Store
from batchhub.errors import StoreError, StoreVersionError, UsageError

from .attendance import Attendance
from .driver import Driver
from .lane import CLOSING_S
from .shard_claims import ShardClaims, ShardHold, take_note

Own = Callable[[int], Awaitable[None]]
"""
``own(shard)`` takes a shard and drives its lanes. It returns when nothing is open there any more,
or another process has it. Cancelled, it hands the shard over: nothing new is sent, requests with an
effect that are under way get their grace, and then the shard is free.
"""

OpenLanes = Callable[[], Awaitable[Mapping[int, int]]]
"""
``open_lanes()`` returns how many lanes of which shard have something to do: only of those shards
whose open lanes this process can all drive. It may be called every second.
"""

LOOK_S: Final = 3.0
"""Seconds between two looks at what is open, where nothing says that there is something new."""

_SHORTEST_S: Final = 1.0

_COST: Final = 50.0
"""How many times as long as a look takes there is at least until the next one, up to `LOOK_S`."""

_IDLE_S: Final = 5.0
"""Seconds for which a shard is kept that has nothing open."""

_ENGINE_S: Final = 10.0
"""Seconds that an engine gets to end, once all shards are handed over."""

_log = get_logger()


class Engine(Protocol):
    """
    Says which process drives which shards.

    No promise rests on it: the leases in the store see to it that a lane has one driver at a time,
    whatever an engine does. It only has to see to it that some process owns each shard with open
    lanes, and that they are shared out well.
    """

    async def run(self, own: Own, open_lanes: OpenLanes) -> None:
        """
        Own shards until it is cancelled, with a task for each.

        Args:
            own: Drives a shard.
            open_lanes: Says which shards this process can drive.
        """
        ...


class Shards:
    """
    The shards of an open hub whose store many processes share.

    Args:
        store: The store.
        clock: Where time comes from.
        claims: Takes shards.
        driver: Drives lanes.
        attendance: Has the lanes of shards driven.
        find_obstacle: Says in a line why this process can't drive a lane; `None` if it can.

    Attributes:
        not_drivable: The open lanes that this process can't drive, each with the reason, as of its
            last look.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        claims: ShardClaims,
        driver: Driver,
        attendance: Attendance,
        find_obstacle: Callable[[str], str | None],
    ) -> None:
        self.not_drivable: Mapping[str, str] = MappingProxyType({})
        self._store = store
        self._clock = clock
        self._claims = claims
        self._driver = driver
        self._attendance = attendance
        self._find_obstacle = find_obstacle
        self._owned: dict[int, asyncio.Event] = {}
        self._handing_over: dict[int, asyncio.Task[None]] = {}
        self._grace_s = CLOSING_S
        self._is_closing = False
        self._running: asyncio.Task[None] | None = None
        self._open: dict[int, list[str]] = {}
        self._drivable: Mapping[int, int] = MappingProxyType({})
        self._looked_s: float | None = None
        self._gap_s = _SHORTEST_S
        self._has_news = True
        self._looking: asyncio.Task[None] | None = None
        self._refusal: str | None = None

    @property
    def owned(self) -> int:
        """How many shards this process has now."""
        return len(self._claims.held)

    def note_news(self) -> None:
        """Look at what is open anew: something may have been handed over, or accounts changed."""
        self._has_news = True

    # What an engine calls.

    async def own(self, shard: int) -> None:
        """Take a shard and drive it; see `Own`."""
        if self._is_closing or shard in self._owned:
            return
        self._owned[shard] = changed = asyncio.Event()
        try:
            if (leaving := self._handing_over.get(shard)) is not None:
                await asyncio.wait({leaving})  # of one who was cancelled twice, and did not
            hold = await self._take(shard)
            if hold is not None:
                hold.on_lost = lambda: self._lose(hold, changed)
                try:
                    self._attendance.take_up(shard)
                    await self._keep(hold, changed)
                finally:
                    # By itself: whoever is cancelled once more has it end all the same.
                    await asyncio.shield(self._hand_over(hold))
        finally:
            del self._owned[shard]

    async def open_lanes(self) -> Mapping[int, int]:
        """Return how many lanes of which shard are open; see `OpenLanes`."""
        if self._is_closing or self._refusal is not None:
            return {}
        try:
            await self._look()
        except StoreError as error:  # as it was, then: whoever owns a shard finds out the same
            _log.error("store.failed", store=self._store.name, error=str(error))
        return self._drivable

    # One shard.

    async def _take(self, shard: int) -> ShardHold | None:
        try:
            return await self._claims.take(shard)
        except StoreVersionError as error:
            if self._refusal is None:
                self._refusal = str(error)
                _log.error("shards.refused", store=self._store.name, error=str(error))
        except StoreError as error:
            _log.error("store.failed", store=self._store.name, error=str(error))
            await self._clock.sleep(_SHORTEST_S)
        return None

    def _lose(self, hold: ShardHold, changed: asyncio.Event) -> None:
        self._driver.lose(hold)
        changed.set()

    async def _keep(self, hold: ShardHold, changed: asyncio.Event) -> None:
        """Return once a shard is not to be driven here any more."""
        idle_s: float | None = None
        while not (hold.is_lost or self._is_closing):
            await self._rest(changed)
            try:
                await self._look()
            except StoreError:  # said by whoever writes
                continue
            here = self._open.get(hold.shard, ())
            if here:
                idle_s = None
                if await self._is_anothers(here):
                    return
                continue
            now_s = self._clock.monotonic()
            idle_s = now_s if idle_s is None else idle_s
            if now_s - idle_s >= _IDLE_S:
                return

    async def _rest(self, changed: asyncio.Event) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(LOOK_S))
        waking = asyncio.ensure_future(changed.wait())
        try:
            await asyncio.wait({pause, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            waking.cancel()

    async def _is_anothers(self, lanes: Sequence[str]) -> bool:
        """Whether a process that can drive lanes of a shard waits for it, where this one can't."""
        for lane in lanes:
            if lane in self.not_drivable:
                try:
                    if await self._driver.find_attendant(lane) is not None:
                        return True
                except StoreError:
                    return False
        return False

    def _hand_over(self, hold: ShardHold) -> asyncio.Task[None]:
        """Begin to let a shard go, unless that is under way."""
        task = self._handing_over.get(hold.shard)
        if task is None:
            task = asyncio.create_task(self._hand_over_now(hold), name="batchhub-hand-over")
            self._handing_over[hold.shard] = task
        return task

    async def _hand_over_now(self, hold: ShardHold) -> None:
        hold.is_closing = True
        try:
            # One that is lost has no lanes here: what is answered late is written as it comes.
            if not hold.is_lost:
                await self._driver.hand_over(hold.shard, self._grace_s)
        finally:
            await self._claims.let_go(hold)
            del self._handing_over[hold.shard]

    # What is open.

    async def _look(self) -> None:
        """Read which lanes are open, unless that is known; one look for all who ask."""
        now_s = self._clock.monotonic()
        age_s = float("inf") if self._looked_s is None else now_s - self._looked_s
        if age_s < (min(LOOK_S, self._gap_s) if self._has_news else LOOK_S):
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_now(), name="batchhub-look-at-shards")
            self._looking.add_done_callback(take_note)
        await asyncio.shield(self._looking)

    async def _look_now(self) -> None:
        self._has_news, began_s = False, self._clock.monotonic()
        try:
            found = await self._store.shards.find_open()
        except StoreError:
            self._has_news = True
            raise
        self._looked_s = self._clock.monotonic()
        self._gap_s = max(_SHORTEST_S, _COST * (self._looked_s - began_s))
        self._open = {}
        for each in found:
            self._open.setdefault(each.shard, []).append(each.lane)
        reasons = ((each.lane, self._find_obstacle(each.lane)) for each in found)
        not_drivable = {lane: reason for lane, reason in reasons if reason is not None}
        self.not_drivable = not_drivable
        self._drivable = {
            shard: len(lanes)
            for shard, lanes in self._open.items()
            if not_drivable.keys().isdisjoint(lanes)
        }

    # All of them.

    async def run(self, engine: Engine) -> None:
        """
        Have an engine share out the shards until this is cancelled, or the hub is closed.

        Raises:
            UsageError: An engine is at it already.
        """
        if self._is_closing:
            return
        if self._running is not None and not self._running.done():
            raise UsageError("this hub drives already")
        running = self._running = asyncio.create_task(
            engine.run(self.own, self.open_lanes), name="batchhub-engine"
        )
        attending = asyncio.create_task(
            self._attendance.run(self.note_news), name="batchhub-attendance"
        )
        try:
            await asyncio.wait({running, attending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await asyncio.shield(asyncio.ensure_future(self._end(running, attending)))
        for task in (running, attending):
            if not task.cancelled():
                task.result()

    async def _end(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            _cancel_once(task)
        await asyncio.wait(tasks)
        await self._hand_all_over()  # what an engine has left behind

    async def _hand_all_over(self) -> None:
        for hold in list(self._claims.held.values()):
            self._hand_over(hold)
        if self._handing_over:
            await asyncio.wait(set(self._handing_over.values()))

    async def aclose(self, grace_s: float) -> None:
        """
        Hand all shards over, at once, and end the engine.

        Args:
            grace_s: Seconds that requests with an effect get to end.
        """
        self._is_closing, self._grace_s = True, grace_s
        for changed in self._owned.values():
            changed.set()
        if self._running is not None:
            _cancel_once(self._running)
        await self._hand_all_over()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=_ENGINE_S)
        await self._claims.aclose()


def _cancel_once(task: asyncio.Task[None]) -> None:
    """Cancel a task, unless it is about to end: to be cancelled again would cut its ending off."""
    if not task.cancelling():
        task.cancel()
