"""Large jobs go in and out of the store by chunks, and nobody sees a part of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from support.hubs import World, numbered, results_of, scripted_world
from support.stores import NOW, count_rows, make_chunk, make_chunks, make_job, make_plans
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub import BatchHub
from batchhub._store import Store
from batchhub._store.tables import items, jobs, results, tickets
from batchhub.adapter import ItemReport, Observation, Report, TicketRef
from batchhub.errors import InputError, KeyConflictError, NotKnownError, StoreError
from batchhub.hub import BatchJob
from batchhub.models import ItemState, Outcome

TABLES = (jobs, tickets, items, results)
CHUNK = 10


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", CHUNK)
    monkeypatch.setattr("batchhub._store.deleting.CHUNK_ITEMS", CHUNK)


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


async def pragma(hub: BatchHub, text: str) -> int:
    """Set or ask one of SQLite's switches on the store's connection."""
    return int(await write(hub, lambda c: c.exec_driver_sql(f"PRAGMA {text}").scalar()))


async def pass_to(hub: BatchHub, process: str, silent_s: float = 0.0) -> None:
    """Make what is being loaded or deleted another process's, silent for so long."""
    assert hub._opened is not None
    seen_at = (hub._clock.now() - timedelta(seconds=silent_s)).isoformat()
    query = update(jobs).where(jobs.c.place.is_(None))
    await write(
        hub,
        lambda connection: connection.execute(query.values(loaded_by=process, updated_at=seen_at)),
    )


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


# Again.


async def ended(world: World, count: int, *failed: str) -> BatchJob:
    """Submit items of which some fail, and wait."""
    world.vendor.default_report = failing(*failed)
    job = await world.hub.submit("shop", numbered(count))
    await job.wait()
    return job


async def test_a_large_retry_has_all_that_failed() -> None:
    """By chunks as well; asked again, it is the same job."""
    async with scripted_world(capable(Vendor(), max_items=1000)) as world:
        failed = [f"i{n}" for n in range(1, 101) if n % 3]
        job = await ended(world, 100, *failed)
        world.vendor.default_report = failing()

        again = await job.retry()
        assert (await job.retry()).id == again.id
        assert (await again.wait()).counts.succeeded == len(failed)
        assert [result.id for result in await results_of(again)] == failed


async def test_two_retries_at_once_are_one_job(tmp_path: Path) -> None:
    """Of one hub or of two, small or large."""
    path = tmp_path / "jobs.db"
    for count in (5, 50):
        async with scripted_world(capable(Vendor(), max_items=1000), path) as world:
            job = await ended(world, count, *(f"i{n}" for n in range(1, count + 1)))
            world.vendor.default_report = failing()
            async with scripted_world(store=path, clock=world.clock) as other:
                same = await other.hub.job(job.id)
                found = await asyncio.gather(job.retry(), same.retry(), job.retry(), same.retry())

            assert len({one.id for one in found}) == 1
            assert (await found[0].wait()).counts.succeeded == count
            assert len(await world.hub.jobs()) == 2
        path = tmp_path / "more.db"


@pytest.mark.parametrize("is_opened_anew", [False, True])
async def test_a_retry_that_died_is_undone(tmp_path: Path, is_opened_anew: bool) -> None:
    """The items it had marked can be retried, all of them."""
    path = tmp_path / "jobs.db"
    async with scripted_world(capable(Vendor(), max_items=1000), path) as world:
        job = await ended(world, 60, *(f"i{n}" for n in range(1, 61)))
        opened = world.hub._opened
        assert opened is not None
        extend = opened.store.loads.extend

        async def die(*args: Any) -> None:
            await extend(*args)
            raise asyncio.CancelledError

        opened.store.loads.extend = die  # type: ignore[assignment,method-assign]
        opened.loader.drop = lambda _: asyncio.create_task(asyncio.sleep(0))  # type: ignore[assignment,method-assign]
        with pytest.raises(asyncio.CancelledError):
            await job.retry()
        opened.store.loads.extend = extend  # type: ignore[method-assign]
        await pass_to(world.hub, "gone", silent_s=40)
        marked = select(results.c.position).where(results.c.retried_in.is_not(None))
        assert len(await write(world.hub, lambda c: c.execute(marked).all())) == 2 * CHUNK
        if is_opened_anew:
            await clean(world.hub)
            assert await write(world.hub, lambda c: c.execute(marked).all()) == []

        world.vendor.default_report = failing()
        again = await job.retry()
        assert (await again.wait()).counts.succeeded == 60
        assert [found.id for found in await world.hub.jobs()] == [job.id, again.id]


