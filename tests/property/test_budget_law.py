"""Law 7: no lane exceeds its budget, or sends anything during a cool-down."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from batchhub._base.json import dumps
from batchhub._http.gate import LaneGate
from batchhub._http.pacer import Pacer
from batchhub._http.spent import Spent
from batchhub.adapter import Budget

_ROUNDING_S = 1e-6
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Seen(NamedTuple):
    """What the store knows of a process, and since when it has not been seen if it died."""

    spent: Spent
    unseen_since: datetime | None


class Life(NamedTuple):
    """What one process did: when it sent, what it said of that after each request, its end."""

    sent: list[float]
    looks: list[Seen]
    end_s: float


budgets = st.builds(
    Budget,
    requests=st.one_of(st.integers(1, 4), st.integers(1, 40)),
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
    if budget.burst > budget.requests:
        _assert_in_bucket(budget, sent)
        return
    for first, one_too_many in zip(sent, sent[budget.requests :], strict=False):
        assert one_too_many - first >= budget.per_s - _ROUNDING_S


def _assert_in_bucket(budget: Budget, sent: Sequence[float]) -> None:
    """What the vendor's own bucket lets through: it was full at first, and is never overdrawn."""
    left, before = float(budget.burst), sent[0] if sent else 0.0
    for at in sent:
        left = min(budget.burst, left + (at - before) * budget.requests / budget.per_s) - 1.0
        before = at
        assert left >= -1e-3


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


@given(budgets.filter(lambda b: b.requests > 1 and b.burst <= b.requests), starts, gaps, gaps)
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


class Wall:
    """
    The clock of one process: the true time, on a monotonic clock of its own.

    Attributes:
        boot_id: Which start of the machine it runs on.
    """

    def __init__(self, true_s: float, boot_id: str, set_by_s: float) -> None:
        self.true_s = true_s
        self.boot_id = boot_id
        self._born_s = true_s
        self._set_by_s = set_by_s

    def boot_s(self) -> float:
        """Return the seconds since the machine was started."""
        return self.true_s + 77.7

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return _EPOCH + timedelta(seconds=self.true_s + self._set_by_s)

    def monotonic(self) -> float:
        """Return the seconds since some moment that no other process knows."""
        return self.true_s - self._born_s + 12.3

    async def sleep(self, delay_s: float) -> None:
        """Let time pass at once."""
        self.true_s += delay_s + 1e-9  # a sum of floats may fall short

    def call_later(self, delay_s: float, call: Callable[[], object]) -> asyncio.Handle:
        """Let time pass at once, and make a call."""
        self.true_s += delay_s + 1e-9
        return asyncio.get_running_loop().call_soon(call)


_WALLS = [0.0, 1e8, 2e8, 3e8]

lives = st.lists(
    st.tuples(
        st.lists(st.one_of(st.just(0.0), st.floats(0, 1), st.floats(0, 30)), max_size=45),
        st.booleans(),  # whether it ends cleanly
        st.floats(0, 1),  # how much of its life it was seen, if it is killed
        st.one_of(st.just(0.0), st.floats(0, 3), st.floats(0, 100)),  # until the next one begins
    ),
    min_size=1,
    max_size=7,
)


def _live(
    budget: Budget,
    true_s: float,
    last: Seen | None,
    gaps: Sequence[float],
    *,
    boot_id: str = "",
    set_by_s: float = 0.0,
    rate: str = "",
    rates: Mapping[str, Budget] | None = None,
) -> Life:
    """Run one process: it takes over, sends as fast as it may, and is looked at after each send."""
    wall = Wall(true_s, boot_id, set_by_s)
    gate = LaneGate(lane="x", budget=budget, rates=rates, clock=wall, rng=random.Random(1))
    if last is not None:
        kept = last.spent
        spent = Spent.read(dumps(kept.sent_json()), dumps(kept.cooled_json()), lane="x")
        gate.restore(spent, last.unseen_since)
    sent: list[float] = []
    looks = [Seen(gate.spent(), None)]

    async def send_all() -> None:
        for gap_s in gaps:
            wall.true_s += gap_s
            await gate.enter(rate)
            sent.append(wall.true_s)
            looks.append(Seen(gate.spent(), None))

    asyncio.run(send_all())
    return Life(sent=sent, looks=looks, end_s=wall.true_s)


