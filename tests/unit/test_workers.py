"""How many steps of a lane are under way: they follow budget and latency, polls apart from all."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, frozen
from support.hubs import numbered, scripted_world
from support.vendor import ScriptedAccount, Vendor

from batchhub import BatchHub, BatchState
from batchhub._base.waits import yields
from batchhub._engine.alarm import TICK_S, Alarm
from batchhub._engine.workers import LEAST, MOST, Kind, Workers
from batchhub._http.gate import LaneGate
from batchhub.adapter import Accepted, Budget, Capabilities, Observation, TicketRef
from batchhub.polling import Fixed
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))
POLL = Kind("work", is_poll=True)


@define
class Transport:
    """What the workers ask of a transport."""

    needed: float = 0.0
    connections: int = 100

    def under_way(self, more_s: float) -> float:
        """Return what the test says."""
        assert more_s == TICK_S
        return self.needed


@pytest.mark.parametrize(
    ("under_way", "connections", "most"),
    [
        (0.0, 100, LEAST),
        (3.9, 100, LEAST),
        (5.0, 100, 10),
        (5.1, 100, 11),
        (1000.0, 1_000, MOST),
        (1000.0, 20, 19),
        (0.0, 3, 2),
        (0.0, 2, 1),
        (1000.0, 1, 1),
    ],
)
def test_twice_as_many_as_the_budget_lets_go_while_one_is_answered(
    under_way: float, connections: int, most: int
) -> None:
    """Within bounds, and one connection is left for what is no poll."""
    transport: Any = Transport(under_way, connections)
    workers = Workers(transport)
    assert workers.most == most
    for _ in range(most):
        assert workers.has_room(POLL)
        workers.begin(POLL)
    assert not workers.has_room(POLL)
    assert workers.has_room(Kind("work", is_poll=False))
    assert workers.has_room(Kind("more", is_poll=True))
    workers.end(POLL)
    assert workers.has_room(POLL)


@frozen(kw_only=True)
class SmallAccount(ScriptedAccount):
    """An account with an ordinary budget: as few steps are under way as ever."""

    @property
    def budget(self) -> Budget:
        """Ten requests a second."""
        return Budget(requests=600, per_s=60.0)


def test_what_is_under_way_follows_from_the_answers() -> None:
    """Budget times latency, which one slow answer changes a little, and many wholly."""
    clock = FakeClock()
    budget = Budget(requests=600, per_s=60.0)
    gate = LaneGate(lane="shop:1", budget=budget, clock=clock, rng=random.Random(7))
    assert gate.under_way(0.0) == 0.0
    asyncio.run(clock.advance(100.0))
    gate.note_success(sent_at_s=99.5)
    assert gate.under_way(0.0) == pytest.approx(5.0)
    gate.note_success(sent_at_s=98.0)
    assert gate.under_way(0.0) == pytest.approx(8.0)
    assert gate.under_way(0.1) == pytest.approx(9.0)
    for _ in range(40):
        gate.note_success(sent_at_s=99.9)
    assert gate.under_way(0.0) == pytest.approx(1.0, rel=0.01)


async def test_polls_that_hang_hold_up_no_submit_no_cancel_and_no_other_operation() -> None:
    """They are as many as may be under way, and everything else goes on."""
    capabilities = Capabilities(max_items=1, tickets_per_job=20, poll_s=5.0, can_cancel=True)
    vendor = Vendor(capabilities=capabilities)
    hanging = 0

    async def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        nonlocal hanging
        if tickets[0].operation == "work":
            hanging += 1
            await asyncio.Event().wait()
        return [RUNNING] * len(tickets)

    vendor.answer_poll = answer
    async with scripted_world(vendor, polling=Fixed(5.0), account=SmallAccount) as world:
        first = await world.hub.submit("shop", numbered(20))
        await world.hub.submit("shop", numbered(1), operation="more")
        await world.clock.sleep(60.0)
        assert hanging == LEAST
        vendor.asked.clear()
        await world.hub.submit("shop", numbered(20))
        await first.cancel()
        await world.clock.sleep(30.0)
        assert len(vendor.submissions) == 41
        assert len(vendor.cancelled) == 20 - LEAST
        assert hanging == LEAST
        assert Counter(t.operation for asked in vendor.asked for t in asked)["more"] > 3


async def _polls_of_one(*, beside: Vendor | None) -> tuple[list[float], BatchState]:
    """Return when the polls of an account went, with a neighbour or without, and its state."""
    clock, asked_at = FakeClock(), list[float]()
    vendor = Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=5, poll_s=5.0))

    def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        asked_at.append(round(clock.monotonic(), 1))
        return [RUNNING] * len(tickets)

    vendor.answer_poll = answer
    accounts = {"good": ScriptedAccount(vendor=vendor)}
    if beside is not None:
        accounts["bad"] = ScriptedAccount(name="two", vendor=beside)
    async with clock.running():
        with pytest.warns(UserWarning, match="memory"):
            hub = await BatchHub(None, accounts, clock=clock, polling=Fixed(5.0)).__aenter__()
        job = await hub.submit("good", numbered(1))
        if beside is not None:
            for _ in range(20):
                await hub.submit("bad", numbered(20))
        await clock.sleep(200.0)
        state = (await job.refresh()).state
        await hub.aclose()
    return asked_at, state


@pytest.mark.parametrize("kind", ["hangs", "refuses"])
async def test_a_bad_neighbour_moves_no_poll_of_another_account(kind: str) -> None:
    """As many polls, with and without it."""
    bad = Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=20, poll_s=0.1))

    async def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        if kind == "hangs":
            await asyncio.Event().wait()
        raise RuntimeError

    bad.answer_poll = answer
    alone, state = await _polls_of_one(beside=None)
    beside, state_beside = await _polls_of_one(beside=bad)
    assert state is state_beside is BatchState.IN_PROGRESS
    assert len(alone) == pytest.approx(40, abs=3)
    assert len(beside) == pytest.approx(len(alone), abs=2)


async def test_a_lane_rests_to_the_end_of_its_tick_and_wakes_at_once_for_news() -> None:
    """What can wait is gathered for some milliseconds; what can't ends the rest."""
    clock = FakeClock()
    async with clock.running():
        alarm = Alarm(clock)
        await alarm.rest(0.0)  # nothing went before: nothing is waited for
        assert clock.monotonic() == 0.0
        await alarm.rest(0.001)
        assert clock.monotonic() == pytest.approx(TICK_S)
        await alarm.rest(1.0)
        assert clock.monotonic() == pytest.approx(TICK_S + 1.0)

        alarm.ring_soon()
        await alarm.rest(60.0)
        assert clock.monotonic() == pytest.approx(2 * TICK_S + 1.0)

        resting = asyncio.create_task(alarm.rest(60.0))
        await asyncio.sleep(0)
        alarm.ring_soon()
        await resting
        assert clock.monotonic() == pytest.approx(3 * TICK_S + 1.0)

        resting = asyncio.create_task(alarm.rest(60.0))
        await asyncio.sleep(0)
        alarm.ring()
        await resting
        assert clock.monotonic() == pytest.approx(3 * TICK_S + 1.0)

        alarm.ring()
        await alarm.rest(60.0)
        assert clock.monotonic() == pytest.approx(3 * TICK_S + 1.0)

        resting = asyncio.create_task(alarm.rest(60.0))
        await asyncio.sleep(0)
        resting.cancel()
        await asyncio.gather(resting, return_exceptions=True)
        await clock.sleep(1.0)  # its timer is gone too
        assert clock.monotonic() == pytest.approx(3 * TICK_S + 2.0)


