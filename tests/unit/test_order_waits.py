"""How long a ticket waits for an older job that changes the same, and what is said meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

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

from batchhub import BatchState
from batchhub._engine.order import LOOK
from batchhub.adapter import Accepted, Observation
from batchhub.errors import BusyError, NoAnswerError, UsageError
from batchhub.testing import FakeClock


async def test_in_order_nothing_at_the_vendor_is_waited_for() -> None:
    """It runs the older one first by itself."""
    vendor = ordered()
    hold_open(vendor, 500)
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")])
        new = await submit(world, [item("x", "one")])
        await new.hand_over()
        assert sent(vendor) == ["a", "x"]
        assert not old.status.state.is_terminal
        vendor.polls.clear()
        await old.wait()
        await new.wait()


async def test_in_no_order_the_older_one_has_to_end_first() -> None:
    """Meanwhile what waits says for whom; that goes when the wait is over."""
    vendor = unordered()
    hold_open(vendor, 500)
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")])
        new = await submit(world, [item("x", "one"), item("y", "two")])
        await new.hand_over()
        assert sent(vendor) == ["a", "y"]
        await world.clock.sleep(0.5)
        assert waits_for(await new.refresh()) == [old.id]
        vendor.polls.clear()
        await old.wait()
        assert sent(vendor)[:2] == ["a", "y"]
        await new.wait()
        assert codes(new.status) == set()
    assert sent(vendor) == [*"ayx"]


async def test_a_job_whose_options_allow_no_order_waits_and_is_waited_for() -> None:
    """Also at a vendor that else runs in order."""
    vendor = ordered()
    hold_open(vendor, 500)
    async with scripted_world(vendor) as world:
        first = await submit(world, [item("a", "one")])
        parallel = await submit(world, [item("b", "one")], options={"parallel": True})
        third = await submit(world, [item("c", "one"), item("d", "two")])
        await third.hand_over()
        assert sent(vendor) == ["a", "d"]
        vendor.polls.clear()
        for job in (first, parallel, third):
            await job.wait()
    assert sent(vendor) == [*"adbc"]


async def test_unconfirmed_counts_as_gone_in_order() -> None:
    """Nothing more can be asked about it, and whatever it was came first."""
    vendor = ordered()
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")])
        assert (await old.wait()).is_held
        new = await submit(world, [item("x", "one")])
        assert (await new.wait()).state is BatchState.COMPLETED
    assert sent(vendor) == [*"ax"]


async def test_unconfirmed_is_waited_for_in_no_order() -> None:
    """Until somebody decides about it."""
    vendor = unordered()
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")])
        assert (await old.wait()).is_held
        new = await submit(world, [item("x", "one")])
        await world.clock.sleep(5.0)
        assert waits_for(await new.refresh()) == [old.id]
        assert sent(vendor) == ["a"]
        await old.cancel()
        await old.wait()
        await world.clock.sleep(3.0)  # a lane looks at once, but fake seconds pass in no time
        await new.wait()
        assert sent(vendor) == [*"ax"]
        # The vendor may have what was given up, and run it at any time.
        (finding,) = new.status.findings
        assert (finding.code, finding.examples) == ("order_given_up", (old.id,))


async def test_behind_an_unconfirmed_ticket_a_job_is_held(tmp_path: Path) -> None:
    """Nothing of it goes on before a decision; that about the older job sets it free."""
    vendor, store = unordered(), tmp_path / "jobs.db"
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor, store) as world:
        old = await submit(world, [item("a", "one")])
        assert (await old.wait()).is_held
        partly = await submit(world, [item("x", "one"), item("y")])
        behind = await submit(world, [item("z", "one")])
        for job in (partly, behind):
            status = await job.wait()
            assert status.is_held
            assert waits_for(status) == [old.id] == [status.held_by]
            with pytest.raises(UsageError, match=f"decide about that one.*|{old.id}"):
                await job.retry(unknown=True)
        assert [job.id for job in await world.hub.jobs(state="unconfirmed")] == [
            old.id,
            partly.id,
            behind.id,
        ]
    async with scripted_world(vendor, store) as world:
        old = await world.hub.job(old.id)
        await old.cancel()
        await old.wait()
        await world.clock.sleep(3.0)
        for job in await world.hub.resume():
            assert job.status.state.is_terminal
    assert sent(vendor) == [*"ayxz"]


async def test_behind_an_unconfirmed_ticket_of_its_own_a_job_is_held() -> None:
    """What it can't send any more is not "in progress"."""
    vendor = unordered()
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor) as world:
        job = await submit(world, [item("a", "one"), item("b", "one"), item("c")])
        status = await job.wait()
        assert status.is_held
        assert status.held_by is None
        assert codes(status) == {"held_by", "same_target"}
        await job.cancel()
        status = await job.wait()
        assert (status.counts.unknown, status.counts.not_executed) == (1, 1)
    assert sent(vendor) == [*"ac"]


