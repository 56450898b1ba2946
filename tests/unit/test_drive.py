"""A hub that drives until it is stopped takes up whatever any process hands over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from attrs import evolve
from support.hubs import World, numbered, scripted_world
from support.owners import other_process
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState, Outcome
from batchhub._store import Store
from batchhub._store.jobs import Jobs
from batchhub._store.lanes import Lanes
from batchhub.adapter import Account, Observation
from batchhub.errors import CredentialsError, NoAnswerError, StoreError, UsageError
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))
LANE = ScriptedAccount().lane


@asynccontextmanager
async def driving(hub: BatchHub) -> AsyncIterator[asyncio.Task[None]]:
    """Have a hub drive inside the block."""
    task = asyncio.create_task(hub.drive())
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def front_of(world: World, store: Path) -> AsyncIterator[BatchHub]:
    """Open a hub that hands over what a world's hub is to send."""
    accounts = {"shop": ScriptedAccount(vendor=Vendor())}
    async with BatchHub(store, accounts, clock=world.clock, seed=2, drives=False) as front:
        yield front


async def test_what_others_submit_retry_and_cancel_is_taken_up(tmp_path: Path) -> None:
    """Before it began, while it drives, and after it has been idle for minutes."""
    store = tmp_path / "jobs.db"
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor, store) as world, front_of(world, store) as front:
        first = await front.submit("shop", numbered(2))
        async with driving(world.hub):
            assert (await first.wait()).is_held
            second = await front.submit("shop", numbered(2))
            assert (await second.wait()).outcome is Outcome.SUCCEEDED
            await world.clock.sleep(300.0)
            third = await front.submit("shop", numbered(2))
            began_s = world.clock.monotonic()
            assert (await third.wait()).outcome is Outcome.SUCCEEDED
            assert world.clock.monotonic() - began_s < 10.0
            again = await first.retry(unknown=True)  # cancels it, and waits for that
            assert (await again.wait()).outcome is Outcome.SUCCEEDED


async def test_it_ends_when_it_is_cancelled_and_what_is_under_way_goes_on(tmp_path: Path) -> None:
    """What comes after it is nobody's; the hub's end ends it too."""
    store, vendor = tmp_path / "jobs.db", Vendor(polls=deque([RUNNING] * 5))
    async with scripted_world(vendor, store) as world, front_of(world, store) as front:
        job = await front.submit("shop", numbered(1))
        async with driving(world.hub):
            while not vendor.polled:
                await world.clock.sleep(1.0)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        later = await front.submit("shop", numbered(1))
        await world.clock.sleep(60.0)
        assert (await later.refresh()).state is BatchState.PENDING
        task = asyncio.create_task(world.hub.drive())
        await world.clock.sleep(30.0)
        await world.hub.aclose()
        await task
        assert (await later.refresh()).outcome is Outcome.SUCCEEDED


