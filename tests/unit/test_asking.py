"""Tickets that are asked about together: one request for many, and one's trouble is its own."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, results_of, scripted_world
from support.vendor import SingleAccount, Vendor

from batchhub import BatchState, BatchStatus, Contact, ItemState, Outcome
from batchhub.adapter import Capabilities, Observation, Report, TicketRef
from batchhub.errors import (
    NoAnswerError,
    NotFoundError,
    RefusedError,
    ReplyError,
    ResultsMissingError,
    ServerError,
)
from batchhub.hub import BatchJob
from batchhub.polling import Fixed

RUNNING = Observation(words=("Running",))
DONE = Observation(words=("Done",))
GONE = Observation(is_gone=True)

Say = Callable[[TicketRef], Observation | None]


def bulk_vendor(tickets: int, at_once: int = 100, **changes: Any) -> Vendor:
    """Make a vendor that runs many tickets of one item each and answers about many at once."""
    usual = {"poll_s": 5.0, "min_poll_s": 1.0, "can_cancel": True, "stall_s": 1e9, **changes}
    capabilities = Capabilities(
        max_items=1, tickets_per_job=tickets, max_polled_at_once=at_once, **usual
    )
    return Vendor(capabilities=capabilities)


def each(say: Say) -> Callable[[Sequence[TicketRef]], list[Observation | None]]:
    """Answer about each ticket for itself."""
    return lambda tickets: [say(ticket) for ticket in tickets]


async def submit(world: World, tickets: int) -> BatchJob:
    """Submit a job of so many tickets; returns when the vendor has all of them."""
    job = await world.hub.submit("shop", numbered(tickets))
    while len(world.vendor.submissions) < tickets:
        await world.clock.sleep(0.1)
    return job


async def run_for(world: World, seconds: float) -> None:
    """Let time pass; what was asked before is forgotten."""
    world.vendor.asked.clear()
    await world.clock.sleep(seconds)


def ended(status: BatchStatus) -> Counter[BatchState]:
    """Count a job's tickets by their state."""
    return Counter(ticket.state for ticket in status.tickets)


async def test_a_thousand_tickets_take_ten_requests_a_round() -> None:
    """A request asks about as many as it may; none is asked too soon, and none too late."""
    vendor = bulk_vendor(1000)
    asked_at: dict[str, list[float]] = defaultdict(list)
    async with scripted_world(vendor, polling=Fixed(5.0)) as world:

        def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
            for ticket in tickets:
                asked_at[ticket.vendor_refs[0]].append(world.clock.monotonic())
            return [RUNNING] * len(tickets)

        vendor.answer_poll = answer
        job = await submit(world, 1000)
        await run_for(world, 7.0)
        asked_at.clear()
        await run_for(world, 25.0)
        requests = [len(tickets) for tickets in vendor.asked]
        gaps = [b - a for times in asked_at.values() for a, b in pairwise(times)]
        assert (job.status.state, job.status.counts.pending) == (BatchState.IN_PROGRESS, 1000)
        vendor.answer_poll = None
        status = await job.wait()
        results = await results_of(job)
    assert max(requests) == 100
    assert 5 * 10 <= len(requests) <= 5 * 13
    assert len(asked_at) == 1000
    assert min(gaps) >= 1.0
    assert max(gaps) <= 5.0 * 1.05 + 0.1
    assert status.outcome is Outcome.SUCCEEDED
    assert [result.state for result in results] == [ItemState.SUCCEEDED] * 1000


async def test_a_few_tickets_take_one_request_a_round() -> None:
    """Tickets that are due a little later ride along, so a round of few is one request."""
    vendor = bulk_vendor(30)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor, polling=Fixed(5.0)) as world:
        await submit(world, 30)
        await run_for(world, 60.0)
        await run_for(world, 50.0)
        assert len(vendor.asked) <= 12
        assert {len(tickets) for tickets in vendor.asked} == {30}


async def test_no_ticket_rides_along_too_soon_after_it_was_asked_about() -> None:
    """A request that has room takes none of those that were asked about a moment ago."""
    vendor = bulk_vendor(20, at_once=8, poll_s=60.0, min_poll_s=10.0)
    asked_at: dict[str, list[float]] = defaultdict(list)
    async with scripted_world(vendor) as world:

        def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
            for ticket in tickets:
                asked_at[ticket.vendor_refs[0]].append(world.clock.monotonic())
            return [RUNNING] * len(tickets)

        vendor.answer_poll = answer
        await submit(world, 20)
        await run_for(world, 300.0)
    gaps = [b - a for times in asked_at.values() for a, b in pairwise(times)]
    assert len(gaps) > 20 * 5
    assert min(gaps) > 9.99


