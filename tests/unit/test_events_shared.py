"""Events where there are several: consumers, loops, processes; and a store that fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from support.event_loops import (
    another_hub,
    failing,
    finish,
    handle,
    ids,
    judge,
    prune,
    rows,
    take_and_break,
)
from support.hubs import scripted_world
from support.patience import PATIENCE_S
from support.raw_stores import open_raw

from batchhub import BatchEvent, BatchHub
from batchhub._engine.process_lock import Verdict
from batchhub.errors import StoreError, UsageError
from batchhub.testing import FakeClock

RELEASE = "UPDATE deliveries SET claimed_by=[^,]+ WHERE"


async def test_each_consumer_gets_every_event(tmp_path: Path) -> None:
    """What one has acknowledged, another has not; each goes on behind its own."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        finished = await finish(world, 1)
        assert await ids(world.hub, "alerts") == finished

        finished += await finish(world, 2)
        assert await ids(world.hub, "alerts") == finished[1:]
        assert await ids(world.hub, "command") == finished
        assert await ids(world.hub) == finished
        assert await ids(world.hub, "alerts") == []


async def test_a_new_consumer_begins_with_what_is_in_the_store(tmp_path: Path) -> None:
    """In a later process, too; what was pruned before is not there."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        await finish(world, 2)
        assert len(await ids(world.hub)) == 2
        await prune(world)
        finished = await finish(world, 2)

    async with scripted_world(store=store) as world:
        assert await ids(world.hub, "late") == finished


async def test_events_of_pruned_jobs_are_dropped(tmp_path: Path) -> None:
    """For every consumer, also one that is handling such an event."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await finish(world, 2)
        await take_and_break(world.hub, "other")
        events = world.hub.events(follow=False)
        await anext(events)

        assert (await prune(world)) == 2

        assert [event async for event in events] == []
        assert await ids(world.hub, "other") == []
        assert await rows(world.hub) == []


@pytest.mark.parametrize(
    "name", ["", "a b", "-a", "a/b", "é", "a\n", "a" * 41, "../x", None, 7, b"a"]
)
async def test_a_consumer_has_a_plain_name(tmp_path: Path, name: str) -> None:
    """Others are refused before the store is looked at."""
    with pytest.raises(UsageError, match="consumer must be 1 to 40 letters, digits"):
        BatchHub(tmp_path / "jobs.db").events(consumer=name)

    assert not (tmp_path / "jobs.db").exists()


def test_jobs_are_given_in_a_list(tmp_path: Path) -> None:
    """One id by itself would be read letter by letter."""
    with pytest.raises(UsageError, match="jobs takes ids in a list, not '260101-abc'"):
        BatchHub(tmp_path / "jobs.db").events(jobs="260101-abc")


# Several at once.


async def test_two_loops_of_a_consumer_share_its_events(tmp_path: Path) -> None:
    """In one hub and in two: each event goes to one of them, and nobody waits for ever."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as one, another_hub(store, clock) as other:
        finished = await finish(one, 6)
        streams = [hub.events(follow=False) for hub in (one.hub, one.hub, other)]
        firsts = [await anext(stream) for stream in streams]
        rest = await asyncio.gather(*(_rest_of(stream) for stream in streams))

    events = [*firsts, *(event for some in rest for event in some)]
    assert sorted(event.job_id for event in events) == sorted(finished)
    assert not any(event.is_repeated for event in events)


async def _rest_of(stream: AsyncIterator[BatchEvent]) -> list[BatchEvent]:
    return [event async for event in stream]


async def beat(hub: BatchHub, clock: FakeClock) -> None:
    """Let ten seconds pass, and what is written every ten seconds be written."""
    before = await rows(hub)
    while clock._next_due() is None:  # noqa: ASYNC110  # the last one was only just written
        await asyncio.sleep(0)
    await clock.advance(10.0)
    while await rows(hub) == before:  # noqa: ASYNC110  # the store tells nobody
        await asyncio.sleep(0)


async def test_what_a_living_process_has_is_left_to_it(tmp_path: Path) -> None:
    """However long it takes, also when nothing but its signs of life say that it lives."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        await finish(world, 1)
    async with another_hub(store, clock) as one, another_hub(store, clock) as other:
        stream = one.events(follow=False)
        await anext(stream)

        for verdict in (Verdict.ALIVE, Verdict.UNKNOWN):
            judge(other, verdict)
            for _ in range(5):
                await beat(one, clock)
                assert await handle(other) == []

        assert [event async for event in stream] == []
        assert await handle(other) == []


