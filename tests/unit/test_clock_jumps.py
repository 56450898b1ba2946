"""The wall clock is set while jobs run: nothing ends sooner or later for that, nor is overdue."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.hubs import World, numbered, scripted_world
from support.vendor import Vendor, capable

from batchhub import BatchState, BatchStatus
from batchhub.adapter import Observation, Report
from batchhub.errors import NotFoundError, ResultsMissingError
from batchhub.polling import Fixed
from batchhub.testing import FakeClock

FOREVER = 10**6
RUNNING = Observation(words=("Running",))
SLOW = {"poll_s": 5.0, "min_poll_s": 2.0}

each_jump = pytest.mark.parametrize(
    "jump", [timedelta(days=400), -timedelta(hours=2)], ids=["forward", "back"]
)


class JumpingClock(FakeClock):
    """A clock whose wall time can be set while the monotonic time goes on."""

    off = timedelta()

    def now(self) -> datetime:
        """Return the wall time, with what it was set by."""
        return super().now() + self.off


async def polls_of(vendor: Vendor, world: World, for_s: float) -> int:
    """Count the polls in the next seconds."""
    before = len(vendor.polled)
    await world.clock.sleep(for_s)
    return len(vendor.polled) - before


def is_overdue(status: BatchStatus) -> bool:
    """Whether a status has the finding."""
    return any(finding.code == "overdue" for finding in status.findings)


@each_jump
async def test_a_jump_makes_no_job_overdue(jump: timedelta) -> None:
    """It is overdue once its deadline has really passed, and polled as usual until then."""
    clock, vendor = JumpingClock(), capable(Vendor(polls=deque([RUNNING] * FOREVER)), **SLOW)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(1), deadline_s=200.0)
        await clock.sleep(20.0)
        clock.off = jump
        assert await polls_of(vendor, world, 30.0) >= 5
        assert not is_overdue(await job.refresh())
        await clock.sleep(140.0)
        assert not is_overdue(await job.refresh())
        await clock.sleep(20.0)
        assert is_overdue(await job.refresh())


async def test_a_clock_that_was_ahead_when_the_hub_opened_makes_no_job_overdue_for_good(
    tmp_path: Path,
) -> None:
    """Once the clock is right the job is asked about as usual again, and the finding is gone."""
    clock, vendor = JumpingClock(), capable(Vendor(polls=deque([RUNNING] * FOREVER)), **SLOW)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock, polling=Fixed(5.0)) as world:
        await (await world.hub.submit("shop", numbered(1), deadline_s=200.0)).hand_over()
    clock.off = timedelta(days=400)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock, polling=Fixed(5.0)) as world:
        (job,) = await world.hub.jobs()
        resuming = asyncio.create_task(world.hub.resume())
        await clock.sleep(10.0)
        assert is_overdue(await job.refresh())
        clock.off = timedelta()
        await clock.sleep(40.0)
        assert not is_overdue(await job.refresh())
        assert await polls_of(vendor, world, 30.0) >= 5
        resuming.cancel()


@each_jump
async def test_a_jump_ends_no_grace_of_a_fresh_ticket(jump: timedelta) -> None:
    """A ticket the vendor does not list yet is lost only after the real visibility grace."""
    clock = JumpingClock()
    vendor = capable(Vendor(), visibility_grace_s=60.0, **SLOW)
    vendor.polls = deque([NotFoundError("no such ticket", status=404)] * FOREVER)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
        clock.off = jump
        began_s = clock.monotonic()
        status = await job.wait(timeout_s=1000.0)
        assert status.state is BatchState.LOST
        assert 55.0 < clock.monotonic() - began_s < 150.0


@each_jump
@pytest.mark.parametrize("again", [False, True])
async def test_a_jump_ends_no_grace_of_a_finished_ticket(jump: timedelta, again: bool) -> None:
    """Results are waited for as long as the adapter says, whatever the clock does, twice if so."""
    clock = JumpingClock()
    vendor = capable(Vendor(), results_grace_s=60.0, **SLOW)
    vendor.reports = deque([ResultsMissingError("no results yet")] * FOREVER)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
        while len(vendor.reports) == FOREVER:
            await clock.sleep(0.5)
        clock.off, began_s = jump, clock.monotonic()
        if again:
            await clock.sleep(20.0)
            clock.off = timedelta()
        await job.wait(timeout_s=1000.0)
        assert 55.0 < clock.monotonic() - began_s < 150.0


@each_jump
async def test_a_jump_ends_no_settling(jump: timedelta) -> None:
    """Word and counts get their real time to agree, and so has a report that is not settled."""
    clock = JumpingClock()
    vendor = capable(Vendor(), counts_items=True, count_grace_s=60.0, **SLOW)
    vendor.polls = deque([Observation(words=("Done",), done=0)] * FOREVER)
    vendor.default_report = lambda _: Report(items=[], is_settled=False)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
        while not vendor.polled:
            await clock.sleep(0.1)
        await clock.sleep(10.0)
        clock.off, began_s = jump, clock.monotonic()
        ended = await job.wait(timeout_s=2000.0)
        assert "counts_short" in {finding.code for finding in ended.findings}
        assert 105.0 < clock.monotonic() - began_s < 140.0


@each_jump
async def test_a_jump_stalls_no_ticket(jump: timedelta) -> None:
    """A stall is real time without progress."""
    clock = JumpingClock()
    vendor = capable(Vendor(polls=deque([RUNNING] * FOREVER)), stall_s=100.0, **SLOW)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(1), deadline_s=1e6)
        await clock.sleep(20.0)
        clock.off = jump
        await clock.sleep(75.0)
        assert "stalled" not in {finding.code for finding in (await job.refresh()).findings}
        await clock.sleep(25.0)
        assert "stalled" in {finding.code for finding in (await job.refresh()).findings}


@each_jump
async def test_a_jump_makes_no_young_ticket_old(jump: timedelta) -> None:
    """How often a ticket is asked about depends on its real age."""
    clock = JumpingClock()
    vendor = capable(Vendor(polls=deque([RUNNING] * FOREVER)), min_poll_s=1.0)
    async with scripted_world(vendor, clock=clock) as world:
        job = await world.hub.submit("shop", numbered(1), deadline_s=1e6)
        await job.hand_over()
        clock.off = jump
        young = await polls_of(vendor, world, 20.0)
        await clock.sleep(20.0)
        grown = await polls_of(vendor, world, 60.0)
    assert 13 <= young <= 17
    assert 14 <= grown <= 18


async def test_a_moment_of_a_clock_that_was_ahead_does_not_stay_ahead(tmp_path: Path) -> None:
    """What a process stored while its clock was wrong ends for the next one like any other."""
    clock = JumpingClock()
    clock.off = timedelta(days=400)
    vendor = capable(Vendor(), results_grace_s=60.0, **SLOW)
    vendor.reports = deque([ResultsMissingError("no results yet")] * FOREVER)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        job = await world.hub.submit("shop", numbered(1))
        await clock.sleep(20.0)
        job_id = job.id
    clock.off = timedelta()
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        job = await world.hub.job(job_id)
        began_s = clock.monotonic()
        await world.hub.resume()
        assert clock.monotonic() - began_s < 150.0
        assert (await job.refresh()).state is BatchState.COMPLETED
