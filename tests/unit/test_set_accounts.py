"""Other accounts while a hub drives: what is as it was is not touched, the rest goes over."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from support.hubs import numbered
from support.patience import PATIENCE_S
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub, BatchState, Outcome, sync
from batchhub._engine.guarded import GuardedAdapter
from batchhub._store.lanes import Lanes
from batchhub.adapter import Accepted, Account, Budget, Observation, Transport
from batchhub.errors import (
    CredentialsError,
    NoAnswerError,
    NotKnownError,
    RateLimitedError,
    SettingsError,
    StoreError,
    UsageError,
)
from batchhub.hub import opened
from batchhub.testing import FakeClock, capture_events

FAST = Budget(requests=100_000, per_s=1.0)
RUNNING = Observation(words=("Running",))


@frozen(kw_only=True)
class TokenAccount(ScriptedAccount):
    """An account with something that may change."""

    token: str = "first"
    limit: Budget = FAST

    @property
    def budget(self) -> Budget:
        """As it was told."""
        return self.limit


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """A clock that runs by itself."""
    clock = FakeClock()
    async with clock.running():
        yield clock


@asynccontextmanager
async def driving(
    store: Path, accounts: Mapping[str, Account], clock: FakeClock
) -> AsyncIterator[BatchHub]:
    """Open a hub that drives inside the block."""
    async with BatchHub(store, accounts, clock=clock, seed=1) as hub:
        task = asyncio.create_task(hub.drive())
        try:
            yield hub
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Held:
    """A submit that is answered when the test says so."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        self.began, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Transport) -> Accepted:
        self.began.set()
        await self.go_on.wait()
        return Accepted(vendor_refs=(self.ref,))


def busy(**changes: object) -> Vendor:
    """Make a vendor that never finishes anything."""
    vendor = Vendor(answer_poll=lambda tickets: [RUNNING] * len(tickets))
    return capable(vendor, **changes) if changes else vendor


async def test_an_account_that_is_as_it_was_is_not_touched(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Whatever becomes of others: what is about to be sent is sent, and the lane is kept."""
    held, vendor = Held("r"), Vendor()
    vendor.submits.append(held)
    accounts = {"shop": TokenAccount(vendor=vendor, polling="adaptive")}
    with capture_events() as events:
        async with driving(tmp_path / "jobs.db", accounts, clock) as hub:
            job = await hub.submit("shop", numbered(1))
            await held.began.wait()
            for _ in range(3):  # as read again from the same settings, under another name
                again = {"renamed": TokenAccount(vendor=Vendor(), polling="adaptive")}
                await hub.set_accounts({**again, "other": TokenAccount(name="two")})
            held.go_on.set()
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
            assert list(hub.accounts) == ["renamed", "other"]
    assert len(vendor.submissions) == 1
    assert len(events.find("lane.claimed")) == 1


async def test_other_credentials_take_over_from_those_that_have_something_under_way(
    tmp_path: Path, clock: FakeClock
) -> None:
    """The answer comes to the old adapter; all that follows goes through the new one."""
    held, before, after = Held("late"), Vendor(), Vendor()
    before.submits.append(held)
    with capture_events() as events:
        async with driving(
            tmp_path / "jobs.db", {"shop": TokenAccount(vendor=before)}, clock
        ) as hub:
            job = await hub.submit("shop", numbered(1))
            await held.began.wait()
            await hub.set_accounts({"shop": TokenAccount(vendor=after, token="second")})
            assert (await hub.submit("shop", numbered(1))).status.state is BatchState.PENDING
            await clock.sleep(20.0)
            assert after.submissions == []
            held.go_on.set()
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
            assert after.polled[0].vendor_refs == ("late",)
            await clock.sleep(20.0)
    assert (len(before.submissions), len(after.submissions)) == (1, 1)
    assert before.polled == []
    assert len(events.find("lane.claimed")) == 1


async def test_what_has_not_left_yet_goes_with_the_new_credentials(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Several tickets wait; each is sent once, whichever adapter does it."""
    before, after = capable(Vendor(), max_items=1), capable(Vendor(), max_items=1)
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=before)}, clock) as hub:
        job = await hub.submit("shop", numbered(9))
        while len(before.submissions) < 3:
            await clock.sleep(0.1)
        await hub.set_accounts({"shop": TokenAccount(vendor=after, token="second")})
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    sent = [each.items[0].id for each in (*before.submissions, *after.submissions)]
    assert sorted(sent) == sorted(f"i{n}" for n in range(1, 10))
    assert after.submissions


