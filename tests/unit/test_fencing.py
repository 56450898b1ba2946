"""The store decides who sends: whatever was stopped, moved, forked or set back meanwhile."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import numbered, scripted_world
from support.owners import other_process
from support.patience import PATIENCE_S
from support.stores import add_job
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor, capable

from batchhub import BatchHub, BatchState, ItemState, Outcome
from batchhub._engine.send_guard import SendGuard
from batchhub._http.guard import NotSentError, find_guard
from batchhub._store import Fenced, Store, TicketRecord
from batchhub._store.tickets import Tickets
from batchhub.adapter import Accepted, Observation, Steps, Submission
from batchhub.errors import BusyError, NoAnswerError, StoreError, UsageError
from batchhub.hub import opened
from batchhub.testing import FakeClock

LANE = ScriptedAccount().lane


# The last look before the first byte.


class Requests:
    """Sends a submit's request as a transport does, after the process stood still."""

    def __init__(self, clock: FakeClock, vendor: Vendor, stopped_s: float) -> None:
        self.clock, self.vendor, self.stopped_s = clock, vendor, stopped_s
        self.on_stop: list[object] = []
        self.went = 0

    async def submit(
        self, adapter: ScriptedAdapter, submission: Submission, steps: Steps
    ) -> Accepted:
        """Stand still, ask the guard, and send."""
        stopped_s, self.stopped_s = self.stopped_s, 0.0
        for coroutine in self.on_stop:
            await coroutine()  # type: ignore[operator]
        self.on_stop.clear()
        await self.clock.sleep(stopped_s)
        guard = find_guard()
        assert guard is not None
        await guard.before_send(effect=True)
        self.went += 1
        return await original(adapter, submission, steps)


original = ScriptedAdapter.submit


