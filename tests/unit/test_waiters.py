"""Waiting costs little: who waits for what, when it is woken, and what is read then."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, scripted_world
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub
from batchhub._engine.waiters import FIGURES_S, Waiters
from batchhub._store import Store, job_rows, ticket_rows
from batchhub._store.jobs import Jobs
from batchhub.adapter import Observation
from batchhub.models import BatchState, BatchStatus
from batchhub.testing import FakeClock

SILENT: deque[Exception | Observation] = deque([Observation(words=("Running",))] * 10_000)


def counted(monkeypatch: pytest.MonkeyPatch, door: type, *names: str) -> Counter[str]:
    """Count the calls of methods of the store, or of one of its doors."""
    calls: Counter[str] = Counter()

    def patch(name: str) -> None:
        method = getattr(door, name)

        async def call(self: object, *arguments: Any, **named: Any) -> Any:
            calls[name] += 1
            return await method(self, *arguments, **named)

        monkeypatch.setattr(door, name, call)

    for name in names:
        patch(name)
    return calls


async def test_an_end_wakes_at_once_and_figures_now_and_then() -> None:
    """Figures wake a waiter five times a second at most, the last of them too."""
    clock = FakeClock()
    waiters, woken_s = Waiters(clock), []

    async def wait() -> None:
        with waiters.waiter("job") as waiter:
            while True:
                waiter.look()
                await waiter.wait(None)
                woken_s.append(round(clock.monotonic(), 2))

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    for _ in range(100):
        waiters.announce("job", at_once=False)
        await asyncio.sleep(0.0001)
        await clock.advance(0.01)
    await clock.advance(1.0)
    assert 5 <= len(woken_s) <= 7
    assert woken_s[-1] >= 0.99
    waiters.announce("job", at_once=False)
    await clock.advance(FIGURES_S / 4)
    for _ in range(3):
        waiters.announce("job", at_once=True)
        await asyncio.sleep(0.001)
    assert woken_s[-3:] == [woken_s[-1]] * 3 == [round(clock.monotonic(), 2)] * 3
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    waiters.announce("job", at_once=False)
    waiters.close()


async def test_lanes_without_work_look_at_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many accounts and waiters there are, one look a second tells that nothing is new."""
    clock, accounts = FakeClock(), {}
    for n in range(20):
        vendor = capable(Vendor(polls=SILENT.copy()), poll_s=3600.0, min_poll_s=3600.0)
        accounts[f"a{n}"] = ScriptedAccount(name=f"a{n}", vendor=vendor)
    async with clock.running(), BatchHub(tmp_path / "jobs.db", accounts, clock=clock) as hub:
        jobs = [await hub.submit(name, numbered(1)) for name in accounts]
        for job in jobs:
            await job.hand_over()
        waiting = [asyncio.create_task(job.wait()) for job in jobs]
        await clock.sleep(20.0)
        looks = counted(monkeypatch, Store, "foreign_version")
        reads = counted(monkeypatch, Jobs, "find_open", "find_cancelled", "look_at", "stamps")
        await clock.sleep(60.0)
        assert 30 <= looks["foreign_version"] <= 65
        assert not reads
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_process_that_only_waits_reads_what_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row for each job that has changed, and tickets only at the end, or for who watches."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(polls=SILENT.copy()), poll_s=60.0, min_poll_s=60.0)
    async with scripted_world(vendor, path, clock) as world, BatchHub(path, clock=clock) as other:
        jobs = [await world.hub.submit("shop", numbered(4)) for _ in range(10)]
        for job in jobs:
            await job.hand_over()
        theirs = await other.jobs()
        waiting = [asyncio.create_task(job.wait()) for job in theirs]
        await clock.sleep(130.0)
        calls = counted(monkeypatch, Jobs, "look_at")
        read: list[int] = []
        tickets_of = ticket_rows.tickets_of

        def count(connection: Any, job_no: int) -> Any:
            read.append(job_no)
            return tickets_of(connection, job_no)

        monkeypatch.setattr(job_rows, "tickets_of", count)
        await clock.sleep(30.0)
        before = calls["look_at"]
        await jobs[3].cancel()
        await clock.sleep(3.0)
        assert calls["look_at"] - before <= 6  # by the one that cancels, and the one that waits
        assert len(read) <= 4
        vendor.polls.clear()
        for status in await asyncio.gather(*waiting):
            assert status.state.is_terminal
            assert len(status.tickets) == 2


async def test_what_ends_between_reading_and_waiting_is_seen(tmp_path: Path) -> None:
    """Nobody waits for ever for a job that another process has ended meanwhile."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(polls=deque([Observation(words=("Running",))] * 3)), poll_s=2.0)
    async with scripted_world(vendor, path, clock) as world, BatchHub(path, clock=clock) as other:
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
        keeps_watching = asyncio.create_task((await other.job(job.id)).wait())
        seen: list[BatchStatus] = []
        async for status in (await other.job(job.id)).watch():
            seen.append(status)
            await job.wait()  # ends while the watcher looks away
            await clock.sleep(5.0)
        assert seen[-1].state is BatchState.COMPLETED
        assert (await keeps_watching).state is BatchState.COMPLETED


async def test_a_lane_keeps_nothing_of_jobs_that_have_ended() -> None:
    """While some job is always open, those that ended are forgotten one by one."""
    vendor = capable(Vendor(), poll_s=0.5, min_poll_s=0.5)
    async with scripted_world(vendor) as world:
        last = await world.hub.submit("shop", numbered(1))
        for _ in range(20):
            before, last = last, await world.hub.submit("shop", numbered(1))
            await before.wait()
        opened = world.hub._opened
        assert opened is not None
        (lane,) = opened.lanes._lanes.values()
        await last.hand_over()
        assert len(lane._jobs) <= 1
        assert len(lane._jobs._numbers) <= 1
        await last.wait()


@pytest.mark.parametrize("tickets", [True, False])
async def test_a_change_of_a_large_job_is_read_without_its_tickets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tickets: bool
) -> None:
    """Its row has the counts: who watches for these reads one row, whatever the tickets."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(), max_items=1, tickets_per_job=1, poll_s=2.0, min_poll_s=2.0)
    read: list[int] = []
    tickets_of = ticket_rows.tickets_of

    def count(connection: Any, job_no: int) -> Any:
        read.append(job_no)
        return tickets_of(connection, job_no)

    async with scripted_world(vendor, path, clock) as world, BatchHub(path, clock=clock) as other:
        job = await world.hub.submit("shop", numbered(60))
        watched = await other.job(job.id)
        monkeypatch.setattr(job_rows, "tickets_of", count)
        seen: list[BatchStatus] = []
        async for status in watched.watch(tickets=tickets):
            seen.append(status)  # noqa: PERF401  # as they come
        last = await watched.wait()
    done = [status.counts.succeeded for status in seen]
    assert done == sorted(done)
    assert len(set(done)) > 5
    assert len(last.tickets) == 60
    assert len(read) > 5 if tickets else len(read) <= 2
