"""A rule says when a ticket is asked about; the vendor's bounds hold whatever it says."""

from __future__ import annotations

import asyncio
import gc
import math
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from attrs import evolve, fields
from support.hubs import World, numbered, scripted_world
from support.vendor import SingleAccount, Vendor, capable

from batchhub import BatchHub, BatchState
from batchhub._engine.lane import Lane
from batchhub.adapter import Capabilities, Observation
from batchhub.errors import BusyError, NoAnswerError, NotFoundError, RateLimitedError, ServerError
from batchhub.hub import BatchJob
from batchhub.polling import Fixed, Poll
from batchhub.testing import FakeClock, capture_events

RUNNING = Observation(words=("Running",))
DONE = Observation(words=("Done",))
FAR = 1e9


class Notes:
    """A rule that asks every so many seconds and writes down what it is asked and told."""

    def __init__(self, every_s: float = 10.0) -> None:
        self.every_s = every_s
        self.asked: list[tuple[int, float, float, float | None, float | None]] = []
        self.ends: list[tuple[float, float]] = []
        self.lefts = 0

    def next_delay_s(self, poll: Poll) -> float:
        """Take down what is to be seen of the ticket."""
        age_s, last_s = round(poll.age_s, 3), round(poll.last_age_s, 3)
        self.asked.append((poll.polls, last_s, age_s, poll.done, poll.total))
        return self.every_s

    def ended(self, poll: Poll) -> None:
        """Take down when."""
        self.ends.append((round(poll.last_age_s, 3), round(poll.age_s, 3)))

    def left(self, poll: Poll) -> None:
        """Count."""
        del poll
        self.lefts += 1


class Returns:
    """A rule that returns, or does, whatever it was made with."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def next_delay_s(self, poll: Poll) -> float:
        """Return it, or what it returns."""
        found: float = self.found(poll) if callable(self.found) else self.found
        return found


def quiet(**changes: Any) -> Vendor:
    """Make a vendor with a ticket for each item, that never stalls and is never overdue."""
    usual: dict[str, Any] = {
        "poll_s": 20.0,
        "min_poll_s": 1.0,
        "stall_s": FAR,
        "deadline_s": lambda *_: FAR,
    }
    return Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=100, **usual | changes))


async def gaps_of(
    world: World, answers: Callable[[], Any], for_s: float, tickets: int = 1
) -> list[float]:
    """Submit a job and return the seconds between the requests that ask about it."""
    asked_s: list[float] = []

    def answer(_: object) -> list[Observation]:
        asked_s.append(world.clock.monotonic())
        found = answers()
        if isinstance(found, Exception):
            raise found
        return [found]

    world.vendor.answer_poll = answer
    await world.hub.submit("shop", numbered(tickets))
    await world.clock.sleep(for_s)
    return [later - earlier for earlier, later in pairwise(asked_s)]


async def test_a_rule_is_asked_when_the_vendor_has_a_ticket_and_after_each_answer() -> None:
    """It sees how old the ticket is, how old it was at the answer before, and how far it is."""
    rule = Notes()
    steps = [
        Observation(words=("Running",), succeeded=0, failed=0),
        Observation(words=("Running",), succeeded=1, failed=1),
        DONE,
    ]
    vendor = capable(quiet(), max_items=4)
    vendor.polls = deque(steps)
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(4))).wait()
    polls, lasts, ages, dones, totals = zip(*rule.asked, strict=True)
    assert polls == (0, 1, 2)
    assert ages[0] == lasts[0] == 0.0
    assert lasts[1:] == ages[:2]
    assert all(9.5 <= b - a <= 10.6 for a, b in pairwise(ages))
    assert (dones, totals) == ((None, 0.0, 2.0), (None, 4.0, 4.0))
    [(last_s, age_s)] = rule.ends
    assert last_s == ages[-1]
    assert 9.5 <= age_s - last_s <= 10.6
    assert rule.lefts == 0


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"progress": 0.25}, (25.0, 100.0)),
        ({"done": 2, "progress": 0.9}, (2.0, 4.0)),  # the ratio may be of anything
        ({}, (None, None)),
        ({"done": 5}, (None, None)),
        ({"done": -1}, (None, None)),
        ({"progress": 1.5}, (None, None)),
        ({"progress": math.nan}, (None, None)),
        ({"progress": -math.inf}, (None, None)),
    ],
)
async def test_a_rule_sees_progress_and_never_nonsense(
    said: dict[str, Any], seen: tuple[float | None, float | None]
) -> None:
    """Counts of the items sent, else a share of a hundred; what can't be is not reported."""
    rule = Notes()
    vendor = capable(quiet(), max_items=4)
    vendor.polls = deque([Observation(words=("Running",), **said), DONE])
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(4))).wait()
    assert rule.asked[-1][3:] == seen


async def test_progress_never_goes_back_for_a_rule() -> None:
    """What was done once stays done, whatever a later answer says."""
    rule = Notes()
    vendor = capable(quiet(), max_items=4)
    vendor.polls = deque([*(Observation(words=("Running",), done=n) for n in (3, 1, 9, 3)), DONE])
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(4))).wait()
    assert [done for *_, done, _ in rule.asked] == [None, 3.0, 3.0, 3.0, 3.0]


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


