"""A ticket is adopted while another process drives: the wish and its answer go by the store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from support.hubs import World, numbered, scripted_world
from support.owners import other_process
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub, BatchJob, BatchState, Outcome
from batchhub._engine.guarded import GuardedAdapter
from batchhub._store import Store, Wish
from batchhub._store.wishes import Wishes
from batchhub.adapter import Observation, TicketRef
from batchhub.errors import (
    AdapterError,
    BatchHubError,
    ContactError,
    CredentialsError,
    NoAnswerError,
    NotFoundError,
    ServerError,
    StoreError,
    UnsupportedError,
    UsageError,
    VendorError,
)
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane
SILENCE = NoAnswerError("silence")
RUNNING = Observation(words=("Running",))


@asynccontextmanager
async def worker_and_front(
    store: Path, vendor: Vendor, *, drives: bool = False
) -> AsyncIterator[tuple[World, BatchHub]]:
    """Open a hub that drives all the time, and one of another process that has wishes."""
    async with scripted_world(vendor, store) as world:
        driving = asyncio.create_task(world.hub.drive())
        accounts = {"shop": ScriptedAccount(vendor=Vendor())}
        hub = BatchHub(store, accounts, clock=world.clock, seed=2, drives=drives)
        async with hub as front:
            yield world, front
        driving.cancel()
        with suppress(asyncio.CancelledError):
            await driving


async def hold_job(world: World, front: BatchHub, items: int = 2) -> BatchJob:
    """Submit a job whose tickets get no answer; return its handle in the other process."""
    job = await world.hub.submit("shop", numbered(items))
    assert (await job.wait()).is_held
    return await front.job(job.id)


def unanswered(tickets: int = 1) -> Vendor:
    """Make a vendor that gives the first submits no answer."""
    return capable(Vendor(submits=deque([SILENCE] * tickets)), tickets_per_job=10)


async def count_wishes(store: Path) -> int:
    """Return how many wishes a store has."""
    other = await Store.open(store)
    try:
        found = await other._db.read(lambda c: c.exec_driver_sql("SELECT * FROM wishes").all())
        return len(found)
    finally:
        await other.aclose()


async def test_a_wish_that_a_clock_makes_old_is_told_from_a_job_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of whoever asks is ten minutes slow: the driver drops what nobody waits for."""
    ask = Wishes.ask

    async def ask_late(self: Wishes, wish: Wish) -> int:
        return await ask(self, evolve(wish, asked_at=wish.asked_at - timedelta(minutes=10)))

    monkeypatch.setattr(Wishes, "ask", ask_late)
    async with worker_and_front(tmp_path / "jobs.db", unanswered()) as (world, front):
        theirs = await hold_job(world, front)
        with pytest.raises(UsageError, match="the clocks differ, or one was set; nothing was"):
            await theirs.adopt("found-1")


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
async def test_the_process_that_drives_does_it(tmp_path: Path, is_busy: bool) -> None:
    """Whether it has the lane at that moment, or only hears of the wish; once, and at once."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        if is_busy:
            vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
            await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(30.0)
        began_s = world.clock.monotonic()
        status = await theirs.adopt("found-1")
        assert world.clock.monotonic() - began_s < 10.0
        assert status.tickets[0].vendor_refs == ("found-1",)
        assert [finding.code for finding in status.findings] == ["adopted"]
        assert await theirs.adopt("found-1") == status  # the same again
        vendor.answer_poll = None
        assert (await theirs.wait()).outcome is Outcome.SUCCEEDED
    assert await count_wishes(store) == 0


ERRORS: list[tuple[BatchHubError, type[BatchHubError], str]] = [
    (NotFoundError("no such batch"), UsageError, "knows no batch 'x': no such batch; nothing was"),
    (ServerError("it is down"), VendorError, "it is down"),
    (NoAnswerError("still silent"), ContactError, "still silent"),
    (AdapterError("it broke"), AdapterError, "it broke"),
    (CredentialsError("wrong token"), CredentialsError, "wrong token"),
]


@pytest.mark.parametrize(("error", "kind", "text"), ERRORS, ids=lambda case: type(case).__name__)
async def test_a_refusal_comes_back_as_it_is(
    tmp_path: Path, error: BatchHubError, kind: type[BatchHubError], text: str
) -> None:
    """Its kind and its words; nothing has changed, and a better wish is done."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        vendor.polls.append(error)
        with pytest.raises(kind, match=text):
            await theirs.adopt("x")
        assert (await theirs.refresh()).is_held
        await world.clock.sleep(120.0)  # refused credentials are tried again after a minute
        await theirs.adopt("found-1")
        assert (await theirs.wait()).outcome is Outcome.SUCCEEDED
    assert await count_wishes(store) == 0