async def test_a_retry_of_a_job_that_is_deleted_meanwhile_is_refused() -> None:
    """The job is no more, or the retry has none of it."""
    async with scripted_world(capable(Vendor(), max_items=1000)) as world:
        job = await ended(world, 45, *(f"i{n}" for n in range(1, 46)))
        await world.clock.sleep(10)
        found = await asyncio.gather(job.retry(), world.hub.prune(5), return_exceptions=True)

        if isinstance(found[0], BatchJob):
            assert (await found[0].wait()).counts.total == 45
        else:
            assert isinstance(found[0], StoreError | NotKnownError)
            assert await rows(world.hub) == [0, 0, 0, 0]


# Going out.


async def test_old_jobs_go_by_chunks(tmp_path: Path) -> None:
    """They are out of sight at once, and no transaction deletes more than a chunk."""
    async with scripted_world(capable(Vendor(), max_items=7), tmp_path / "jobs.db") as world:
        for count in (45, 3, 1, 100):
            await ended(world, count)
        await world.clock.sleep(10)
        young = await ended(world, 2)
        counted = []

        async def watch() -> None:
            while True:
                counted.append(await rows(world.hub))
                assert [job.id for job in await world.hub.jobs()] in ([young.id], everything)
                await asyncio.sleep(0)

        everything = [job.id for job in await world.hub.jobs()]
        watching = asyncio.create_task(watch())
        gone = await world.hub.prune(5)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

        assert (gone.jobs, gone.items) == (4, 149)
        assert await rows(world.hub) == [1, 1, 2, 2]


async def test_a_prune_that_died_is_finished(tmp_path: Path) -> None:
    """What was out of sight already is deleted by the next one, and is never seen again."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        job = await ended(world, 45)
        await world.clock.sleep(10)
        opened = world.hub._opened
        assert opened is not None
        now = world.clock.now()
        await opened.store.loads.hide_old(now, "gone", now - timedelta(seconds=60))

        assert await world.hub.jobs() == []
        with pytest.raises(NotKnownError):
            await world.hub.job(job.id)
        assert [event async for event in world.hub.events(follow=False)] == []
        await clean(world.hub)
        assert await rows(world.hub) == [0, 0, 0, 0]


async def test_a_pruned_retry_is_not_undone() -> None:
    """What was repeated stays repeated, though the job that did it is deleted."""
    async with scripted_world() as world:
        job = await ended(world, 5, "i1", "i2")
        world.vendor.default_report = failing()
        again = await job.retry()
        await again.wait()
        old = update(jobs).where(jobs.c.job_id == again.id).values(ended_at="2020-01-01T00:00:00")
        await write(world.hub, lambda c: c.execute(old))

        assert (await world.hub.prune(1000)).jobs == 1
        with pytest.raises(Exception, match="has no items to retry"):
            await job.retry()


async def test_a_job_after_a_prune_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the lane is busy with an older one: a number is never given out again."""

    async def poll(_: object, asked: Sequence[TicketRef]) -> list[Observation]:
        is_slow = asked[0].vendor_refs == ("ref-1",)
        return [Observation(words=("Running" if is_slow else "Done",))]

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(1)
        quick = await world.hub.submit("shop", numbered(1))
        await quick.wait(100)
        await world.clock.sleep(5)
        assert (await world.hub.prune(1)).jobs == 1

        for _ in range(2):
            job = await world.hub.submit("shop", numbered(1))
            assert (await job.wait(100)).outcome is Outcome.SUCCEEDED


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
