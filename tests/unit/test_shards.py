"""In a cluster a hub drives the lanes of the shards that it owns, and nobody else does."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest
from support.event_loops import statements
from support.hubs import numbered
from support.sharing import HandEngine, driving_by_hand, name_in_shard, sharing
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState, Contact, Outcome
from batchhub._engine.shard_claims import SILENT_S, STALE_S
from batchhub._engine.shards import OpenLanes, Own
from batchhub._http.spent import Spent
from batchhub._store import LaneOwner
from batchhub._store.shards import SHARDS, shard_of
from batchhub.adapter import Accepted, Observation, TicketRef, Transport
from batchhub.errors import CredentialsError, StoreError, UsageError
from batchhub.hub import opened
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))


def keep_running(tickets: Sequence[TicketRef]) -> list[Observation]:
    """Say of all tickets that they run."""
    return [RUNNING] * len(tickets)


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


async def test_it_goes_from_one_process_to_another_on_postgresql(cluster_url: str) -> None:
    """As on a file: the lease decides."""
    clock, vendor = FakeClock(), Vendor(polls=deque([RUNNING] * 20))
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with (
        clock.running(),
        driving_by_hand(cluster_url, accounts, clock) as one,
        driving_by_hand(cluster_url, accounts, clock, seed=2) as two,
    ):
        one.engine.own(SHARD)
        two.engine.own(SHARD)
        job = await two.hub.submit("shop", numbered(4))
        while len(vendor.polled) < 5:
            await clock.sleep(1.0)
        await one.engine.leave(SHARD)
        two.engine.own(SHARD)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 2


async def test_requests_under_way_get_their_grace_and_other_shards_go_on(tmp_path: Path) -> None:
    """What is answered in time is kept, and nothing new of the shard is sent meanwhile."""
    store, clock, slow, other = tmp_path / "jobs.db", FakeClock(), Vendor(), Vendor()
    begun = asyncio.Event()

    async def answer_late(_: Transport) -> Accepted:
        begun.set()
        await clock.sleep(3.0)
        return Accepted(vendor_refs=("late-1",))

    slow.submits.append(answer_late)
    accounts = {
        "slow": ScriptedAccount(name="slow", vendor=slow),
        "other": ScriptedAccount(name="other", vendor=other),
    }
    shards = {name: shard_of(account.lane) for name, account in accounts.items()}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(*shards.values())
        job = await driving.hub.submit("slow", numbered(5))
        await begun.wait()
        leaving = asyncio.create_task(driving.engine.leave(shards["slow"]))
        late = await driving.hub.submit("other", numbered(1))
        assert (await late.wait()).outcome is Outcome.SUCCEEDED
        await leaving
        await clock.sleep(30.0)
        first, second = (await job.refresh()).tickets
        assert (first.state, first.vendor_refs) == (BatchState.QUEUED, ("late-1",))
        assert second.state is BatchState.PENDING
        driving.engine.own(shards["slow"])
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert len(slow.submissions) == 2


async def test_a_process_cut_off_from_the_store_asks_nothing_more(tmp_path: Path) -> None:
    """Not even the vendor: another one has its lanes a few seconds later."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    mine, theirs = Vendor(answer_poll=keep_running), Vendor(answer_poll=keep_running)
    async with (
        clock.running(),
        driving_by_hand(store, {"shop": ScriptedAccount(vendor=mine)}, clock) as one,
        driving_by_hand(store, {"shop": ScriptedAccount(vendor=theirs)}, clock, seed=2) as two,
    ):
        one.engine.own(SHARD)
        await one.hub.submit("shop", numbered(1))
        while len(mine.polled) < 3:
            await clock.sleep(1.0)
        leases = (await opened(one.hub)).store.shards
        with patch.object(leases, "renew", AsyncMock(side_effect=StoreError("gone"))) as renew:
            await clock.sleep(STALE_S + 1.0)
            sofar = len(mine.polled)
            began_s = clock.monotonic()
            two.engine.own(SHARD)
            while not theirs.polled:
                await clock.sleep(0.5)
            assert clock.monotonic() - began_s < 5.0
            # A poll that is due meanwhile is no reason to ask the store again at once.
            assert renew.await_count <= 2 * (clock.monotonic() - began_s + STALE_S + 1.0)
        await clock.sleep(30.0)
        assert len(mine.polled) == sofar
        assert one.engine.owned[SHARD].done()
    assert len(mine.submissions) == 1
    assert theirs.submissions == []


