"""Events: the end of each job, once to each consumer, and again until it is acknowledged."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from support.event_loops import (
    another_hub,
    fail_to_handle,
    finish,
    handle,
    ids,
    opened_of,
    prune,
    rows,
    statements,
    take_and_break,
)
from support.hubs import numbered, scripted_world
from support.patience import PATIENCE_S
from support.vendor import Vendor, report_states

from batchhub import BatchEvent, ItemState, Outcome
from batchhub.adapter import Observation
from batchhub.errors import UsageError
from batchhub.testing import FakeClock


async def test_every_end_is_reported_once(tmp_path: Path) -> None:
    """In the order in which they ended, with their status; asked again, there is nothing."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        finished = await finish(world, 3)

        events = await handle(world.hub)

        assert [event.job_id for event in events] == finished
        assert {event.status.outcome for event in events} == {Outcome.SUCCEEDED}
        assert not any(event.is_repeated or event.tries for event in events)
        assert await handle(world.hub) == []


async def test_what_is_acknowledged_stays_so_over_a_restart(tmp_path: Path) -> None:
    """The next process goes on behind it."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        finished = await finish(world, 3)
        await (await take_and_break(world.hub)).acknowledge()

    async with scripted_world(store=store) as world:
        assert await ids(world.hub) == finished[1:]


async def test_a_job_that_is_open_has_no_event(tmp_path: Path) -> None:
    """Its end is reported when it has come, by a loop that waits for it."""
    vendor = Vendor(polls=deque([Observation(words=("Running",))] * 5))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await world.hub.submit("shop", numbered(2))
        assert await handle(world.hub) == []

        async with asyncio.timeout(PATIENCE_S), aclosing(world.hub.events()) as events:
            event = await anext(events)

    assert event.job_id == job.id
    assert event.status.state.is_terminal


async def test_only_the_jobs_that_are_asked_about(tmp_path: Path) -> None:
    """Others stay for whoever asks about them; any number of ids can be asked about."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        first, second = await finish(world, 2)
        many = [f"no-such-{n}" for n in range(1_200)]

        with statements() as seen:
            events = await handle(world.hub, [*many, second])
        assert [event.job_id for event in events] == [second]
        assert max(text.count("?") for text in seen) < 999  # more is refused by some databases
        assert await handle(world.hub, []) == []
        assert [event.job_id for event in await handle(world.hub)] == [first]


async def test_the_end_of_a_retry_is_reported(tmp_path: Path) -> None:
    """Also when that of the job it repeats has been: it is a job of its own."""
    vendor = Vendor(reports=deque([report_states(i1=ItemState.FAILED)]))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        (job_id,) = await finish(world, 1)
        assert await ids(world.hub) == [job_id]

        again = await (await world.hub.job(job_id)).retry()
        await again.wait()

        assert await ids(world.hub) == [again.id]


async def test_ends_are_reported_from_memory_too() -> None:
    """A store without a file has the same events."""
    async with scripted_world() as world:
        finished = await finish(world, 2)
        assert (await take_and_break(world.hub)).job_id == finished[0]

        assert await ids(world.hub) == finished


# Whoever does not acknowledge gets it again.


async def test_a_loop_left_by_break_gets_its_event_again(tmp_path: Path) -> None:
    """In the same hub, in another one and in the next: until it is acknowledged."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        first, _ = await finish(world, 2)
        assert not (await take_and_break(world.hub)).is_repeated

        again = await take_and_break(world.hub)
        assert (again.job_id, again.is_repeated) == (first, True)

        async with another_hub(store, clock) as other:
            while any(row.claimed_by for row in await rows(other)):  # noqa: ASYNC110
                await asyncio.sleep(0)  # given back a moment later
            again = await take_and_break(other)
            assert (again.job_id, again.is_repeated) == (first, True)

    async with scripted_world(store=store, clock=clock) as world:
        events = await handle(world.hub)
    assert [(event.job_id == first, event.is_repeated) for event in events] == [
        (True, True),
        (False, False),
    ]


@pytest.mark.parametrize("again_in", ["the same hub", "the next one"])
async def test_a_handler_that_raises_gets_its_event_again(tmp_path: Path, again_in: str) -> None:
    """What raises has handled nothing."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        (job_id,) = await finish(world, 1)
        with pytest.raises(ValueError, match="my webhook failed"):
            await fail_to_handle(world.hub)
        if again_in == "the same hub":
            (event,) = await handle(world.hub)
            assert (event.job_id, event.is_repeated) == (job_id, True)
            return

    async with scripted_world(store=store, clock=clock) as world:
        (event,) = await handle(world.hub)
        assert (event.job_id, event.is_repeated) == (job_id, True)


