"""The pace of one lane, told the time."""

from __future__ import annotations

import random

import pytest

from batchhub._base.backoff import backoff_s
from batchhub._http.pacer import Pacer
from batchhub.adapter import Budget
from batchhub.errors import AdapterError


def _send_times(pacer: Pacer, now_s: float, n: int) -> list[float]:
    """Send `n` requests as soon as they may go."""
    times: list[float] = []
    while len(times) < n:
        due_s = pacer.take(now_s)
        if due_s <= now_s:
            times.append(now_s)
        now_s = due_s
    return times


def test_fresh_pacer_lets_one_request_go_at_once_and_spreads_the_others() -> None:
    """A fresh pacer has no burst to give, since a predecessor may have spent it."""
    pacer = Pacer(Budget(requests=605, per_s=60.0, burst=5), 100.0)

    assert _send_times(pacer, 100.0, 4) == pytest.approx([100.0, 100.1, 100.2, 100.3])


def test_rested_pacer_lets_a_burst_go_at_once_and_no_more() -> None:
    """A lane that was idle may send `burst` requests at once; the rest is spread evenly."""
    pacer = Pacer(Budget(requests=605, per_s=60.0, burst=5), 0.0)

    times = _send_times(pacer, 1000.0, 7)

    assert times == pytest.approx([1000.0] * 5 + [1000.1, 1000.2])


def test_burst_is_never_more_than_half_of_the_requests() -> None:
    """A burst as large as the budget does not starve the steady rate."""
    pacer = Pacer(Budget(requests=10, per_s=10.0, burst=10), 0.0)

    times = _send_times(pacer, 100.0, 7)

    assert times == pytest.approx([100.0] * 5 + [102.0, 104.0])


def test_a_slot_that_is_asked_for_too_early_is_not_taken() -> None:
    """Asking costs nothing: only the request that goes takes its slot."""
    pacer = Pacer(Budget(requests=1, per_s=10.0, burst=1), 0.0)
    pacer.take(0.0)

    assert [pacer.take(1.0), pacer.take(2.0), pacer.take(10.0), pacer.take(10.0)] == [
        10.0,
        10.0,
        10.0,
        20.0,
    ]


def test_cool_down_moves_all_slots_behind_its_end() -> None:
    """Nothing goes before the end of a cool-down, and after it there is no burst."""
    pacer = Pacer(Budget(requests=605, per_s=60.0, burst=5), 0.0)
    assert pacer.take(1000.0) == 1000.0

    pacer.cool_down(1030.0)

    assert pacer.take(1029.9) == 1030.0
    assert _send_times(pacer, 1029.9, 3) == pytest.approx([1030.0, 1030.1, 1030.2])


def test_a_shorter_cool_down_does_not_end_a_longer_one() -> None:
    """Of two cool-downs the later end counts."""
    pacer = Pacer(Budget(requests=60, per_s=60.0), 0.0)
    pacer.cool_down(50.0)
    pacer.cool_down(20.0)

    assert pacer.take(30.0) == 50.0


@pytest.mark.parametrize(
    "budget",
    [
        Budget(requests=0, per_s=1.0),
        Budget(requests=1, per_s=0.0),
        Budget(requests=1, per_s=1.0, burst=0),
    ],
)
def test_a_budget_that_lets_nothing_go_is_an_adapter_error(budget: Budget) -> None:
    """The values of a budget are positive."""
    with pytest.raises(AdapterError, match="positive"):
        Pacer(budget, 0.0)


@pytest.mark.parametrize(
    ("attempt", "longest_s"), [(0, 1.0), (1, 2.0), (5, 32.0), (9, 300.0), (10**6, 300.0)]
)
def test_backoff_is_between_half_and_all_of_what_doubles(attempt: int, longest_s: float) -> None:
    """Waits double up to the cap, and jitter takes at most half of them."""
    rng = random.Random(1)

    waits = [backoff_s(attempt, base_s=1.0, cap_s=300.0, rng=rng) for _ in range(200)]

    assert longest_s / 2 <= min(waits) < longest_s * 0.55
    assert longest_s * 0.95 < max(waits) <= longest_s