async def test_a_lane_whose_process_dies_is_taken_over(tmp_path: Path) -> None:
    """It waits for the other process, and goes on where that one stopped."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    async with (
        scripted_world(vendor, store, clock) as world,
        front_of(world, store) as front,
        other_process(store) as other,
        driving(world.hub),
    ):
        await other.take(LANE, clock.now())
        job = await front.submit("shop", numbered(1))
        await clock.sleep(5.0)
        assert vendor.submissions == []
        other.lock.release()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_what_another_process_lets_go_is_taken_up(tmp_path: Path) -> None:
    """It had the lane while this one had nothing to do there, and leaves a batch at the vendor."""
    store, vendor = tmp_path / "jobs.db", Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor, store) as world, driving(world.hub):
        job = await world.hub.submit("shop", numbered(1))
        assert (await job.wait()).is_held
        await world.clock.sleep(30.0)
        async with other_process(store) as other:
            hold = await other.take(LANE, world.clock.now())
            record, _ = await other.store.jobs.get(job.id)
            [ticket] = await other.store.tickets.of_job(record.job_no, [1])
            found = evolve(ticket, state=BatchState.QUEUED, vendor_refs=("found-1",))
            await other.store.tickets.adopt(record, found, hold, at=world.clock.now())
            await world.clock.sleep(30.0)
            assert vendor.polled == []
            await other.let_go(hold, world.clock.now())
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_one_accounts_trouble_is_said_once_and_touches_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Twins that differ, an adapter that can't be made, credentials that are refused."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    fine, refusing = Vendor(), Vendor(submits=deque([CredentialsError("no")]))
    accounts: Mapping[str, Account] = {
        "fine": ScriptedAccount(name="fine", vendor=fine),
        "refused": ScriptedAccount(name="refused", vendor=refusing),
        "broken": ScriptedAccount(name="broken", vendor=Vendor(broken=ValueError("no file"))),
        "twin": ScriptedAccount(name="twin", vendor=Vendor()),
        "other twin": ScriptedAccount(name="twin", vendor=Vendor(), polling="fixed 9"),
    }
    whole = {name: ScriptedAccount(name=name) for name in ("fine", "refused", "broken", "twin")}
    async with (
        clock.running(),
        BatchHub(store, whole, clock=clock, seed=2, drives=False) as front,
        BatchHub(store, accounts, clock=clock, seed=1) as hub,
    ):
        jobs = {name: await front.submit(name, numbered(2)) for name in whole}
        async with driving(hub):
            assert (await jobs["fine"].wait()).outcome is Outcome.SUCCEEDED
            for _ in range(5):
                await front.submit("broken", numbered(1))
                await front.submit("twin", numbered(1))
                await clock.sleep(30.0)
            again = await front.submit("fine", numbered(1))
            assert (await again.wait()).outcome is Outcome.SUCCEEDED
            # One request is tried after a minute, as by any hub that goes on driving.
            assert (await jobs["refused"].wait()).outcome is Outcome.SUCCEEDED
    stopped = [line for line in caplog.messages if line.startswith("lane.stopped")]
    assert len(stopped) == 2
    assert "lane='scripted:127.0.0.1:9:broken'" in stopped[0]
    assert "no file" in stopped[0]
    assert "'twin' and 'other twin'" in stopped[1]


Breaking = Callable[[pytest.MonkeyPatch, list[int]], None]


def fails(kind: type, name: str) -> Breaking:
    """Have a method of the store fail until its calls are used up."""
    original: Callable[..., Awaitable[object]] = getattr(kind, name)

    def break_it(patch: pytest.MonkeyPatch, left: list[int]) -> None:
        async def failing(self: object, *args: object, **kwargs: object) -> object:
            if left[0]:
                left[0] -= 1
                raise StoreError("the disk is on fire")
            return await original(self, *args, **kwargs)

        patch.setattr(kind, name, failing)

    return break_it


@pytest.mark.parametrize(
    "break_it",
    [
        fails(Lanes, "marks"),
        fails(Jobs, "find_open_lanes"),
        fails(Jobs, "find_open"),
        fails(Lanes, "take"),
        fails(Store, "foreign_version"),
    ],
    ids=["places", "open lanes", "open jobs", "take", "version"],
)
async def test_a_store_that_fails_for_a_while_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: Breaking
) -> None:
    """Whatever of it fails first: the job is driven once the store can be used."""
    store, left = tmp_path / "jobs.db", [7]
    async with scripted_world(store=store) as world, front_of(world, store) as front:
        job = await front.submit("shop", numbered(1))
        break_it(monkeypatch, left)
        async with driving(world.hub) as task:
            await world.clock.sleep(400.0)
            assert left == [0]
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
            assert not task.done()


async def test_nothing_is_read_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that waits costs one number a second; one that hears of a job looks at its lane."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    asked: list[list[str]] = []
    original = Jobs.find_open_lanes

    async def count(self: Jobs, lanes: list[str]) -> list[str]:
        asked.append(list(lanes))
        return await original(self, lanes)

    monkeypatch.setattr(Jobs, "find_open_lanes", count)
    names = [f"n{n}" for n in range(30)]
    accounts = {name: ScriptedAccount(name=name) for name in names}
    async with (
        clock.running(),
        BatchHub(store, accounts, clock=clock, seed=2, drives=False) as front,
        BatchHub(store, accounts, clock=clock, seed=1) as hub,
    ):
        for name in names:
            await (await front.submit(name, numbered(1))).cancel()
        async with driving(hub):
            await clock.sleep(200.0)
            asked.clear()
            await clock.sleep(200.0)
            assert asked == []
            job = await front.submit("n7", numbered(1))
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert asked[0] == [accounts["n7"].lane]


async def test_who_can_not_drive_says_so(tmp_path: Path) -> None:
    """At once: a hub that hands over, and one that is closed."""
    async with BatchHub(tmp_path / "jobs.db", drives=False) as front:
        with pytest.raises(UsageError, match="drive needs a hub that drives"):
            await front.drive()
    async with BatchHub(tmp_path / "jobs.db") as hub:
        pass
    with pytest.raises(UsageError, match="this hub is closed"):
        await hub.drive()