async def test_a_shard_with_a_lane_it_can_t_drive_is_left_to_others(tmp_path: Path) -> None:
    """All of it: the lanes that it could drive, too; why, is known by the lane's name."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    twin = name_in_shard(lambda name: ScriptedAccount(name=name), SHARD)
    known = ScriptedAccount(vendor=Vendor())
    lacking = ScriptedAccount(name=twin, vendor=Vendor())
    async with (
        clock.running(),
        driving_by_hand(store, {"shop": known}, clock) as one,
        driving_by_hand(store, {"shop": known, "twin": lacking}, clock, seed=2) as two,
    ):
        job = await one.hub.submit("shop", numbered(1))
        await clock.sleep(5.0)
        assert dict(await one.engine.open_lanes()) == {SHARD: 1}
        one.engine.own(SHARD)
        await job.wait()
        await clock.sleep(1.0)
        late = await two.hub.submit("twin", numbered(1))
        await one.engine.owned[SHARD]  # it makes way
        assert dict(await one.engine.open_lanes()) == {}
        shards = (await opened(one.hub)).shards
        assert shards is not None
        assert dict(shards.not_drivable) == {
            lacking.lane: "no account of this process goes through it"
        }
        assert dict(await two.engine.open_lanes()) == {SHARD: 1}
        two.engine.own(SHARD)
        assert (await late.wait()).outcome is Outcome.SUCCEEDED
        await two.engine.owned[SHARD]  # nothing is open there any more


async def test_refused_credentials_are_tried_again_where_a_shard_comes_back(
    tmp_path: Path,
) -> None:
    """One request shows whether the vendor takes them now."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(submits=deque([CredentialsError("no")]))
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(SHARD)
        job = await driving.hub.submit("shop", numbered(1))
        while (await job.refresh()).contact is not Contact.PAUSED:
            await clock.sleep(1.0)
        await driving.engine.leave(SHARD)
        assert dict(await driving.engine.open_lanes()) == {SHARD: 1}
        driving.engine.own(SHARD)
        began_s = clock.monotonic()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert clock.monotonic() - began_s < 10.0


