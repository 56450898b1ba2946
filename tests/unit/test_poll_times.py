"""A rule says when a ticket is asked about; the vendor's bounds hold whatever it says."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from support.hubs import numbered, scripted_world
from support.rules import RUNNING, Notes, Returns, gaps_of, quiet
from support.vendor import Vendor, capable

from batchhub import BatchState
from batchhub._engine.lane import Lane
from batchhub.adapter import Observation
from batchhub.errors import BusyError, NoAnswerError, RateLimitedError, ServerError
from batchhub.hub import BatchJob
from batchhub.polling import Fixed, Poll
from batchhub.testing import FakeClock


@pytest.mark.parametrize("every_s", [1e-9, 0.5, 1.0])
async def test_a_rule_asks_no_sooner_than_the_vendor_allows(every_s: float) -> None:
    """The random part of a delay doesn't undercut it either."""
    async with scripted_world(quiet(min_poll_s=1.0), polling=Fixed(every_s)) as world:
        gaps = await gaps_of(world, lambda: RUNNING, 60.0)
    assert len(gaps) > 50
    assert min(gaps) >= 1.0 - 1e-9


async def test_no_rule_makes_a_hot_loop_where_the_vendor_names_no_interval() -> None:
    """Ten requests a second for a ticket are the most, whatever the adapter and a rule say."""
    async with scripted_world(quiet(min_poll_s=0.0), polling=Fixed(1e-9)) as world:
        gaps = await gaps_of(world, lambda: RUNNING, 10.0)
    assert 90 <= len(gaps) <= 106


async def test_a_rule_asks_at_least_every_half_hour() -> None:
    """However long it would wait; and not all tickets at once for ever."""
    async with scripted_world(quiet(), polling=Fixed(1e300)) as world:
        gaps = await gaps_of(world, lambda: RUNNING, 6 * 3600.0)
    assert len(gaps) >= 11
    assert max(gaps) <= 1800.0 + 1e-6
    assert min(gaps) < 1799.0


@pytest.mark.parametrize(
    ("code", "settings", "by_s"),
    [
        ("overdue", {"deadline_s": lambda *_: 1000.0}, 1400.0),
        ("stalled", {"stall_s": 1000.0}, 1800.0 + 1400.0),  # without any since the first answer
    ],
)
async def test_a_rule_that_asks_rarely_hides_no_trouble_for_long(
    code: str, settings: dict[str, Any], by_s: float
) -> None:
    """A look falls to the moment at which there may be something to say."""
    vendor = capable(Vendor(), **{"stall_s": 1e6, "deadline_s": lambda *_: 1e6, **settings})
    async with scripted_world(vendor, polling=Fixed(1700.0)) as world:
        vendor.polls = deque([RUNNING] * 100)
        job = await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(900.0)
        assert not (await job.refresh()).findings
        while not (found := (await job.refresh()).findings):
            await world.clock.sleep(10.0)
        took_s = world.clock.monotonic()
    assert [finding.code for finding in found] == [code]
    assert took_s <= by_s


async def test_trouble_stretches_no_delay_beyond_five_minutes() -> None:
    """A longer one is left as it is."""
    for every_s, most_s in [(50.0, 300.0), (600.0, 630.0)]:
        async with scripted_world(quiet(), polling=Fixed(every_s)) as world:
            gaps = await gaps_of(world, lambda: NoAnswerError("no answer"), 8 * most_s)
        assert len(gaps) >= 7
        assert 0.9 * most_s <= max(gaps) <= most_s + 1e-6


async def test_delays_vary_by_a_twentieth() -> None:
    """Tickets that were sent together are not asked about together for ever."""
    async with scripted_world(quiet(), polling=Fixed(10.0)) as world:
        gaps = await gaps_of(world, lambda: RUNNING, 1000.0)
    assert 9.5 <= min(gaps) < 9.8
    assert 10.2 < max(gaps) <= 10.5 + 1e-6


