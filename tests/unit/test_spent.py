"""What one process of a lane hands to the next: what was sent, and until when it is silent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.clocks import SetClock
from support.patience import PATIENCE_S

from batchhub._base.json import dumps, loads
from batchhub._http.gate import LaneGate
from batchhub._http.spent import Spent
from batchhub._http.tally import Tally
from batchhub.adapter import Budget

_NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
_TEN_A_MINUTE = Budget(requests=11, per_s=60.0, burst=1)  # steadily one in 6 s


@pytest.fixture
async def clock() -> AsyncIterator[SetClock]:
    """Time that passes whenever nothing else is going on."""
    clock = SetClock(_NOON)
    async with clock.running():
        yield clock


def make_gate(clock: SetClock, budget: Budget = _TEN_A_MINUTE) -> LaneGate:
    """Make the gate of a process that has just begun."""
    return LaneGate(lane="shop:1", budget=budget, clock=clock, rng=random.Random(7))


def kept(spent: Spent) -> Spent:
    """Send what is spent through the store."""
    texts = dumps(spent.sent_json()), dumps(spent.cooled_json())
    return Spent.read(loads(texts[0]), loads(texts[1]), lane="shop:1")


async def test_a_cool_down_survives_the_process(clock: SetClock) -> None:
    """After ``Retry-After: 120`` no later process sends before its end."""
    first = make_gate(clock)
    sent_at_s = await first.enter()
    first.cool_down(status=429, retry_after_s=120.0, sent_at_s=sent_at_s)
    spent = kept(first.spent())

    for _ in range(4):  # each of them ends before it has sent anything
        await clock.advance(10.0)
        process = make_gate(clock)
        process.restore(spent)
        assert process.cooled_until == _NOON + timedelta(seconds=120)
        spent = kept(process.spent())
    last = make_gate(clock)
    last.restore(spent)

    assert await last.enter() == pytest.approx(120.0)


async def test_a_cool_down_survives_a_kill(clock: SetClock) -> None:
    """What was written before the kill holds after it."""
    first = make_gate(clock)
    first.cool_down(status=429, retry_after_s=120.0, sent_at_s=await first.enter())
    spent = kept(first.spent())

    second = make_gate(clock)
    second.restore(spent, unseen_since=clock.now())

    assert await second.enter() >= 120.0


async def test_refusals_without_a_time_go_on_growing_in_the_next_process(clock: SetClock) -> None:
    """Five processes that each get a 429 wait longer and longer, as one would."""
    spent = Spent()
    pauses: list[float] = []
    for _ in range(7):
        process = make_gate(clock, Budget(requests=1000, per_s=1.0))
        process.restore(spent)
        sent_at_s = await process.enter()
        process.cool_down(status=429, retry_after_s=None, sent_at_s=sent_at_s)
        until = process.cooled_until
        assert until is not None
        pauses.append((until - clock.now()).total_seconds())
        spent = kept(process.spent())

    assert pauses[-1] >= 32.0


async def test_a_successor_waits_for_what_its_predecessor_has_sent(clock: SetClock) -> None:
    """A burst of one process is no reason for another burst of the next one."""
    budget = Budget(requests=10, per_s=60.0, burst=5)
    first = make_gate(clock, budget)
    await clock.advance(100.0)
    went = [await first.enter() for _ in range(5)]
    second = make_gate(clock, budget)
    second.restore(kept(first.spent()))

    assert went == [100.0] * 5
    assert await second.enter() >= 112.0


async def test_a_successor_of_an_idle_process_may_use_its_burst(clock: SetClock) -> None:
    """What the counts leave over is not lost: nothing was sent for an hour."""
    budget = Budget(requests=10, per_s=60.0, burst=5)
    first = make_gate(clock, budget)
    await clock.advance(3600.0)
    second = make_gate(clock, budget)
    second.restore(kept(first.spent()))

    assert [await second.enter() for _ in range(5)] == [3600.0] * 5


async def test_a_process_that_knows_nothing_begins_with_one_request(clock: SetClock) -> None:
    """No history is not the same as nothing sent."""
    budget = Budget(requests=10, per_s=60.0, burst=5)
    gate = make_gate(clock, budget)
    gate.restore(Spent())

    assert [await gate.enter() for _ in range(3)] == pytest.approx([0.0, 12.0, 24.0])


async def test_seconds_without_a_sign_of_life_count_as_spent_in_full(clock: SetClock) -> None:
    """A killed process may have sent all it was allowed to; the next one tells it on."""
    budget = Budget(requests=65, per_s=60.0, burst=5)
    first = make_gate(clock, budget)
    await first.enter()
    spent, seen_at = kept(first.spent()), clock.now()
    await clock.advance(30.0)
    second = make_gate(clock, budget)
    second.restore(spent, unseen_since=seen_at)
    third = make_gate(clock, budget)
    third.restore(kept(second.spent()))

    assert sum(second.spent().sent[""].values()) >= 1 + 4 + 29
    assert min(await second.enter(), await third.enter()) >= 31.0


async def test_only_seconds_inside_the_window_are_handed_on(clock: SetClock) -> None:
    """What no budget counts any more is forgotten, so the counts stay few."""
    gate = make_gate(clock)
    await gate.enter()
    assert gate.spent().sent == {"": {int(_NOON.timestamp()): 1}}
    await clock.advance(61.0)

    spent = gate.spent()
    assert (spent.at, spent.sent) == (_NOON + timedelta(seconds=61), {})


@pytest.mark.parametrize("window_s", [0.5, 60.0, 3600.0, 86_400.0])
def test_the_counts_stay_few_however_much_is_sent(window_s: float) -> None:
    """100,000 requests over a day and a window of any length: at most some dozens of numbers."""
    tally = Tally(window_s=window_s, now_s=0.0, now=_NOON)
    for number in range(100_000):
        tally.add(number * 0.864)

    assert len(tally.counts(86_400.0, _NOON + timedelta(days=1))) <= 66
    assert len(dumps(dict.fromkeys(map(str, tally.counts(86_400.0, _NOON)), 1))) < 2048


async def test_a_lane_that_comes_back_counts_its_own_requests_once(clock: SetClock) -> None:
    """A process that drives again finds its own requests in the row, and adds them to nothing."""
    first = make_gate(clock)
    await first.enter()
    second = make_gate(clock)
    second.restore(kept(first.spent()))
    await second.enter()
    first.restore(kept(second.spent()))

    assert sum(first.spent().sent[""].values()) == 2


async def test_a_budget_that_was_made_smaller_ends_no_lane(clock: SetClock) -> None:
    """After a whole window nothing counts any more, however much it was."""
    spent = Spent(at=_NOON, sent={"": {int(_NOON.timestamp()): 1_000_000}})
    gate = make_gate(clock)
    gate.restore(spent)

    assert await gate.enter() == pytest.approx(60.0)


# -- clocks that are set ---------------------------------------------------------------------------


@pytest.mark.parametrize("set_by_s", [86_400.0 * 365, -86_400.0 * 365])
async def test_a_clock_that_is_set_ends_and_lengthens_no_cool_down(
    clock: SetClock, set_by_s: float
) -> None:
    """Inside a process only the monotonic clock counts; what is told to others follows the wall."""
    gate = make_gate(clock)
    gate.cool_down(status=429, retry_after_s=120.0, sent_at_s=await gate.enter())
    clock.set_by(set_by_s)

    assert gate.cooled_until == clock.now() + timedelta(seconds=120)
    assert gate.spent().cooled == {"": clock.now() + timedelta(seconds=120)}
    assert gate.spent().sent == {"": {int(clock.now().timestamp()): 1}}
    assert await gate.enter() == pytest.approx(120.0)


@pytest.mark.parametrize("is_same_start", [True, False])
async def test_a_clock_set_back_between_two_processes_makes_no_endless_wait(
    clock: SetClock, is_same_start: bool
) -> None:
    """The cool-down that was left is waited for, from now on; and the counts are those of now."""
    first = make_gate(clock)
    first.cool_down(status=429, retry_after_s=120.0, sent_at_s=await first.enter())
    spent = kept(first.spent())
    clock.set_by(-86_400.0 * 365)
    if not is_same_start:
        clock.start_anew()
    second = make_gate(clock)
    second.restore(spent)

    assert second.spent().sent == {"": {int(clock.now().timestamp()): 1}}
    assert await second.enter() == pytest.approx(120.0)


async def test_a_clock_set_forward_between_two_processes_skips_nothing(clock: SetClock) -> None:
    """Neither cool-down nor budget is over because the clock says that it is a year later."""
    budget = Budget(requests=10, per_s=600.0, burst=5)
    first = make_gate(clock, budget)
    await clock.advance(1000.0)
    for _ in range(5):
        await first.enter()
    first.cool_down(status=429, retry_after_s=50.0, sent_at_s=1000.0)
    spent = kept(first.spent())
    await clock.advance(10.0)
    clock.set_by(86_400.0 * 365)
    second = make_gate(clock, budget)
    second.restore(spent, unseen_since=None)

    assert second.cooled_until == clock.now() + timedelta(seconds=40)
    assert sum(second.spent().sent[""].values()) == 5
    assert await second.enter() >= 1120.0


@pytest.mark.parametrize("set_by_s", [0.0, 86_400.0 * 365, -86_400.0 * 365])
async def test_after_another_start_nothing_is_over_because_the_clock_says_so(
    clock: SetClock, set_by_s: float
) -> None:
    """Nobody can say how long the machine was off: what was left of a cool-down is left now."""
    budget = Budget(requests=10, per_s=60.0, burst=5)
    first = make_gate(clock, budget)
    await clock.advance(1000.0)
    for _ in range(5):
        await first.enter()
    await clock.advance(50.0)
    first.cool_down(status=429, retry_after_s=50.0, sent_at_s=1000.0)
    await clock.advance(1.0)
    spent = kept(first.spent())
    await clock.advance(10.0)
    clock.set_by(set_by_s)
    clock.start_anew()
    second = make_gate(clock, budget)
    second.restore(spent)

    assert second.cooled_until == clock.now() + timedelta(seconds=49)
    assert sum(second.spent().sent[""].values()) == 5
    assert await second.enter() == pytest.approx(1110.0)


@pytest.mark.parametrize("set_by_s", [0.0, 4000.0, -4000.0])
async def test_after_another_start_a_killed_process_has_spent_a_whole_window(
    clock: SetClock, set_by_s: float
) -> None:
    """It may have sent all it was allowed to, at any time; nothing is left over."""
    budget = Budget(requests=65, per_s=60.0, burst=5)
    first = make_gate(clock, budget)
    await first.enter()
    spent, seen_at = kept(first.spent()), clock.now()
    await clock.advance(5.0)
    clock.set_by(set_by_s)
    clock.start_anew()
    second = make_gate(clock, budget)
    second.restore(spent, unseen_since=seen_at)

    assert sum(second.spent().sent[""].values()) >= 65
    assert await second.enter() == pytest.approx(6.0)


async def test_a_time_in_the_far_future_is_no_endless_wait(clock: SetClock) -> None:
    """However it came into the row: no vendor asks for more than a day."""
    gate = make_gate(clock)
    gate.restore(Spent(cooled={"": datetime(9999, 1, 1, tzinfo=UTC)}))

    assert gate.cooled_until == _NOON + timedelta(days=1)


async def test_a_sign_of_life_from_the_future_counts_as_now(clock: SetClock) -> None:
    """The clock was set back after it; nothing is left over all the same."""
    gate = make_gate(clock)
    gate.restore(Spent(at=_NOON), unseen_since=_NOON + timedelta(days=9))

    assert await gate.enter() == pytest.approx(6.0)


# -- what the store gives back ---------------------------------------------------------------------


_GOOD: dict[str, Any] = {
    "at": "2026-01-01T12:00:00+00:00",
    "sent": {"": {"1767268800": 3}},
    "refusals": {"": 2},
}


@pytest.mark.parametrize(
    ("sent", "cooled"),
    [
        ("no JSON", None),
        (b"\xff", None),
        ([1, 2], None),
        (7, None),
        ({**_GOOD, "at": "yesterday"}, None),
        ({**_GOOD, "at": "2026-01-01T12:00:00"}, None),
        ({**_GOOD, "at": 5}, None),
        ({**_GOOD, "sent": [3]}, None),
        ({**_GOOD, "sent": {"": 3}}, None),
        ({**_GOOD, "sent": {"": {"x": 3}}}, None),
        ({**_GOOD, "sent": {"": {"²": 3}}}, None),
        ({**_GOOD, "sent": {"": {"9" * 5000: 3}}}, None),
        ({**_GOOD, "sent": {"": {"1767268800": True}}}, None),
        ({**_GOOD, "sent": {"": {"1767268800": -3}}}, None),
        ({**_GOOD, "sent": {"": {"1767268800": 1.5}}}, None),
        ({**_GOOD, "sent": {"": {"1767268800": 10**40}}}, None),
        ({**_GOOD, "refusals": {"": "many"}}, None),
        ({**_GOOD, "boot": "today"}, None),
        ({**_GOOD, "boot": ["a", "b"]}, None),
        ({**_GOOD, "boot": ["a", -1]}, None),
        ({**_GOOD, "boot": [1, 2, 3]}, None),
        (_GOOD, "soon"),
        (_GOOD, {"": "soon"}),
        (_GOOD, {"": 12}),
        (_GOOD, {"": "0001-01-01T00:00:00+14:00"}),
    ],
)
async def test_broken_values_are_left_out_with_one_line_in_the_log(
    clock: SetClock, caplog: pytest.LogCaptureFixture, sent: object, cooled: object
) -> None:
    """A damaged row or one of another version stops nobody, and nothing is said to be left over."""
    spent = Spent.read(sent, cooled, lane="shop:1")
    gate = make_gate(clock)
    gate.restore(spent)
    await asyncio.wait_for(gate.enter(), PATIENCE_S)

    assert spent.at is None
    ours = [vars(record)["batchhub"] for record in caplog.records if record.name == "batchhub"]
    assert [record["event"] for record in ours] == ["lane.history_ignored"]


def test_what_is_kept_comes_back_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    """As values and as text; nothing at all is a lane that never sent."""
    spent = Spent(
        at=_NOON,
        boot_id="a start",
        boot_s=12.5,
        sent={"": {1767268800: 3, 1767268801: 1}, "orders": {1767268800: 1}},
        cooled={"": _NOON + timedelta(seconds=2.5)},
        refusals={"": 2},
    )

    assert kept(spent) == spent
    assert Spent.read(dumps(spent.sent_json()), dumps(spent.cooled_json()), lane="x") == spent
    assert Spent.read(None, None, lane="x") == Spent()
    assert not [record for record in caplog.records if record.name == "batchhub"]
