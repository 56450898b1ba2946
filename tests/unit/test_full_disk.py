"""A disk that is full at any commit: nothing is lost or sent twice, and it is said."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError
from support.hubs import World, numbered, results_of, scripted_world
from support.stores import count_rows
from support.vendor import Vendor, capable

from batchhub import BatchHub
from batchhub._store import opening_sqlite
from batchhub._store.tables import items, jobs, results, tickets
from batchhub.adapter import ItemReport, Report
from batchhub.errors import StoreError
from batchhub.models import ItemState

T = TypeVar("T")
COMMITS = 40
"""More than everything below takes."""


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", 10)
    monkeypatch.setattr("batchhub._store.deleting.CHUNK_ITEMS", 10)


def fill_at(world: World, nth: int, times: int) -> None:
    """Let the disk be full at a commit, and at some after it."""
    assert world.hub._opened is not None
    counted = 0

    def commit(_: object) -> None:
        nonlocal counted
        counted += 1
        if nth <= counted < nth + times:
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(world.hub._opened.store._db._writer.engine, "commit", commit)


async def test_a_store_that_is_opened_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be read, and what can't be written is said to be for want of room."""
    path = tmp_path / "jobs.db"
    async with BatchHub(path, {}):
        pass
    use_wal = opening_sqlite._use_wal

    def fill(connection: Connection) -> None:
        if opening_sqlite._is_writable(connection):
            full = sqlite3.OperationalError("database or disk is full")
            raise OperationalError("PRAGMA", None, full)
        use_wal(connection)

    monkeypatch.setattr(opening_sqlite, "_use_wal", fill)
    async with scripted_world(store=path) as world:
        assert await world.hub.jobs() == []
        with pytest.raises(StoreError, match="the disk is full; make room, then go on"):
            await world.hub.submit("shop", numbered(1))


async def insist(world: World, what: Callable[[], Awaitable[T]]) -> T:
    """Do something until there is room for it."""
    while True:
        try:
            return await what()
        except StoreError as error:
            if not str(error).endswith("the disk is full; make room, then go on"):
                raise
            await world.clock.sleep(1)


@pytest.mark.parametrize(("nth", "times"), [(n, 1 + n % 3) for n in range(1, COMMITS, 4)])
async def test_a_disk_that_is_full_at_any_commit(tmp_path: Path, nth: int, times: int) -> None:
    """Submit, send, end, retry and prune: each item runs once, or is said to have failed."""
    vendor = capable(Vendor(), max_items=15)

    def report(sent: Any) -> Report:
        ran.update(item.id for item in sent)
        states = {f"i{n}": ItemState.FAILED for n in range(1, 26) if is_first}
        return Report(
            items=[
                ItemReport(id=item.id, state=states.get(item.id, ItemState.SUCCEEDED))
                for item in sent
            ]
        )

    ran: Counter[str] = Counter()
    is_first = True
    vendor.default_report = report
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        fill_at(world, nth, times)
        job = await insist(world, lambda: world.hub.submit("shop", numbered(35), key="k"))
        await insist(world, job.wait)
        assert len(await results_of(job)) == 35
        sent = Counter(item.id for one in vendor.submissions for item in one.items)
        assert sent == Counter([f"i{n}" for n in range(1, 36)])

        is_first = False
        again = await insist(world, job.retry)
        assert (await insist(world, again.wait)).counts.succeeded == 25
        sent = Counter(item.id for one in vendor.submissions for item in one.items)
        assert sent == Counter([f"i{n}" for n in (*range(1, 36), *range(1, 26))])

        await world.clock.sleep(10)
        while await world.hub.jobs():
            with suppress(StoreError):
                await world.hub.prune(5)
        assert world.hub._opened is not None
        await insist(world, lambda: world.hub.prune(5))
        left = await count_rows(world.hub._opened.store, (jobs, tickets, items, results))
        assert left == [0, 0, 0, 0]


async def test_a_write_is_made_though_the_loop_that_waits_for_it_is_cancelled(
    tmp_path: Path,
) -> None:
    """Whoever ends all tasks of a loop makes no write fail that the thread still commits."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        opened = world.hub._opened
        assert opened is not None
        writing = asyncio.create_task(opened.store.loads.touch("nobody", world.clock.now()))
        await asyncio.sleep(0)
        keep = {writing, asyncio.current_task()}
        for task in asyncio.all_tasks() - keep:
            task.cancel()

        await writing
