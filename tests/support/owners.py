"""Another process at a store, as far as its lanes see it: a token, a lock, a hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from attrs import define

from batchhub._engine.process_lock import ProcessLock
from batchhub._store import Hold, LaneOwner, LaneRow, Store, Traffic

NO_TRAFFIC = Traffic(sent=None, cooled=None)


@define
class Other:
    """
    Another process.

    Attributes:
        store: Its connection.
        lock: Its lock, which it holds.
    """

    store: Store
    lock: ProcessLock

    async def take(self, lane: str, at: datetime, *, pid: int = 4711, host: str = "far") -> Hold:
        """Take a lane, whoever has it."""
        owner = LaneOwner(token=self.lock.token, pid=pid, host=host)
        _, hold = await self.store.lanes.take(lane, owner, at, lambda _: True)
        assert hold is not None
        return hold

    async def beat(self, at: datetime) -> None:
        """Give a sign of life."""
        await self.store.lanes.beat(self.lock.token, {}, at)

    async def let_go(self, hold: Hold, at: datetime, traffic: Traffic = NO_TRAFFIC) -> None:
        """Let a lane go."""
        await self.store.lanes.let_go({hold: traffic}, at)

    async def look(self, lane: str) -> LaneRow:
        """Return the row of a lane."""
        return await self.store.lanes.get(lane)


@asynccontextmanager
async def other_process(path: Path) -> AsyncIterator[Other]:
    """Open a store as another process does, and hold its lock."""
    store = await Store.open(path)
    lock = ProcessLock(path)
    lock.hold()
    try:
        yield Other(store, lock)
    finally:
        lock.release()
        await store.aclose()