async def test_mended_credentials_are_tried_at_once(tmp_path: Path, clock: FakeClock) -> None:
    """Not when the pause for the refused ones is over."""
    before, after = Vendor(submits=deque([CredentialsError("revoked")])), Vendor()
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=before)}, clock) as hub:
        job = await hub.submit("shop", numbered(1))
        with pytest.raises(CredentialsError):
            await job.wait()
        began_s = clock.monotonic()
        await hub.set_accounts({"shop": TokenAccount(vendor=after, token="mended")})
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert clock.monotonic() - began_s < 30.0
    assert len(before.submissions) == 1


async def test_the_same_credentials_are_tried_at_once_too(tmp_path: Path, clock: FakeClock) -> None:
    """It may have been mended at the vendor: whoever hands over the accounts says so."""
    vendor = Vendor(submits=deque([CredentialsError("revoked")]))
    accounts = {"shop": TokenAccount(vendor=vendor)}
    async with driving(tmp_path / "jobs.db", accounts, clock) as hub:
        job = await hub.submit("shop", numbered(1))
        with pytest.raises(CredentialsError):
            await job.wait()
        began_s = clock.monotonic()
        await hub.set_accounts(accounts)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert clock.monotonic() - began_s < 30.0


async def test_cool_down_and_budget_stay(tmp_path: Path, clock: FakeClock) -> None:
    """They are the account's, whoever speaks for it."""
    slow = Budget(requests=1, per_s=100.0, burst=1)
    before = Vendor(submits=deque([RateLimitedError("slow down", retry_after_s=300.0)]))
    after = capable(busy(), max_items=1)
    accounts = {"shop": TokenAccount(vendor=before, limit=slow)}
    async with driving(tmp_path / "jobs.db", accounts, clock) as hub:
        await hub.submit("shop", numbered(2))
        while not before.submissions:
            await clock.sleep(1.0)
        began_s = clock.monotonic()
        await hub.set_accounts({"shop": TokenAccount(vendor=after, limit=slow, token="second")})
        while not after.submissions:
            await clock.sleep(1.0)
        assert 290.0 < clock.monotonic() - began_s < 320.0


@pytest.mark.parametrize("change", ["removed", "moved"])
async def test_an_account_that_is_gone_is_followed_to_its_end(
    tmp_path: Path, clock: FakeClock, change: str
) -> None:
    """What the vendor has is fetched; nothing more is sent or taken; then others may drive it."""
    store, vendor = tmp_path / "jobs.db", capable(busy(), max_items=1, tickets_per_job=2)
    accounts = {"shop": TokenAccount(vendor=vendor)}
    async with driving(store, accounts, clock) as hub:
        job = await hub.submit("shop", numbered(5))
        while len(vendor.polled) < 4:
            await clock.sleep(1.0)
        elsewhere = TokenAccount(vendor=Vendor(), base_url="http://127.0.0.1:10")
        await hub.set_accounts({"shop": elsewhere} if change == "moved" else {})
        if change == "removed":
            with pytest.raises(NotKnownError, match="no account named 'shop'"):
                await hub.submit("shop", numbered(1))
        else:
            other = await hub.submit("shop", numbered(1))
            assert (await other.wait()).outcome is Outcome.SUCCEEDED
        async with BatchHub(store, accounts, clock=clock, seed=2, drives=False) as front:
            later = await front.submit("shop", numbered(1))
            await clock.sleep(60.0)
            assert len(vendor.submissions) == 2
            vendor.answer_poll = None
            await clock.sleep(60.0)
            states = [ticket.state for ticket in (await job.refresh()).tickets]
            assert states == [BatchState.COMPLETED] * 2 + [BatchState.PENDING] * 3
            assert (await later.refresh()).state is BatchState.PENDING
        heir = {"shop": TokenAccount(vendor=Vendor())}
        async with BatchHub(store, heir, clock=clock, seed=3) as third:
            await third.resume()
            assert (await (await third.job(job.id)).refresh()).outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 2