async def test_no_shard_is_taken_of_a_store_of_another_version(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What it has it drives on, and it says so once."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        with closing(sqlite3.connect(store)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await driving.hub.submit("shop", numbered(1))
        for _ in range(2):
            driving.engine.own(SHARD)
            await driving.engine.owned[SHARD]
        assert dict(await driving.engine.open_lanes()) == {}
    refusals = [each for each in caplog.messages if each.startswith("shards.refused")]
    assert len(refusals) == 1
    assert "version 9999" in refusals[0]


async def test_all_is_handed_over_when_a_hub_is_closed(tmp_path: Path) -> None:
    """At once for all shards: whoever comes next need not wait."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(answer_poll=keep_running)
    accounts = {f"shop{n}": ScriptedAccount(name=f"shop{n}", vendor=vendor) for n in range(6)}
    shards = {shard_of(account.lane) for account in accounts.values()}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(*shards)
        for name in accounts:
            await driving.hub.submit(name, numbered(1))
        while len(vendor.polled) < 12:
            await clock.sleep(1.0)
        began_s = clock.monotonic()
        await driving.hub.aclose()
        assert clock.monotonic() - began_s < 1.0
    async with BatchHub(store, accounts, clock=clock, drives=False) as front:
        found = await opened(front)
        rows = await found.store.shards.holders()
        lanes = await found.store.lanes.get_all([each.lane for each in accounts.values()])
    assert rows.keys() == shards
    assert all(row.holder is None for row in rows.values())
    assert all(row.owner is None for row in lanes.values())


async def test_an_engine_that_hands_over_is_left_to_end(tmp_path: Path) -> None:
    """It has to wait for its shards, and may have to let go of locks of its own."""
    clock, cancels = FakeClock(), list[int]()

    class LeavingEngine(HandEngine):
        async def run(self, own: Own, open_lanes: OpenLanes) -> None:
            try:
                await super().run(own, open_lanes)
            finally:
                task = asyncio.current_task()
                cancels.append(task.cancelling() if task is not None else 0)

    accounts = {"shop": ScriptedAccount(vendor=Vendor(answer_poll=keep_running))}
    engine = LeavingEngine()
    async with (
        clock.running(),
        driving_by_hand(tmp_path / "jobs.db", accounts, clock, engine=engine) as driving,
    ):
        driving.engine.own(SHARD)
        await driving.hub.submit("shop", numbered(1))
        await clock.sleep(5.0)
        await driving.hub.aclose()

    assert cancels == [1]


async def test_many_lanes_are_handed_over_in_few_writes(tmp_path: Path) -> None:
    """A worker with thousands of them has seconds for it, and what it knows is kept."""
    store, clock = tmp_path / "jobs.db", FakeClock()

    def get_on(tickets: Sequence[TicketRef]) -> list[Observation]:
        return [Observation(words=("Running",), progress=clock.monotonic() / 1e6)] * len(tickets)

    vendor = Vendor(answer_poll=get_on)
    accounts = {f"shop{n}": ScriptedAccount(name=f"shop{n}", vendor=vendor) for n in range(100)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(*{shard_of(account.lane) for account in accounts.values()})
        for name in accounts:
            await driving.hub.submit(name, numbered(1))
        while len(vendor.polled) < 300:
            await clock.sleep(1.0)
        with statements() as seen:
            await driving.hub.aclose()
    written = [text for text in seen if text.startswith(("UPDATE lanes", "UPDATE tickets"))]
    async with BatchHub(store, accounts, clock=clock, drives=False) as front:
        lanes = (await opened(front)).store.lanes
        rows = await lanes.get_all([account.lane for account in accounts.values()])
        jobs = await front.jobs(limit=100, tickets=True)

    assert 0 < len(written) <= 10
    assert all(row.owner is None and row.sent for row in rows.values())
    assert all(job.status.tickets[0].progress for job in jobs)


async def test_an_account_that_goes_while_its_shard_is_handed_over(tmp_path: Path) -> None:
    """The other lanes of the shard are driven when it comes back."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    begun = asyncio.Event()

    async def answer_late(_: Transport) -> Accepted:
        begun.set()
        await clock.sleep(3.0)
        return Accepted(vendor_refs=("late-1",))

    vendor.submits.append(answer_late)
    one, two = _two_in_one_shard()
    accounts = {
        one: ScriptedAccount(name=one, vendor=Vendor(answer_poll=keep_running)),
        two: ScriptedAccount(name=two, vendor=vendor),
    }
    shard = shard_of(accounts[one].lane)
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(shard)
        await driving.hub.submit(one, numbered(1))
        await clock.sleep(5.0)
        job = await driving.hub.submit(two, numbered(5))
        await begun.wait()
        leaving = asyncio.create_task(driving.engine.leave(shard))
        await clock.sleep(1.0)
        await driving.hub.set_accounts({two: accounts[two]})
        await leaving
        await driving.hub.set_accounts(accounts)
        driving.engine.own(shard)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 2


async def test_a_shard_that_is_taken_while_the_hub_closes_is_let_go(tmp_path: Path) -> None:
    """Else nobody has it for as long as this process would have to be silent."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    accounts = {"shop": ScriptedAccount(vendor=Vendor())}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        await driving.hub.submit("shop", numbered(1))
        shards = (await opened(driving.hub)).store.shards
        take = shards.take
        is_taken = asyncio.Event()

        async def take_late(*arguments: Any) -> Any:
            is_taken.set()
            lease = await take(*arguments)
            await clock.sleep(3.0)
            return lease

        with patch.object(shards, "take", take_late):
            driving.engine.own(SHARD)
            await is_taken.wait()
            await driving.hub.aclose()
    async with BatchHub(store, accounts, clock=clock, drives=False) as front:
        assert (await (await opened(front)).store.shards.get(SHARD)).holder is None


async def test_a_shard_that_comes_back_during_a_look_is_driven(tmp_path: Path) -> None:
    """What was looked at before says nothing of what is to be driven since."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(answer_poll=keep_running)
    other = name_in_shard(lambda name: ScriptedAccount(name=name), (SHARD + 1) % SHARDS)
    accounts = {
        "shop": ScriptedAccount(vendor=vendor),
        other: ScriptedAccount(name=other, vendor=Vendor()),
    }
    async with (
        clock.running(),
        driving_by_hand(store, accounts, clock) as driving,
        BatchHub(store, accounts, clock=clock, drives=False) as front,
    ):
        driving.engine.own(SHARD)
        await front.submit("shop", numbered(1))
        while len(vendor.polled) < 3:
            await clock.sleep(1.0)
        jobs = (await opened(driving.hub)).store.jobs
        find, is_looking, may_go_on = jobs.find_open_lanes, asyncio.Event(), asyncio.Event()

        async def look_long(names: Sequence[str]) -> Any:
            found = await find(names)
            is_looking.set()
            await may_go_on.wait()
            return found

        with patch.object(jobs, "find_open_lanes", look_long):
            await front.submit(other, numbered(1))
            await is_looking.wait()
            await driving.engine.leave(SHARD)
            driving.engine.own(SHARD)
            await clock.sleep(2.0)
            may_go_on.set()
        sofar = len(vendor.polled)
        await clock.sleep(60.0)
        assert len(vendor.polled) > sofar


async def test_closing_a_hub_gives_requests_the_grace_it_is_told(tmp_path: Path) -> None:
    """More than they have when driving is cancelled."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    begun = asyncio.Event()

    async def answer_late(_: Transport) -> Accepted:
        begun.set()
        await clock.sleep(12.0)
        return Accepted(vendor_refs=("late-1",))

    vendor.submits.append(answer_late)
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(SHARD)
        job = await driving.hub.submit("shop", numbered(1))
        await begun.wait()
        await driving.hub.aclose(grace_s=30.0)
        await driving.task
    async with BatchHub(store, accounts, clock=clock, drives=False) as front:
        assert (await front.job(job.id)).status.tickets[0].vendor_refs == ("late-1",)


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


async def test_a_shard_that_could_not_be_let_go_is_soon_free(tmp_path: Path) -> None:
    """The signs of life for other shards are none for it."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(answer_poll=keep_running)
    accounts = {f"shop{n}": ScriptedAccount(name=f"shop{n}", vendor=vendor) for n in range(2)}
    left, kept = (shard_of(account.lane) for account in accounts.values())
    async with (
        clock.running(),
        driving_by_hand(store, accounts, clock) as one,
        driving_by_hand(store, accounts, clock, seed=2) as two,
    ):
        for name in accounts:
            await one.hub.submit(name, numbered(1))
        one.engine.own(left, kept)
        while len(vendor.polled) < 4:
            await clock.sleep(1.0)
        leases = (await opened(one.hub)).store.leases
        with patch.object(leases, "let_go", AsyncMock(side_effect=StoreError("gone"))):
            await one.engine.leave(left)
        await clock.sleep(SILENT_S)
        two.engine.own(left)
        await clock.sleep(1.0)
        holders = await (await opened(two.hub)).store.shards.holders()
        tokens = {shard: row.holder and row.holder.token for shard, row in holders.items()}
        assert tokens[left] not in {None, tokens[kept]}
        assert not one.engine.owned[kept].done()


async def test_a_clock_that_was_set_back_keeps_no_shard_from_others(tmp_path: Path) -> None:
    """As a standby's may be that takes over: whoever died before is silent all the same."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(answer_poll=keep_running)
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        await driving.hub.submit("shop", numbered(1))
        found = await opened(driving.hub)
        dead = LaneOwner(token="dead", pid=1, host="elsewhere")
        later = clock.now() + timedelta(hours=1)
        assert await found.store.shards.take(SHARD, dead, later, lambda _: True)
        driving.engine.own(SHARD)
        await clock.sleep(SILENT_S - 1.0)
        assert not vendor.submissions
        await clock.sleep(5.0)
        assert vendor.submissions


async def test_a_shard_that_is_being_left_is_owned_again_after_that(tmp_path: Path) -> None:
    """Also where who left it did not wait for the end."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    begun = asyncio.Event()

    async def answer_late(_: Transport) -> Accepted:
        begun.set()
        await clock.sleep(3.0)
        return Accepted(vendor_refs=("late-1",))

    vendor.submits.append(answer_late)
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    async with clock.running(), driving_by_hand(store, accounts, clock) as driving:
        driving.engine.own(SHARD)
        job = await driving.hub.submit("shop", numbered(5))
        await begun.wait()
        task = driving.engine.owned[SHARD]
        task.cancel()
        await clock.sleep(0.1)
        task.cancel()
        await asyncio.wait({task})
        driving.engine.own(SHARD)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        await driving.engine.leave(SHARD)
        holders = await (await opened(driving.hub)).store.shards.holders()
        assert holders[SHARD].holder is None
    assert len(vendor.submissions) == 2


async def test_a_lane_that_could_not_be_let_go_counts_as_left_by_who_died(tmp_path: Path) -> None:
    """Else what it sent last, which was not kept, would be sent once more within its budget."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(answer_poll=keep_running)
    account = ScriptedAccount(vendor=vendor)
    async with clock.running(), driving_by_hand(store, {"shop": account}, clock) as driving:
        driving.engine.own(SHARD)
        await driving.hub.submit("shop", numbered(1))
        while not vendor.polled:
            await clock.sleep(1.0)
        lanes = (await opened(driving.hub)).store.lanes
        with patch.object(lanes, "let_go", AsyncMock(side_effect=StoreError("gone"))):
            await driving.hub.aclose()
        async with BatchHub(store, {"shop": account}, clock=clock, drives=False) as front:
            found = (await opened(front)).store
            assert (await found.shards.get(SHARD)).holder is None
            assert (await found.lanes.get(account.lane)).owner is not None


def _two_in_one_shard() -> tuple[str, str]:
    """Return the names of two accounts whose lanes are in one shard."""
    names: dict[int, str] = {}
    for number in itertools.count():
        name = f"shop{number}"
        shard = shard_of(ScriptedAccount(name=name).lane)
        if shard in names:
            return names[shard], name
        names[shard] = name
    raise AssertionError


async def _die(hub: BatchHub) -> None:
    """Close a hub of which nothing is written any more."""
    store = (await opened(hub)).store
    gone = AsyncMock(side_effect=StoreError("gone"))
    with patch.object(store.lanes, "let_go", gone), patch.object(store.leases, "let_go", gone):
        await hub.aclose()


@pytest.mark.parametrize("is_dead", [False, True], ids=["handed over", "killed"])
async def test_what_another_machine_sent_is_as_old_as_it_is(tmp_path: Path, is_dead: bool) -> None:
    """Its clock shows the same time: a budget for a day is not spent because of a hand-over."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor(answer_poll=keep_running)
    accounts = {"shop": ScriptedAccount(vendor=vendor)}
    restored: list[tuple[Spent, datetime | None]] = []
    async with clock.running(), driving_by_hand(store, accounts, clock) as one:
        one.engine.own(SHARD)
        await one.hub.submit("shop", numbered(1))
        await clock.sleep(300.0)
        polled_before = len(vendor.polled)
        assert polled_before
        await (_die(one.hub) if is_dead else one.engine.leave(SHARD))
        left_at = clock.now()
        await clock.sleep(100.0)
        clock._boot_id = "another machine"
        async with driving_by_hand(store, accounts, clock, seed=2) as two:
            adapter = (await opened(two.hub)).get_lane("shop").adapter
            restore = adapter.transport.restore

            def keep(spent: Spent, unseen_since: datetime | None = None) -> None:
                restored.append((spent, unseen_since))
                restore(spent, unseen_since)

            with patch.object(adapter.transport, "restore", keep):
                two.engine.own(SHARD)
                while len(vendor.polled) == polled_before:
                    await clock.sleep(1.0)
    [(spent, unseen_since)] = restored
    assert spent.boot_id == "another machine"
    assert spent.at is not None
    if is_dead:  # not for all the time since there was something to say of it
        assert unseen_since is not None
        assert abs((unseen_since - left_at).total_seconds()) < 70.0
    else:
        assert unseen_since is None
        assert abs(clock.boot_s() - spent.boot_s - (clock.now() - spent.at).total_seconds()) < 1.0
