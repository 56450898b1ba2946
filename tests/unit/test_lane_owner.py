"""Who drives a lane: one at a time, named when it gives no sign of life, free when it ends."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world
from support.owners import other_process
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor

from batchhub import BatchHub, BatchState, BatchStatus, Contact, Outcome
from batchhub._engine.process_lock import ProcessLock, Verdict
from batchhub._store import LaneOwner, Store
from batchhub.adapter import Accepted, Observation, Steps, Submission
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane


async def test_an_owner_that_stands_still_is_named(tmp_path: Path) -> None:
    """Those who wait say which process has the lane; when it lets go the work goes on."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        hold = await other.take(LANE, clock.now())
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(25.0)
        soon = await job.refresh()
        await clock.sleep(10.0)
        late = await job.refresh()
        await other.let_go(hold, clock.now())
        done = await job.wait()

    assert soon.contact is Contact.OK
    assert (late.state, late.contact) == (BatchState.PENDING, Contact.STALE)
    assert "process 4711 on far drives this account" in (late.contact_note or "")
    assert (done.outcome, done.contact) == (Outcome.SUCCEEDED, Contact.OK)


async def test_an_owner_that_lives_is_not_named(tmp_path: Path) -> None:
    """Signs of life are enough, however long it takes."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        await other.take(LANE, clock.now())
        job = await world.hub.submit("shop", numbered(2))
        for _ in range(8):
            await clock.sleep(5.0)
            await other.beat(clock.now())
        status = await job.refresh()

    assert status.contact is Contact.OK


@pytest.mark.parametrize("end", ["let go", "dead"])
async def test_who_watches_learns_that_nobody_drives(tmp_path: Path, end: str) -> None:
    """A job whose account is elsewhere says so, and goes on by itself once somebody drives it."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        hold = await other.take(LANE, clock.now())
        job = await world.hub.submit("shop", numbered(2))  # it waits for the lane
        await world.hub.aclose()
        seen: list[BatchStatus] = []

        def contacts() -> list[str]:
            return [status.contact.value for status in seen]

        async with BatchHub(store, clock=clock) as reader:
            reader_lock = reader._opened
            assert reader_lock is not None
            watched = await reader.job(job.id)

            async def follow() -> None:
                async for status in watched.watch():
                    seen.append(status)  # noqa: PERF401  # as they come

            following = asyncio.create_task(follow())
            await clock.sleep(20.0)
            assert contacts() == ["ok"]  # it lives
            if end == "dead":
                reader_lock.process.judge = lambda _: Verdict.DEAD
            else:
                await other.let_go(hold, clock.now())
            await clock.sleep(4.0)
            assert contacts() == ["ok"]  # it may be between two processes
            await clock.sleep(20.0)
            note = seen[-1].contact_note or ""
            assert contacts() == ["ok", "stale"]
            assert note.startswith("no process drives this account")
            assert note.endswith("resume its jobs where it is in the settings")
            assert ("process 4711 on far, which did, has ended" in note) == (end == "dead")
            if end == "dead":
                await other.let_go(hold, clock.now())
            async with BatchHub(
                store, {"shop": ScriptedAccount(vendor=Vendor())}, clock=clock
            ) as hub:
                await hub.resume()
            await following
    assert (seen[-1].outcome, seen[-1].contact) == (Outcome.SUCCEEDED, Contact.OK)


async def test_who_watches_names_a_process_that_stands_still(tmp_path: Path) -> None:
    """Also one whose account it does not have."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        await other.take(LANE, clock.now())
        job = await world.hub.submit("shop", numbered(2))
        await world.hub.aclose()
        async with BatchHub(store, clock=clock) as reader:
            async for status in (await reader.job(job.id)).watch():
                if status.contact is not Contact.OK:
                    break
    assert status.contact is Contact.STALE
    assert "process 4711 on far drives this account and has given no sign" in str(
        status.contact_note
    )


async def test_a_dead_owners_lane_is_taken_at_once(tmp_path: Path) -> None:
    """Its lock is free, so nobody waits for its signs of life."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        await other.take(LANE, clock.now())
        other.lock.release(is_let_go=False)
        began_s = clock.monotonic()
        done = await (await world.hub.submit("shop", numbered(2))).wait()

    assert done.outcome is Outcome.SUCCEEDED
    assert clock.monotonic() - began_s < 10


async def test_an_owner_without_a_lock_file_is_waited_for_until_it_is_silent(
    tmp_path: Path,
) -> None:
    """A missing file says nothing: while it gives signs of life its lane is its own."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        hold = await other.take(LANE, clock.now())
        for path in (tmp_path / "jobs.db.lanes").iterdir():
            path.unlink()
        job = await world.hub.submit("shop", numbered(2))
        for _ in range(12):
            await clock.sleep(5.0)
            await other.beat(clock.now())
        alive = await job.refresh()
        silent_since_s = clock.monotonic()
        done = await job.wait()
        taken_s = clock.monotonic() - silent_since_s
        row = await other.look(LANE)

    assert (alive.state, done.outcome) == (BatchState.PENDING, Outcome.SUCCEEDED)
    assert 29 <= taken_s < 45
    assert row.epoch > hold.epoch


async def test_a_clock_that_was_set_makes_no_living_owner_silent(tmp_path: Path) -> None:
    """A time in the future is no sign that will come; it is watched for how long it stays."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        await other.take(LANE, clock.now().replace(year=2030))
        for path in (tmp_path / "jobs.db.lanes").iterdir():
            path.unlink()
        began_s = clock.monotonic()
        done = await (await world.hub.submit("shop", numbered(2))).wait()

    assert done.outcome is Outcome.SUCCEEDED
    assert 29 <= clock.monotonic() - began_s < 45