async def test_a_poll_that_fails_doubles_the_last_delay_each_time() -> None:
    """After an answer the rule's own delay is back."""
    fails = NoAnswerError("no answer")
    answers = iter([RUNNING, fails, fails, fails, RUNNING, RUNNING, RUNNING])
    rule = Notes(4.0)
    async with scripted_world(quiet(), polling=rule) as world:
        gaps = await gaps_of(world, lambda: next(answers, RUNNING), 100.0)
    assert [round(gap / 4.0) for gap in gaps[:6]] == [1, 2, 4, 8, 1, 1]
    assert rule.asked[1][0] == 1
    assert rule.asked[2][0] == 2  # not asked after a poll without an answer


@pytest.mark.parametrize("error", [RateLimitedError, BusyError, ServerError])
async def test_a_vendors_own_delay_binds_a_rule(error: type[ServerError]) -> None:
    """What it asked for is kept, whatever the rule says."""
    answers = iter([error("later", status=503, retry_after_s=90.0)])
    async with scripted_world(quiet(), polling=Fixed(1.0)) as world:
        gaps = await gaps_of(world, lambda: next(answers, RUNNING), 120.0)
    assert gaps[0] >= 90.0
    assert max(gaps[1:]) < 1.1


@pytest.mark.parametrize(
    ("asked_for", "waits_s"),
    [(math.inf, 86_400.0), (1e9, 86_400.0), ("soon", 40.0), (math.nan, 40.0), (-5.0, 40.0)],
)
async def test_a_delay_nobody_means_is_bounded(asked_for: Any, waits_s: float) -> None:
    """A day at most, whatever an adapter has read in an answer; and what is no time is none."""
    answers = iter([ServerError("later", status=503, retry_after_s=asked_for)])
    async with scripted_world(quiet(), polling=Fixed(20.0)) as world:
        gaps = await gaps_of(world, lambda: next(answers, RUNNING), 1.1 * waits_s + 60.0)
        (job,) = await world.hub.jobs()
        assert (await job.refresh()).state is BatchState.IN_PROGRESS
    assert 0.95 * waits_s - 1e-6 <= gaps[0] <= 1.05 * waits_s


async def test_a_ticket_that_has_stalled_is_asked_about_six_times_less_often() -> None:
    """At the rule's delay, or the usual one if that is longer."""
    async with scripted_world(quiet(stall_s=100.0, poll_s=5.0), polling=Fixed(10.0)) as world:
        gaps = await gaps_of(world, lambda: RUNNING, 1000.0)
    assert max(gaps[:8]) < 10.6
    assert min(gaps[-8:]) > 57.0
    async with scripted_world(quiet(stall_s=100.0, poll_s=20.0), polling=Fixed(10.0)) as world:
        gaps = await gaps_of(world, lambda: RUNNING, 1000.0)
    assert min(gaps[-4:]) > 114.0