@pytest.mark.parametrize("is_first", [False, True], ids=["later", "before"])
async def test_an_account_that_is_gone_is_left_to_a_process_that_has_it(
    tmp_path: Path, clock: FakeClock, is_first: bool
) -> None:
    """Else its new jobs would wait there for all that the vendor has; also if that comes later."""
    store, vendor, other = tmp_path / "jobs.db", busy(), Vendor()
    theirs = {"shop": TokenAccount(vendor=other)}
    async with driving(store, {"shop": TokenAccount(vendor=vendor)}, clock) as hub:
        job = await hub.submit("shop", numbered(1))
        while not vendor.polled:
            await clock.sleep(1.0)
        if not is_first:
            await hub.set_accounts({})
        async with driving(store, theirs, clock) as heir:
            await clock.sleep(5.0)
            if is_first:
                await hub.set_accounts({})
            async with BatchHub(store, theirs, clock=clock, drives=False) as front:
                later = await front.submit("shop", numbered(1))
                assert (await later.wait(60.0)).outcome is Outcome.SUCCEEDED
            assert (await (await heir.job(job.id)).wait(60.0)).outcome is Outcome.SUCCEEDED
    assert (len(vendor.submissions), len(other.submissions)) == (1, 1)


@pytest.mark.parametrize("is_other", [False, True], ids=["own", "another"])
async def test_a_job_of_an_account_that_is_gone_is_cancelled(
    tmp_path: Path, clock: FakeClock, is_other: bool
) -> None:
    """By the hub that still follows it, or by another one: nothing has to be sent for that."""
    store, vendor = tmp_path / "jobs.db", capable(busy(), max_items=1, tickets_per_job=1)
    async with (
        driving(store, {"shop": TokenAccount(vendor=vendor)}, clock) as hub,
        BatchHub(store, clock=clock, drives=False) as other,
    ):
        job = await hub.submit("shop", numbered(2))
        while not vendor.polled:
            await clock.sleep(1.0)
        await hub.set_accounts({})
        await (await (other if is_other else hub).job(job.id)).cancel()
        await clock.sleep(5.0)
        states = [ticket.state for ticket in (await job.refresh()).tickets]
        assert states == [BatchState.IN_PROGRESS, BatchState.CANCELLED]
        vendor.answer_poll = None
        assert (await job.wait()).state.is_terminal


async def test_one_that_is_removed_while_it_sends_has_its_answer(
    tmp_path: Path, clock: FakeClock
) -> None:
    """It is stored, and the ticket followed like any other."""
    held, vendor = Held("late"), capable(Vendor(), max_items=1)
    vendor.submits.append(held)
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=vendor)}, clock) as hub:
        job = await hub.submit("shop", numbered(2))
        await held.began.wait()
        await hub.set_accounts({})
        await clock.sleep(5.0)
        held.go_on.set()
        await clock.sleep(60.0)
        tickets = (await job.refresh()).tickets
    assert [ticket.state for ticket in tickets] == [BatchState.COMPLETED, BatchState.PENDING]
    assert len(vendor.submissions) == 1


@pytest.mark.parametrize("wait_s", [0.0, 30.0, 600.0])
async def test_one_that_comes_back_goes_on(tmp_path: Path, clock: FakeClock, wait_s: float) -> None:
    """While it is followed to its end, or after that."""
    before, after = capable(busy(), max_items=1, tickets_per_job=1), capable(Vendor(), max_items=1)
    account = TokenAccount(vendor=before)
    async with driving(tmp_path / "jobs.db", {"shop": account}, clock) as hub:
        job = await hub.submit("shop", numbered(3))
        while not before.polled:
            await clock.sleep(1.0)
        await hub.set_accounts({})
        if wait_s > 60.0:
            before.answer_poll = None
        await clock.sleep(wait_s)
        await hub.set_accounts({"shop": TokenAccount(vendor=after, token="second")})
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert (len(before.submissions), len(after.submissions)) == (1, 2)


