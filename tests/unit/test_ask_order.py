"""Tickets in a row at a vendor that runs in order: the oldest is asked about, the others wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.hubs import World, numbered
from support.hubs import scripted_world as _scripted_world
from support.vendor import SingleAccount, Vendor

from batchhub import BatchState, Outcome
from batchhub._engine.change import Step
from batchhub._engine.job_state import JobState
from batchhub._engine.ticket_step import TicketStep
from batchhub.adapter import Accepted, Capabilities, Observation, Report, TicketRef
from batchhub.errors import BatchHubError, NoAnswerError, RefusedError, ServerError
from batchhub.hub import BatchJob
from batchhub.polling import Fixed, Poll
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))
DONE = Observation(words=("Done",))


def orderly(tickets: int, **changes: Any) -> Vendor:
    """Make a vendor that runs tickets of one item each in order, and is asked every 5 s."""
    usual = {"poll_s": 5.0, "min_poll_s": 1.0, "stall_s": 1e6, "runs_in_order": True, **changes}
    usual.setdefault("deadline_s", lambda items, options: 1e6)
    vendor = Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=tickets, **usual))
    vendor.answer_poll = lambda asked: [RUNNING] * len(asked)
    return vendor


scripted_world = partial(_scripted_world, polling=Fixed(5.0))


async def submit(world: World, *sizes: int) -> list[BatchJob]:
    """Submit jobs of so many tickets; returns when the vendor has all of them."""
    jobs = [await world.hub.submit("shop", numbered(size)) for size in sizes]
    while len(world.vendor.submissions) < sum(sizes):
        await world.clock.sleep(0.1)
    await world.clock.sleep(0.5)
    return jobs


def take_asked(vendor: Vendor) -> Counter[str]:
    """Return how often each ticket was asked about since the last time."""
    asked = Counter(ref for tickets in vendor.asked for t in tickets for ref in t.vendor_refs)
    vendor.asked.clear()
    return asked


def say(**said: Observation | BatchHubError) -> Any:
    """Answer about some tickets; all others run."""
    by_ref = {ref.replace("_", "-"): answer for ref, answer in said.items()}

    def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        answers = [by_ref.get(ticket.vendor_refs[0], RUNNING) for ticket in tickets]
        for each in answers:
            if isinstance(each, Exception):
                raise each
        return [each for each in answers if isinstance(each, Observation)]

    return answer


async def test_of_tickets_in_a_row_only_the_oldest_is_asked_about() -> None:
    """Over the jobs of the lane, as they were sent; when it ends, the next at once."""
    vendor = orderly(10)
    async with scripted_world(vendor) as world:
        jobs = await submit(world, 10, 10)
        assert set(take_asked(vendor)) <= {"ref-1"}
        await world.clock.sleep(100.0)
        asked = take_asked(vendor)
        assert set(asked) == {"ref-1"}
        assert 15 <= asked["ref-1"] <= 25

        vendor.answer_poll = say(ref_1=DONE, ref_2=DONE, ref_3=DONE)
        while not vendor.asked:
            await world.clock.sleep(0.1)
        await world.clock.sleep(0.2)  # they were never asked about, so no interval is kept
        assert take_asked(vendor) == {f"ref-{number}": 1 for number in range(1, 5)}

        vendor.answer_poll = lambda asked: [DONE] * len(asked)
        for job in jobs:
            assert (await job.wait()).outcome is Outcome.SUCCEEDED
        assert take_asked(vendor) == {f"ref-{number}": 1 for number in range(4, 21)}


async def test_in_no_order_all_are_asked_about() -> None:
    """There the oldest one says nothing of the others."""
    vendor = orderly(10, runs_in_order=False)
    async with scripted_world(vendor) as world:
        await submit(world, 10)
        await world.clock.sleep(20.0)
        assert len(take_asked(vendor)) == 10


async def test_operations_and_jobs_in_any_order_wait_for_nobody() -> None:
    """A row is of one operation; a job whose options allow no order is in none."""
    vendor = orderly(3)
    async with scripted_world(vendor) as world:
        await submit(world, 2)
        await world.hub.submit("shop", numbered(2), operation="more")
        await world.hub.submit("shop", numbered(2), options={"parallel": True})
        await world.clock.sleep(30.0)
        asked = take_asked(vendor)
        assert len(asked) == 4
        assert "ref-2" not in asked


@pytest.mark.parametrize("error", [NoAnswerError("none"), ServerError("broken", status=500)])
async def test_behind_one_whose_poll_failed_the_next_is_asked_about(error: BatchHubError) -> None:
    """At its usual pace, and only until the older one answers again."""
    vendor = orderly(5)
    async with scripted_world(vendor) as world:
        await submit(world, 5)
        await world.clock.sleep(20.0)
        take_asked(vendor)
        vendor.answer_poll = say(ref_1=error)
        await world.clock.sleep(120.0)
        asked = take_asked(vendor)
        assert set(asked) == {"ref-1", "ref-2"}
        assert asked["ref-2"] >= 15

        vendor.answer_poll = say()
        await world.clock.sleep(400.0)
        take_asked(vendor)
        await world.clock.sleep(100.0)
        assert set(take_asked(vendor)) == {"ref-1"}


async def test_an_outage_lets_them_loose_one_by_one() -> None:
    """While the vendor answers nothing, a row of tickets is no burst of requests."""
    vendor = orderly(50)
    async with scripted_world(vendor) as world:
        await submit(world, 50)
        take_asked(vendor)
        vendor.answer_poll = lambda asked: (_ for _ in ()).throw(NoAnswerError("none"))
        await world.clock.sleep(60.0)
        assert len(take_asked(vendor)) <= 60 / 5 + 2


async def test_behind_one_that_has_stalled_or_is_overdue_the_next_is_asked_about() -> None:
    """Nothing is known of when it ends, so it is waited for no more."""
    for stall_s, deadline_s in ((60.0, 1e6), (1e6, 60.0)):
        vendor = orderly(1, stall_s=stall_s)
        async with scripted_world(vendor) as world:
            older = await world.hub.submit("shop", numbered(1), deadline_s=deadline_s)
            await submit(world, 1)
            await world.clock.sleep(100.0)
            take_asked(vendor)
            await world.clock.sleep(50.0)
            assert take_asked(vendor)["ref-2"] >= 4
            codes = {finding.code for finding in (await older.refresh()).findings}
            assert codes == {"stalled" if stall_s < deadline_s else "overdue"}


async def test_every_ticket_is_asked_about_some_time() -> None:
    """Nobody is held back for longer than `stall_s`, past its deadline, or for its results."""
    for changes, most_s in (
        ({"stall_s": 300.0}, 300.0),
        ({"results_kept_s": 1200.0}, 200.0),
    ):
        vendor = orderly(10, **changes)
        shares = (evolve(RUNNING, progress=step / 1000) for step in count(1))
        vendor.answer_poll = partial(_answer_next, shares)
        async with scripted_world(vendor) as world:
            await submit(world, 10)
            await world.clock.sleep(most_s + 10.0)
            asked = take_asked(vendor)
            assert len(asked) == 10
            assert asked["ref-10"] == 1


def _answer_next(answers: Iterator[Observation], asked: Sequence[TicketRef]) -> list[Observation]:
    return [next(answers) for _ in asked]


async def test_one_past_its_deadline_says_so_although_it_is_held_back() -> None:
    """A job whose tickets are all behind an older one's gets the finding in time."""
    vendor = orderly(1)
    async with scripted_world(vendor) as world:
        older = await world.hub.submit("shop", numbered(1))
        younger = await world.hub.submit("shop", numbered(1), deadline_s=100.0)
        await world.clock.sleep(90.0)
        assert set(take_asked(vendor)) == {"ref-1"}
        await world.clock.sleep(30.0)
        findings = (await younger.refresh()).findings
        assert [finding.code for finding in findings] == ["overdue"]
        assert not (await older.refresh()).findings