async def test_what_a_stopped_process_has_is_left_to_it(tmp_path: Path) -> None:
    """It holds its lock, gives no signs of life, and may go on at any time."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        await finish(world, 1)
    async with another_hub(store, FakeClock()) as one, another_hub(store, clock) as other:
        stream = one.events(follow=False)
        await anext(stream)
        await clock.advance(3_600.0)

        assert await handle(other) == []


@pytest.mark.parametrize(("verdict", "silence_s"), [(Verdict.DEAD, 0.0), (Verdict.UNKNOWN, 31.0)])
async def test_what_a_dead_process_had_is_taken_over(
    tmp_path: Path, verdict: Verdict, silence_s: float
) -> None:
    """At once if its lock is free; without a lock file when it has been silent for 30 s."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        first, second = await finish(world, 2)
    stopped = FakeClock(clock.now())
    async with another_hub(store, stopped) as dying, another_hub(store, clock) as other:
        stream = dying.events()
        await anext(stream)
        judge(other, verdict)
        if silence_s:
            assert await ids(other) == [second]
            await clock.advance(silence_s)
        events = await handle(other)

    assert (events[0].job_id, events[0].is_repeated) == (first, True)
    assert [event.job_id for event in events[1:]] == ([] if silence_s else [second])


@pytest.mark.sqlite_only("starts a process that knows files only")
def test_who_is_killed_while_handling_is_repeated(tmp_path: Path) -> None:
    """By the next process at once: its lock is free."""
    store = tmp_path / "jobs.db"

    async def make() -> list[str]:
        async with scripted_world(store=store) as world:
            return await finish(world, 2)

    async def look() -> list[tuple[str, bool]]:
        async with BatchHub(store) as hub:
            return [(event.job_id, event.is_repeated) for event in await handle(hub)]

    first, second = asyncio.run(make())
    code = (
        "import asyncio, os, signal, sys\n"
        "from batchhub import BatchHub\n"
        "async def main():\n"
        "    async with BatchHub(sys.argv[1]) as hub:\n"
        "        async for event in hub.events():\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(store)], check=False)

    assert killed.returncode == -9
    assert asyncio.run(look()) == [(first, True), (second, False)]


async def test_a_store_that_fails_loses_no_event(tmp_path: Path) -> None:
    """What could not be acknowledged comes again, from the same loop or another one."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with (
        scripted_world(store=store, clock=clock) as world,
        another_hub(store, clock) as other,
    ):
        first, second = await finish(world, 2)
        events = world.hub.events(follow=False)
        await anext(events)
        with failing("DELETE"):
            with pytest.raises(StoreError):
                await anext(events)
            with pytest.raises(StoreError):
                await anext(events)

            # Whoever asks meanwhile gets it again.
            while any(row.claimed_by for row in await rows(other)):  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert (await take_and_break(other)).job_id == first

        assert (await anext(events)).job_id == second
        await events.aclose()
        assert await ids(world.hub) == [second]


async def test_what_could_not_be_given_back_is_given_back_later(tmp_path: Path) -> None:
    """Other processes see the one that has it alive, and would wait for as long as it is."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        (job_id,) = await finish(world, 1)
    async with another_hub(store, clock) as one, another_hub(store, clock) as other:
        with failing(RELEASE) as failed:
            await take_and_break(one)
            async with asyncio.timeout(PATIENCE_S):
                while not failed:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert await ids(other) == []

        while any(row.claimed_by for row in await rows(other)):
            await clock.advance(1.0)
        assert await ids(other) == [job_id]


async def test_a_hub_that_closes_while_the_store_fails_is_seen_to_have_ended(
    tmp_path: Path,
) -> None:
    """What it had goes to the next one at once."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        (job_id,) = await finish(world, 1)
    with failing(RELEASE) as failed:
        async with another_hub(store, clock) as one:
            events = one.events()
            await anext(events)
    assert failed

    async with another_hub(store, clock) as other:
        assert await ids(other) == [job_id]


@pytest.mark.parametrize(
    ("column", "value"),
    [("claimed_at", "noon"), ("claimed_at", "2026-01-01T00:00:00"), ("tries", "many")],
)
async def test_a_damaged_row_is_named(tmp_path: Path, column: str, value: str) -> None:
    """As a fault of the store, not of batchhub."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        await finish(world, 1)
        await take_and_break(world.hub)
    with closing(open_raw(store)) as damaging:
        damaging.execute(f"UPDATE deliveries SET {column} = ?", (value,))
        damaging.commit()

    async with scripted_world(store=store, clock=clock) as world:
        with pytest.raises(StoreError) as caught:
            await handle(world.hub)
    assert "table deliveries, consumer 'default', job number 1" in str(caught.value)
    assert f"{column} is {value!r}" in str(caught.value)
