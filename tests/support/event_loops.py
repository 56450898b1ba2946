"""Loops over events, as programs have them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from batchhub import BatchEvent, BatchHub
from batchhub._engine.open_hub import OpenHub
from batchhub._engine.process_lock import Verdict
from batchhub._store.tables import deliveries
from batchhub.testing import FakeClock
from support.hubs import World, numbered
from support.statements import on_statements


async def handle(
    hub: BatchHub, jobs: list[str] | None = None, consumer: str = "default"
) -> list[BatchEvent]:
    """Handle and acknowledge what there is now."""
    return [event async for event in hub.events(consumer=consumer, jobs=jobs, follow=False)]


async def ids(hub: BatchHub, consumer: str = "default") -> list[str]:
    """Handle what there is now; return the ids of the jobs."""
    return [event.job_id for event in await handle(hub, consumer=consumer)]


async def finish(world: World, count: int) -> list[str]:
    """Run jobs to their end; return their ids."""
    ids = []
    for _ in range(count):
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        ids.append(job.id)
    return ids


async def prune(world: World) -> int:
    """Delete every job that has ended; return how many those were."""
    await world.clock.sleep(1.0)
    return (await world.hub.prune(0.0)).jobs


async def take_and_break(hub: BatchHub, consumer: str = "default") -> BatchEvent:
    """Leave the loop at its first event."""
    async for event in hub.events(consumer=consumer):
        return event
    raise AssertionError("a loop that follows has no end")


async def fail_to_handle(hub: BatchHub) -> None:
    """Handle events by what raises."""
    async for _ in hub.events(follow=False):
        raise ValueError("my webhook failed")


@asynccontextmanager
async def another_hub(store: Path, clock: FakeClock) -> AsyncIterator[BatchHub]:
    """Open a second hub on a store, as another process would."""
    async with BatchHub(store, clock=clock) as hub:
        yield hub


def opened_of(hub: BatchHub) -> OpenHub:
    """Return what a hub has open."""
    assert hub._opened is not None
    return hub._opened


def judge(hub: BatchHub, verdict: Verdict) -> None:
    """Have a hub believe this of every other process."""
    opened_of(hub).process.judge = lambda _: verdict


async def rows(hub: BatchHub) -> list[Any]:
    """Return what the store keeps of events."""

    def work(connection: Connection) -> list[Any]:
        return list(connection.execute(select(deliveries)))

    return await opened_of(hub).store._db.read(work)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Give the statements that any store runs meanwhile."""
    seen: list[str] = []

    with on_statements(seen.append):
        yield seen


@contextmanager
def failing(beginning: str) -> Iterator[list[str]]:
    """
    Have the disk fail whenever a statement changes events so; give those that failed.

    Args:
        beginning: Of the statement, as a pattern: each database has placeholders of its own.
    """
    failed: list[str] = []

    def fail(text: str) -> None:
        if re.match(beginning, text) and "deliveries" in text:
            failed.append(text)
            raise sqlite3.OperationalError("disk I/O error")

    with on_statements(fail):
        yield failed