async def test_an_unconfirmed_one_holds_nobody_back() -> None:
    """Nobody asks about it, so nobody would ever be let go."""
    vendor = orderly(1)
    vendor.submits.append(NoAnswerError("lost"))
    async with scripted_world(vendor) as world:
        older = await world.hub.submit("shop", numbered(1))
        await older.wait()
        assert (await older.refresh()).state is BatchState.UNCONFIRMED
        await world.hub.submit("shop", numbered(1))
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(30.0)
        assert set(take_asked(vendor)) == {"ref-2"}


async def test_a_cancelled_one_may_end_in_any_order() -> None:
    """It is asked about itself, whoever is before it, and holds nobody back."""
    vendor = orderly(1, can_cancel=True)
    async with scripted_world(vendor) as world:
        jobs = await submit(world, 1, 1, 1)
        take_asked(vendor)
        await jobs[1].cancel()
        await world.clock.sleep(30.0)
        assert [ticket.vendor_refs for ticket in vendor.cancelled] == [("ref-2",)]
        assert set(take_asked(vendor)) == {"ref-1", "ref-2"}
        await jobs[0].cancel()
        await world.clock.sleep(30.0)
        assert set(take_asked(vendor)) == {"ref-1", "ref-2", "ref-3"}


async def test_one_that_was_cancelled_in_vain_stays_in_the_row() -> None:
    """It goes on at the vendor, in its order."""
    vendor = orderly(3, can_cancel=True)
    vendor.cancels.extend([RefusedError("too late", status=409)] * 3)
    async with scripted_world(vendor) as world:
        (job,) = await submit(world, 3)
        await job.cancel()
        await world.clock.sleep(10.0)
        take_asked(vendor)
        await world.clock.sleep(60.0)
        assert set(take_asked(vendor)) == {"ref-1"}


