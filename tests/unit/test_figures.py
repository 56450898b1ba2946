"""Figures: what moves no state is saved beside the loop, and never takes anything back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import numbered, scripted_world
from support.stores import NOW, add_job, fold_again, tickets_of
from support.vendor import Vendor, capable

from batchhub import BatchHub
from batchhub._engine import figures as _figures
from batchhub._store import Store, TicketRecord
from batchhub._store.tickets import Tickets
from batchhub.adapter import Observation
from batchhub.errors import StoreError
from batchhub.models import BatchState, Contact, ItemResult, ItemState
from batchhub.polling import Fixed
from batchhub.testing import FakeClock


def climbing(steps: int, **facts: Any) -> deque[Exception | Observation]:
    """Make answers whose progress grows."""
    return deque(
        Observation(words=("Running",), progress=n / (steps + 1), **facts)
        for n in range(1, steps + 1)
    )


async def test_what_was_shown_is_in_the_store_after_a_clean_close(tmp_path: Path) -> None:
    """A process that reads the store afterwards shows no smaller progress, and the same words."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(polls=climbing(500)), poll_s=0.5, min_poll_s=0.5)
    async with scripted_world(vendor, path, clock) as world:
        job = await world.hub.submit("shop", numbered(3))
        async for status in job.watch():
            if (status.progress or 0.0) > 0.05:
                break
        shown = job.status
    async with BatchHub(path) as reader:
        read = (await reader.job(job.id)).status
    assert (read.progress or 0.0) >= (shown.progress or 0.0) > 0.05
    assert read.tickets[0].vendor_state is not None
    assert read.observed_at is not None
    assert shown.observed_at is not None
    assert read.observed_at >= shown.observed_at


async def test_no_poll_waits_for_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While figures can't be written the polls go on, and so do the ends of jobs."""
    stuck = asyncio.Event()
    calls = 0

    async def hang(self: Tickets, changed: object, token: str | None = None) -> None:
        nonlocal calls
        del self, changed, token
        calls += 1
        with suppress(asyncio.CancelledError):
            await stuck.wait()

    monkeypatch.setattr(Tickets, "save_figures", hang)
    vendor = capable(Vendor(polls=climbing(100)), poll_s=0.5, min_poll_s=0.5)
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(0.5)) as world:
        job = await world.hub.submit("shop", numbered(3))
        assert (await job.wait(timeout_s=500)).counts.succeeded == 3
        stuck.set()
    assert calls == 1


async def test_figures_of_all_lanes_are_one_write_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many tickets and polls there are."""
    saves: list[int] = []
    save = Tickets.save_figures

    async def count(self: Tickets, changed: Any, token: str | None = None) -> None:
        saves.append(sum(len(tickets) for _, tickets in changed))
        await save(self, changed, token)

    monkeypatch.setattr(Tickets, "save_figures", count)
    vendor = capable(
        Vendor(polls=climbing(100_000)), poll_s=0.5, min_poll_s=0.5, tickets_per_job=10
    )
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(0.5)) as world:
        for _ in range(3):
            await world.hub.submit("shop", numbered(30))
        await world.clock.sleep(21.0)
        assert len(saves) <= 6
        assert max(saves) == 30


async def test_many_figures_are_saved_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of small jobs several in one, of a large one a part; and each ticket once in a round."""
    monkeypatch.setattr(_figures, "PIECE", 8)
    clock = FakeClock()
    saves: list[tuple[float, list[tuple[int, int]]]] = []
    save = Tickets.save_figures

    async def note(self: Tickets, changed: Any, token: str | None = None) -> None:
        saved = [(each.job_no, each.position) for _, some in changed for each in some]
        saves.append((clock.monotonic(), saved))
        await save(self, changed, token)

    monkeypatch.setattr(Tickets, "save_figures", note)
    vendor = capable(
        Vendor(polls=climbing(100_000)), poll_s=0.5, min_poll_s=0.5, tickets_per_job=20
    )
    async with scripted_world(vendor, tmp_path / "jobs.db", clock, polling=Fixed(0.5)) as world:
        for items in (9, 3, 60, 3):
            await world.hub.submit("shop", numbered(items))
        await world.clock.sleep(31.0)
    assert max(len(saved) for _, saved in saves) == 8
    rounds: dict[int, list[tuple[int, int]]] = {}
    for at_s, saved in saves:
        rounds.setdefault(int(at_s // 5), []).extend(saved)
    assert max(len(saved) for saved in rounds.values()) == 25
    assert all(len(saved) == len(set(saved)) for saved in rounds.values())


async def test_figures_that_fail_are_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A save that fails is said on the jobs, the next one that does not takes it back."""
    save, broken = Tickets.save_figures, True

    async def fail(self: Tickets, changed: Any, token: str | None = None) -> None:
        if broken:
            raise StoreError("the disk is full")
        await save(self, changed, token)

    monkeypatch.setattr(Tickets, "save_figures", fail)
    vendor = capable(Vendor(polls=climbing(100_000)), poll_s=0.5, min_poll_s=0.5)
    async with scripted_world(vendor, tmp_path / "jobs.db", polling=Fixed(0.5)) as world:
        job = await world.hub.submit("shop", numbered(1))
        for contact in (Contact.PAUSED, Contact.OK):
            while job.status.contact is not contact:
                await world.clock.sleep(1.0)
                assert vendor.polls
            broken = False


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store in a file."""
    opened = await Store.open(tmp_path / "jobs.db")
    yield opened
    await opened.aclose()


async def test_figures_never_overwrite_what_is_newer(store: Store) -> None:
    """Neither another state, nor another attempt, nor more progress, nor an end."""
    job = await add_job(store, 2, 2)
    first, _ = await tickets_of(store, job)
    running = evolve(
        first,
        state=BatchState.IN_PROGRESS,
        vendor_refs=("r",),
        accepted_at=NOW,
        attempt_id="a",
        progress=0.5,
    )
    await store.tickets.save([(job, [running])])

    async def try_figures(ticket: TicketRecord) -> None:
        await store.tickets.save_figures([(job, [ticket])])

    for stale in (
        evolve(running, progress=0.4, vendor_state="less"),
        evolve(running, state=BatchState.QUEUED, progress=0.9, vendor_state="before"),
        evolve(running, attempt_id="b", progress=0.9, vendor_state="another"),
        evolve(running, progress=None, vendor_state="nothing"),
    ):
        await try_figures(stale)
        assert (await store.tickets.of_job(job.job_no))[0] == running
        assert (await store.jobs.get(job.job_id))[1].progress == 0.25

    await try_figures(evolve(running, progress=0.6, vendor_state="more"))
    status = (await store.jobs.get(job.job_id))[1]
    assert (status.tickets[0].vendor_state, status.progress) == ("more", 0.3)
    assert fold_again(status) == status

    ended = evolve(running, state=BatchState.COMPLETED, progress=1.0)
    both = [ItemResult(id=str(n), state=ItemState.SUCCEEDED) for n in range(2)]
    await store.tickets.end(job, ended, both, ItemState.UNKNOWN, at=NOW)
    before = (await store.jobs.get(job.job_id))[1]
    await try_figures(evolve(running, progress=0.7, vendor_state="late"))
    assert (await store.jobs.get(job.job_id))[1] == before