async def test_what_needs_no_driver_is_said_here(tmp_path: Path) -> None:
    """An id that is none, a ticket that is not unconfirmed: nobody is asked."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        for ref in ("", "a\nb"):
            with pytest.raises(UsageError):
                await theirs.adopt(ref)
        with pytest.raises(UsageError, match="has 1 ticket, and no ticket 2"):
            await theirs.adopt("x", ticket=2)
        assert vendor.polled == []


async def test_a_hub_that_drives_asks_the_one_that_does(tmp_path: Path) -> None:
    """And does it itself once that one has ended."""
    store, vendor = tmp_path / "jobs.db", unanswered(2)
    async with worker_and_front(store, vendor, drives=True) as (world, front):
        theirs = await hold_job(world, front, 4)
        vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(5.0)
        await theirs.adopt("a", ticket=1)
        assert vendor.polled
        asked = len(front.accounts["shop"].vendor.polled)  # type: ignore[attr-defined]
        assert asked == 0
        await world.hub.aclose()
        await theirs.adopt("b", ticket=2)
        assert (await theirs.wait()).outcome is Outcome.SUCCEEDED


async def test_a_driver_that_does_not_answer_is_named(tmp_path: Path) -> None:
    """An earlier version, or a process that is stopped: the wish is withdrawn, and never done."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    async with worker_and_front(store, vendor) as (world, front), other_process(store) as other:
        theirs = await hold_job(world, front)
        await world.clock.sleep(5.0)
        hold = await other.take(LANE, world.clock.now())
        began_s = world.clock.monotonic()
        with pytest.raises(
            UsageError,
            match=r"process 4711 on far drives this account and has not answered for 20 s: it is "
            "stopped, or an earlier version of batchhub; .*; nothing was changed",
        ):
            await theirs.adopt("found-1")
        assert world.clock.monotonic() - began_s < 30.0
        await other.let_go(hold, world.clock.now())
        await world.clock.sleep(60.0)
        assert (await theirs.refresh()).is_held
        assert vendor.polled == []
    assert await count_wishes(store) == 0


async def test_where_nobody_drives_it_is_said(tmp_path: Path) -> None:
    """A hub that hands over can't do it itself."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    accounts = {"shop": ScriptedAccount(vendor=Vendor())}
    async with scripted_world(vendor, store) as world:
        job = await world.hub.submit("shop", numbered(1))
        await job.wait()
        await world.hub.aclose()
        async with BatchHub(store, accounts, clock=world.clock, drives=False) as front:
            with pytest.raises(UsageError, match="no process that drives this account has answ"):
                await (await front.job(job.id)).adopt("found-1")
            assert (await front.job(job.id)).status.is_held


async def test_a_vendor_that_does_not_answer_in_time(tmp_path: Path) -> None:
    """The wish is withdrawn, and what the vendor says after that changes nothing."""
    store, vendor = tmp_path / "jobs.db", unanswered()

    async def answer_late(tickets: Sequence[TicketRef]) -> list[Observation]:
        await world.clock.sleep(200.0)
        return [RUNNING] * len(tickets)

    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        vendor.answer_poll = answer_late
        with pytest.raises(UsageError, match="has no answer of the vendor's after 2 min; nothing"):
            await theirs.adopt("found-1")
        await world.clock.sleep(300.0)
        assert (await theirs.refresh()).is_held
        vendor.answer_poll = None
        await theirs.adopt("found-1")
        assert (await theirs.wait()).outcome is Outcome.SUCCEEDED


async def test_who_gives_up_waiting_withdraws_it(tmp_path: Path) -> None:
    """As by Ctrl-C, while the vendor is asked."""
    store, vendor, asked = tmp_path / "jobs.db", unanswered(), asyncio.Event()

    async def answer_late(tickets: Sequence[TicketRef]) -> list[Observation]:
        asked.set()
        await world.clock.sleep(20.0)
        return [RUNNING] * len(tickets)

    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        vendor.answer_poll = answer_late
        wish = asyncio.create_task(theirs.adopt("found-1"))
        await asked.wait()
        wish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wish
        await world.clock.sleep(60.0)
        assert (await theirs.refresh()).is_held
    assert await count_wishes(store) == 0


async def test_the_next_driver_takes_a_wish_up(tmp_path: Path) -> None:
    """The first one ends while the vendor is asked."""
    store, vendor, asked = tmp_path / "jobs.db", unanswered(), asyncio.Event()

    async def hang(_: Sequence[TicketRef]) -> list[Observation]:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return []

    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        vendor.answer_poll = hang
        wish = asyncio.create_task(theirs.adopt("found-1"))
        await asked.wait()
        await world.hub.aclose()
        heirs = {"shop": ScriptedAccount(vendor=Vendor())}
        async with BatchHub(store, heirs, clock=world.clock, seed=3) as heir:
            driving = asyncio.create_task(heir.drive())
            assert (await wish).tickets[0].vendor_refs == ("found-1",)
            assert (await theirs.wait()).outcome is Outcome.SUCCEEDED
            driving.cancel()
    assert await count_wishes(store) == 0


async def test_a_wish_that_nobody_waits_for_any_more_is_dropped(tmp_path: Path) -> None:
    """Whoever asked was killed, and the driver comes much later: it decides nothing by itself."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    async with scripted_world(vendor, store) as world, other_process(store) as other:
        job = await world.hub.submit("shop", numbered(1))
        status = await job.wait()
        wish = Wish(
            lane=LANE,
            job_id=job.id,
            position=1,
            attempt_id=status.tickets[0].attempt_id,
            vendor_refs=("found-1",),
            asked_at=world.clock.now(),
            asked_by="somebody",
        )
        await other.store.wishes.ask(wish)
        await world.clock.sleep(200.0)
        driving = asyncio.create_task(world.hub.drive())
        await world.clock.sleep(60.0)
        driving.cancel()
        assert (await job.refresh()).is_held
        assert vendor.polled == []
    assert await count_wishes(store) == 0


