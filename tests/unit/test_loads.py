"""Large jobs go into the store by chunks, and nobody sees a part of one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.loads import CHUNK, Source, clean, pass_to, rows, write
from support.stores import NOW, make_chunk, make_chunks, make_job, make_plans
from support.vendor import Vendor, capable

from batchhub import BatchHub
from batchhub._store import Store
from batchhub.errors import InputError, KeyConflictError, StoreError
from batchhub.models import Outcome


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", CHUNK)
    monkeypatch.setattr("batchhub._store.deleting.CHUNK_ITEMS", CHUNK)


async def pragma(hub: BatchHub, text: str) -> int:
    """Set or ask one of SQLite's switches on the store's connection."""
    return int(await write(hub, lambda c: c.exec_driver_sql(f"PRAGMA {text}").scalar()))


async def leave(world: World, submit: Any, silent_s: float) -> None:
    """Begin to submit, and leave what there is by then as a process that died leaves it."""
    loading = asyncio.create_task(submit)
    await asyncio.sleep(0)
    while not (await rows(world.hub))[0]:
        await world.clock.sleep(0.01)
    await pass_to(world.hub, "gone", silent_s)
    loading.cancel()
    with suppress(asyncio.CancelledError):
        await loading


# Going in.


async def test_nobody_sees_a_job_before_it_is_whole(tmp_path: Path) -> None:
    """While its items come it is in no list, no lane and no other hub; then it is, and is sent."""
    path, source = tmp_path / "jobs.db", Source()
    async with scripted_world(capable(Vendor(), max_items=4), path) as world:
        loading = asyncio.create_task(world.hub.submit("shop", source.items()))
        await source.taken.wait()

        assert (await rows(world.hub))[2] == 20
        assert await world.hub.jobs() == []
        assert await world.hub.resume() == []
        async with BatchHub(path) as reader:
            assert await reader.jobs() == []
            assert [event async for event in reader.events(follow=False)] == []
        other = await world.hub.submit("shop", numbered(3))
        assert (await other.wait()).outcome is Outcome.SUCCEEDED
        assert len(world.vendor.submissions) == 1

        source.go_on.set()
        job = await loading
        assert (await job.wait()).counts.succeeded == 45
        assert [result.id for result in await results_of(job)] == [f"i{n}" for n in range(1, 46)]
        assert [len(sent.items) for sent in world.vendor.submissions] == [3, *[4] * 11, 1]


@pytest.mark.parametrize("count", [1, 9, 10, 11, 20, 21, 64])
@pytest.mark.parametrize("max_items", [1, 3, 10, 40])
async def test_a_job_of_any_size_is_whole(count: int, max_items: int) -> None:
    """Items and tickets are the same, however many chunks they came in."""
    async with scripted_world(capable(Vendor(), max_items=max_items)) as world:
        job = await world.hub.submit("shop", numbered(count), stop_on_first_failure=False)
        status = await job.wait()

        assert status.counts.succeeded == count
        assert [ticket.counts.total for ticket in status.tickets] == [
            min(max_items, count - first) for first in range(0, count, max_items)
        ]
        sent = [item.id for one in world.vendor.submissions for item in one.items]
        assert sorted(sent, key=lambda id_: int(id_[1:])) == [f"i{n}" for n in range(1, count + 1)]


@pytest.mark.parametrize("place", [5, 15, 30, 45])
async def test_a_bad_item_leaves_nothing(place: int) -> None:
    """Wherever the bad item is, nothing of the others is kept or sent."""
    async with scripted_world() as world:
        given = numbered(45)
        given[place - 1]["bad"] = True
        for _ in range(2):
            with pytest.raises(InputError, match=f"item {place} "):
                await world.hub.submit("shop", given, key="k")
            assert await rows(world.hub) == [0, 0, 0, 0]

        given[place - 1].pop("bad")
        job = await world.hub.submit("shop", given, key="k")
        assert (await job.wait()).counts.succeeded == 45


async def test_an_id_that_comes_again_chunks_later_is_refused() -> None:
    """Ids are unique in a job, not in a chunk."""
    async with scripted_world() as world:
        with pytest.raises(InputError, match="the id 'i3' is there twice, first in item 3"):
            await world.hub.submit("shop", [*numbered(35), {"id": "i3"}])

        assert await rows(world.hub) == [0, 0, 0, 0]


async def test_a_submit_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    """What is there by then is deleted, also while the hub is being closed."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        source = Source()
        loading = asyncio.create_task(world.hub.submit("shop", source.items(), key="k"))
        await source.taken.wait()
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
    async with BatchHub(path) as reader:
        assert await rows(reader) == [0, 0, 0, 0]


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_a_submit_cancelled_anywhere_is_there_whole_or_not_at_all(turns: int) -> None:
    """Whatever it waited for at that moment."""
    async with scripted_world() as world:
        loading = asyncio.create_task(world.hub.submit("shop", numbered(45)))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        loading.cancel()
        with suppress(asyncio.CancelledError):
            await loading
        assert world.hub._opened is not None
        await world.hub._opened.loader.aclose()

        found = await world.hub.jobs()
        assert (await rows(world.hub))[2] == 45 * len(found)


async def test_an_error_of_the_iterable_leaves_nothing() -> None:
    """What goes wrong while the items are read is the user's, and nothing was stored."""
    async with scripted_world() as world:
        source = Source(end=ZeroDivisionError())
        source.go_on.set()
        with pytest.raises(ZeroDivisionError):
            await world.hub.submit("shop", source.items())

        assert await rows(world.hub) == [0, 0, 0, 0]