async def test_a_rule_that_writes_into_what_it_sees_keeps_no_ticket_from_its_end() -> None:
    """What the engine goes by is its own."""
    polls: list[int] = []
    seen = [field.name for field in fields(Poll) if field.name != "polls"]

    def scribble(poll: Poll) -> float:
        polls.append(poll.polls)
        for name in seen:
            setattr(poll, name, "nonsense")
        del poll.polls
        return 10.0

    vendor = quiet()
    vendor.polls = deque([evolve(RUNNING, progress=share) for share in (0.1, 0.5)] + [DONE])
    with capture_events() as events:
        async with scripted_world(vendor, polling=Returns(scribble)) as world:
            job = await world.hub.submit("shop", numbered(1))
            assert (await job.wait()).counts.succeeded == 1
    assert polls == [0, 1, 2]
    assert not events.find("rule.failed")
    assert not events.find("ticket.postponed")


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


async def wait_async(poll: Poll) -> float:
    """Wait as no rule may."""
    del poll
    await asyncio.sleep(0)
    return 1.0


class UnshowableError(Exception):
    """An error whose words can't be had."""

    def __str__(self) -> str:
        raise RuntimeError


def raises(error: BaseException) -> Callable[[Poll], float]:
    """Make a rule that raises."""

    def rule(poll: Poll) -> float:
        del poll
        raise error

    return rule


def is_wrong_sometimes() -> Callable[[Poll], float]:
    """Make a rule that is right at every other ticket's first poll only."""
    numbers = count()
    return lambda _: 0.0 if next(numbers) % 2 else 20.0


class Boastful(float):
    """A number that says it is between all others, such as those of other libraries may."""

    def __gt__(self, other: object) -> bool:
        return True

    __lt__ = __gt__


@pytest.mark.parametrize(
    ("found", "logged"),
    [
        (None, "None"),
        (True, "True"),
        (0, "0"),
        (0.0, "0.0"),
        (-3, "-3"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        ("5", "'5'"),
        ("x" * 10_000, "'xxx"),
        pytest.param(-(10**10_000), "int", id="huge"),
        (Decimal(5), "Decimal"),
        (timedelta(seconds=5), "timedelta"),
        (1j, "complex"),
        ([5.0], "list"),
        (wait_async, "a coroutine"),
        (raises(KeyError("secret words")), "KeyError: 'secret words'"),
        (raises(SystemExit(3)), "SystemExit: 3"),
        (raises(UnshowableError()), "UnshowableError"),
        (raises(asyncio.CancelledError()), "CancelledError"),
        (is_wrong_sometimes(), "0.0"),
        (Boastful("nan"), "Boastful"),
        (Boastful(-1), "Boastful"),
    ],
)
async def test_a_rule_that_is_wrong_leaves_the_usual_interval(found: Any, logged: str) -> None:
    """Whatever it raises or returns; the log names it once, with what it was."""
    with capture_events() as events:
        async with scripted_world(quiet(), polling=Returns(found)) as world:
            gaps = await gaps_of(world, lambda: RUNNING, 210.0)
            (job,) = await world.hub.jobs()
            assert (await job.refresh()).findings == ()
    assert all(19.0 <= gap <= 21.0 + 1e-6 for gap in gaps)
    assert len(gaps) >= 8
    [said] = events.find("rule.failed", rule="Returns.next_delay_s", account="shop")
    words = said.facts.get("returned") or said.facts["raised"]
    assert words.startswith(logged) or logged in words
    assert len(words) <= 200


@pytest.mark.parametrize("found", [7, 7.0, Fraction(7), 10**400])
async def test_any_number_of_seconds_will_do(found: Any) -> None:
    """Whole or not, and however many."""
    with capture_events() as events:
        async with scripted_world(quiet(), polling=Returns(found)) as world:
            gaps = await gaps_of(world, lambda: RUNNING, 2000.0)
    wanted_s = min(300.0, found)
    assert all(0.95 * wanted_s - 1e-6 <= gap <= 1.05 * wanted_s + 1e-6 for gap in gaps)
    assert "rule.failed" not in events.names


class Grumpy(Notes):
    """A rule that takes no news."""

    def ended(self, poll: Poll) -> None:
        """Refuse it."""
        super().ended(poll)
        raise ValueError("so what")

    def left(self, poll: Poll) -> Any:
        """Return what nobody awaits."""
        super().left(poll)
        return wait_async(poll)


async def test_a_rule_that_fails_when_it_is_told_of_an_end_keeps_no_job_from_it() -> None:
    """It is logged once for each method."""
    rule = Grumpy()
    with capture_events() as events:
        async with scripted_world(quiet(can_cancel=True), polling=rule) as world:
            status = await (await world.hub.submit("shop", numbered(3))).wait()
            world.vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
            job = await world.hub.submit("shop", numbered(3))
            await world.clock.sleep(30.0)
            await job.cancel()
            world.vendor.answer_poll = None
            await job.wait()
    assert status.counts.succeeded == 3
    assert (len(rule.ends), rule.lefts) == (3, 3)
    said = [event.facts["rule"] for event in events.find("rule.failed")]
    assert sorted(said) == ["Grumpy.ended", "Grumpy.left"]


async def lose_it(world: World) -> None:
    """Have the vendor forget the ticket."""
    error = NotFoundError("no such batch", status=404)

    def fail(_: object) -> None:
        raise error

    world.vendor.answer_poll = fail
    await world.clock.sleep(1000.0)


async def cancel_it(world: World) -> None:
    """Cancel the job, whose ticket the vendor ends then."""
    (job,) = await world.hub.jobs()
    await job.cancel()
    world.vendor.answer_poll = None
    await job.wait()


async def close_it(world: World) -> None:
    """Close the hub while the ticket is open."""
    await world.hub.aclose()


@pytest.mark.parametrize("leave", [lose_it, cancel_it, close_it])
async def test_a_rule_is_told_once_of_a_ticket_that_leaves_without_an_end(leave: Any) -> None:
    """Lost, cancelled by the user, or left to another process: nothing is to be learned of it."""
    rule = Notes()
    vendor = quiet(can_cancel=True, visibility_grace_s=0.0)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, polling=rule) as world:
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(30.0)
        assert rule.lefts == 0
        await leave(world)
        assert rule.lefts == 1
    assert (rule.lefts, rule.ends) == (1, [])


