"""In which order tickets are sent: by place and position, passed only where nothing is shared."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.hubs import scripted_world
from support.ordering import (
    codes,
    hold_open,
    item,
    later,
    ordered,
    sent,
    submit,
    unordered,
    waits_for,
)
from support.raw_stores import open_raw
from support.vendor import PlainAccount, capable

from batchhub import BatchHub, BatchState
from batchhub.adapter import Accepted, Steps, Submission
from batchhub.errors import BusyError, ConnectError, NoAnswerError
from batchhub.testing import FakeClock

# By place, then by position.


async def test_tickets_go_out_by_place_and_position() -> None:
    """A job whose tickets wait for room at the vendor is not overtaken by the next one."""
    vendor = ordered(tickets_per_job=1)
    async with scripted_world(vendor) as world:
        first = await submit(world, [item(name) for name in "abcd"])
        second = await submit(world, [item(name) for name in "xy"])
        await first.wait()
        await second.wait()
    assert sent(vendor) == [*"abcdxy"]


async def test_one_request_of_a_lane_is_under_way_at_a_time() -> None:
    """Two at once may arrive swapped, though the vendor would take five."""
    vendor, under_way, most = ordered(), 0, 0

    async with scripted_world(vendor) as world:
        lane = world.hub._opened.get_lane("shop")  # type: ignore[union-attr]
        submit_one = lane.adapter.submit

        async def slow(submission: Submission, steps: Steps) -> Accepted:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await world.clock.sleep(1.0)
            under_way -= 1
            return await submit_one(submission, steps)

        lane.adapter.submit = slow  # type: ignore[method-assign]
        jobs = [await submit(world, [item(name) for name in names]) for names in ("abc", "xyz")]
        for job in jobs:
            await job.wait()
    assert most == 1
    assert sent(vendor) == [*"abcxyz"]


async def test_no_more_tickets_than_the_lane_may_have() -> None:
    """Many small jobs share what the vendor takes of an account."""
    vendor = ordered(tickets_per_lane=2)
    hold_open(vendor, 4)
    most = 0
    async with scripted_world(vendor) as world:
        jobs = [await submit(world, [item(name)]) for name in "abcdef"]
        while not all(job.status.state.is_terminal for job in jobs):
            states = [(await job.refresh()).state for job in jobs]
            most = max(most, sum(s in (BatchState.QUEUED, BatchState.IN_PROGRESS) for s in states))
            await world.clock.sleep(0.05)
    assert most == 2
    assert sent(vendor) == [*"abcdef"]


async def test_a_job_that_becomes_visible_late_is_found(tmp_path: Path) -> None:
    """Its number is lower than that of a job that was long driven: only its place counts."""
    store, vendor = tmp_path / "jobs.db", ordered()
    async with scripted_world(vendor, store) as world:
        await (await submit(world, [item("z")])).wait()
        loading = await submit(world, [item("a")], key="loading")
        await loading.wait()
    with closing(open_raw(store)) as database, database:
        database.execute(
            "UPDATE tickets SET state = 'pending', attempt_id = NULL, attempted_at = NULL,"
            " accepted_at = NULL, finished_as = NULL, vendor_refs = '[]', succeeded = 0"
            " WHERE job_no = 2"
        )
        database.execute("DELETE FROM results WHERE job_no = 2")
        database.execute(
            "UPDATE jobs SET place = NULL, ended_at = NULL, state = 'pending', tickets_pending = 1,"
            " tickets_completed = 0, succeeded = 0 WHERE job_no = 2"
        )
    vendor.submissions.clear()
    async with scripted_world(vendor, store) as world:
        hold_open(vendor, 5)
        newer = await submit(world, [item("b")])
        with closing(open_raw(store)) as database, database:
            database.execute("UPDATE jobs SET place = 9 WHERE job_no = 2")
        job = await world.hub.job(loading.id)
        await world.hub.resume()
        assert (await job.refresh()).state is BatchState.COMPLETED
        assert (await newer.refresh()).state is BatchState.COMPLETED
    assert sent(vendor) == ["b", "a"]


# A ticket that can't go.


async def test_a_ticket_that_backs_off_is_passed_where_nothing_is_shared() -> None:
    """It is certain that it was not sent, so what changes the same waits for it."""
    vendor = ordered()
    vendor.submits.append(later(ConnectError("no route")))
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")])
        new = await submit(world, [item("x", "one"), item("y", "two"), item("z")])
        await new.wait()
        await old.wait()
        assert codes(new.status) == set()
    assert sent(vendor) == [*"ayzax"]


async def test_a_waiting_ticket_is_not_overtaken_either() -> None:
    """What meets a ticket that waits comes after it, though the first one knows nothing of it."""
    vendor = capable(ordered(), max_items=2)
    vendor.submits.append(later(BusyError("busy")))
    async with scripted_world(vendor) as world:
        first = await submit(world, [item("a", "one")])
        second = await submit(world, [item("b", "one"), item("c", "two")])
        third = await submit(world, [item("d", "two")])
        for job in (first, second, third):
            await job.wait()
    assert sent(vendor) == ["a", "a", "bc", "d"]


async def test_a_ticket_in_doubt_is_passed_where_nothing_is_shared() -> None:
    """It is sent again with its key; whether it ran before that, nobody knows."""
    vendor = ordered(dedup_window_s=3600.0)
    vendor.submits.append(later(NoAnswerError("silence")))
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")])
        new = await submit(world, [item("x", "one"), item("y", "two")])
        await new.wait()
        await old.wait()
    assert sent(vendor) == [*"ayax"]


async def test_an_adapter_without_targets_passes_nothing() -> None:
    """Each of its items may change what any other does."""
    vendor, clock = capable(ordered(), max_items=1), FakeClock()
    vendor.submits.append(later(BusyError("busy")))
    async with clock.running():
        hub = BatchHub(None, {"shop": PlainAccount(vendor=vendor)}, clock=clock, seed=1)
        with pytest.warns(UserWarning, match="memory"):
            await hub.__aenter__()
        old = await hub.submit("shop", [item("a")])
        new = await hub.submit("shop", [item("b")])
        await old.wait()
        await new.wait()
        await hub.aclose()
    assert sent(vendor) == [*"aab"]


async def test_few_tickets_back_off_at_a_time() -> None:
    """A vendor that takes nothing is not tried with every ticket there is."""
    vendor = ordered(tickets_per_job=50)
    vendor.submits.extend([BusyError("later")] * 20)
    async with scripted_world(vendor) as world:
        job = await submit(world, [item(f"{n:02}") for n in range(40)])
        await job.wait()
    tried_first = sent(vendor)[:20]
    assert 1 < len(set(tried_first)) <= 8


async def test_what_waits_is_not_read_over_and_over(tmp_path: Path) -> None:
    """Of a large job behind a ticket that can't go only the head is looked at."""
    vendor = ordered(tickets_per_job=50)
    vendor.submits.extend([BusyError("later")] * 2)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        read: list[tuple[int, int]] = []
        targets = world.hub._opened.store.targets  # type: ignore[union-attr]
        get_targets = targets.read

        async def count(keys: Any) -> Any:
            read.extend(keys)
            return await get_targets(keys)

        targets.read = count  # type: ignore[method-assign]
        old = await submit(world, [item("a", "one")])
        new = await submit(world, [item(f"x{n}", "one") for n in range(300)])
        await old.wait()
        await new.wait()
    assert len(read) == len(set(read)) <= 100 + 32
    assert sent(vendor) == ["a", "a", "a", *(f"x{n}" for n in range(300))]