async def test_a_rest_goes_on_for_as_long_as_what_comes_in_time_needs_no_more() -> None:
    """What is done at a time says when the next one is; whatever has rung ends the rest."""
    clock, came_s = FakeClock(), list[float]()

    def come() -> float | None:
        came_s.append(round(clock.monotonic(), 3))
        return 1.0 if len(came_s) < 3 else None

    async with clock.running():
        alarm = Alarm(clock, come)
        await alarm.rest(1.0)
        assert came_s == [1.0, 2.0, 3.0]
        assert clock.monotonic() == pytest.approx(3.0)

        came_s.clear()
        resting = asyncio.create_task(alarm.rest(1.0))
        await asyncio.sleep(0)
        alarm.ring_soon()  # a step has ended that the lane has to look at
        await resting
        assert not came_s
        assert clock.monotonic() == pytest.approx(3.0 + TICK_S)


async def test_what_goes_wrong_during_a_rest_is_met_by_whoever_rests() -> None:
    """An error in a call of the event loop's would leave a lane that rests for ever."""
    clock, fault = FakeClock(), RuntimeError("oops")

    def come() -> float:
        raise fault

    async with clock.running():
        with pytest.raises(RuntimeError, match="oops"):
            await Alarm(clock, come).rest(1.0)


async def test_a_large_job_takes_no_poll_from_a_small_one() -> None:
    """More polls are due than can go: what is due first goes first, whichever job it is of."""
    clock = FakeClock()
    vendor = Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=80, poll_s=5.0))
    asked: Counter[str] = Counter()

    async def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        asked[tickets[0].group] += 1
        await clock.sleep(1.0)
        return [RUNNING] * len(tickets)

    vendor.answer_poll = answer
    async with scripted_world(
        vendor, clock=clock, polling=Fixed(5.0), account=SmallAccount
    ) as world:
        large = await world.hub.submit("shop", numbered(80))
        small = await world.hub.submit("shop", numbered(1))
        await clock.sleep(20.0)
        assert len(vendor.submissions) == 81
        asked.clear()
        await clock.sleep(100.0)
    of_each = asked[f"batchhub-{large.id}"] / 80
    assert of_each < 0.7 * 100 / 5  # they wait for one another
    assert asked[f"batchhub-{small.id}"] >= of_each - 2