async def test_one_whose_results_are_not_there_yet_holds_nobody_back() -> None:
    """It is through at the vendor: the next one may have begun."""
    vendor = orderly(3, results_grace_s=1e5)
    vendor.answer_poll = say(ref_1=DONE)
    vendor.reports.extend([lambda items: Report(items=[], is_settled=False)] * 1000)
    async with scripted_world(vendor) as world:
        await submit(world, 3)
        take_asked(vendor)
        await world.clock.sleep(60.0)
        assert take_asked(vendor)["ref-2"] >= 10


async def test_where_one_request_asks_about_many_they_ride_along() -> None:
    """As many as fit; it costs nothing. Those behind them are held back."""
    vendor = orderly(12, max_polled_at_once=5)
    async with scripted_world(vendor) as world:
        await submit(world, 12)
        await world.clock.sleep(60.0)
        vendor.asked.clear()
        await world.clock.sleep(100.0)
        assert len(vendor.asked) <= 100 / 4.5 + 1
        assert set(take_asked(vendor)) == {f"ref-{number}" for number in range(1, 6)}


async def test_one_by_one_where_the_adapter_has_no_bulk_poll() -> None:
    """What its vendor could answer about at once means nothing then."""
    vendor = orderly(5, max_polled_at_once=5)
    async with scripted_world(vendor, account=SingleAccount) as world:
        await submit(world, 5)
        take_asked(vendor)
        await world.clock.sleep(30.0)
        assert set(take_asked(vendor)) == {"ref-1"}


async def test_the_next_process_asks_about_the_oldest_too(tmp_path: Path) -> None:
    """In the order they were sent, whichever job it finds first."""
    clock, store = FakeClock(), tmp_path / "jobs.db"
    vendor = orderly(4)
    async with scripted_world(vendor, store=store, clock=clock) as world:
        await submit(world, 2)
        await world.hub.submit("shop", numbered(1), ahead=True)
        await submit(world, 1)
    vendor.asked.clear()
    await clock.advance(5.0)
    async with scripted_world(vendor, store=store, clock=clock) as world:
        resuming = asyncio.create_task(world.hub.resume())
        await world.clock.sleep(60.0)
        assert set(take_asked(vendor)) == {"ref-1"}
        vendor.answer_poll = lambda asked: [DONE] * len(asked)
        await resuming
        assert [t.vendor_refs[0] for t in vendor.polled[-3:]] == ["ref-2", "ref-3", "ref-4"]


