"""The gate of a lane: in order, at its pace, or not at all."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from batchhub._base.waits import Waits, current
from batchhub._http.gate import LaneGate
from batchhub.adapter import Budget
from batchhub.errors import CredentialsError
from batchhub.testing import FakeClock

_STEP_S = 60.0 / 59  # the steady distance of 60 requests a minute, burst 1


@pytest.fixture
async def clock() -> AsyncIterator[FakeClock]:
    """Time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with clock.running():
        yield clock


@pytest.fixture
def gate(clock: FakeClock) -> LaneGate:
    """A gate for 60 requests a minute, no burst."""
    budget = Budget(requests=60, per_s=60.0, burst=1)
    return LaneGate(lane="shop:1", budget=budget, clock=clock, rng=random.Random(7))


def _refusal() -> CredentialsError:
    return CredentialsError("no entry", vendor="shop", account="1", status=401, code="AUTH")


async def test_requests_go_first_come_first_served_at_the_steady_pace(gate: LaneGate) -> None:
    """Who asks first goes first, and each a step after the one before."""
    went: list[tuple[int, float]] = []

    async def go(number: int) -> None:
        went.append((number, await gate.enter()))

    await asyncio.gather(*(go(number) for number in range(5)))

    assert [number for number, _ in went] == [0, 1, 2, 3, 4]
    assert [at for _, at in went] == pytest.approx([n * _STEP_S for n in range(5)])


def _ask(gate: LaneGate, went: list[str], name: str) -> asyncio.Task[None]:
    """Have a request wait; one whose name begins with p is a poll's."""

    async def go() -> None:
        current.set(Waits(yields=name.startswith("p")))
        await gate.enter()
        went.append(name)

    return asyncio.create_task(go())


async def test_a_submit_goes_before_a_hundred_polls_that_wait(gate: LaneGate) -> None:
    """It gets the next slot, whenever it comes; and then the polls go on in their order."""
    went: list[str] = []
    polls = [_ask(gate, went, f"p{number}") for number in range(100)]
    await polls[9]

    submit = _ask(gate, went, "s")
    await asyncio.gather(submit, *polls)

    assert went.index("s") == 10
    went.remove("s")
    assert went == [f"p{number}" for number in range(100)]


async def test_every_second_slot_is_a_polls_while_some_wait(gate: LaneGate) -> None:
    """However many submits wait, polls that are overdue get half of the budget; nobody starves."""
    went: list[str] = []
    submits = [_ask(gate, went, f"s{number}") for number in range(50)]
    polls = [_ask(gate, went, f"p{number}") for number in range(30)]
    await asyncio.gather(*submits, *polls)

    assert all(one[0] != other[0] for one, other in itertools.pairwise(went[1:61]))
    assert [name for name in went if name[0] == "p"] == [f"p{number}" for number in range(30)]
    assert [name for name in went if name[0] == "s"] == [f"s{number}" for number in range(50)]


async def test_a_poll_that_waits_for_a_rate_of_its_own_takes_no_submits_slot(
    clock: FakeClock,
) -> None:
    """It leaves the line until its rate is due, and is not owed a slot for that."""
    gate = LaneGate(
        lane="shop:1",
        budget=Budget(requests=60, per_s=60.0, burst=1),
        rates={"status": Budget(requests=2, per_s=60.0, burst=1)},
        clock=clock,
        rng=random.Random(7),
    )
    went: list[str] = []

    async def poll(number: int) -> None:
        current.set(Waits(yields=True))
        await gate.enter("status")
        went.append(f"p{number}")

    polls = [asyncio.create_task(poll(number)) for number in range(3)]
    await asyncio.sleep(0)
    submits = [_ask(gate, went, f"s{number}") for number in range(20)]
    await asyncio.gather(*submits)
    assert clock.monotonic() < 22 * _STEP_S
    await asyncio.gather(*polls)
    assert clock.monotonic() >= 120.0  # two windows of 60 s


async def test_whose_turn_it_is_may_be_cancelled(gate: LaneGate, clock: FakeClock) -> None:
    """The turn is then another one's, at the same moment; with nobody left, time stands still."""
    await gate.enter()
    went: list[str] = []
    submit = _ask(gate, went, "s")
    poll = _ask(gate, went, "p")
    await asyncio.sleep(0)

    submit.cancel()
    await poll
    assert went == ["p"]
    assert clock.monotonic() == pytest.approx(_STEP_S)

    gate.cool_down(status=429, retry_after_s=3000.0, sent_at_s=clock.monotonic())
    waits = [_ask(gate, went, name) for name in ("p1", "s1")]
    await asyncio.sleep(0)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    await clock.sleep(1.0)
    assert clock.monotonic() < 10.0


async def test_in_a_trial_only_one_own_request_goes_a_submit_before_a_poll(
    gate: LaneGate, clock: FakeClock
) -> None:
    """After refused credentials the one request that is tried is a submit's, if one waits."""
    gate.close(_refusal())
    gate.try_again()
    await gate.enter()
    went: list[str] = []
    poll, submit = _ask(gate, went, "p"), _ask(gate, went, "s")
    await clock.sleep(100.0)
    assert went == []

    gate.note_success(sent_at_s=0.0)
    await asyncio.gather(poll, submit)
    assert went == ["s", "p"]