async def test_a_wait_ends_with_the_older_jobs_deadline() -> None:
    """Then the newer one goes and says what may come of that."""
    vendor = unordered()
    hold_open(vendor, 2000)
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")], deadline_s=600.0)
        new = await submit(world, [item("x", "one")])
        await world.clock.sleep(500.0)
        assert sent(vendor) == ["a"]
        await world.clock.sleep(120.0)
        assert sent(vendor) == [*"ax"]
        (finding,) = [f for f in (await new.refresh()).findings if f.code == "order_given_up"]
        assert finding.examples == (old.id,)
        assert "waits_for" not in codes(new.status)


async def test_a_wait_ends_with_the_older_tickets_stall() -> None:
    """Without progress for long nobody waits any longer, and it takes no place either."""
    vendor = unordered(stall_s=300.0, tickets_per_lane=1)
    hold_open(vendor, 2000)
    async with scripted_world(vendor) as world:
        await submit(world, [item("a", "one")])
        new = await submit(world, [item("x", "one")])
        await world.clock.sleep(250.0)
        assert sent(vendor) == ["a"]
        await world.clock.sleep(150.0)
        assert sent(vendor) == [*"ax"]
        assert "order_given_up" in codes(await new.refresh())


async def test_a_wait_for_what_never_goes_ends() -> None:
    """A ticket that the vendor takes at no try holds up those it meets no longer than that."""
    vendor = ordered(stall_s=1000.0)
    vendor.submits.extend([later(BusyError("busy"))] * 9)
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one")], deadline_s=1e6)
        new = await submit(world, [item("x", "one"), item("y", "two")], deadline_s=1e6)
        await world.clock.sleep(700.0)
        assert "x" not in sent(vendor)
        assert waits_for(await new.refresh()) == [old.id]
        await new.wait()
        await old.wait()
        assert "order_given_up" in codes(new.status)


async def test_waiting_for_room_is_no_standstill() -> None:
    """How long a ticket waited for its turn does not count once it can't go."""
    vendor = ordered(tickets_per_job=1, stall_s=2000.0, poll_s=100.0, min_poll_s=100.0)
    vendor.polls.extend(Observation(words=("Running",), progress=n / 40) for n in range(40))
    vendor.submits.extend([Accepted(vendor_refs=("a",)), later(BusyError("busy"))])
    async with scripted_world(vendor) as world:
        old = await submit(world, [item("a", "one"), item("b", "two")], deadline_s=1e6)
        new = await submit(world, [item("x", "two")], deadline_s=1e6)
        await old.wait()
        await new.wait()
        assert codes(new.status) == set()
    assert sent(vendor) == [*"abbx"]


async def test_a_held_wait_ends_too(tmp_path: Path) -> None:
    """An unconfirmed ticket is not waited for for ever, across restarts."""
    vendor, clock = unordered(), FakeClock()
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        old = await submit(world, [item("a", "one")], deadline_s=1000.0)
        new = await submit(world, [item("x", "one")])
        await old.wait()
        await world.clock.sleep(500.0)
        assert sent(vendor) == ["a"]
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        new = await world.hub.job(new.id)
        resuming = asyncio.create_task(world.hub.resume())
        await world.clock.sleep(10.0)
        assert waits_for(await new.refresh()) == [old.id]
        await world.clock.sleep(600.0)
        await resuming
        assert "order_given_up" in codes(await new.refresh())
    assert sent(vendor) == [*"ax"]


async def test_a_job_of_many_tickets_that_wait_holds_up_no_other_for_ever() -> None:
    """One behind it says whom it waits for, and goes once that one has waited long enough."""
    vendor = unordered(stall_s=600.0)
    vendor.submits.append(NoAnswerError("silence"))
    async with scripted_world(vendor) as world:
        await (await submit(world, [item("u", "t")])).wait()
        many = await submit(world, [item(f"a{n}", "t") for n in range(2 * LOOK)])
        free = await submit(world, [item("b", "b")])
        await world.clock.sleep(60.0)
        assert waits_for(await free.refresh()) == [many.id]
        assert sent(vendor) == ["u"]
        assert (await free.wait()).state is BatchState.COMPLETED
        assert waits_for(await free.refresh()) == []
