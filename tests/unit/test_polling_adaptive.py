"""The rule that learns: what it does with any answer, and that it learns what is to be learned."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchhub.errors import SettingsError
from batchhub.polling import Adaptive, Fixed, Lessons, Poll, PollRule

ANY = st.floats() | st.none() | st.integers(-10, 10**400)
Count = Callable[[float], float]


def make_poll(**others: Any) -> Poll:
    """Make what a rule sees of a ticket that was just sent."""
    given: dict[str, Any] = {"adapter": "acme", "account": "shop", "operation": "batch"}
    given |= {"items": 500, "usual_s": 5.0, "least_s": 0.0}
    return Poll(**given | others)


def answer(poll: Poll, age_s: float, done: float | None = None, total: float | None = None) -> None:
    """Bring a poll up to date."""
    poll.last_age_s, poll.age_s = poll.age_s, age_s
    poll.polls += 1
    poll.done, poll.total = done, total


def follow(
    rule: PollRule, ends_s: float, count: Count | None = None, total: float = 500.0, **others: Any
) -> tuple[int, float]:
    """Ask about a ticket until its end is seen; return the polls and the lag in seconds."""
    poll = make_poll(**others)
    while poll.age_s < ends_s:
        age_s = poll.age_s + rule.next_delay_s(poll)
        answer(poll, age_s, count and count(age_s), count and total)
    if isinstance(rule, Adaptive):
        rule.ended(poll)
    return poll.polls, poll.age_s - ends_s


def items(rng: random.Random) -> tuple[float, Count]:
    """Return when 500 items of one rate have ended, after a queue, and their count."""
    rate = rng.lognormvariate(math.log(10), 0.5)
    gaps = [rng.expovariate(1 / 5.0), *(rng.expovariate(rate) for _ in range(500))]
    ends = list(accumulate(gaps))[1:]
    return ends[-1], lambda age_s: float(sum(1 for end in ends if end <= age_s))


def means(found: Iterable[tuple[int, float]]) -> tuple[float, float]:
    """Return the mean polls and the mean lag."""
    polls, lags = zip(*found, strict=True)
    return sum(polls) / len(polls), sum(lags) / len(lags)


# Whatever is answered.


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(ANY, ANY, ANY, ANY), max_size=30),
    st.floats() | st.none(),
    st.floats(),
    st.integers(-5, 10**30),
)
def test_any_answers_give_a_delay(
    answers: list[tuple[Any, Any, Any, Any]], budget: float | None, least_s: float, size: int
) -> None:
    """Counts backwards, beyond their total, NaN, ages that jump: a delay within sane bounds."""
    lessons = Lessons()
    rule = Adaptive(lessons, budget_per_s=budget)
    for ticket in range(3):
        poll = make_poll(items=size, least_s=least_s)
        for age_s, last_age_s, done, total in answers:
            poll.age_s = 0.0 if age_s is None else age_s
            poll.last_age_s = 0.0 if last_age_s is None else last_age_s
            poll.polls, poll.done, poll.total = poll.polls + 1, done, total
            assert 0.1 <= rule.next_delay_s(poll) <= 86400
        (rule.ended if ticket % 2 else rule.left)(poll)
    lessons.load(lessons.dump())
    assert 0.1 <= rule.next_delay_s(make_poll()) <= 86400


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_answers_make_a_hot_loop(data: st.DataObject) -> None:
    """Whatever a vendor counts in an hour, a ticket is not asked about all the time."""
    total = data.draw(st.sampled_from([1.0, 8.0, 100.0, 500.0, 1e7]))
    share = st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0, 1.2])
    done = data.draw(st.lists(share, min_size=1, max_size=40))
    rule, poll = Adaptive(), make_poll()
    while poll.age_s < 3600 and poll.polls < 2000:
        answer(
            poll, poll.age_s + rule.next_delay_s(poll), total * done[poll.polls % len(done)], total
        )

    assert poll.polls < 1500


def test_a_clock_that_stands_still_is_no_hot_loop() -> None:
    """A ticket that never gets older is asked about at the least interval of the rule at most."""
    rule, poll, waited_s = Adaptive(), make_poll(), 0.0
    for done in range(100):
        waited_s += rule.next_delay_s(poll)
        answer(poll, 0.0, float(done), 500.0)

    assert waited_s > 9.9


def test_a_clock_that_jumps_by_a_day_teaches_no_pace() -> None:
    """After the jump, the end is still seen in time."""
    rule, poll = Adaptive(), make_poll()
    rng = random.Random(4)
    for _ in range(20):
        follow(rule, *items(rng))
    rule.next_delay_s(poll)
    for age_s in (10.0, 20.0, 86430.0):
        answer(poll, age_s, 10 * (age_s % 86400 + 1), 500.0)
        delay_s = rule.next_delay_s(poll)

    assert delay_s < 60


def test_a_clock_that_goes_back_is_no_hot_loop() -> None:
    """A ticket that is said to be younger than its progress is asked about less and less."""
    rule, poll = Adaptive(), make_poll()
    for age_s, done in ((99.0, 400.0), (100.0, 498.0)):
        answer(poll, age_s, done, 500.0)
        rule.next_delay_s(poll)
    for n in range(100):
        answer(poll, 2.0 + n / 2, 498.0, 500.0)
        delay_s = rule.next_delay_s(poll)

    assert delay_s > 1


def test_what_is_nearly_done_and_stays_so_is_asked_about_less_and_less() -> None:
    """Also where a step is more than what is left."""
    rule, poll = Adaptive(), make_poll()
    for done in (1e-82, *[0.99999] * 1000):
        answer(poll, poll.age_s + rule.next_delay_s(poll), done, 1.0)

    assert rule.next_delay_s(poll) > 10


# What is learned.


def test_it_asks_when_batches_end() -> None:
    """Of a vendor whose batches take a minute, nothing is asked for most of it."""
    rule, rng = Adaptive(), random.Random(1)
    found = [follow(rule, rng.gauss(60, 3)) for _ in range(200)]
    polls, lag_s = means(found[100:])

    assert polls < 12
    assert lag_s < 1.0
    assert rule.next_delay_s(make_poll()) > 15


def test_it_relearns() -> None:
    """A vendor that becomes four times as slow is asked much later, some time after."""
    rule, rng = Adaptive(), random.Random(2)
    for _ in range(300):
        follow(rule, rng.gauss(60, 3))
    before_s = rule.next_delay_s(make_poll())
    for _ in range(1500):
        follow(rule, rng.gauss(240, 12))

    assert rule.next_delay_s(make_poll()) > 1.5 * before_s


def test_progress_saves_polls() -> None:
    """At the lag of a fixed interval, it takes less than a third of its polls."""
    rng = random.Random(3)
    works = [items(rng) for _ in range(250)]
    rule = Adaptive(least_price_s=3.5)
    polls, lag_s = means([follow(rule, *work) for work in works][80:])
    fixed_polls, fixed_lag_s = means([follow(Fixed(5), *work) for work in works][80:])

    assert lag_s < 1.1 * fixed_lag_s
    assert polls < fixed_polls / 3


def test_a_stall_teaches_no_pace() -> None:
    """After a minute without progress, what is left is forecast by the pace from before."""
    rule, rng = Adaptive(), random.Random(5)
    for _ in range(50):
        follow(rule, *items(rng))
    polls, lag_s = follow(rule, 110.0, lambda t: min(10 * t, 200) + max(0.0, 10 * (t - 80)))

    assert lag_s < 5
    assert polls < 40


def test_steps_are_no_stall() -> None:
    """Where tenths are reported, a tenth that has not come yet is no stall; the end is foreseen."""
    rule, rng = Adaptive(), random.Random(6)

    def work() -> tuple[int, float]:
        ends_s = rng.lognormvariate(math.log(600), 0.7)
        return follow(rule, ends_s, lambda t: t / ends_s * 100 // 10 * 10, 100.0)

    polls, lag_s = means([work() for _ in range(300)][100:])

    assert lag_s < 3
    assert polls < 30


def test_an_end_after_the_last_item_is_learned() -> None:
    """Where results are written after the last item, that time is learned too."""
    rule = Adaptive()
    work: tuple[float, Count] = (90.0, lambda t: min(500.0, 10 * t))
    found = [follow(rule, *work) for _ in range(100)]

    assert means(found[50:])[0] < means(found[:5])[0]
    assert means(found[50:])[1] < 2


def test_a_rate_from_a_queue_is_not_believed() -> None:
    """A first item after a long queue forecasts hours; no delay is longer than the age."""
    rule, poll = Adaptive(), make_poll()
    rule.next_delay_s(poll)
    answer(poll, 50.0, 1.0, 500.0)

    assert rule.next_delay_s(poll) <= 50


def test_a_ticket_taken_up_late_teaches_no_duration() -> None:
    """When it ended is not known, if it was under way before this process and is gone at once."""
    lessons = Lessons()
    rule, poll = Adaptive(lessons), make_poll(age_s=1000.0, last_age_s=1000.0)
    rule.next_delay_s(poll)
    answer(poll, 1010.0)
    rule.ended(poll)

    assert lessons.changed() == []


def test_a_ticket_in_a_row_teaches_a_duration() -> None:
    """One that this process has sent, and whose vendor may have been at it for a while."""
    lessons = Lessons()
    rule, poll = Adaptive(lessons), make_poll(age_s=5.0)
    rule.next_delay_s(poll)
    poll.age_s, poll.polls = 9.0, 1
    rule.ended(poll)

    assert len(lessons.changed()) == 1


def test_the_least_interval_is_planned_with() -> None:
    """Where a vendor allows a poll a second, no shorter delay is asked for."""
    rule, rng = Adaptive(), random.Random(7)
    for _ in range(50):
        follow(rule, *items(rng), least_s=1.0)
    poll = make_poll(least_s=1.0)
    for done in range(500):
        assert rule.next_delay_s(poll) >= 1.0
        answer(poll, 1 + done / 10, float(done), 500.0)


# The price.


def asked_per_s(rule: Adaptive, polls: list[Poll], rounds: int = 30) -> float:
    """Return how many polls a second the tickets want in the end."""
    rate = 0.0
    for _ in range(rounds):
        rate = sum(1 / rule.next_delay_s(poll) for poll in polls)
    return rate


def test_many_tickets_share_the_budget() -> None:
    """What they want together settles a little below the budget, at once."""
    rule = Adaptive(budget_per_s=10.0)
    polls = [make_poll(age_s=10.0 + n) for n in range(500)]

    assert asked_per_s(rule, polls, rounds=3) == pytest.approx(9.2, rel=0.05)
    assert asked_per_s(rule, polls) == pytest.approx(9.2, rel=0.05)

    rule.budget_per_s = 2.0
    assert asked_per_s(rule, polls) == pytest.approx(1.84, rel=0.05)


def test_the_budget_leaves_room_for_what_comes_and_goes() -> None:
    """Where tickets live for 20 s, as many are sent a second as a twentieth of those in flight."""
    rule = Adaptive(budget_per_s=10.0)
    polls = [make_poll(age_s=0.1 * n) for n in range(100)]
    for poll in polls:
        rule.next_delay_s(poll)
    for _ in range(600):
        poll = make_poll()
        rule.next_delay_s(poll)
        answer(poll, 20.0)
        rule.ended(poll)

    assert asked_per_s(rule, polls) == pytest.approx(9.2 - 5, rel=0.05)


def test_a_few_tickets_need_no_budget() -> None:
    """Below the budget, the least price holds."""
    found = [
        asked_per_s(Adaptive(budget_per_s=budget), [make_poll(age_s=9.0)]) for budget in (None, 99)
    ]

    assert found[0] == found[1]


@given(st.lists(st.integers(0, 9), max_size=300))
def test_nothing_is_left_of_tickets_that_are_gone(picks: list[int]) -> None:
    """However tickets come and go, one that is alone again is asked about as if it always was."""
    rule, polls = Adaptive(budget_per_s=0.05), {n: make_poll(age_s=3.0 + n) for n in range(10)}
    for pick in picks:
        poll = polls[pick]
        if poll.memory is not None and poll.polls % 3 == 2:
            rule.left(poll)
        rule.next_delay_s(poll)
        poll.age_s += 1.0
        poll.polls += 1
    for poll in polls.values():
        rule.left(poll)
        rule.left(poll)

    alone = Adaptive(budget_per_s=0.05)
    assert rule.next_delay_s(make_poll(age_s=5.0)) == alone.next_delay_s(make_poll(age_s=5.0))


def test_a_lane_makes_its_own() -> None:
    """It has what was learned and its budget, and the least price that a user chose."""
    chosen, lessons = Adaptive(least_price_s=2.0), Lessons()
    rule = chosen.for_lane(lessons, 5.0)

    assert rule.budget_per_s == 5.0
    assert rule.next_delay_s(make_poll(age_s=9.0)) == chosen.next_delay_s(make_poll(age_s=9.0))
    assert rule.next_delay_s(make_poll(age_s=9.0)) > Adaptive().next_delay_s(make_poll(age_s=9.0))


@pytest.mark.parametrize("price_s", [0, -1.0, math.nan, math.inf, True, "2", None])
def test_a_price_that_is_none_is_refused(price_s: Any) -> None:
    """Else it would show only in the engine: a rule that fails, or asks all the time."""
    with pytest.raises(SettingsError, match="least_price_s must be above 0"):
        Adaptive(least_price_s=price_s)
