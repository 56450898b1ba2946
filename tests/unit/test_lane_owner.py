"""Who drives a lane: one at a time, named when it gives no sign of life, free when it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.hubs import numbered, scripted_world
from support.vendor import ScriptedAccount

from batchhub import BatchState, Contact, Outcome
from batchhub._engine.lane_lock import LaneLock
from batchhub.adapter import Observation
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane


async def test_an_owner_that_stands_still_is_named(tmp_path: Path) -> None:
    """Those who wait say which process has the lane; when it lets go the work goes on."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        await world.hub.jobs()
        owner = LaneLock(store, LANE)
        assert owner.claim(clock.now())
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(25.0)
        soon = await job.refresh()
        await clock.sleep(10.0)
        late = await job.refresh()
        owner.release()
        done = await job.wait()

    assert soon.contact is Contact.OK
    assert (late.state, late.contact) == (BatchState.PENDING, Contact.STALE)
    assert f"process {os.getpid()} drives this account" in (late.contact_note or "")
    assert (done.outcome, done.contact) == (Outcome.SUCCEEDED, Contact.OK)


async def test_an_owner_that_lives_is_not_named(tmp_path: Path) -> None:
    """Signs of life are enough, however long it takes."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        await world.hub.jobs()
        owner = LaneLock(store, LANE)
        owner.claim(clock.now())
        job = await world.hub.submit("shop", numbered(2))
        for _ in range(8):
            await clock.sleep(5.0)
            owner.beat(clock.now())
        status = await job.refresh()
        owner.release()

    assert status.contact is Contact.OK


async def test_whoever_drives_gives_signs_of_life(tmp_path: Path) -> None:
    """They name this process, are never older than a few seconds, and end with the driving."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world:
        world.vendor.polls.extend([Observation(words=("Running",))] * 20)
        job = await world.hub.submit("shop", numbered(2))
        other = LaneLock(store, LANE)
        ages = []
        while not (await job.refresh()).state.is_terminal:
            await clock.sleep(1.0)
            owner = other.find_owner()
            if owner is not None:
                assert owner.pid == os.getpid()
                ages.append((clock.now() - owner.seen_at).total_seconds())
    assert ages
    assert max(ages) < 10
    assert other.find_owner() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "seen_at": 3}'])
def test_a_broken_sign_names_nobody(tmp_path: Path, content: str) -> None:
    """What cannot be read is no owner, and no trouble."""
    lock = LaneLock(tmp_path / "jobs.db", LANE)
    assert lock.claim(FakeClock().now())
    (sign,) = (tmp_path / "jobs.db.lanes").glob("*.owner")
    sign.write_text(content)

    assert lock.find_owner() is None
    lock.release()


def test_a_store_in_memory_needs_no_lock() -> None:
    """Its one process may always drive, and has nobody to name."""
    lock = LaneLock(None, LANE)

    assert lock.claim(FakeClock().now())
    lock.beat(FakeClock().now())
    assert lock.find_owner() is None
    lock.release()


@pytest.mark.parametrize("linked", ["file", "folder"])
async def test_a_store_with_two_names_has_one_driver(tmp_path: Path, linked: str) -> None:
    """A lane is driven once, also if the store is reached through a symbolic link."""
    store, clock = tmp_path / "real" / "jobs.db", FakeClock()
    store.parent.mkdir()
    async with scripted_world(store=store, clock=clock) as world:
        await world.hub.jobs()
        link = tmp_path / "link"
        link.symlink_to(store if linked == "file" else store.parent)
        other = LaneLock(link if linked == "file" else link / "jobs.db", LANE)
        assert other.claim(clock.now())
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(25.0)
        waits = await job.refresh()
        other.release()
        done = await job.wait()

    assert waits.state is BatchState.PENDING
    assert done.outcome is Outcome.SUCCEEDED
