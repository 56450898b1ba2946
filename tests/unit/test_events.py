"""Telling that jobs have ended: each once, over restarts, by one process at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from pathlib import Path

import pytest
from support.hubs import World, numbered, scripted_world
from support.vendor import Vendor, report_states

from batchhub import BatchEvent, BatchHub, ItemState, Outcome
from batchhub.adapter import Observation
from batchhub.testing import FakeClock


async def told(hub: BatchHub, jobs: list[str] | None = None) -> list[BatchEvent]:
    """Return what there is to tell now."""
    return [event async for event in hub.events(jobs=jobs, follow=False)]


async def finish(world: World, count: int) -> list[str]:
    """Run jobs to their end; return their ids."""
    ids = []
    for _ in range(count):
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        ids.append(job.id)
    return ids


async def test_every_end_is_told_once(tmp_path: Path) -> None:
    """In the order in which they ended, with their status; asked again, nobody is told twice."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        ids = await finish(world, 3)

        events = await told(world.hub)

        assert [event.job_id for event in events] == ids
        assert {event.status.outcome for event in events} == {Outcome.SUCCEEDED}
        assert not any(event.is_repeated for event in events)
        assert await told(world.hub) == []


async def test_what_is_told_stays_told_over_a_restart(tmp_path: Path) -> None:
    """A loop that is left after an event has had it; the next process goes on behind it."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        ids = await finish(world, 3)
        async for event in world.hub.events():
            first = event.job_id
            break

    async with scripted_world(store=store) as world:
        rest = [event.job_id for event in await told(world.hub)]

    assert [first, *rest] == ids


async def test_a_job_that_is_open_is_not_told(tmp_path: Path) -> None:
    """An end is told when it has come, by a loop that waits for it."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 5))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(2))
        assert await told(world.hub) == []

        async with asyncio.timeout(10), aclosing(world.hub.events()) as events:
            event = await anext(events)

    assert event.job_id == job.id
    assert event.status.state.is_terminal


async def test_only_the_jobs_that_are_asked_about(tmp_path: Path) -> None:
    """Others stay untold, for whoever asks about them."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        first, second = await finish(world, 2)

        assert [event.job_id for event in await told(world.hub, [second])] == [second]
        assert [event.job_id for event in await told(world.hub)] == [first]


async def test_who_dies_while_told_is_told_again(tmp_path: Path) -> None:
    """Nobody knows how far it came, so the event says that it is repeated."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        (job_id,) = await finish(world, 1)
        opened = world.hub._opened
        assert opened is not None
        await opened.store.claim_unacknowledged(clock.now())  # and no more is heard of whoever did

        (event,) = await told(world.hub)

    assert (event.job_id, event.is_repeated) == (job_id, True)


async def test_two_loops_share_the_ends(tmp_path: Path) -> None:
    """Of two hubs on one store each end goes to one; nobody waits for ever."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as one:
        other = BatchHub(store, clock=clock)
        ids = await finish(one, 4)

        first, second = await asyncio.gather(told(one.hub), told(other))
        await other.aclose()

    assert sorted(event.job_id for event in [*first, *second]) == sorted(ids)


async def test_the_end_of_a_retry_is_told(tmp_path: Path) -> None:
    """Also when that of the job it repeats has been told: it is a job of its own."""
    vendor = Vendor(reports=deque([report_states(i1=ItemState.FAILED)]))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        (job_id,) = await finish(world, 1)
        assert [event.job_id for event in await told(world.hub)] == [job_id]

        again = await (await world.hub.job(job_id)).retry()
        await again.wait()

        assert [event.job_id for event in await told(world.hub)] == [again.id]


async def test_ends_are_told_from_memory_too() -> None:
    """A store without a file tells in the same way."""
    async with scripted_world() as world:
        ids = await finish(world, 2)

        assert [event.job_id for event in await told(world.hub)] == ids


@pytest.mark.parametrize("leaves", ["by closing", "by an error"])
async def test_leaving_the_loop_lets_others_go_on(tmp_path: Path, leaves: str) -> None:
    """However a loop is left, the same hub can ask again."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        first, second = await finish(world, 2)
        events = world.hub.events()
        assert (await anext(events)).job_id == first
        if leaves == "by closing":
            await events.aclose()
        else:
            with pytest.raises(ValueError, match="mine"):
                await events.athrow(ValueError("mine"))

        assert [event.job_id for event in await told(world.hub)] == [second]