async def test_what_a_rule_remembers_of_a_ticket_is_there_at_its_next_call() -> None:
    """Each ticket's own, also if the rule fails after it has noted something."""
    seen: dict[int, list[Any]] = {}

    def look(poll: Poll) -> float:
        before = poll.memory
        poll.memory = (poll.items, poll.polls)
        seen.setdefault(poll.items, []).append(before)
        raise ValueError

    vendor = capable(quiet(), max_items=2)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    async with scripted_world(vendor, polling=Returns(look)) as world:
        await world.hub.submit("shop", numbered(3))
        await world.clock.sleep(50.0)
    assert seen[2][:3] == [None, (2, 0), (2, 1)]
    assert seen[1][:3] == [None, (1, 0), (1, 1)]


async def test_nothing_is_kept_of_tickets_that_have_ended() -> None:
    """What a rule has seen of them is gone."""
    seen = WeakSet[Any]()

    def look(poll: Poll) -> float:
        poll.memory = poll.memory or Notes()
        seen.update((poll, poll.memory))
        return 10.0

    async with scripted_world(quiet(), polling=Returns(look)) as world:
        for _ in range(5):
            jobs = [await world.hub.submit("shop", numbered(4)) for _ in range(5)]
            for job in jobs:
                await job.wait()
        gc.collect()
        assert len(seen) == 0


async def test_an_end_is_told_with_the_ages_between_which_it_was() -> None:
    """An answer that says nothing of the ticket shows not that it still ran."""
    rule = Notes()
    vendor = quiet()
    answers = iter([RUNNING, None, None, DONE])
    vendor.answer_poll = lambda _: [next(answers)]
    async with scripted_world(vendor, polling=rule) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()
    [(last_s, age_s)] = rule.ends
    assert 9.5 <= last_s <= 10.5
    assert 38.0 <= age_s <= 42.0
    assert [polls for polls, *_ in rule.asked] == [0, 1, 2, 3]


async def test_an_end_is_told_once_though_its_results_are_late() -> None:
    """They are asked for soon after the end, then less and less often; no rule is asked."""
    rule = Notes()
    vendor = quiet(poll_s=20.0)
    fetched_s: list[float] = []
    late = ServerError("not yet", status=404)
    async with scripted_world(vendor, polling=rule) as world:

        def report(items: Any) -> Any:
            fetched_s.append(world.clock.monotonic())
            if len(fetched_s) < 5:
                raise late
            return vendor_report(items)

        vendor_report = vendor.default_report
        vendor.default_report = report
        await (await world.hub.submit("shop", numbered(1))).wait()
    gaps = [b - a for a, b in pairwise(fetched_s)]
    assert len(rule.ends) == len(rule.asked) == 1
    assert [round(gap) for gap in gaps] == [2, 4, 8, 16]


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


async def test_lanes_of_a_hub_have_rules_of_their_own(tmp_path: Path) -> None:
    """An account's own rule, else the hub's."""
    own, common = Notes(7.0), Notes(3.0)
    accounts = {
        "shop": SingleAccount(name="one", vendor=quiet(), polling=own),
        "other": SingleAccount(name="two", vendor=quiet()),
    }
    clock, store = FakeClock(), tmp_path / "jobs.db"
    async with clock.running(), BatchHub(store, accounts, clock=clock, polling=common) as hub:
        for account in accounts:
            await (await hub.submit(account, numbered(1))).wait()
    assert len(own.asked) == len(common.asked) == 1
    assert 6.6 < own.ends[0][1] < 7.4
    assert 2.8 < common.ends[0][1] < 3.2


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
