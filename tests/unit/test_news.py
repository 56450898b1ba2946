"""What processes hear of each other on PostgreSQL is looked at, at once and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from support.hubs import numbered
from support.patience import PATIENCE_S, wait_until
from support.postgres import with_option
from support.sharing import GreedyEngine
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub
from batchhub._base.clock import SystemClock
from batchhub._base.store_place import find_store_place
from batchhub._engine import store_watch
from batchhub._engine.store_watch import StoreWatch
from batchhub._store import Store
from batchhub._store.bell import Bell
from batchhub._store.lanes import Lanes
from batchhub._store.opening import init_database

CLOCK = SystemClock()


@pytest.fixture
async def store_url(database_url: str) -> str:
    """Return the address of a store on PostgreSQL."""
    await init_database(find_store_place(database_url))
    return database_url


@pytest.fixture
def _no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not told of news never finds them."""
    monkeypatch.setattr(store_watch, "LOOK_S", 1e6)
    monkeypatch.setattr(store_watch, "FALLBACK_S", 1e6)


def cut(url: str) -> None:
    """End the connections of all bells at a store."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'batchhub bell' AND datname = current_database()"
        )


class Told:
    """What a watch tells."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._stirred = asyncio.Event()

    def __call__(self, name: str) -> None:
        self.calls[name] += 1
        self._stirred.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds, which only being told can change."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._stirred.clear()
                await self._stirred.wait()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Have a store as a process of its own has it."""
    store = await Store.open(url)
    store.use_bell(CLOCK)
    try:
        yield store
    finally:
        await store.aclose()


@asynccontextmanager
async def watched(
    store: Store, other: Store, lanes: Sequence[str], told: Told
) -> AsyncIterator[StoreWatch]:
    """Watch some lanes; all of them were looked at, and what the other one rings is heard."""
    watch = StoreWatch(
        store, CLOCK, lanes=lambda: ["ready", *lanes], doubtful=list, on_lane=told, on_job=told
    )
    with watch.following(lambda _: told("news")):
        try:
            await told.until(lambda: store.bell is not None and store.bell.is_heard)
            await other.pushes.add("ready", ["ref-1"], CLOCK.now())
            await told.until(lambda: told.calls["ready"] > 0)
            told.calls.clear()
            yield watch
        finally:
            await watch.aclose()


@pytest.mark.usefixtures("_no_looks")
async def test_only_the_lanes_that_are_named_are_looked_at(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with thousands of lanes asks the store about the one that somebody submits to."""
    asked: list[list[str]] = []
    places = Lanes.places

    async def count(self: Lanes, lanes: Sequence[str]) -> dict[str, int]:
        asked.append(list(lanes))
        return await places(self, lanes)

    lanes = [f"shop-{number}" for number in range(1_000)]
    told = Told()
    async with opened(store_url) as mine, opened(store_url) as theirs:
        await theirs.pushes.add("shop-7", ["ref-1"], CLOCK.now())
        async with watched(mine, theirs, lanes, told):
            monkeypatch.setattr(Lanes, "places", count)
            await theirs.pushes.add("shop-7", ["ref-2"], CLOCK.now())
            await told.until(lambda: told.calls["shop-7"] > 0)
            await theirs.pushes.add("unknown", ["ref-1"], CLOCK.now())
            await theirs.pushes.add("shop-8", ["ref-1"], CLOCK.now())
            await told.until(lambda: told.calls["shop-8"] > 0)
            assert set(told.calls) == {"news", "shop-7", "shop-8"}
            new = [[name for name in names if name != "ready"] for names in asked]
            assert [names for names in new if names] == [["shop-7"], ["shop-8"]]