async def test_a_job_that_is_sent_for_long_holds_up_no_other_operation() -> None:
    """Within an operation the order of the jobs is kept; another one has its own."""
    clock = FakeClock()
    vendor = Vendor(capabilities=Capabilities(max_items=1, tickets_per_job=1000, poll_s=5.0))

    async def take(_: object) -> Accepted:
        await clock.sleep(1.0)
        return Accepted(vendor_refs=(f"ref-{len(vendor.submissions)}",))

    vendor.submits.extend([take] * 1000)
    async with scripted_world(vendor, clock=clock) as world:
        await world.hub.submit("shop", numbered(100))
        await clock.sleep(10.0)
        small = await world.hub.submit("shop", numbered(1), operation="more")
        await clock.sleep(5.0)
        assert (await small.refresh()).state is not BatchState.PENDING
        assert len(vendor.submissions) < 30


async def test_requests_of_a_poll_yield_and_those_of_a_submit_do_not() -> None:
    """The verb tells them apart, for the budget and for the connections."""
    vendor = Vendor()
    yielding: dict[str, bool] = {}

    async def take(_: object) -> Accepted:
        yielding["submit"] = yields()
        return Accepted(vendor_refs=("ref-1",))

    async def answer(tickets: Sequence[TicketRef]) -> list[Observation]:
        yielding["poll"] = yields()
        yielding["its task"] = await asyncio.create_task(_tell())
        return [Observation(words=("Done",))] * len(tickets)

    async def _tell() -> bool:
        return yields()

    vendor.submits.append(take)
    vendor.answer_poll = answer
    async with scripted_world(vendor) as world:
        await (await world.hub.submit("shop", numbered(1))).wait()
    assert yielding == {"submit": False, "poll": True, "its task": True}