async def test_a_new_process_asks_about_tickets_at_random_within_their_interval(
    tmp_path: Path,
) -> None:
    """As long as the rule would wait at their age, and no longer than is usual."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = quiet(poll_s=20.0)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, store, clock, polling=Fixed(300.0)) as world:
        await world.hub.submit("shop", numbered(40))
        await clock.sleep(100.0)
    asked_s: list[float] = []

    def answer(tickets: Any) -> Any:
        asked_s.extend([clock.monotonic()] * len(tickets))
        return [RUNNING] * len(tickets)

    vendor.answer_poll = answer
    for every_s, most_s in ((4.0, 4.0), (100.0, 20.0)):
        rule = Notes(every_s)
        asked_s.clear()
        async with scripted_world(vendor, store, clock, polling=rule) as world:
            began_s = clock.monotonic()
            resuming = asyncio.create_task(world.hub.resume())
            while len(asked_s) < 40:
                await clock.sleep(0.5)
            resuming.cancel()
        waited = sorted(at_s - began_s for at_s in asked_s)
        assert waited[10] < 0.5 * most_s
        assert 0.6 * most_s < waited[39] <= most_s + 0.5
        polls, _, age_s, *_ = rule.asked[0]
        assert polls == 0
        assert age_s >= 99.0


async def test_a_ticket_rides_along_up_to_a_fifth_of_its_own_delay_early() -> None:
    """However different the delays of tickets are."""
    asked_s: dict[str, list[float]] = {}
    delays = {1: 100.0, 2: 10.0}
    vendor = capable(quiet(max_polled_at_once=100), max_items=2)

    def by_size(poll: Poll) -> float:
        return delays[poll.items]

    async with scripted_world(vendor, polling=Returns(by_size)) as world:

        def answer(tickets: Any) -> Any:
            for ticket in tickets:
                asked_s.setdefault(ticket.vendor_refs[0], []).append(world.clock.monotonic())
            return [RUNNING] * len(tickets)

        vendor.answer_poll = answer
        await world.hub.submit("shop", numbered(3))
        await world.clock.sleep(1000.0)
    rare, often = sorted(asked_s.values(), key=len)
    assert min(b - a for a, b in pairwise(rare)) >= 0.8 * 95.0 - 1e-6
    assert set(rare) <= set(often)  # it never takes a request of its own
    assert 8 <= len(rare) <= 14


def nonsense() -> Iterator[Any]:
    """Yield, by name, what vendors say of progress that nobody can believe."""
    numbers = count()
    yield pytest.param(lambda: {"progress": math.nan}, id="nan")
    yield pytest.param(lambda: {"progress": 7.0}, id="beyond")
    yield pytest.param(lambda: {"progress": 1.0}, id="complete for ever")
    yield pytest.param(lambda: {"progress": max(0.0, 0.9 - next(numbers) / 100)}, id="back")
    yield pytest.param(lambda: {"progress": next(numbers) % 2 / 1.01}, id="to and fro")
    yield pytest.param(lambda: {"progress": 1 - 2.0 ** -next(numbers)}, id="ever slower")
    yield pytest.param(lambda: {"progress": 1e-300 * next(numbers)}, id="hardly")
    yield pytest.param(lambda: {"progress": 0.999999999}, id="nearly")
    yield pytest.param(lambda: {"done": 2 + next(numbers)}, id="beyond the total")
    yield pytest.param(lambda: {"done": -5}, id="below zero")
    yield pytest.param(lambda: {"done": 3}, id="all but one for ever")
    yield pytest.param(lambda: [{"done": 1}, {"progress": 0.5}][next(numbers) % 2], id="totals")
    yield pytest.param(lambda: [{}, {"progress": 0.9}][next(numbers) % 2], id="at times")
    yield pytest.param(lambda: {"age_s": 1e6}, id="an old answer")


@pytest.mark.parametrize("says", [*nonsense()])
async def test_no_nonsense_of_a_vendors_makes_a_hot_loop(says: Any) -> None:
    """Whatever it says of progress, a ticket is asked about a few hundred times an hour at most."""
    vendor = capable(quiet(min_poll_s=0.0), max_items=4)
    polls = 0

    def answer(_: object) -> list[Observation]:
        nonlocal polls
        polls += 1
        return [Observation(words=("Running",), **says())]

    vendor.answer_poll = answer
    async with scripted_world(vendor) as world:
        job: BatchJob = await world.hub.submit("shop", numbered(4))
        await world.clock.sleep(3600.0)
        assert (await job.refresh()).state is BatchState.IN_PROGRESS
    assert polls < 600


async def test_polls_that_bring_only_figures_take_no_round_of_their_lane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They begin when their time comes, and their end is no reason for a round either."""
    rounds, sync = 0, Lane._sync

    async def count_rounds(lane: Lane) -> None:
        nonlocal rounds
        rounds += 1
        await sync(lane)

    monkeypatch.setattr(Lane, "_sync", count_rounds)
    figures = count()
    async with scripted_world(quiet(), polling=Fixed(10.0)) as world:
        await gaps_of(world, lambda: RUNNING, 20.0, tickets=3)
        rounds, polls = 0, len(world.vendor.polled)
        world.vendor.answer_poll = lambda tickets: [
            Observation(words=("Running",), progress=next(figures) / 1000) for _ in tickets
        ]
        asked = world.vendor.asked
        asked.clear()
        await world.clock.sleep(500.0)
        assert len(world.vendor.polled) - polls > 3 * 45
        assert rounds <= 0.2 * len(asked)  # now and then: is the lane still this process's?