async def test_whoever_drives_gives_signs_of_life(tmp_path: Path) -> None:
    """They name this process, are never older than a few seconds, and end with the driving."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        world.vendor.polls.extend([Observation(words=("Running",))] * 20)
        job = await world.hub.submit("shop", numbered(2))
        ages = []
        while not (await job.refresh()).state.is_terminal:
            await clock.sleep(1.0)
            row = await other.look(LANE)
            if row.owner is not None and row.seen_at is not None:
                assert row.owner.pid == os.getpid()
                ages.append((clock.now() - row.seen_at).total_seconds())
        await clock.sleep(1.0)
        assert (await other.look(LANE)).owner is None
    assert ages
    assert max(ages) < 10


async def test_locks_of_dead_processes_do_not_pile_up(tmp_path: Path) -> None:
    """A process that drives for a while deletes those that no row names any more."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    vendor.polls.extend([Observation(words=("Running",))] * 30)
    named, dead = ProcessLock(store), ProcessLock(store)
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:
        for lock in (named, dead):
            lock.hold()
            lock.release(is_let_go=False)
        owner = LaneOwner(token=named.token, pid=1, host="far")
        await other.store.lanes.take("scripted:elsewhere", owner, clock.now(), lambda _: True)
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(12.0)
        kept = {path.stem for path in sorted((tmp_path / "jobs.db.lanes").iterdir())}
        assert world.hub._opened is not None
        assert kept == {named.token, other.lock.token, world.hub._opened.process.token}
        await job.wait()


@pytest.mark.parametrize("linked", ["file", "folder"])
async def test_a_store_with_two_names_has_one_driver(tmp_path: Path, linked: str) -> None:
    """A lane is driven once, also if the store is reached through a symbolic link."""
    store, clock = tmp_path / "real" / "jobs.db", FakeClock()
    store.parent.mkdir()
    link = tmp_path / "link"
    link.symlink_to(store if linked == "file" else store.parent)
    path = link if linked == "file" else link / "jobs.db"
    async with scripted_world(store=store, clock=clock) as world:
        await world.hub.jobs()
        async with other_process(path) as other:
            hold = await other.take(LANE, clock.now())
            job = await world.hub.submit("shop", numbered(2))
            await clock.sleep(25.0)
            waits = await job.refresh()
            await other.let_go(hold, clock.now())
            done = await job.wait()

    assert waits.state is BatchState.PENDING
    assert done.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("polls", [0, 3])  # at once after a request, or after what was polled
async def test_a_process_that_lost_its_lane_sends_nothing_more(tmp_path: Path, polls: int) -> None:
    """The write before the next request finds another epoch, and the process leaves the lane."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:
        vendor.polls.extend([Observation(words=("Running",))] * polls)
        job = await world.hub.submit("shop", numbered(6))  # two tickets, one after the other
        while not vendor.submissions:
            await clock.sleep(0.1)
        hold = await other.take(LANE, clock.now())
        for _ in range(12):
            await clock.sleep(5.0)
            await other.beat(clock.now())
        sent = len(vendor.submissions)
        status = await job.refresh()
        polled = len(vendor.polled)
        await clock.sleep(4.0)
        assert (len(vendor.submissions), len(vendor.polled)) == (sent, polled)
        await other.let_go(hold, clock.now())
        done = await job.wait()

    assert sent == 1
    assert status.contact is Contact.OK
    assert done.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 2


async def test_a_process_that_writes_nothing_notices_with_its_next_sign_of_life(
    tmp_path: Path,
) -> None:
    """Polls that bring nothing new write nothing, and would go on for ever."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    vendor.polls.extend([Observation(words=("Running",))] * 1000)
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:
        await world.hub.submit("shop", numbered(2))
        await clock.sleep(7.0)
        await other.take(LANE, clock.now())
        await clock.sleep(6.0)
        polled = len(vendor.polled)
        await clock.sleep(6.0)

    assert polled > 0
    assert len(vendor.polled) == polled


async def test_two_hubs_that_take_each_other_for_dead_send_nothing_twice(tmp_path: Path) -> None:
    """Whatever the locks say, the store lets only one of them send a ticket."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    one_hub, other_hub = (BatchHub(store, accounts, clock=clock, seed=n) for n in (1, 2))
    async with clock.running(), one_hub as one, other_hub as other:
        for hub in (one, other):
            await hub.jobs()
            assert hub._opened is not None
            hub._opened.process.judge = lambda _: Verdict.DEAD
        jobs = [await one.submit("shop", numbered(30)), await other.submit("shop", numbered(30))]
        for hub in (one, other):
            await hub.resume()
        # A hub may read an end in the store before the one that stored it has gone on.
        done = [await job.wait() for job in jobs]

    assert [status.outcome for status in done] == [Outcome.SUCCEEDED] * 2
    assert len(vendor.submissions) == len({s.idempotency_key for s in vendor.submissions}) == 20


async def test_an_answer_that_comes_after_the_lane_was_lost_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the vendor said of an attempt is evidence, whoever learns it."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(submits=deque())
    submit = ScriptedAdapter.submit

    async def submit_slowly(
        self: ScriptedAdapter, submission: Submission, steps: Steps
    ) -> Accepted:
        await clock.sleep(20.0)
        return await submit(self, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", submit_slowly)
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(5.0)
        hold = await other.take(LANE, clock.now())
        for _ in range(6):
            await clock.sleep(5.0)
            await other.beat(clock.now())
        late = await Store.open(store)
        ((_, (ticket,)),) = await late.jobs.find_open(LANE)
        await late.aclose()
        await other.let_go(hold, clock.now())
        done = await job.wait()

    assert (ticket.state, ticket.vendor_refs) == (BatchState.QUEUED, ("ref-1",))
    assert done.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 1