@pytest.mark.parametrize("name", ["find", "note_seen", "answer", "look"])
async def test_a_store_that_fails_for_a_moment_loses_no_wish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """On either side, at any step."""
    store, vendor, left = tmp_path / "jobs.db", unanswered(), [2]
    original = getattr(Wishes, name)

    async def failing(self: Wishes, *args: object) -> object:
        if left[0]:
            left[0] -= 1
            raise StoreError("locked")
        return await original(self, *args)

    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        monkeypatch.setattr(Wishes, name, failing)
        assert (await theirs.adopt("found-1")).tickets[0].vendor_refs == ("found-1",)
        assert (await theirs.wait()).outcome is Outcome.SUCCEEDED


async def test_two_wishes_at_once(tmp_path: Path) -> None:
    """One of them gets the ticket; the other is told how it is by then."""
    store, vendor = tmp_path / "jobs.db", unanswered()
    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
        first, second, other = await asyncio.gather(
            theirs.adopt("a"), theirs.adopt("a"), theirs.adopt("b"), return_exceptions=True
        )
        assert not isinstance(first, BaseException)
        assert not isinstance(second, BaseException)
        assert isinstance(other, UsageError)
        assert "is in progress by now, as 'a'; nothing was changed" in str(other)


async def test_an_answer_and_a_withdrawal_at_one_moment(tmp_path: Path) -> None:
    """Whichever comes first holds: what is done is told as done, what is withdrawn is not done."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with other_process(store) as other:
        hold = await other.take(LANE, clock.now())
        wishes = other.store.wishes
        wish = Wish(
            lane=LANE,
            job_id="j",
            position=1,
            attempt_id=None,
            vendor_refs=("a",),
            asked_at=clock.now(),
            asked_by="somebody",
        )
        done, gone, lost = [await wishes.ask(wish) for _ in range(3)]
        assert [each.wish_no for each in await wishes.find(LANE)] == [done, gone, lost]
        await wishes.note_seen([done], [])
        state = await wishes.look(done)
        assert state is not None
        assert (state.is_seen, state.is_answered) == (True, False)
        await wishes.answer(done, hold, clock.now(), None, "")
        assert await wishes.withdraw(gone) is None
        await wishes.answer(gone, hold, clock.now(), None, "")
        assert await wishes.look(gone) is None
        state = await wishes.withdraw(done)
        assert state is not None
        assert (state.is_answered, state.kind) == (True, None)
        await other.take(LANE, clock.now())  # by another one
        await wishes.answer(lost, hold, clock.now(), "UsageError", "no")
        assert [each.wish_no for each in await wishes.find(LANE)] == [lost]
        await wishes.drop_old(clock.now() + timedelta(hours=23))
        assert await wishes.look(lost) is not None
        await wishes.drop_old(clock.now() + timedelta(hours=25))
        assert await wishes.look(lost) is None


async def test_wishes_go_with_their_job(tmp_path: Path) -> None:
    """Pruned together, whatever became of them."""
    store = tmp_path / "jobs.db"
    async with scripted_world(store=store) as world, other_process(store) as other:
        job = await world.hub.submit("shop", numbered(1))
        await job.wait()
        wish = Wish(
            lane=LANE,
            job_id=job.id,
            position=1,
            attempt_id=None,
            vendor_refs=("a",),
            asked_at=world.clock.now(),
            asked_by="somebody",
        )
        await other.store.wishes.ask(wish)
        await world.clock.sleep(10.0)
        assert (await world.hub.prune(1.0)).jobs == 1
    assert await count_wishes(store) == 0


async def test_a_vendor_without_ids_is_named_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be done by any driver is refused here."""

    store, vendor = tmp_path / "jobs.db", unanswered()
    async with worker_and_front(store, vendor) as (world, front):
        theirs = await hold_job(world, front)
        monkeypatch.setattr(GuardedAdapter, "can_ask", lambda self, operation: False)
        with pytest.raises(UnsupportedError, match="can't be adopted; retry or cancel it"):
            await theirs.adopt("x")
        assert (await theirs.refresh()).state is BatchState.UNCONFIRMED