def use(monkeypatch: pytest.MonkeyPatch, requests: Requests) -> None:
    """Send what is submitted like that."""

    async def submit(self: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        return await requests.submit(self, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", submit)


@pytest.mark.parametrize("stopped_s", [0.0, 4.0, 6.0, 400.0])
async def test_a_process_stopped_before_its_request_asks_the_store_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_s: float
) -> None:
    """If another process drives by then, nothing is sent; that one decides what is in doubt."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    requests = Requests(clock, vendor, stopped_s)
    use(monkeypatch, requests)
    async with scripted_world(vendor, store, clock) as world, other_process(store) as other:

        async def take() -> None:
            await other.take(LANE, clock.now())

        requests.on_stop.append(take)
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(stopped_s + 3.0)
        status = await job.refresh()

    assert requests.went == (stopped_s < 5.0)  # the rest is in doubt, as after a kill
    assert status.tickets[0].attempt_id is not None


@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_what_is_written_before_a_request_counts_once_though_nobody_heard_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    """A database may commit, and be away for long before it could say so."""
    clock, vendor = FakeClock(), Vendor()
    written, begin = 0, Tickets.begin_attempt
    seen: list[TicketRecord] = []

    async def begin_attempt(self: Tickets, *args: Any, **kwargs: Any) -> Fenced:
        nonlocal written
        fenced = await begin(self, *args, **kwargs)
        written += 1
        if written == lost + 1:
            raise StoreError("gone")
        return fenced

    async def submit(self: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        guard = find_guard()
        assert guard is not None
        for effect in (False, True):
            await guard.before_send(effect=effect)
            (job,) = await (await opened(world.hub)).store.jobs.find_open(LANE)
            seen.extend(job[1])
        return await original(self, submission, steps)

    monkeypatch.setattr(Tickets, "begin_attempt", begin_attempt)
    monkeypatch.setattr(ScriptedAdapter, "submit", submit)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()

    assert status.outcome is Outcome.SUCCEEDED
    assert (written, len(vendor.submissions)) == (4, 1)
    assert [ticket.sends for ticket in seen] == [0, 1]


@pytest.mark.parametrize("stopped_s", [6.0, 400.0])
async def test_a_process_stopped_before_its_request_goes_on_if_the_lane_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_s: float
) -> None:
    """Nothing was sent, so the same intent is as good as it was."""
    clock, vendor = FakeClock(), Vendor()
    requests = Requests(clock, vendor, stopped_s)
    use(monkeypatch, requests)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()

    assert status.outcome is Outcome.SUCCEEDED
    assert requests.went == 1


async def test_a_resend_that_stood_still_past_the_window_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key may be forgotten while a process is stopped, also right before it sends."""
    clock = FakeClock()
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), dedup_window_s=300.0)
    requests = Requests(clock, vendor, 0.0)
    use(monkeypatch, requests)
    async with scripted_world(vendor, tmp_path / "jobs.db", clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        while not vendor.submissions:
            await clock.sleep(0.05)
        requests.stopped_s = 400.0
        status = await job.wait()

    assert status.is_held
    assert requests.went == 1


async def test_only_the_first_request_of_a_submit_is_held_back() -> None:
    """What follows it may have to; one that the vendor says it did not run counts as none."""
    clock = FakeClock()
    asked: list[float] = []

    async def refuse(more_sends: int) -> float | None:
        assert not more_sends
        asked.append(clock.boot_s())
        return None

    guard = SendGuard(clock, clock.boot_s(), refuse)
    await guard.before_send(effect=True)
    await clock.advance(60.0)
    await guard.before_send(effect=True)
    assert not asked
    guard.take_back(BusyError("busy"), effect=True)
    guard.take_back(BusyError("busy"), effect=True)
    with pytest.raises(NotSentError):
        await guard.before_send(effect=True)
    assert asked


@pytest.mark.parametrize(
    "effects", [(False, False), (False, True), (True, False), (False, False, True)]
)
async def test_requests_of_a_submit_at_one_time_are_counted_once(effects: Sequence[bool]) -> None:
    """While one with an effect is under way the store says that the ticket was sent."""
    clock, sends = FakeClock(), 1

    async def count(more_sends: int) -> float | None:
        nonlocal sends
        await asyncio.sleep(0)
        sends += more_sends
        return clock.boot_s()

    guard = SendGuard(clock, clock.boot_s(), count)

    async def ask(effect: bool) -> None:
        await guard.before_send(effect=effect)
        assert not effect or sends == 1

    await asyncio.gather(*map(ask, effects))
    assert sends == any(effects)
    await ask(True)


async def test_a_step_that_is_cancelled_while_it_is_written_leaves_no_effect_uncounted() -> None:
    """An adapter may give up waiting for it, and go on."""
    clock, sends, may_end = FakeClock(), 1, asyncio.Event()

    async def count(more_sends: int) -> float | None:
        nonlocal sends
        sends += more_sends  # it is written, whoever waits
        await may_end.wait()
        return clock.boot_s()

    guard = SendGuard(clock, clock.boot_s(), count)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await guard.before_send(effect=False)
    may_end.set()
    await guard.before_send(effect=True)
    assert sends == 1


# How old an attempt is.


@pytest.mark.parametrize(
    ("off_s", "is_sent"),
    [(600.0, True), (3000.0, True), (4000.0, False), (-1.0, False), (-600.0, False)],
)
async def test_after_another_boot_the_wall_clock_counts(
    tmp_path: Path, off_s: float, is_sent: bool
) -> None:
    """Unless it shows a time before one the store knows: then nobody knows how old a key is."""
    store = tmp_path / "jobs.db"
    clock = FakeClock()
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")] * 1000)))
    capable(vendor, dedup_window_s=3600.0)
    async with scripted_world(vendor, store, clock) as world:
        job = await world.hub.submit("shop", numbered(2))
        await clock.sleep(100.0)
    first, vendor = len(vendor.submissions), capable(Vendor(), dedup_window_s=3600.0)
    later = FakeClock(clock.now() + timedelta(seconds=off_s))
    async with scripted_world(vendor, store, later) as world:
        (job,) = await world.hub.jobs()
        await world.hub.resume()
        status = await job.refresh()

    assert first > 0
    assert len(vendor.submissions) == is_sent
    assert status.is_held != is_sent


async def test_a_clock_set_back_for_long_is_still_known_after_it_was_written(
    tmp_path: Path,
) -> None:
    """What an owner with a wrong clock writes does not hide that it is wrong."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")] * 1000)))
    capable(vendor, dedup_window_s=400.0)
    async with scripted_world(vendor, store, clock) as world:
        await world.hub.submit("shop", numbered(2))
        await clock.sleep(300.0)  # signs of life all the while
    wrong = FakeClock(clock.now() - timedelta(seconds=180))
    async with other_process(store) as other:
        hold = await other.take(LANE, wrong.now())
        await other.beat(wrong.now() + timedelta(seconds=10))
        await other.let_go(hold, wrong.now() + timedelta(seconds=20))
    vendor = capable(Vendor(), dedup_window_s=400.0)
    async with scripted_world(
        vendor, store, FakeClock(wrong.now() + timedelta(seconds=30))
    ) as world:
        (job,) = await world.hub.resume()

    assert job.status.is_held
    assert not vendor.submissions


async def test_a_new_owner_searches_no_earlier_than_a_batch_would_show(tmp_path: Path) -> None:
    """What the last owner was about to send may be on its way still."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), visibility_grace_s=60.0)
    searched: list[float] = []

    async def find(self: ScriptedAdapter, attempt: object) -> None:
        searched.append(clock.monotonic())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedAdapter, "find_attempt", find)
        capable(vendor, finds_attempts=True)
        async with scripted_world(vendor, store, clock) as world:
            await world.hub.submit("shop", numbered(2))
            while not vendor.submissions:
                await clock.sleep(0.05)
        searched.clear()
        await clock.advance(90.0)
        taken_s = clock.monotonic()
        async with scripted_world(vendor, store, clock) as world:
            (job,) = await world.hub.resume()

    assert job.status.outcome is Outcome.SUCCEEDED
    assert min(searched) - taken_s >= 60.0