async def test_a_full_disk_in_mid_load_leaves_nothing_visible(tmp_path: Path) -> None:
    """At whichever chunk it is full, the error says so; with room again, the same goes in."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        pages = await pragma(world.hub, "page_count")
        given = [item | {"x": "x" * 4000} for item in numbered(60)]
        for more in range(20):
            await pragma(world.hub, f"max_page_count = {pages + more}")
            with pytest.raises(StoreError, match="the disk is full; make room"):
                await world.hub.submit("shop", given, key="k")
            assert await world.hub.jobs() == []
            assert world.vendor.submissions == []
        await pragma(world.hub, "max_page_count = 100000")

        job = await world.hub.submit("shop", given, key="k")
        assert (await job.wait()).counts.succeeded == 60
        await clean(world.hub)
        assert (await rows(world.hub))[:3] == [1, 20, 60]


async def test_other_writes_go_between_the_chunks(tmp_path: Path) -> None:
    """A write that comes while a large job goes in waits for one chunk at most."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        opened = world.hub._opened
        assert opened is not None
        loading = asyncio.create_task(world.hub.submit("shop", numbered(1000)))
        seen = []
        while not loading.done():
            await opened.store.loads.touch("nobody", world.clock.now())
            seen.append((await rows(world.hub))[2])
        await loading

    assert len(set(seen)) > 20  # of 100 chunks: how often a busy machine gets round to it


# Keys and the dead.


async def test_the_same_key_waits_for_the_load_that_has_it(tmp_path: Path) -> None:
    """Two submits at once with one key are one job, however large; other items are refused."""
    path, source = tmp_path / "jobs.db", Source()
    async with scripted_world(store=path) as world:
        first = asyncio.create_task(world.hub.submit("shop", source.items(), key="k"))
        await source.taken.wait()
        async with scripted_world(store=path, clock=world.clock) as other:
            same = asyncio.create_task(other.hub.submit("shop", numbered(45), key="k"))
            ours = asyncio.create_task(world.hub.submit("shop", numbered(45), key="k"))
            small = asyncio.create_task(world.hub.submit("shop", numbered(5), key="k"))
            await world.clock.sleep(20)
            assert not same.done()
            assert not ours.done()
            assert not small.done()

            source.go_on.set()
            job = await first
            assert (await same).id == (await ours).id == job.id
            with pytest.raises(KeyConflictError, match=job.id):
                await small
            assert (await rows(world.hub))[2] == 45


async def test_the_same_key_takes_over_when_the_load_comes_to_nothing() -> None:
    """A load that is refused lets go of its key, and who waited for it makes the job."""
    async with scripted_world() as world:
        source = Source(end=InputError("no more"))
        first = asyncio.create_task(world.hub.submit("shop", source.items(), key="k"))
        await source.taken.wait()
        second = asyncio.create_task(world.hub.submit("shop", numbered(30), key="k"))
        await world.clock.sleep(5)
        source.go_on.set()

        with pytest.raises(InputError):
            await first
        job = await second
        assert (await job.wait()).counts.succeeded == 30


async def test_the_same_key_takes_over_from_a_dead_process(tmp_path: Path) -> None:
    """What a process left that died is deleted, and its key is free."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await leave(world, world.hub.submit("shop", Source().items(), key="k"), silent_s=29)

        job = await world.hub.submit("shop", numbered(12), key="k")

        assert (await job.wait()).counts.succeeded == 12
        assert await rows(world.hub) == [1, 4, 12, 12]


async def test_a_key_that_is_there_already_stores_nothing() -> None:
    """A large job that joins is only compared."""
    async with scripted_world() as world:
        job = await world.hub.submit("shop", numbered(45), key="k")
        before = await rows(world.hub)

        assert (await world.hub.submit("shop", numbered(45), key="k")).id == job.id
        with pytest.raises(KeyConflictError):
            await world.hub.submit("shop", numbered(46), key="k")
        assert (await rows(world.hub))[:3] == before[:3]


async def test_who_opens_the_store_deletes_what_a_dead_process_left(tmp_path: Path) -> None:
    """A load of a process that died is gone, by chunks; one that lives is left alone."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        await leave(world, world.hub.submit("shop", Source().items()), silent_s=10)
        left = await rows(world.hub)
        assert left[0] == 1
        assert left[2] >= CHUNK
        async with BatchHub(path, clock=world.clock) as reader:
            assert await reader.jobs() == []
            assert await rows(reader) == left

        await clean(world.hub)
        assert await rows(world.hub) == left
        await world.clock.sleep(20)
    async with scripted_world(store=path, clock=world.clock) as world:
        while (await rows(world.hub)) != [0, 0, 0, 0]:
            await world.clock.sleep(0.1)


@pytest.mark.parametrize("after", [20, 2])
async def test_a_process_taken_for_dead_makes_no_half_a_job(after: int) -> None:
    """Once another process has begun to delete it, a load can't become a job any more."""
    async with scripted_world() as world:
        source = Source()
        loading = asyncio.create_task(world.hub.submit("shop", source.items(after=after)))
        await source.taken.wait()
        await pass_to(world.hub, "another")
        source.go_on.set()

        with pytest.raises(StoreError, match=r"another process deleted job .* submit it again"):
            await loading
        assert await world.hub.jobs() == []
        assert world.vendor.submissions == []


async def test_a_load_that_another_process_has_deleted_says_so() -> None:
    """Also when all of it is gone by the time of the last chunk."""
    store = await Store.open(None)
    plans = make_plans(1)
    first = make_chunk(plans, make_chunks(1))
    added = await store.loads.begin(make_job(), "mine", first)
    assert await store.loads.delete(added.job.job_id, "mine", "theirs", NOW)
    last = make_chunk(plans, make_chunks(1), first_item=2, first_ticket=2)
    with pytest.raises(StoreError, match=r"another process deleted job .* submit it again"):
        await store.loads.publish(added.job, "mine", last)
    await store.aclose()