async def test_an_account_that_is_paused_and_gone_is_forgotten(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Its credentials are refused: nothing can be followed."""
    vendor = Vendor(submits=deque([CredentialsError("revoked")] * 9))
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=vendor)}, clock) as hub:
        job = await hub.submit("shop", numbered(1))
        with pytest.raises(CredentialsError):
            await job.wait()
        await hub.set_accounts({})
        await clock.sleep(300.0)
        inside = await opened(hub)
        assert not inside.driver.is_driving(TokenAccount().lane)
        assert inside.driver.lanes() == []
    assert len(vendor.submissions) == 1


async def test_an_account_that_is_new_is_driven(tmp_path: Path, clock: FakeClock) -> None:
    """Its jobs may be in the store already."""
    store, vendor = tmp_path / "jobs.db", Vendor()
    accounts = {"shop": TokenAccount(vendor=vendor)}
    async with (
        BatchHub(store, accounts, clock=clock, seed=2, drives=False) as front,
        driving(store, {}, clock) as hub,
    ):
        job = await front.submit("shop", numbered(1))
        await clock.sleep(30.0)
        assert vendor.submissions == []
        await hub.set_accounts(accounts)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_what_can_not_be_used_is_named_and_the_rest_goes_on(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Contradictions and adapters that can't be made: a lane that was driven goes on as it was."""
    twin, broken, fine = Vendor(), Vendor(), Vendor()
    accounts = {
        "twin": TokenAccount(name="twin", vendor=twin),
        "broken": TokenAccount(name="broken", vendor=broken),
        "fine": TokenAccount(name="fine", vendor=fine),
    }
    no_file = Vendor(broken=ValueError("no such file"))
    changed: Mapping[str, Account] = {
        **accounts,
        "twin 2": TokenAccount(name="twin", token="other"),
        "broken": TokenAccount(name="broken", token="other", vendor=no_file),
    }
    async with driving(tmp_path / "jobs.db", accounts, clock) as hub:
        first = [await hub.submit(name, numbered(1)) for name in accounts]
        await hub.set_accounts(changed)
        for job in first:
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert (await (await hub.submit("fine", numbered(1))).wait()).outcome is Outcome.SUCCEEDED
        with pytest.raises(SettingsError, match="'twin' and 'twin 2' are both"):
            await hub.submit("twin", numbered(1))
    assert any("accounts.differ" in line for line in caplog.messages)
    (unchanged,) = [line for line in caplog.messages if "lane.unchanged" in line]
    assert "scripted:127.0.0.1:9:broken" in unchanged
    assert "no such file" in unchanged


async def test_one_that_is_contradicted_goes_on_for_what_others_submit(
    tmp_path: Path, clock: FakeClock
) -> None:
    """Also where it had nothing to do when it was contradicted."""
    store, vendor = tmp_path / "jobs.db", Vendor()
    account = TokenAccount(vendor=vendor)
    async with (
        driving(store, {"shop": account}, clock) as hub,
        BatchHub(store, {"shop": account}, clock=clock, drives=False) as front,
    ):
        await (await hub.submit("shop", numbered(1))).wait()
        await hub.set_accounts({"shop": account, "twin": TokenAccount(token="other")})
        job = await front.submit("shop", numbered(1))
        assert (await job.wait(60.0)).outcome is Outcome.SUCCEEDED


async def test_accounts_that_come_and_go_are_forgotten(tmp_path: Path, clock: FakeClock) -> None:
    """A process that drives for months keeps nothing of them."""
    shop = {"shop": TokenAccount(vendor=Vendor())}
    async with driving(tmp_path / "jobs.db", shop, clock) as hub:
        for n in range(8):
            await hub.set_accounts({**shop, "other": TokenAccount(name=f"n{n}", vendor=Vendor())})
            await (await hub.submit("other", numbered(1))).wait()
        await hub.set_accounts(shop)
        await clock.sleep(10.0)
        inside = await opened(hub)
        driver = inside.driver
        parts = (inside.lanes, driver, driver._claims, driver._owners, driver._watch)
        kept = [
            name
            for part in parts
            for name, value in vars(part).items()
            if isinstance(value, dict | set) and len(value) > 2
        ]
    assert kept == []


async def test_another_rule_for_polls_is_kept_to(tmp_path: Path, clock: FakeClock) -> None:
    """The account's own, or the one of all; a text that is none changes nothing."""
    vendor = busy()
    account = TokenAccount(vendor=vendor)
    async with driving(tmp_path / "jobs.db", {"shop": account}, clock) as hub:
        await hub.set_accounts({"shop": account}, polling="fixed 500")
        await hub.submit("shop", numbered(1))
        await clock.sleep(300.0)
        seen = len(vendor.polled)
        assert seen <= 2
        with pytest.raises(SettingsError, match="polling"):
            await hub.set_accounts({}, polling="now and then")
        assert list(hub.accounts) == ["shop"]
        await hub.set_accounts({"shop": account}, polling="fixed 2")
        await clock.sleep(100.0)
        assert len(vendor.polled) > 20


async def test_two_changes_at_once_come_one_after_the_other(
    tmp_path: Path, clock: FakeClock
) -> None:
    """The last one counts; what was under way is answered all the same."""
    held, vendors = Held("late"), [Vendor() for _ in range(5)]
    vendors[0].submits.append(held)
    accounts = [
        {"shop": TokenAccount(vendor=vendor, token=f"t{n}")} for n, vendor in enumerate(vendors)
    ]
    async with driving(tmp_path / "jobs.db", accounts[0], clock) as hub:
        job = await hub.submit("shop", numbered(1))
        await held.began.wait()
        await asyncio.gather(*(hub.set_accounts(each) for each in accounts[1:]))
        held.go_on.set()
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert [len(vendor.submissions) for vendor in vendors] == [1, 0, 0, 0, 0]
    assert [bool(vendor.polled) for vendor in vendors] == [False, False, False, False, True]


async def test_the_hubs_end_waits_for_the_answer_that_a_change_waits_for(
    tmp_path: Path, clock: FakeClock
) -> None:
    """It is stored, and nobody is in doubt."""
    held, vendor, store = Held("late"), Vendor(), tmp_path / "jobs.db"
    vendor.submits.append(held)
    hub = BatchHub(store, {"shop": TokenAccount(vendor=vendor)}, clock=clock, seed=1)
    async with hub:
        job = await hub.submit("shop", numbered(1))
        await held.began.wait()
        await hub.set_accounts({"shop": TokenAccount(vendor=Vendor(), token="second")})
        closing = asyncio.create_task(hub.aclose(grace_s=PATIENCE_S))
        await clock.sleep(1.0)
        held.go_on.set()
        await closing
    async with BatchHub(store, clock=clock) as reader:
        status = (await reader.job(job.id)).status
    assert status.tickets[0].vendor_refs == ("late",)


@pytest.mark.parametrize("turns", [0, 2, 7, 11])
async def test_a_change_while_the_hub_is_closed_leaves_no_adapter_open(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Each that was made is closed, once; and what was under way is answered."""
    made: list[GuardedAdapter] = []
    closed: list[GuardedAdapter] = []
    make, aclose = GuardedAdapter.make, GuardedAdapter.aclose

    def note_made(*arguments: Any) -> GuardedAdapter:
        made.append(make(*arguments))
        return made[-1]

    async def note_closed(self: GuardedAdapter) -> None:
        closed.append(self)
        await aclose(self)

    monkeypatch.setattr(GuardedAdapter, "make", staticmethod(note_made))
    monkeypatch.setattr(GuardedAdapter, "aclose", note_closed)
    held, vendor, store = Held("late"), Vendor(), tmp_path / "jobs.db"
    vendor.submits.append(held)
    hub = BatchHub(store, {"shop": TokenAccount(vendor=vendor)}, clock=clock, seed=1)
    async with hub:
        job = await hub.submit("shop", numbered(1))
        await held.began.wait()
        second = {"shop": TokenAccount(vendor=Vendor(), token="second")}
        changing = asyncio.create_task(hub.set_accounts(second))
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.create_task(hub.aclose(grace_s=PATIENCE_S))
        await clock.sleep(1.0)
        held.go_on.set()
        await asyncio.gather(closing, changing)
    assert sorted(map(id, closed)) == sorted(map(id, made))
    async with BatchHub(store, clock=clock) as reader:
        assert (await reader.job(job.id)).status.tickets[0].vendor_refs == ("late",)


async def test_many_changes_leave_nothing_behind(tmp_path: Path, clock: FakeClock) -> None:
    """Neither tasks, nor adapters, nor places in the share of the connections."""
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=busy())}, clock) as hub:
        await hub.submit("shop", numbered(1))
        await clock.sleep(5.0)
        inside = await opened(hub)
        before = (len(asyncio.all_tasks()), inside.lanes._get_session()._shares._joined)
        for n in range(30):
            names = ("shop", "other") if n % 3 else ("shop",)
            await hub.set_accounts(
                {
                    name: TokenAccount(
                        name="one" if name == "shop" else name, token=f"{n}", vendor=busy()
                    )
                    for name in names
                }
            )
            await clock.sleep(5.0)
        await hub.set_accounts({"shop": TokenAccount(vendor=busy(), token="last")})
        await clock.sleep(5.0)
        after = (len(asyncio.all_tasks()), inside.lanes._get_session()._shares._joined)
    assert after == before


async def test_what_was_asked_for_goes_over_any_number_of_changes(
    tmp_path: Path, clock: FakeClock
) -> None:
    """A ticket that is to be adopted while one change waits for an answer, and the next comes."""
    held, before, last = Held("late"), capable(Vendor(), tickets_per_job=10), Vendor()
    before.submits.extend([NoAnswerError("silence"), held])
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=before)}, clock) as hub:
        job = await hub.submit("shop", numbered(1))
        assert (await job.wait()).is_held
        await hub.submit("shop", numbered(1))
        await held.began.wait()
        await hub.set_accounts({"shop": TokenAccount(vendor=Vendor(), token="second")})
        adopting = asyncio.create_task(job.adopt("found"))
        await clock.sleep(2.0)
        await hub.set_accounts({"shop": TokenAccount(vendor=last, token="third")})
        held.go_on.set()
        assert (await adopting).tickets[0].vendor_refs == ("found",)
    assert last.polled


async def test_a_wish_of_another_process_goes_over_a_change(
    tmp_path: Path, clock: FakeClock
) -> None:
    """The old settings heard of it, and were about to end."""
    store, held, before = tmp_path / "jobs.db", Held("late"), capable(Vendor(), tickets_per_job=10)
    before.submits.extend([NoAnswerError("silence"), held])
    accounts = {"shop": TokenAccount(vendor=before)}
    async with (
        driving(store, accounts, clock) as hub,
        BatchHub(store, accounts, clock=clock, drives=False) as front,
    ):
        job = await hub.submit("shop", numbered(1))
        assert (await job.wait()).is_held
        await hub.submit("shop", numbered(1))
        await held.began.wait()
        await hub.set_accounts({"shop": TokenAccount(vendor=Vendor(), token="second")})
        adopting = asyncio.create_task((await front.job(job.id)).adopt("found"))
        await clock.sleep(3.0)
        held.go_on.set()
        assert (await adopting).tickets[0].vendor_refs == ("found",)


async def test_an_account_that_goes_while_it_is_taken_is_let_go(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was handed over to the store is written all the same; others are to have the lane."""
    take, taking = Lanes.take, asyncio.Event()

    async def slow(self: Lanes, *arguments: Any, **named: Any) -> Any:
        written = asyncio.ensure_future(take(self, *arguments, **named))
        taking.set()
        return await written

    accounts = {"shop": TokenAccount(vendor=Vendor())}
    async with driving(tmp_path / "jobs.db", accounts, clock) as hub:
        await clock.sleep(1.0)
        monkeypatch.setattr(Lanes, "take", slow)
        await hub.submit("shop", numbered(1))
        await taking.wait()
        await hub.set_accounts({})
        await clock.sleep(10.0)
        row = await (await opened(hub)).store.lanes.get(accounts["shop"].lane)
    assert (row.epoch, row.owner) == (1, None)
    assert accounts["shop"].vendor.submissions == []


async def test_before_a_hub_is_open_and_after_it(tmp_path: Path, clock: FakeClock) -> None:
    """What it will have, or a sentence."""
    account = TokenAccount(vendor=Vendor())
    hub = BatchHub(tmp_path / "jobs.db", clock=clock)
    await hub.set_accounts({"shop": account})
    async with hub:
        assert (await (await hub.submit("shop", numbered(1))).wait()).outcome is Outcome.SUCCEEDED
    with pytest.raises(UsageError, match="this hub is closed"):
        await hub.set_accounts({})


async def test_while_a_hub_is_opened(tmp_path: Path, clock: FakeClock) -> None:
    """Whichever comes first: it has the new accounts."""
    hub = BatchHub(tmp_path / "jobs.db", clock=clock)
    opening = asyncio.create_task(hub.__aenter__())
    await asyncio.sleep(0)
    await hub.set_accounts({"shop": TokenAccount(vendor=Vendor())})
    async with await opening:
        assert (await (await hub.submit("shop", numbered(1))).wait()).outcome is Outcome.SUCCEEDED


async def test_a_hub_that_hands_over_takes_other_accounts_too(
    tmp_path: Path, clock: FakeClock
) -> None:
    """And sends nothing for them."""
    account = TokenAccount(vendor=Vendor())
    async with BatchHub(tmp_path / "jobs.db", clock=clock, drives=False) as front:
        for token in ("first", "second"):
            await front.set_accounts({"shop": TokenAccount(vendor=Vendor(), token=token)})
            await front.submit("shop", numbered(1))
        await front.set_accounts({})
        with pytest.raises(NotKnownError):
            await front.submit("shop", numbered(1))
    assert account.vendor.submissions == []


async def test_a_store_that_fails_meanwhile_keeps_no_account_back(
    tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of an earlier version stay where they are, and that is said."""
    vendor = Vendor()
    async with driving(tmp_path / "jobs.db", {}, clock) as hub:
        inside = await opened(hub)
        monkeypatch.setattr(inside.store.lanes, "find_old", _fail)
        await hub.set_accounts({"shop": TokenAccount(vendor=vendor)})
        assert (await (await hub.submit("shop", numbered(1))).wait()).outcome is Outcome.SUCCEEDED


async def test_an_account_that_is_gone_is_followed_on_after_trouble_with_the_store(
    tmp_path: Path, clock: FakeClock
) -> None:
    """As any other is: what the vendor has would wait for another process."""
    vendor = busy()
    async with driving(tmp_path / "jobs.db", {"shop": TokenAccount(vendor=vendor)}, clock) as hub:
        job = await hub.submit("shop", numbered(1))
        while not vendor.polled:
            await clock.sleep(1.0)
        await hub.set_accounts({})
        (lane,) = (await opened(hub)).driver.lanes()
        lane.stop(StoreError("the disk is on fire"))
        await clock.sleep(30.0)
        vendor.answer_poll = None
        await clock.sleep(60.0)
        assert (await job.refresh()).outcome is Outcome.SUCCEEDED


async def _fail(*_: object) -> None:
    raise StoreError("the disk is on fire")


def test_from_a_plain_thread(tmp_path: Path) -> None:
    """The sync hub has it too."""
    with sync.BatchHub(tmp_path / "jobs.db") as hub:
        hub.set_accounts({"shop": ScriptedAccount(vendor=Vendor())}, polling="fixed 1")
        assert hub.submit("shop", numbered(1)).wait().outcome is Outcome.SUCCEEDED