# Files and processes.


@pytest.mark.sqlite_only("a file")
@pytest.mark.parametrize("how", ["deleted", "replaced", "moved", "link", "log"])
async def test_a_store_whose_file_is_not_its_own_any_more_stops_the_lane(
    tmp_path: Path, how: str
) -> None:
    """Whoever opens it next would not find the intent, so nothing is sent; it says why."""
    store, clock, vendor = tmp_path / "jobs.db", FakeClock(), Vendor()
    if how == "link":
        real = tmp_path / "real"
        real.mkdir()
        store.symlink_to(real / "jobs.db")
    vendor.polls.extend([Observation(words=("Running",))] * 5)
    async with scripted_world(vendor, store, clock) as world:
        job = await world.hub.submit("shop", numbered(6))
        while not vendor.submissions:
            await clock.sleep(0.1)
        if how == "deleted":
            store.unlink()
        elif how == "replaced":
            shutil.copy(store, tmp_path / "copy.db")
            (tmp_path / "copy.db").replace(store)
        elif how == "moved":
            store.rename(tmp_path / "elsewhere.db")
        elif how == "link":
            store.unlink()
            shutil.copy(tmp_path / "real" / "jobs.db", tmp_path / "copy.db")
            store.symlink_to(tmp_path / "copy.db")
        else:
            (tmp_path / "jobs.db-wal").unlink()
        with pytest.raises(StoreError, match="while it was in use; nothing more is sent"):
            await job.wait(timeout_s=600)

    assert len(vendor.submissions) == 1


@pytest.mark.parametrize("how", ["asks", "submits", "waits"])
async def test_a_forked_child_is_refused(tmp_path: Path, how: str) -> None:
    """It neither sends nor frees what its parent has; the parent goes on."""
    store, vendor = tmp_path / "jobs.db", Vendor()
    vendor.polls.extend([Observation(words=("Running",))] * 3)
    async with BatchHub(store, {"shop": ScriptedAccount(vendor=vendor)}) as hub:
        job = await hub.submit("shop", numbered(6))
        await job.hand_over()

        async def wait_elsewhere() -> None:  # as a worker does that was forked from a server
            asyncio.new_event_loop().run_until_complete(job.wait())

        calls = {
            "asks": job.refresh,
            "submits": lambda: hub.submit("shop", numbered(1)),
            "waits": wait_elsewhere,
        }
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                with pytest.raises(UsageError, match=r"opened by process \d+"):
                    await calls[how]()
                code = 0
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, pid, 0)
        async with other_process(store) as other:
            owner = (await other.look(LANE)).owner
            assert owner is not None
            assert other.lock.verdict(owner.token).value == "alive"
        done = await job.wait(timeout_s=PATIENCE_S)

    assert os.waitstatus_to_exitcode(status) == 0
    assert done.outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 2


async def test_a_store_that_another_owner_writes_keeps_what_it_wrote(tmp_path: Path) -> None:
    """Figures, and states, of a process that lost the lane overwrite nothing."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with scripted_world(store=store, clock=clock) as world, other_process(store) as other:
        world.vendor.polls.extend([Observation(words=("Running",))] * 100)
        await world.hub.submit("shop", numbered(2))
        await clock.sleep(2.0)
        mine = await Store.open(store)
        ((job, (ticket,)),) = await mine.jobs.find_open(LANE)
        row = await other.look(LANE)
        hold = await other.take(LANE, clock.now())
        assert not await mine.tickets.save([(job, [ticket])], evolve(hold, epoch=row.epoch))
        assert await mine.tickets.save([(job, [ticket])], hold)
        await mine.aclose()


@pytest.mark.parametrize("owns", [False, True])
@pytest.mark.parametrize("has_vendor", [False, True])
async def test_only_the_owner_ends_what_the_vendor_has_not(
    tmp_path: Path, owns: bool, has_vendor: bool
) -> None:
    """Results are written by whoever has them, for the attempt they are of."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    async with other_process(store) as other:
        stale = await other.take(LANE, clock.now())
        hold = await other.take(LANE, clock.now())
        await add_job(other.store, 2, lane=LANE)
        ((job, (ticket,)),) = await other.store.jobs.find_open(LANE)
        if has_vendor:
            ticket = evolve(ticket, attempt_id="a", accepted_at=clock.now(), vendor_refs=("r",))
            await other.store.tickets.accept(job, ticket)
        ended, _ = await other.store.tickets.end(
            job,
            evolve(ticket, state=BatchState.COMPLETED),
            (),
            ItemState.UNKNOWN,
            at=clock.now(),
            hold=hold if owns else stale,
        )

    assert ended.state.is_terminal == (owns or has_vendor)