async def test_a_cancelled_wait_takes_no_slot(gate: LaneGate) -> None:
    """Who leaves the queue delays nobody, and his cancellation is not swallowed."""
    await gate.enter()
    leaver = asyncio.create_task(gate.enter())
    stayer = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)

    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver

    assert await stayer == pytest.approx(_STEP_S)


async def test_a_cool_down_holds_back_who_waits_already(gate: LaneGate, clock: FakeClock) -> None:
    """A cool-down that begins during a wait makes the wait longer."""
    sent_at_s = await gate.enter()
    waiter = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)

    gate.cool_down(status=429, retry_after_s=40.0, sent_at_s=sent_at_s)

    assert gate.cooled_until == datetime(2026, 1, 1, 0, 0, 40, tzinfo=UTC)
    assert await waiter == pytest.approx(40.0)
    assert gate.cooled_until is None


async def test_cool_downs_without_a_time_double_until_a_success(gate: LaneGate) -> None:
    """Without Retry-After: 1 s, doubling to 5 min, jittered down to half; a success resets."""
    pauses: list[float] = []
    for _ in range(11):
        sent_at_s = await gate.enter()
        gate.cool_down(status=429, retry_after_s=None, sent_at_s=sent_at_s)
        pauses.append(await gate.enter() - sent_at_s)
        await asyncio.sleep(0)
    sent_at_s = await gate.enter()
    gate.note_success(sent_at_s=sent_at_s)
    gate.cool_down(status=429, retry_after_s=None, sent_at_s=sent_at_s)
    after_success_s = await gate.enter() - sent_at_s

    for number, pause_s in enumerate(pauses):
        longest_s = min(300.0, 2.0**number)
        # A cool-down shorter than a step is not felt: the pace holds the request back anyway.
        assert max(_STEP_S, longest_s / 2) <= pause_s + 1e-9 <= max(_STEP_S, longest_s) + 1e-6
    assert after_success_s <= _STEP_S + 1e-6


async def test_refusals_of_requests_sent_together_count_as_one(gate: LaneGate) -> None:
    """Ten requests on the way that all get a 429 cool the lane once, not ten times as long."""
    sent_at_s = await gate.enter()
    for _ in range(10):
        gate.cool_down(status=429, retry_after_s=None, sent_at_s=sent_at_s)

    assert await gate.enter() <= _STEP_S + 1e-6


async def test_a_success_from_before_the_cool_down_resets_nothing(gate: LaneGate) -> None:
    """A late answer to a request sent before the 429 says nothing about now."""
    early_s = await gate.enter()
    for _ in range(6):
        sent_at_s = await gate.enter()
        gate.cool_down(status=429, retry_after_s=None, sent_at_s=sent_at_s)
    gate.note_success(sent_at_s=early_s)
    sent_at_s = await gate.enter()
    gate.cool_down(status=429, retry_after_s=None, sent_at_s=sent_at_s)

    assert await gate.enter() - sent_at_s >= 32.0


async def test_a_closed_gate_lets_nobody_through_and_tells_who_waits_at_once(
    gate: LaneGate, clock: FakeClock
) -> None:
    """Refused credentials end all waits now, each with its own error, however long they were."""
    await gate.enter()
    gate.cool_down(status=429, retry_after_s=3600.0, sent_at_s=0.0)
    waiters = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await asyncio.sleep(0)

    gate.close(_refusal())
    errors = await asyncio.gather(*waiters, return_exceptions=True)
    with pytest.raises(CredentialsError, match="no entry") as late:
        await gate.enter()

    assert clock.monotonic() == 0.0
    assert len({id(error) for error in (*errors, late.value, gate.closed_by)}) == 5
    for error in (*errors, late.value):
        assert isinstance(error, CredentialsError)
        assert (error.status, error.code, error.account) == (401, "AUTH", "1")


async def test_a_gate_stays_closed_by_the_first_refusal(
    gate: LaneGate, caplog: pytest.LogCaptureFixture
) -> None:
    """The first refusal is the one that is remembered and logged."""
    gate.close(_refusal())
    gate.close(CredentialsError("another"))

    assert str(gate.closed_by) == "no entry"
    assert _logged(caplog) == [
        {
            "event": "lane.paused",
            "level": "error",
            "lane": "shop:1",
            "status": 401,
            "reason": "no entry",
        }
    ]


async def test_a_cool_down_is_logged_once_with_its_end(
    gate: LaneGate, caplog: pytest.LogCaptureFixture
) -> None:
    """One log line per cool-down: which lane, since which status, until when."""
    gate.cool_down(status=503, retry_after_s=9.0, sent_at_s=0.0)
    gate.cool_down(status=503, retry_after_s=5.0, sent_at_s=0.0)

    assert _logged(caplog) == [
        {
            "event": "lane.cooled",
            "level": "warning",
            "lane": "shop:1",
            "status": 503,
            "until": "2026-01-01T00:00:09+00:00",
        }
    ]


def _logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record)["batchhub"] for record in caplog.records if record.name == "batchhub"]


async def test_a_closed_gate_keeps_no_traceback(gate: LaneGate) -> None:
    """What is remembered holds no frame of the request that was refused."""
    error = _refusal()
    with suppress(CredentialsError):
        raise error
    gate.close(error)

    assert gate.closed_by is not None
    assert gate.closed_by.__traceback__ is None
