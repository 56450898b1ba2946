"""What happens to a lane while it waits for the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from support.hubs import numbered, scripted_world
from support.patience import PATIENCE_S
from support.vendor import ScriptedAccount, Vendor, capable

from batchhub import BatchHub, BatchState, Outcome
from batchhub._engine.open_hub import OpenHub
from batchhub._engine.process_lock import Verdict
from batchhub._engine.store_watch import StoreWatch
from batchhub._store import Store
from batchhub._store.tickets import Tickets
from batchhub.adapter import Observation, TicketRef
from batchhub.errors import NoAnswerError
from batchhub.testing import FakeClock


async def test_a_job_ends_while_answers_about_another_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in doubt; the lane goes on with the third."""
    vendor = capable(Vendor(), max_items=5, tickets_per_job=5, poll_s=5.0, min_poll_s=5.0)
    vendor.submits.extend([NoAnswerError("silence"), NoAnswerError("silence")])
    vendor.polls.extend([Observation(words=("Running",))] * 10)
    ends, has_ended = asyncio.Event(), asyncio.Event()
    get_tickets, end_ticket = Tickets.of_job, Tickets.end

    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        first, second, third = [await world.hub.submit("shop", numbered(1)) for _ in range(3)]
        await first.wait()
        await second.wait()
        assert first.status.state is second.status.state is BatchState.UNCONFIRMED
        await third.hand_over()

        async def end_late(store: Tickets, *arguments: Any, **named: Any) -> Any:
            ends.set()
            await asyncio.wait_for(has_ended.wait(), PATIENCE_S)
            return await end_ticket(store, *arguments, **named)

        async def read_slowly(store: Tickets, *arguments: Any, **named: Any) -> Any:
            if ends.is_set():
                has_ended.set()
                await second.wait()
                await asyncio.sleep(0.05)  # the lane forgets it
            return await get_tickets(store, *arguments, **named)

        monkeypatch.setattr(Tickets, "end", end_late)
        await second.cancel()
        await asyncio.wait_for(ends.wait(), PATIENCE_S)
        monkeypatch.setattr(Tickets, "of_job", read_slowly)
        await first.cancel()
        assert (await third.wait()).outcome is Outcome.SUCCEEDED
        assert (await first.wait()).state is BatchState.CANCELLED


async def test_who_waits_hears_of_an_end_after_the_lane_was_lost(tmp_path: Path) -> None:
    """The process that has the lane keeps it, with another job."""
    path, clock = tmp_path / "jobs.db", FakeClock()
    vendor = capable(Vendor(), max_items=5, tickets_per_job=5, poll_s=5.0, min_poll_s=5.0)
    finished: set[str] = set()

    async def poll(tickets: Sequence[TicketRef]) -> Sequence[Observation]:
        is_done = [ticket.vendor_refs[0] in finished for ticket in tickets]
        return [Observation(words=("Done" if done else "Running",)) for done in is_done]

    def patch(hub: BatchHub) -> OpenHub:
        opened = hub._opened
        assert opened is not None
        opened.get_lane("shop").adapter.poll = poll  # type: ignore[method-assign]
        return opened

    async with (
        scripted_world(vendor, path, clock) as world,
        BatchHub(path, {"shop": ScriptedAccount(vendor=vendor)}, clock=clock) as other,
    ):
        patch(world.hub)
        theirs = patch(other)
        theirs.process.judge = lambda _: Verdict.DEAD
        job = await world.hub.submit("shop", numbered(1))
        await job.hand_over()
        waiting = asyncio.create_task(job.wait())
        await clock.sleep(2.0)
        await other.submit("shop", numbered(1))
        await clock.sleep(30.0)
        assert theirs.driver.owns(job.lane)
        finished.add("ref-1")
        status = await asyncio.wait_for(waiting, PATIENCE_S)
        assert status.outcome is Outcome.SUCCEEDED
        assert theirs.driver.owns(job.lane)


class _NoPlaces:
    async def places(self, lanes: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(lanes, 0)


class _Stamps:
    def __init__(self) -> None:
        self.now = {"first": "1", "second": "1"}

    async def stamps(self, job_ids: Sequence[str]) -> dict[str, str]:
        return {job_id: self.now[job_id] for job_id in job_ids}


class _SlowStore:
    """A store whose version takes as long as a test wants."""

    path, name, is_shared, bell = Path("jobs.db"), "slow", True, None

    def __init__(self) -> None:
        self.version = 1
        self.jobs, self.lanes = _Stamps(), _NoPlaces()
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def foreign_version(self) -> int:
        self.asked.set()
        await self.answers.wait()
        return self.version


async def test_who_begins_to_wait_during_a_look_is_told_what_changed_before() -> None:
    """The look that is under way finds nothing new; the next one looks at the job all the same."""
    clock, store, told = FakeClock(), _SlowStore(), list[str]()
    watch = StoreWatch(
        cast("Store", store),
        clock,
        lanes=list,
        doubtful=set,
        on_lane=told.append,
        on_job=told.append,
    )
    async with clock.running():
        with watch.awaiting("first", "1"):
            await clock.sleep(3.0)
            store.jobs.now["second"], store.version = "2", 2
            await clock.sleep(3.0)
            store.answers.clear()
            store.asked.clear()
            await store.asked.wait()
            with watch.awaiting("second", "1"):
                store.answers.set()
                await clock.sleep(3.0)
        await watch.aclose()
    assert "second" in told
