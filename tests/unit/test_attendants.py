"""A process that drives until it is stopped is left its accounts, also while they are idle."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState, Outcome
from batchhub._store import LaneOwner, Store
from batchhub._store.attendants import Attendants
from batchhub.errors import NoAnswerError, StoreError
from batchhub.hub import opened
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane
STRANGER = LaneOwner(token="stranger", pid=4711, host="elsewhere")


@asynccontextmanager
async def attending(hub: BatchHub, clock: FakeClock) -> AsyncIterator[None]:
    """Have a hub drive inside the block, from when others can see it."""
    task = asyncio.create_task(hub.drive())
    await clock.sleep(1.0)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def another_hub(store: Path, clock: FakeClock, vendor: Vendor) -> AsyncIterator[BatchHub]:
    """Open a hub of another process on a store, that may drive the account as well."""
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with BatchHub(store, accounts, clock=clock, seed=2) as hub:
        yield hub


async def show_stranger(path: Path, clock: FakeClock, *, ago_s: float = 0.0) -> None:
    """Write that a process nobody can judge drives the account."""
    store = await Store.open(path)
    at = clock.now().fromtimestamp(clock.now().timestamp() - ago_s, clock.now().tzinfo)
    await store.attendants.show(STRANGER, [LANE], at)
    await store.aclose()


async def test_what_another_process_submits_is_sent_by_it(tmp_path: Path) -> None:
    """It has been idle for minutes; the other one sends nothing, and names it."""
    path, own, other = tmp_path / "jobs.db", Vendor(), Vendor()
    async with scripted_world(own, path) as world:
        async with (
            another_hub(path, world.clock, other) as hub,
            attending(world.hub, world.clock),
        ):
            await world.clock.sleep(300.0)
            job = await hub.submit("shop", numbered(3))
            assert (await job.find_driver() or "").startswith("process ")
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert own.submissions
        assert not other.submissions


async def test_once_it_has_stopped_others_drive_at_once(tmp_path: Path) -> None:
    """A hub that no longer drives, or is closed, leaves nothing behind."""
    path, other = tmp_path / "jobs.db", Vendor()
    async with scripted_world(Vendor(), path) as world:
        async with another_hub(path, world.clock, other) as hub:
            async with attending(world.hub, world.clock):
                pass
            job = await hub.submit("shop", numbered(1))
            assert await job.find_driver() is None
            began_s = world.clock.monotonic()
            await job.wait()
            assert world.clock.monotonic() - began_s < 10.0
        assert other.submissions


async def test_one_that_takes_nothing_keeps_nobody_from_it(tmp_path: Path) -> None:
    """Its adapter may not load: after some seconds others drive all the same."""
    path, vendor = tmp_path / "jobs.db", Vendor()
    async with scripted_world(vendor, path) as world:
        await show_stranger(path, world.clock)
        job = await world.hub.submit("shop", numbered(1))
        assert await job.find_driver() == "process 4711 on elsewhere"
        await world.clock.sleep(5.0)
        assert (await job.refresh()).state is BatchState.PENDING
        assert (await job.wait(timeout_s=60.0)).outcome is Outcome.SUCCEEDED


async def test_one_that_gives_no_sign_of_life_is_not_waited_for(tmp_path: Path) -> None:
    """It was stopped, or its machine is gone."""
    path, vendor = tmp_path / "jobs.db", Vendor()
    async with scripted_world(vendor, path) as world:
        await show_stranger(path, world.clock, ago_s=31.0)
        job = await world.hub.submit("shop", numbered(1))
        assert await job.find_driver() is None
        assert (await job.wait(timeout_s=8.0)).outcome is Outcome.SUCCEEDED


async def test_it_is_seen_again_after_its_row_was_deleted(tmp_path: Path) -> None:
    """Whoever takes it for dead is mistaken for some seconds only."""
    path = tmp_path / "jobs.db"
    async with scripted_world(Vendor(), path) as world, attending(world.hub, world.clock):
        store = await Store.open(path)
        [mine] = await store.attendants.find(LANE)
        await store.attendants.drop([mine.owner.token])
        assert await store.attendants.find(LANE) == []
        await world.clock.sleep(20.0)
        assert [each.owner for each in await store.attendants.find(LANE)] == [mine.owner]
        await store.aclose()


async def test_two_that_attend_leave_a_held_job_in_peace(tmp_path: Path) -> None:
    """Neither takes the account again since the other one had it; what is new is driven."""
    path, other = tmp_path / "jobs.db", Vendor()
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with (
        scripted_world(vendor, path) as world,
        another_hub(path, world.clock, other) as hub,
        attending(world.hub, world.clock),
        attending(hub, world.clock),
    ):
        job = await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(30.0)
        assert (await job.refresh()).is_held
        lanes = (await opened(hub)).store.lanes
        before = await lanes.get(LANE)
        await world.clock.sleep(60.0)
        assert await lanes.get(LANE) == before
        assert (await job.adopt("found")).tickets[0].vendor_refs == ("found",)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_one_that_is_closed_while_it_shows_itself_leaves_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others would leave it the account, and nobody would ever delete the row."""
    path, clock, shown = tmp_path / "jobs.db", FakeClock(), asyncio.Event()
    show = Attendants.show

    async def slow(self: Attendants, owner: LaneOwner, lanes: Iterable[str], at: datetime) -> None:
        await show(self, owner, lanes, at)
        shown.set()
        await clock.sleep(5.0)

    monkeypatch.setattr(Attendants, "show", slow)
    async with clock.running(), another_hub(path, clock, Vendor()) as hub:
        task = asyncio.create_task(hub.drive())
        await shown.wait()
        await hub.aclose()
        await task
    store = await Store.open(path)
    assert await store.attendants.find() == []
    await store.aclose()


async def test_a_row_that_could_not_be_deleted_is_deleted_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock file stays until then, and says that it has ended."""
    path, clock = tmp_path / "jobs.db", FakeClock()

    async def fail(*_: object) -> None:
        raise StoreError("the disk is on fire")

    async with clock.running():
        async with another_hub(path, clock, Vendor()) as hub:
            task = asyncio.create_task(hub.drive())
            await clock.sleep(5.0)
            with monkeypatch.context() as broken:
                broken.setattr(Attendants, "drop", fail)
                await hub.aclose()
            await task
        async with another_hub(path, clock, Vendor()) as hub, attending(hub, clock):
            inside = await opened(hub)
            [row] = await inside.store.attendants.find()
            assert row.owner.token == inside.process.token


async def test_rows_that_nobody_can_judge_are_deleted_after_a_day(tmp_path: Path) -> None:
    """Their lock files are gone; younger ones may be another machine's."""
    path = tmp_path / "jobs.db"
    async with scripted_world(Vendor(), path) as world:
        for ago_s, count in ((60.0, 2), (25 * 3600.0, 1)):
            await show_stranger(path, world.clock, ago_s=ago_s)
            async with attending(world.hub, world.clock):
                store = (await opened(world.hub)).store
                assert len(await store.attendants.find()) == count


async def test_it_is_seen_as_long_as_any_of_its_drives(tmp_path: Path) -> None:
    """A hub may drive twice at a time; the end of one is not that of the other."""
    async with scripted_world(Vendor(), tmp_path / "jobs.db") as world:
        store = (await opened(world.hub)).store
        async with attending(world.hub, world.clock):
            async with attending(world.hub, world.clock):
                pass
            assert len(await store.attendants.find(LANE)) == 1
        assert await store.attendants.find(LANE) == []