async def test_tickets_of_another_operation_do_not_ride_along() -> None:
    """All tickets of a request are of one operation; those of several jobs go together."""
    vendor = bulk_vendor(5)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor, polling=Fixed(5.0)) as world:
        for operation in ("work", "more", "work", "more"):
            await world.hub.submit("shop", numbered(5), operation=operation)
        await run_for(world, 60.0)
        await run_for(world, 50.0)
        asked = [Counter(ticket.operation for ticket in tickets) for tickets in vendor.asked]
    assert all(len(counted) == 1 for counted in asked)
    assert max(counted["work"] for counted in asked) == 10
    assert max(counted["more"] for counted in asked) == 10
    assert len(asked) <= 2 * 12


@pytest.mark.parametrize(
    "error",
    [
        NoAnswerError("no answer"),
        ServerError("broken", status=500),
        RefusedError("what do you mean", status=400),
        NotFoundError("no such batches", status=404),
        ReplyError("no JSON"),
        KeyError("state"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_concerns_all_tickets_of_the_request_and_ends_none(error: Exception) -> None:
    """What one request came to is met by each of its tickets; no state changes, all go on."""
    vendor = bulk_vendor(20)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor) as world:
        job = await submit(world, 20)
        await run_for(world, 60.0)

        def fail(tickets: Sequence[TicketRef]) -> list[Observation]:
            raise error

        vendor.answer_poll = fail
        await run_for(world, 6.0)
        shown = await job.refresh()
        assert len(vendor.asked) == 1
        assert ended(shown) == {BatchState.IN_PROGRESS: 20}
        assert shown.contact is Contact.STALE  # one request in vain is no silence yet
        vendor.answer_poll = None
        status = await job.wait()
    assert (status.outcome, status.contact) == (Outcome.SUCCEEDED, Contact.OK)


@pytest.mark.parametrize("error", [NotFoundError("no such batch"), KeyError("state"), None])
async def test_a_ticket_that_spoils_every_request_it_is_in_is_soon_asked_about_alone(
    error: Exception | None,
) -> None:
    """One ticket for which a vendor or an adapter fails keeps no other from its end."""
    vendor = bulk_vendor(40)
    async with scripted_world(vendor) as world:

        def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
            if not any(ticket.vendor_refs == ("ref-7",) for ticket in tickets):
                return [DONE] * len(tickets)
            if error is None:
                return [DONE] * (len(tickets) + 1)
            raise error

        vendor.answer_poll = answer
        job = await submit(world, 40)
        shown = await job.refresh()
        for _ in range(60):  # soon: as a busy machine takes it
            if ended(shown)[BatchState.COMPLETED] == 39:
                break
            await run_for(world, 10.0)
            shown = await job.refresh()
        assert ended(shown)[BatchState.COMPLETED] == 39
        assert shown.tickets[6].state is BatchState.QUEUED
        vendor.answer_poll = each(lambda _: DONE)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("answers", [[], [DONE], [DONE] * 21, None, 7, iter([DONE] * 20)])
async def test_a_wrong_number_of_answers_says_nothing_of_any_ticket(answers: object) -> None:
    """Whose answer is whose would be a guess: no ticket changes, and the adapter is named."""
    vendor = bulk_vendor(20)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor) as world:
        job = await submit(world, 20)
        await run_for(world, 60.0)
        vendor.answer_poll = lambda _: answers
        await run_for(world, 6.0)
        shown = await job.refresh()
        assert ended(shown) == {BatchState.IN_PROGRESS: 20}
        assert "scripted" in str(shown.contact_note)
        assert "20" in str(shown.contact_note)
        vendor.answer_poll = None
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    "odd",
    [
        7,
        Observation(words="Done"),  # type: ignore[arg-type]
        Observation(words=(), state=BatchState.PENDING),
        Observation(words=("Done",), succeeded="2"),  # type: ignore[arg-type]
        Observation(words=("Done",), vendor=[]),  # type: ignore[arg-type]
        Observation(words=("Done",), findings=(1,)),  # type: ignore[arg-type]
    ],
)
async def test_an_odd_answer_about_one_ticket_is_no_trouble_of_the_others(odd: Any) -> None:
    """The answers beside it are taken; the ticket itself is asked about again."""
    vendor = bulk_vendor(20)
    vendor.answer_poll = each(lambda ticket: odd if ticket.vendor_refs == ("ref-7",) else DONE)
    async with scripted_world(vendor) as world:
        job = await submit(world, 20)
        await run_for(world, 60.0)
        shown = await job.refresh()
        assert ended(shown)[BatchState.COMPLETED] == 19
        assert shown.tickets[6].state is BatchState.QUEUED
        vendor.answer_poll = None
        assert (await job.wait()).outcome is Outcome.SUCCEEDED


