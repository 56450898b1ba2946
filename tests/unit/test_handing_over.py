"""A hub that only hands over and reads: another process drives, this one sends nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.vendor import ScriptedAccount, Vendor, capable, report_states

from batchhub import BatchHub, BatchState, ItemState, Outcome, sync
from batchhub.adapter import Observation
from batchhub.errors import (
    NoAnswerError,
    NotKnownError,
    UnsupportedError,
    UsageError,
    WaitTimeoutError,
)
from batchhub.hub import opened
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))


@asynccontextmanager
async def front_of(world: World, store: Path) -> AsyncIterator[tuple[BatchHub, Vendor]]:
    """Open a hub that does not drive at a world's store; its vendor is to hear of nothing."""
    unheard = Vendor(capabilities=world.vendor.capabilities)
    accounts = {"shop": ScriptedAccount(vendor=unheard)}
    async with BatchHub(store, accounts, clock=world.clock, seed=2, drives=False) as front:
        yield front, unheard
    assert (unheard.submissions, unheard.polled, unheard.cancelled) == ([], [], [])


async def test_a_job_that_is_handed_over_is_sent_by_who_drives(tmp_path: Path) -> None:
    """It is durable at once and nothing is sent; `wait` returns what the other process made."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world, front_of(world, store) as (front, _):
        job = await front.submit("shop", numbered(4))
        await world.clock.sleep(60.0)
        assert (await job.refresh()).state is BatchState.PENDING
        assert world.vendor.submissions == []
        assert (await job.hand_over()).state is BatchState.PENDING  # at once
        await world.hub.resume()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert [result.id for result in await results_of(job)] == ["i1", "i2", "i3", "i4"]


async def test_what_has_failed_is_retried_by_who_drives(tmp_path: Path) -> None:
    """The retry is a job of the store like any other."""
    store, vendor = tmp_path / "jobs.db", Vendor(default_report=report_states(i1=ItemState.FAILED))
    async with scripted_world(vendor, store) as world, front_of(world, store) as (front, _):
        first = await world.hub.submit("shop", numbered(2))
        await first.wait()
        vendor.default_report = report_states()
        again = await (await front.job(first.id)).retry()
        assert again.status.state is BatchState.PENDING
        assert [job.id for job in await world.hub.resume()] == [again.id]
        assert (await again.wait()).outcome is Outcome.SUCCEEDED


async def test_a_cancel_is_checked_here_and_done_there(tmp_path: Path) -> None:
    """What the vendor can't do is refused as by who drives; the rest goes through the store."""
    store, vendor = tmp_path / "jobs.db", Vendor()
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, store) as world:
        job = await world.hub.submit("shop", numbered(2))
        await world.clock.sleep(10.0)
        async with front_of(world, store) as (front, _):
            with pytest.raises(UnsupportedError, match="can't cancel; it goes on"):
                await (await front.job(job.id)).cancel()
        capable(vendor, can_cancel=True)
        async with front_of(world, store) as (front, unheard):
            unheard.capabilities = vendor.capabilities
            await (await front.job(job.id)).cancel()
            await world.clock.sleep(10.0)
            assert len(vendor.cancelled) == 1


async def test_the_unknown_items_of_a_held_job_need_somebody_who_drives(tmp_path: Path) -> None:
    """Where nobody ends the held job the wait for it has an end, which says so."""
    store = tmp_path / "jobs.db"
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor, store) as world, front_of(world, store) as (front, _):
        held = await world.hub.submit("shop", numbered(2))
        assert (await held.wait()).is_held
        await world.clock.sleep(5.0)
        theirs = await front.job(held.id)
        with pytest.raises(WaitTimeoutError, match="no process that drives its account has ended"):
            await theirs.retry(unknown=True)
        await world.hub.resume()
        again = await theirs.retry(unknown=True)
        await world.hub.resume()
        assert (await again.wait()).outcome is Outcome.SUCCEEDED


async def test_what_would_send_is_refused(tmp_path: Path) -> None:
    """In one sentence each; nothing has been asked."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world, front_of(world, store) as (front, _):
        with pytest.raises(UsageError, match=r"^resume needs a hub that drives: .*drives=False"):
            await front.resume()
        with pytest.raises(UsageError, match=r"^probe needs a hub that drives"):
            await front.probe("shop")
        with pytest.raises(NotKnownError, match="no account named 'x'"):
            await front.submit("x", numbered(1))
    with pytest.raises(UsageError, match="drives=False hands over through a store: give store="):
        BatchHub(drives=False)


async def test_calls_of_vendors_reach_who_drives(tmp_path: Path) -> None:
    """A web process that takes webhooks in needs to drive nothing."""
    store, vendor = tmp_path / "jobs.db", capable(Vendor(), poll_s=600.0)
    vendor.polls.append(RUNNING)
    async with scripted_world(vendor, store) as world, front_of(world, store) as (front, unheard):
        unheard.read_push = lambda headers, body: ["ref-1"]
        job = await world.hub.submit("shop", numbered(1))
        while not vendor.polled:
            await world.clock.sleep(1.0)
        began_s = world.clock.monotonic()
        assert await front.push("shop", {}, b"{}") == 1
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert world.clock.monotonic() - began_s < 60.0


async def test_parts_of_batchhub_get_what_a_hub_has_opened(tmp_path: Path) -> None:
    """The open store and the clock; a closed hub says so."""
    clock = FakeClock()
    async with BatchHub(tmp_path / "jobs.db", clock=clock) as hub:
        inside = await opened(hub)
        assert inside.store.path == tmp_path / "jobs.db"
        assert inside.clock is clock
        assert inside.driver.drives
    with pytest.raises(UsageError, match="this hub is closed"):
        await opened(hub)


def test_from_a_plain_thread(tmp_path: Path) -> None:
    """The sync hub has it too."""
    account = ScriptedAccount(vendor=Vendor())
    with sync.BatchHub(tmp_path / "jobs.db", {"shop": account}, drives=False) as hub:
        job = hub.submit("shop", numbered(1))
        assert job.refresh().state is BatchState.PENDING
        with pytest.raises(UsageError, match="resume needs a hub that drives"):
            hub.resume()
    assert account.vendor.submissions == []