def _live_all(
    lives: list[tuple[list[float], bool, float, float]],
    boot_id: str,
    walls: list[float],
    *,
    is_learnt: bool = False,
    rates: Mapping[str, Budget] | None = None,
    **what: Any,
) -> list[float]:
    """Run processes one after the other, and return when each request of all of them went."""
    true_s, last = 1000.25, None
    sent: list[float] = []
    for number, (gaps, is_clean, share, pause_s) in enumerate(lives):
        boot = boot_id.format(number)
        if is_learnt and number == 1:
            last, rates = _with_budgets(last, rates or {}), None
        life = _live(
            true_s=true_s,
            last=last,
            gaps=gaps,
            boot_id=boot,
            set_by_s=walls[number],
            rates=rates,
            **what,
        )
        sent += life.sent
        if is_clean:
            last = life.looks[-1]
        else:
            spent = life.looks[int(share * (len(life.looks) - 1))].spent
            last = Seen(spent, spent.at)
        true_s = life.end_s + pause_s
    return sent


def _with_budgets(last: Seen | None, budgets: Mapping[str, Budget]) -> Seen:
    """Return what a process leaves behind that learnt what the first one knew."""
    assert last is not None
    return last._replace(spent=evolve(last.spent, budgets=budgets))


@given(
    budgets.filter(lambda budget: budget.requests > 1),
    lives,
    st.sampled_from(["", "a start", "{} starts"]),
    st.lists(st.sampled_from([0.0, 1e8, 2e8, -1e6 / 3]), min_size=7, max_size=7),
)
@example(
    Budget(requests=10, per_s=60.0, burst=5), [([0.0] * 5, True, 0.0, 0.0)] * 4, "{} starts", _WALLS
)
def test_law_7_no_window_over_all_processes_holds_more_than_the_budget(
    budget: Budget,
    lives: list[tuple[list[float], bool, float, float]],
    boot_id: str,
    walls: list[float],
) -> None:
    """
    Processes one after the other, ended or killed at any moment: one budget for all of them.

    Also where the wall clock is set between any two, and the machine was started anew.
    """
    sent = _live_all(lives, boot_id, walls, budget=budget)

    _assert_within(budget, sent)


@given(
    budgets.filter(lambda budget: budget.requests > 1),
    budgets.filter(lambda budget: budget.requests > 1),
    lives,
    st.booleans(),
)
@example(
    Budget(requests=2, per_s=0.5, burst=1),
    Budget(requests=2, per_s=7.3, burst=3),
    [([], True, 0.0, 0.0), ([0.0] * 7, True, 0.0, 0.0), ([0.0], False, 0.0, 0.0)],
    False,
)
def test_law_7_a_rate_stays_within_its_budget_and_the_lanes(
    budget: Budget,
    own: Budget,
    lives: list[tuple[list[float], bool, float, float]],
    is_learnt: bool,
) -> None:
    """Over all processes; one that is learnt is known to all later ones."""
    rates = {"feeds": own}
    sent = _live_all(
        lives, "a start", [0.0] * 7, budget=budget, rate="feeds", rates=rates, is_learnt=is_learnt
    )

    _assert_within(own, sent)
    _assert_within(budget, sent)


@given(budgets.filter(lambda budget: budget.requests > 1), st.integers(1, 200))
def test_a_successor_may_use_what_is_left_over(budget: Budget, count: int) -> None:
    """A clean end gives nothing away: two processes take about as long as one."""
    together = _live(budget, 0.25, None, [0.0] * (2 * count)).end_s
    first = _live(budget, 0.25, None, [0.0] * count)
    second = _live(budget, first.end_s, first.looks[-1], [0.0] * count)

    # A count stands for a whole second of which nobody knows the part.
    slack_s = 2.0 + budget.per_s / 32 + _ROUNDING_S
    if budget.burst > budget.requests:  # counts of a long window stand for more than a second
        slack_s += 3 * budget.per_s / budget.requests
    assert second.end_s <= together + slack_s
