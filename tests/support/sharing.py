"""Hubs that share out the shards of one store, as those of a cluster do, by engines of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from unittest.mock import PropertyMock, patch

from attrs import define, field

from batchhub import BatchHub
from batchhub._base.clock import Clock
from batchhub._engine.shards import OpenLanes, Own
from batchhub._store import Store
from batchhub._store.shards import SHARDS, shard_of
from batchhub.adapter import Account
from batchhub.testing import FakeClock


@contextmanager
def sharing() -> Iterator[None]:
    """Have every store opened inside the block be one that many processes share by shards."""
    with patch.object(Store, "is_cluster", PropertyMock(return_value=True)):
        yield


class HandEngine:
    """
    An engine that does what a test says.

    Attributes:
        owned: The tasks that own a shard each.
    """

    def __init__(self) -> None:
        self.owned: dict[int, asyncio.Task[None]] = {}
        self._own: Own
        self._open_lanes: OpenLanes
        self._has_begun = asyncio.Event()

    async def run(self, own: Own, open_lanes: OpenLanes) -> None:
        """Do nothing until it is cancelled; then leave all shards."""
        self._own, self._open_lanes = own, open_lanes
        self._has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for task in self.owned.values():
                task.cancel()
            if self.owned:
                await asyncio.wait(self.owned.values())

    async def begun(self) -> None:
        """Wait until it was begun."""
        await self._has_begun.wait()

    async def open_lanes(self) -> Mapping[int, int]:
        """Return what the hub says."""
        return await self._open_lanes()

    def own(self, *shards: int) -> None:
        """Own shards."""
        for shard in shards:
            task: asyncio.Task[None] = asyncio.ensure_future(self._own(shard))
            self.owned[shard] = task

    async def leave(self, *shards: int) -> None:
        """Leave shards; return once they are handed over."""
        tasks = [self.owned.pop(shard) for shard in shards]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


class GreedyEngine:
    """
    An engine that owns all that is open; only the leases keep it from what others have.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, own: Own, open_lanes: OpenLanes) -> None:
        """Own every shard that the hub can drive."""
        owned: dict[int, asyncio.Future[None]] = {}
        try:
            while True:
                for shard in await open_lanes():
                    if shard not in owned or owned[shard].done():
                        owned[shard] = asyncio.ensure_future(own(shard))
                await self._clock.sleep(1.0)
        finally:
            for task in owned.values():
                task.cancel()
            if owned:
                await asyncio.wait(owned.values())


@define
class Driving:
    """
    A hub that drives by an engine of a test.

    Attributes:
        hub: The hub.
        engine: The engine.
        task: What drives.
    """

    hub: BatchHub
    engine: HandEngine
    task: asyncio.Task[None] = field(repr=False)


@asynccontextmanager
async def driving_by_hand(
    store: Path | str,
    accounts: Mapping[str, Account],
    clock: FakeClock,
    *,
    seed: int = 1,
    engine: HandEngine | None = None,
) -> AsyncIterator[Driving]:
    """Have a hub drive what a test says."""
    engine = engine or HandEngine()
    async with BatchHub(store, accounts, clock=clock, seed=seed) as hub:
        task = asyncio.create_task(hub.drive(engine))
        await engine.begun()
        try:
            yield Driving(hub, engine, task)
        finally:
            await hub.aclose()
            with suppress(asyncio.CancelledError):
                await task


def name_in_shard(make: Callable[[str], Account], shard: int | None = None, start: int = 0) -> str:
    """Return the name of an account whose lane is in a shard; by default in any."""
    names = (f"shop{n}" for n in range(start, start + 100 * SHARDS))
    return next(name for name in names if shard in (None, shard_of(make(name).lane)))