async def test_closing_the_hub_acknowledges_nothing(tmp_path: Path) -> None:
    """What a loop has when its hub is closed comes again; to acknowledge it then is refused."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        (job_id,) = await finish(world, 1)
        events = world.hub.events()
        event = await anext(events)

    with pytest.raises(UsageError, match="the hub is closed"):
        await event.acknowledge()
    with pytest.raises(UsageError, match="the hub is closed"):
        await anext(events)
    async with scripted_world(store=store) as world:
        (event,) = await handle(world.hub)
    assert (event.job_id, event.is_repeated) == (job_id, True)


async def test_closing_the_loop_acknowledges_nothing(tmp_path: Path) -> None:
    """Others get the event at once; the loop is at its end."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        (job_id,) = await finish(world, 1)
        events = world.hub.events()
        await anext(events)
        async with another_hub(store, clock) as other:
            assert await ids(other) == []
            await events.aclose()
            await events.aclose()

            assert await ids(other) == [job_id]
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_a_loop_left_by_an_error_thrown_into_it_gets_its_event_again(tmp_path: Path) -> None:
    """As a loop in a generator of somebody else's is."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        (job_id,) = await finish(world, 1)
        events = world.hub.events()
        await anext(events)
        with pytest.raises(ValueError, match="mine"):
            await events.athrow(ValueError("mine"))

        assert await ids(world.hub) == [job_id]


async def test_the_next_event_acknowledges_only_the_one_before(tmp_path: Path) -> None:
    """Each event is acknowledged by itself."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        finished = await finish(world, 3)
        events = world.hub.events()
        for _ in range(2):
            await anext(events)
        del events

        assert await ids(world.hub) == finished[1:]


async def test_an_event_is_acknowledged_where_it_is_handled(tmp_path: Path) -> None:
    """By itself, any number of times, also after the loop was left."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        first, second, third = await finish(world, 3)
        event = await take_and_break(world.hub)
        await event.acknowledge()
        await event.acknowledge()
        await event.postpone(0.0)  # settled already
        async for other in world.hub.events(follow=False):
            await other.acknowledge()
            if other.job_id == second:
                break

        assert (event.job_id, other.job_id) == (first, second)
        assert await ids(world.hub) == [third]


async def test_an_event_made_by_hand_can_be_acknowledged(tmp_path: Path) -> None:
    """As a test of a handler does; nothing happens."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        (job_id,) = await finish(world, 1)
        made = BatchEvent(status=(await world.hub.job(job_id)).status)
        await made.acknowledge()
        await made.give_up()

        (event,) = await handle(world.hub)

    assert event == made
    assert "delivery" not in repr(event)


async def test_a_wait_that_is_cancelled_loses_no_event(tmp_path: Path) -> None:
    """At whatever step: the loop can be asked again, and so can another one."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        finished = await finish(world, 3)
        seen: list[str] = []
        events = world.hub.events(follow=False)
        for steps in range(60):
            waiting = asyncio.ensure_future(anext(events, None))
            for _ in range(steps):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
            if waiting.cancelled():
                continue
            if (event := waiting.result()) is None:
                break
            seen.append(event.job_id)

        seen += await ids(world.hub)

    assert list(dict.fromkeys(seen)) == finished


@pytest.mark.parametrize("verb", ["postpone", "give_up", "acknowledge"])
async def test_what_was_asked_for_holds_though_it_was_cancelled(tmp_path: Path, verb: str) -> None:
    """The next event does not acknowledge what was put off; a loop that is left keeps nothing."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        first, second = await finish(world, 2)
        events = world.hub.events(follow=False)
        event = await anext(events)
        settle = event.postpone(0.0) if verb == "postpone" else getattr(event, verb)()
        settling = asyncio.ensure_future(settle)
        await asyncio.sleep(0)
        settling.cancel()
        await asyncio.wait({settling})
        seen = [event.job_id async for event in events]
        failed = [row.job_no for row in await rows(world.hub) if row.failed_at]

    assert sorted(seen) == sorted([second] if verb != "postpone" else [first, second])
    assert len(failed) == (verb == "give_up")


