"""Who looks for alerts: one process, and the next one as soon as that is dead or silent."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from support.alerting import settings_for
from support.owners import Other, other_process
from support.patience import PATIENCE_S
from support.stores import LATER, add_job

from batchhub import BatchHub
from batchhub._alerts.alerts import Alerts
from batchhub._alerts.channel_settings import Channel, ChannelType
from batchhub._alerts.conditions import Condition, Rule
from batchhub._alerts.lease import BEAT_S, NAME, LeaseKeeper
from batchhub._engine.process_lock import Verdict
from batchhub._store import AlertChange, AlertRow, AlertState, LaneOwner, Lease, NewMessage, Store
from batchhub.testing import FakeClock


def keeper_of(process: Other, clock: FakeClock) -> LeaseKeeper:
    """Make the keeper of a process."""
    return LeaseKeeper(process.store, clock, process.lock)


async def take(process: Other, clock: FakeClock) -> Lease:
    """Take the lease as another process does that is alone."""
    lease = await keeper_of(process, clock).keep()
    assert lease is not None
    return lease


async def test_one_has_it_as_long_as_it_gives_signs_of_life(tmp_path: Path) -> None:
    """The other one gets it once it was let go."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    async with other_process(path) as one, other_process(path) as two:
        first, second = keeper_of(one, clock), keeper_of(two, clock)
        held = await first.keep()
        for _ in range(10):
            await clock.advance(BEAT_S)
            assert await second.keep() is None
            assert await first.keep() == held
        await first.let_go()
        taken = await second.keep()
        assert taken is not None
        assert (taken.token, taken.epoch) == (two.lock.token, 2)
        assert await first.keep() is None


@pytest.mark.parametrize(
    ("verdict", "after_s"), [(Verdict.DEAD, 0.0), (Verdict.ALIVE, 30.0), (Verdict.UNKNOWN, 30.0)]
)
async def test_one_that_is_gone_or_stands_still(
    tmp_path: Path, verdict: Verdict, after_s: float
) -> None:
    """A dead one's is free at once, a stopped one's after half a minute."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    async with other_process(path) as one, other_process(path) as two:
        old = await take(one, clock)
        two.lock.judge = lambda _: verdict
        second = keeper_of(two, clock)
        if after_s:
            for _ in range(3):
                assert await second.keep() is None
                await clock.advance(after_s / 3 - 1)
            assert await second.keep() is None
            await clock.advance(4.0)
        assert await second.keep() is not None
        assert not await one.store.leases.renew(old, clock.now())


async def test_one_that_comes_back_too_late_writes_nothing(tmp_path: Path) -> None:
    """Neither a change, nor that a message was taken, nor the end of all."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    row = AlertRow(
        condition="held", account="shop", state=AlertState.FIRING, since=clock.now(), facts={}
    )
    async with other_process(path) as one, other_process(path) as two:
        late = await take(one, clock)
        owner = LaneOwner(token=two.lock.token, pid=2, host="here")
        new = await two.store.leases.take(NAME, owner, clock.now(), lambda _: True)
        assert new is not None
        alerts, now = one.store.alerts, clock.now()
        assert not await alerts.commit(late, AlertChange(puts=[row]), now)
        message = NewMessage(message_id="m", body={"id": "m"}, channels=["a"])
        assert await alerts.commit(new, AlertChange(puts=[row], messages=[message]), now)
        waiting = await alerts.next_delivery("a")
        assert waiting is not None
        for refused in (
            alerts.listen(late, now),
            alerts.note_try(late, waiting),
            alerts.note_taken(late, waiting, now),
            alerts.close(late),
            alerts.keep_channels(late, ()),
            alerts.drop_old(late, now),
        ):
            assert not await refused
        assert await alerts.next_delivery("a") == waiting
        assert [each.key for each in await alerts.rows()] == [("held", "shop")]


async def test_a_clock_that_is_set_back_frees_nothing_early(tmp_path: Path) -> None:
    """A sign of life from the future is as good as none, and 30 s are 30 s."""
    path = tmp_path / "jobs.db"
    now, before = FakeClock(), FakeClock()
    await now.advance(86_400.0)
    async with other_process(path) as one, other_process(path) as two:
        await take(one, now)
        second = keeper_of(two, before)
        assert await second.keep() is None
        await before.advance(29.0)
        assert await second.keep() is None
        await before.advance(2.0)
        assert await second.keep() is not None


async def test_it_is_let_go_by_a_process_that_ends_at_once(tmp_path: Path) -> None:
    """Though the hub is closed while a command is still being ended: it has four seconds."""
    path, began = tmp_path / "jobs.db", tmp_path / "began"
    channel = Channel(
        name="slow",
        type=ChannelType.COMMAND,
        conditions=frozenset(Condition),
        command=f"trap : TERM; touch {began}; sleep 600 & wait; sleep 600",
        limit_s=1e9,
    )
    store = await Store.open(path)
    await add_job(store, 1)
    clock = FakeClock(LATER)
    hub = BatchHub(path, clock=clock, drives=False)
    await hub.__aenter__()
    rules = {Condition.OLDEST_OPEN: Rule(age_s=1.0)}
    task = asyncio.create_task(Alerts(hub, settings_for(channel, rules=rules)).run())
    end_s = time.monotonic() + PATIENCE_S
    while not began.exists():
        assert time.monotonic() < end_s
        await asyncio.sleep(0.01)
    task.cancel()
    await hub.aclose()
    async with clock.running():
        await asyncio.wait({task})
    row = await store.leases.get(NAME)
    assert (row.epoch, row.holder) == (1, None)
    await store.aclose()