@pytest.mark.usefixtures("_no_looks")
async def test_nothing_is_looked_at_for_what_this_process_writes(store_url: str) -> None:
    """It knows that already: a worker that writes all the time would look all the time."""
    told = Told()
    async with (
        opened(store_url) as mine,
        opened(store_url) as theirs,
        watched(mine, theirs, ["shop-1", "shop-2"], told),
    ):
        await mine.pushes.add("shop-1", ["ref-1"], CLOCK.now())
        await theirs.pushes.add("shop-2", ["ref-1"], CLOCK.now())
        await told.until(lambda: told.calls["shop-2"] > 0)
        assert not told.calls["shop-1"]


@pytest.mark.usefixtures("_no_looks")
async def test_who_waits_for_a_job_hears_of_its_changes(store_url: str) -> None:
    """Without a look of its own: the commit is rung, and the job is read then."""
    accounts = {"shop": ScriptedAccount(vendor=Vendor())}
    async with BatchHub(store_url, accounts) as first, BatchHub(store_url) as second:
        job = await first.submit("shop", numbered(3))
        theirs = await second.job(job.id)
        changes = theirs.watch()
        await anext(changes)
        await job.cancel()
        async with asyncio.timeout(PATIENCE_S):
            assert (await anext(changes)).updated_at > job.status.created_at


@pytest.mark.usefixtures("_no_looks")
async def test_a_worker_takes_up_what_it_hears_of(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all the accounts it has, it asks the store about the one that somebody submits to."""
    asked: list[list[str]] = []
    marks = Lanes.marks

    async def count(self: Lanes, lanes: Sequence[str]) -> dict[str, tuple[int, int]]:
        asked.append(list(lanes))
        return await marks(self, lanes)

    accounts = {f"a{n}": ScriptedAccount(name=f"a{n}", vendor=Vendor()) for n in range(20)}
    one = accounts["a7"]
    async with BatchHub(store_url, accounts) as worker, BatchHub(store_url, {"a7": one}) as hub:
        driving = asyncio.create_task(worker.drive(GreedyEngine(CLOCK)))
        first = await hub.submit("a7", numbered(3))
        async with asyncio.timeout(PATIENCE_S):
            await first.wait()
            monkeypatch.setattr(Lanes, "marks", count)
            second = await hub.submit("a7", numbered(3))
            assert (await second.wait()).counts.succeeded == 3
        assert {name for names in asked for name in names} == {one.lane}
        driving.cancel()
        await asyncio.wait({driving})


async def test_who_hears_nothing_any_more_looks_by_itself(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is cut and can't be made again: what others write is found all the same."""
    monkeypatch.setattr(store_watch, "LOOK_S", 0.05)
    monkeypatch.setattr(store_watch, "FALLBACK_S", 1e6)
    told = Told()

    async def fail(_: Bell) -> None:
        raise OSError("no connection is left")

    async with (
        opened(store_url) as mine,
        opened(store_url) as theirs,
        watched(mine, theirs, ["shop"], told),
    ):
        bell = mine.bell
        assert bell is not None
        with monkeypatch.context() as patch:
            patch.setattr(Bell, "_connect", fail)
            cut(store_url)
            await wait_until(lambda: not bell.is_heard)  # whoever watches is told, and nobody else
            await theirs.pushes.add("shop", ["ref-1"], CLOCK.now())
            await told.until(lambda: told.calls["shop"] > 0)
        await wait_until(lambda: bell.is_heard)


async def test_who_hears_nothing_looks_every_second(store_url: str) -> None:
    """Where LISTEN is not possible nobody can be heard."""
    told = Told()
    silent = with_option(store_url, "listen=off")
    async with opened(silent) as mine, opened(store_url) as theirs:
        assert mine.bell is None
        await theirs.pushes.add("shop", ["ref-1"], CLOCK.now())
        watch = StoreWatch(
            mine, CLOCK, lanes=lambda: ["shop"], doubtful=list, on_lane=told, on_job=told
        )
        watch.start()
        await told.until(lambda: told.calls["shop"] == 1)
        await theirs.pushes.add("shop", ["ref-2"], CLOCK.now())
        await told.until(lambda: told.calls["shop"] == 2)
        await watch.aclose()
