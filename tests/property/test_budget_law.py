"""Law 7: no lane exceeds its budget, or sends anything during a cool-down."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from batchhub._http.pacer import Pacer
from batchhub.adapter import Budget

_ROUNDING_S = 1e-6

budgets = st.builds(
    Budget,
    requests=st.integers(1, 40),
    per_s=st.sampled_from([0.5, 1.0, 7.3, 60.0]),
    burst=st.integers(1, 40),
)
starts = st.floats(0, 1e6)
gaps = st.lists(st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 200)), max_size=120)
cool_downs = st.lists(st.tuples(st.floats(0, 300), st.floats(0, 120)), max_size=6)
lags = st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.5, 20.0]), min_size=1, max_size=9)


def _drive(
    pacer: Pacer,
    arrivals: Sequence[float],
    lags: Sequence[float],
    cool_downs: Sequence[tuple[float, float]] = (),
) -> list[float]:
    """
    Send first come, first served, as a lane does, and return when each request went.

    Args:
        pacer: What is tested.
        arrivals: When each request comes, in order.
        lags: By how much the process oversleeps, over and over.
        cool_downs: When each begins and ends, in the order of their beginnings.
    """
    oversleeps = itertools.cycle(lags)
    waiting = list(cool_downs)
    sent: list[float] = []
    now = arrivals[0] if arrivals else 0.0
    for arrival in arrivals:
        now = max(now, arrival)
        while True:
            while waiting and waiting[0][0] <= now:
                pacer.cool_down(waiting.pop(0)[1])
            due = pacer.take(now)
            if due <= now:
                break
            next_event = waiting[0][0] if waiting else due
            now = next_event if next_event < due else due + next(oversleeps)
        sent.append(now)
    return sent


def _arrivals(start: float, gaps: Sequence[float]) -> list[float]:
    return list(itertools.accumulate(gaps, initial=start))


def _assert_within(budget: Budget, sent: Sequence[float]) -> None:
    for first, one_too_many in zip(sent, sent[budget.requests :], strict=False):
        assert one_too_many - first >= budget.per_s - _ROUNDING_S


@given(budgets, starts, gaps, lags, cool_downs)
def test_law_7_no_window_holds_more_than_the_budget_whatever_comes(
    budget: Budget,
    start: float,
    gaps: list[float],
    lags: list[float],
    cool_downs: list[tuple[float, float]],
) -> None:
    """Any arrivals, any oversleeping, any cool-downs: no window holds more than the budget."""
    spans = sorted((start + begin, start + begin + length) for begin, length in cool_downs)

    sent = _drive(Pacer(budget, start), _arrivals(start, gaps), lags, spans)

    _assert_within(budget, sent)


@given(budgets, starts, gaps, lags, cool_downs)
def test_law_7_nothing_goes_inside_a_cool_down(
    budget: Budget,
    start: float,
    gaps: list[float],
    lags: list[float],
    cool_downs: list[tuple[float, float]],
) -> None:
    """What waits when a cool-down begins goes after its end."""
    spans = sorted((start + begin, start + begin + length) for begin, length in cool_downs)

    sent = _drive(Pacer(budget, start), _arrivals(start, gaps), lags, spans)

    for begin, end in spans:
        assert not [at for at in sent if begin <= at < end]


@given(budgets.filter(lambda b: b.requests > 1), starts, gaps, gaps)
def test_law_7_a_restarted_process_and_its_predecessor_stay_within_one_budget(
    budget: Budget, start: float, before: list[float], after: list[float]
) -> None:
    """A fresh pacer, begun at any moment, adds no burst to what went before."""
    first = _drive(Pacer(budget, start), _arrivals(start, before), [0.0])
    restart = first[-1]
    second = _drive(Pacer(budget, restart), _arrivals(restart, after), [0.0])

    _assert_within(budget, first + second)


@given(budgets, starts, st.integers(1, 200))
def test_no_request_waits_for_ever(budget: Budget, start: float, n: int) -> None:
    """A lane that always has something to send gets at least half of its budget."""
    sent = _drive(Pacer(budget, start), [start] * n, [0.0])

    half = max(1, budget.requests // 2)
    assert sent[-1] - sent[0] <= (n - 1) * budget.per_s / half + _ROUNDING_S


@given(budgets, starts)
def test_a_rested_lane_never_sends_more_than_its_burst_at_once(
    budget: Budget, start: float
) -> None:
    """However long a lane rests, only `burst` requests go together."""
    sent = _drive(Pacer(budget, start), [start + 10 * budget.per_s] * 60, [0.0])

    assert sum(at == sent[0] for at in sent) <= budget.burst