async def test_one_loop_waits_for_one_event_at_a_time(tmp_path: Path) -> None:
    """Two tasks make two loops; who shares one is told so."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await finish(world, 2)
        events = world.hub.events()
        waits = [asyncio.ensure_future(anext(events)) for _ in range(2)]
        await asyncio.wait(waits)

    assert isinstance(waits[0].result(), BatchEvent)
    assert isinstance(waits[1].exception(), UsageError)


# For later, or never.


async def test_a_postponed_event_comes_again_when_it_is_due(tmp_path: Path) -> None:
    """To whoever asks then; others go on meanwhile."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        first, second = await finish(world, 2)
        async for event in world.hub.events(follow=False):
            if event.job_id == first:
                await event.postpone(1_000_000.0)
        assert await ids(world.hub) == []

    await clock.advance(1_000_001.0)
    async with scripted_world(store=store, clock=clock) as world:
        (event,) = await handle(world.hub)
    assert (event.job_id, event.is_repeated, event.tries) == (first, True, 1)
    assert second != first


async def test_postponed_events_of_other_jobs_on_request(tmp_path: Path) -> None:
    """Whoever asks about some jobs gets those of others only once they were postponed."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        first, second, third = await finish(world, 3)
        async for event in world.hub.events(jobs=[first], follow=False):
            await event.postpone(0.0)
            break

        async with aclosing(world.hub.events(jobs=[third], retries=True, follow=False)) as events:
            seen = [event.job_id async for event in events]

        assert sorted(seen) == sorted([first, third])
        assert await ids(world.hub) == [second]


async def test_an_event_that_is_given_up_never_comes_again(tmp_path: Path) -> None:
    """The store keeps that it failed, for as long as it keeps the job."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        (job_id,) = await finish(world, 1)
        await (await take_and_break(world.hub)).give_up()
        assert await handle(world.hub) == []
        assert [row.failed_at is not None for row in await rows(world.hub)] == [True]

        await prune(world)
        assert await rows(world.hub) == []
    assert job_id


@pytest.mark.parametrize("delay_s", [-1.0, float("inf"), float("nan")])
async def test_an_event_is_postponed_by_seconds(tmp_path: Path, delay_s: float) -> None:
    """By anything else it is not."""
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        (job_id,) = await finish(world, 1)
        event = await take_and_break(world.hub)
        with pytest.raises(UsageError, match="delay_s must be a number of seconds"):
            await event.postpone(delay_s)

        assert await ids(world.hub) == [job_id]


@pytest.mark.sqlite_only("asks SQLite")
async def test_a_look_at_nothing_new_is_one_query_by_an_index(tmp_path: Path) -> None:
    """However many jobs there are: it reads no table from end to end, and writes nothing."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world:
        await finish(world, 1)
        await handle(world.hub)

        with statements() as seen:
            assert await handle(world.hub) == []
            assert await handle(world.hub) == []

        (look, _) = [text for text in seen if "deliveries" in text]
        assert not any(text.startswith(("UPDATE", "INSERT", "DELETE")) for text in seen)

        def explain(connection: Connection) -> str:
            values = ("default",) * look.count("?")
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {look}", values)
            return "\n".join(row[3] for row in found)

        plan = await opened_of(world.hub).store._db.read(explain)
    assert "ix_deliveries_due" in plan
    assert "SCAN jobs" not in plan
    assert "SCAN deliveries" not in plan
