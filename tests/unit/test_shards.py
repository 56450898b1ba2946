"""In a cluster a hub drives the lanes of the shards that it owns, and nobody else does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hubs import numbered
from support.sharing import HandEngine, driving_by_hand, sharing
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState, Outcome
from batchhub._store.shards import shard_of
from batchhub.adapter import Observation
from batchhub.errors import UsageError
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))
SHARD = shard_of(ScriptedAccount().lane)


@pytest.fixture(autouse=True)
def _shared() -> Iterator[None]:
    with sharing():
        yield


async def test_nothing_is_sent_before_a_shard_is_owned(tmp_path: Path) -> None:
    """Not by who submits either; once it is owned, all of it is driven, and what comes later."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        job = await driving.hub.submit("shop", numbered(4))
        await clock.sleep(30.0)
        assert (await job.refresh()).state is BatchState.PENDING
        assert vendor.submissions == []
        assert dict(await driving.engine.open_lanes()) == {SHARD: 1}
        driving.engine.own(SHARD)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        later = await driving.hub.submit("shop", numbered(1))
        assert (await later.wait()).outcome is Outcome.SUCCEEDED


async def test_a_shard_goes_from_one_process_to_another(tmp_path: Path) -> None:
    """What one has sent the other follows; each ticket is sent once."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(polls=deque([RUNNING] * 50))
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with (
        clock.running(),
        driving_by_hand(store, accounts, clock) as one,
        driving_by_hand(store, accounts, clock, seed=2) as two,
        BatchHub(store, accounts, clock=clock, drives=False) as front,
    ):
        one.engine.own(SHARD)
        job = await front.submit("shop", numbered(5))
        while len(vendor.polled) < 10:
            await clock.sleep(1.0)
        began_s = clock.monotonic()
        await one.engine.leave(SHARD)
        assert clock.monotonic() - began_s < 3.0
        sofar = len(vendor.polled)
        await clock.sleep(20.0)
        assert len(vendor.polled) == sofar
        two.engine.own(SHARD)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert len(vendor.polled) > 50
    assert len(vendor.submissions) == 2


async def test_a_store_that_is_shared_needs_an_engine(tmp_path: Path) -> None:
    """And another one takes none."""
    store = tmp_path / "jobs.db"
    async with BatchHub(store, {}, clock=FakeClock()) as hub:
        with pytest.raises(UsageError, match=r"batchhub\.cluster\.Procrastinate"):
            await hub.drive()


async def test_a_store_that_is_not_shared_takes_no_engine(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batchhub._store.Store.is_cluster", False)
        async with BatchHub(tmp_path / "jobs.db", {}) as hub:
            with pytest.raises(UsageError, match="without one"):
                await hub.drive(HandEngine())
