"""Loads that come as far as a test lets them, and what is in the store meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, update

from batchhub import BatchHub
from batchhub._store.tables import items, jobs, results, tickets
from batchhub.adapter import ItemReport, Report
from batchhub.hub import BatchJob
from batchhub.models import ItemState
from support.hubs import World, numbered
from support.stores import count_rows

TABLES = (jobs, tickets, items, results)
CHUNK = 10


class Source:
    """Items that come as far as a test lets them."""

    def __init__(self, *, end: Exception | None = None) -> None:
        self.taken = asyncio.Event()
        self.go_on = asyncio.Event()
        self._end = end

    async def items(self, before: int = 25, after: int = 20) -> AsyncIterator[dict[str, object]]:
        """Yield items, wait to be let go on, yield the others."""
        everything = numbered(before + after)
        for item in everything[:before]:
            yield item
        self.taken.set()
        await self.go_on.wait()
        for item in everything[before:]:
            yield item
        if self._end is not None:
            raise self._end


async def rows(hub: BatchHub) -> list[int]:
    """Count the jobs, tickets, items and results in the store, visible or not."""
    assert hub._opened is not None
    return await count_rows(hub._opened.store, TABLES)


async def write(hub: BatchHub, work: Callable[[Connection], Any]) -> Any:
    """Do something to the store behind the hub's back."""
    assert hub._opened is not None
    return await hub._opened.store._db.write(work)


async def pass_to(hub: BatchHub, process: str, silent_s: float = 0.0) -> None:
    """Make what is being loaded or deleted another process's, silent for so long."""
    assert hub._opened is not None
    seen_at = (hub._clock.now() - timedelta(seconds=silent_s)).isoformat()
    query = update(jobs).where(jobs.c.place.is_(None))
    await write(
        hub,
        lambda connection: connection.execute(query.values(loaded_by=process, updated_at=seen_at)),
    )


async def clean(hub: BatchHub) -> None:
    """Let a hub do what it does in the background when it opens a store."""
    assert hub._opened is not None
    hub._opened.loader.clean()
    cleaning = hub._opened.loader._cleaning
    assert cleaning is not None
    await cleaning


def failing(*ids: str) -> Callable[[Any], Report]:
    """Return a report in which some items failed."""
    return lambda sent: Report(
        items=[
            ItemReport(id=i.id, state=ItemState.FAILED if i.id in ids else ItemState.SUCCEEDED)
            for i in sent
        ]
    )


async def ended(world: World, count: int, *failed: str) -> BatchJob:
    """Submit items of which some fail, and wait."""
    world.vendor.default_report = failing(*failed)
    job = await world.hub.submit("shop", numbered(count))
    await job.wait()
    return job