async def test_a_ticket_that_an_answer_calls_gone_is_lost_and_no_other() -> None:
    """`is_gone` is a 404 for one ticket; `None` says nothing of one, and it goes on."""
    words = {"ref-3": GONE, "ref-4": None}
    vendor = bulk_vendor(10, visibility_grace_s=20.0)
    vendor.answer_poll = each(lambda ticket: words.get(ticket.vendor_refs[0], RUNNING))
    async with scripted_world(vendor) as world:
        job = await submit(world, 10)
        await run_for(world, 15.0)
        assert (await job.refresh()).tickets[2].state is BatchState.QUEUED
        await run_for(world, 120.0)
        shown = await job.refresh()
        assert shown.tickets[2].state is BatchState.LOST
        assert shown.tickets[3].state is BatchState.QUEUED
        assert ended(shown)[BatchState.IN_PROGRESS] == 8
        vendor.answer_poll = None
        status = await job.wait()
    assert (status.counts.succeeded, status.counts.unknown) == (9, 1)


async def test_one_ticket_alone_may_answer_404_as_ever() -> None:
    """A 404 for a request about one ticket is about that one."""
    vendor = bulk_vendor(1, visibility_grace_s=5.0)

    def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        raise NotFoundError("gone")

    vendor.answer_poll = answer
    async with scripted_world(vendor) as world:
        job = await submit(world, 1)
        status = await job.wait()
    assert status.state is BatchState.LOST


async def test_cancelled_tickets_are_cancelled_one_by_one_and_asked_about_together() -> None:
    """Each cancel is a request of its own; what came of them is one question."""
    vendor = bulk_vendor(50)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor) as world:
        job = await submit(world, 50)
        await run_for(world, 60.0)
        await job.cancel()
        vendor.answer_poll = None
        await run_for(world, 1.0)
        status = await job.wait()
    assert len({ticket.vendor_refs for ticket in vendor.cancelled}) == len(vendor.cancelled) == 50
    assert len(vendor.asked) < 50 / 2
    assert sum(map(len, vendor.asked)) == 50
    assert status.counts.succeeded == 50


async def test_a_cancel_that_comes_while_many_are_asked_about_reaches_each_ticket() -> None:
    """The answer under way is not lost, and every ticket is cancelled after it."""
    vendor = bulk_vendor(20)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor) as world:
        job = await submit(world, 20)
        await run_for(world, 60.0)

        def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
            cancelling.append(asyncio.ensure_future(job.cancel()))
            vendor.answer_poll = each(lambda _: RUNNING)
            return [RUNNING] * len(tickets)

        cancelling: list[asyncio.Future[Any]] = []
        vendor.answer_poll = answer
        await run_for(world, 6.0)
        await asyncio.gather(*cancelling)
        assert len(vendor.cancelled) == 20
        vendor.answer_poll = None
        assert (await job.wait()).counts.succeeded == 20


async def test_finished_tickets_are_asked_about_together_again_before_their_results(
    tmp_path: Path,
) -> None:
    """The next process polls once more, by one request, and fetches the results of each."""
    vendor = bulk_vendor(20)
    vendor.reports.extend(ResultsMissingError("not there yet") for _ in range(20))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await submit(world, 20)
        while vendor.reports:
            await world.clock.sleep(0.1)
    vendor.asked.clear()
    vendor.default_report = lambda items: Report(items=[], rest=ItemState.SUCCEEDED)
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        await world.hub.resume()
        status = (await world.hub.job(job.id)).status
    assert status.outcome is Outcome.SUCCEEDED
    assert len([tickets for tickets in vendor.asked if len(tickets) > 1]) <= 5
    assert sum(map(len, vendor.asked)) == 20


async def test_figures_of_an_answer_about_many_are_seen_by_other_processes(tmp_path: Path) -> None:
    """Progress that came with one answer is saved for each ticket, as ever."""
    vendor = bulk_vendor(10)
    vendor.answer_poll = each(lambda _: Observation(words=("Running",), progress=0.5))
    async with scripted_world(vendor, tmp_path / "jobs.db") as world:
        job = await submit(world, 10)
        await run_for(world, 60.0)
    async with scripted_world(Vendor(), tmp_path / "jobs.db") as reader:
        shown = (await reader.hub.job(job.id)).status
    assert {ticket.progress for ticket in shown.tickets} == {0.5}


async def test_an_adapter_that_answers_one_by_one_is_asked_so() -> None:
    """Where only `poll_one` is written, many at once would be one after the other."""
    vendor = bulk_vendor(20)
    vendor.answer_poll = each(lambda _: RUNNING)
    async with scripted_world(vendor, account=SingleAccount) as world:
        job = await submit(world, 20)
        await run_for(world, 30.0)
        assert {len(tickets) for tickets in vendor.asked} == {1}
        vendor.answer_poll = None
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