async def test_the_order_holds_whichever_job_is_looked_at_first(tmp_path: Path) -> None:
    """It is known of all before any is asked about; a set has 8 before 1."""
    clock, store = FakeClock(), tmp_path / "jobs.db"
    vendor = orderly(1)
    vendor.answer_poll = lambda asked: [DONE if t.operation == "more" else RUNNING for t in asked]
    async with scripted_world(vendor, store=store, clock=clock) as world:
        await world.hub.submit("shop", numbered(1))
        for _ in range(6):
            await (await world.hub.submit("shop", numbered(1), operation="more")).wait()
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(1.0)
    assert list({1, 8}) == [8, 1]
    vendor.asked.clear()
    async with scripted_world(vendor, store=store, clock=clock) as world:
        resuming = asyncio.create_task(world.hub.resume())
        await world.clock.sleep(60.0)
        assert set(take_asked(vendor)) == {"ref-1"}
        resuming.cancel()
        await asyncio.gather(resuming, return_exceptions=True)


async def test_what_a_vendor_calls_about_is_asked_about() -> None:
    """A call is news of that very ticket, wherever it is in the row."""
    vendor = orderly(3)
    vendor.read_push = lambda headers, body: [body.decode()]
    async with scripted_world(vendor) as world:
        await submit(world, 3)
        take_asked(vendor)
        await world.hub.push("shop", {}, b"ref-3")
        await world.clock.sleep(10.0)
        assert take_asked(vendor)["ref-3"] == 1


async def test_a_vendor_that_answers_at_once_leaves_nothing_in_the_row() -> None:
    """A ticket that has ended by its submit never was at the vendor."""
    vendor = orderly(1)
    vendor.submits.append(Accepted(vendor_refs=("ref-9",)))
    async with scripted_world(vendor) as world:
        await submit(world, 1, 1)
        vendor.answer_poll = lambda asked: [DONE] * len(asked)
        await world.clock.sleep(60.0)
        assert take_asked(vendor)["ref-2"] == 1


async def test_one_whose_steps_fail_for_a_fault_of_ours_holds_nobody_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What nothing took in is tried again in a minute; the next one is asked about meanwhile."""
    vendor = orderly(2)
    step = TicketStep.step

    async def fail(steps: TicketStep, job: JobState, position: int) -> Step:
        if job.ticket(position).vendor_refs == ("ref-1",):
            raise RuntimeError
        return await step(steps, job, position)

    async with scripted_world(vendor) as world:
        await submit(world, 2)
        monkeypatch.setattr(TicketStep, "step", fail)
        await world.clock.sleep(30.0)
        assert take_asked(vendor)["ref-2"] >= 3


class Recorder:
    """Asks every 20 s, and keeps what it is told of the ends of tickets."""

    def __init__(self) -> None:
        self.ended_polls: list[Poll] = []
        self.left_polls: list[Poll] = []

    def next_delay_s(self, poll: Poll) -> float:
        """Return 20 s."""
        del poll
        return 20.0

    def ended(self, poll: Poll) -> None:
        """Keep it."""
        self.ended_polls.append(poll)

    def left(self, poll: Poll) -> None:
        """Keep it."""
        self.left_polls.append(poll)


async def test_a_rule_learns_how_long_the_vendor_was_at_a_ticket_not_how_long_that_waited() -> None:
    """Ages begin when the one before may have ended; one that is held back is no rule's."""
    rule, vendor = Recorder(), orderly(4)
    async with _scripted_world(vendor, polling=rule) as world:
        (job,) = await submit(world, 4)
        assert len(rule.left_polls) == 3  # they are not polled, so they cost nothing
        await world.clock.sleep(1000.0)
        vendor.answer_poll = say(ref_1=DONE, ref_2=DONE)
        await world.clock.sleep(110.0)
        vendor.answer_poll = lambda asked: [DONE] * len(asked)
        await job.wait()
    first, second, third, fourth = rule.ended_polls
    assert first.age_s > 900.0
    assert 0.0 == second.last_age_s <= second.age_s <= 22.0
    assert 60.0 < third.last_age_s < third.age_s < 160.0
    assert 0.0 == fourth.last_age_s <= fourth.age_s <= 22.0