async def test_a_stop_on_the_first_failure_lets_others_pass() -> None:
    """Its tickets wait for one another's results; a job that shares nothing does not wait."""
    vendor = ordered(stops_on_first_failure=True)
    hold_open(vendor, 500)
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one"), item("b", "two")], stop_on_first_failure=True)
        new = await submit(world, [item("x", "two"), item("y", "three")])
        await new.hand_over()
        vendor.polls.clear()
        await old.wait()
        await new.wait()
    assert sent(vendor) == [*"aybx"]


@pytest.mark.parametrize("is_ordered", [True, False])
async def test_a_long_job_that_stops_on_the_first_failure_lets_others_pass(
    is_ordered: bool,
) -> None:
    """However many of its tickets wait for one that nobody can tell the whereabouts of."""
    vendor = (ordered if is_ordered else unordered)(stops_on_first_failure=True)
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor) as world:
        items = [item(f"a{n}", f"t{n}") for n in range(250)]
        first = await submit(world, items, stop_on_first_failure=True)
        await first.wait()
        free = await submit(world, [item("free", "another")])
        bound = await submit(world, [item("bound", "t240")])
        assert (await free.wait()).state is BatchState.COMPLETED
        waiting = await bound.wait()
    assert waiting.is_held
    assert waits_for(waiting) == [first.id]
    assert sent(vendor) == ["a0", "free"]


# Ahead.


async def test_ahead_passes_older_jobs_and_says_so() -> None:
    """It goes next, whatever older jobs still send of the same."""
    vendor = ordered(tickets_per_job=1)
    hold_open(vendor, 500)
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a"), item("b", "one"), item("c")])
        await old.hand_over()
        urgent = await submit(world, [item("x", "one")], ahead=True)
        vendor.polls.clear()
        await urgent.wait()
        await old.wait()
        (finding,) = urgent.status.findings
        assert (finding.code, finding.examples) == ("went_ahead", (old.id,))
    assert sent(vendor) == [*"axbc"]


async def test_ahead_of_nobody_says_nothing() -> None:
    """Among jobs that go ahead, the older one is first."""
    vendor = ordered(tickets_per_job=1)
    hold_open(vendor, 2)
    async with scripted_world(vendor) as world:
        jobs = [await submit(world, [item(n), item(n.upper())], ahead=True) for n in "abc"]
        for job in jobs:
            await job.wait()
            assert codes(job.status) == set()
    assert sent(vendor) == [*"aAbBcC"]
