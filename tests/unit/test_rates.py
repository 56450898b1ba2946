"""Requests with a rate of their own: its budget, its cool-down, and what answers teach of both."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.hosts import FAST, Answer, Host, ShopAccount, make_transport, open_host
from support.hubs import numbered, scripted_world
from support.raw_stores import open_raw
from support.vendor import Vendor

from batchhub._base.json import dumps
from batchhub._http.spent import Spent
from batchhub.adapter import Budget, Credentials
from batchhub.errors import AdapterError, BusyError, RateLimitedError
from batchhub.testing import FakeClock
from batchhub.transport import Session, Transport, open_session

SLOW = Budget(requests=1, per_s=100.0, burst=1)


class World:
    """A host, and transports to it that go by one clock."""

    def __init__(self, host: Host, session: Session, clock: FakeClock) -> None:
        self.host, self.session, self.clock = host, session, clock

    def transport(self, **others: Any) -> Transport:
        """Make a transport."""
        return make_transport(self.session, self.clock, self.host.url, **others)

    async def went(self, transport: Transport, *rates: str) -> list[float]:
        """Send a request of each rate at once; return when each was answered, in seconds."""

        async def ask(rate: str) -> float:
            await transport.request("GET", "/", rate=rate)
            return round(self.clock.monotonic() - began_s, 1)

        began_s = self.clock.monotonic()
        return await asyncio.gather(*(ask(rate) for rate in rates))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Open a host, and time that passes whenever nothing else is going on."""
    clock = FakeClock()
    async with clock.running(), open_host() as host, open_session() as session:
        yield World(host, session, clock)


def kept(spent: Spent) -> Spent:
    """Return what a store would give back."""
    return Spent.read(dumps(spent.sent_json()), dumps(spent.cooled_json()), lane="x")


# Budgets.


async def test_a_rate_holds_up_only_its_own_requests(world: World) -> None:
    """Those of others, and those without, go meanwhile, also when they came later."""
    transport = world.transport(rates={"feeds": SLOW})
    went = await world.went(transport, "feeds", "feeds", "feeds", "", "others", "")

    assert went == [0.0, 100.0, 200.0, 0.0, 0.0, 0.0]


async def test_a_rate_keeps_to_the_budget_of_all_requests_too(world: World) -> None:
    """However much of its own it has left."""
    transport = world.transport(budget=SLOW, rates={"feeds": FAST})
    went = await world.went(transport, "feeds", "", "feeds")

    assert sorted(went) == [0.0, 100.0, 200.0]


async def test_who_waits_for_a_rate_holds_no_connection(world: World) -> None:
    """A lane may have one only; the others go on over it."""
    async with open_session(max_connections=1) as session:
        transport = make_transport(session, world.clock, world.host.url, rates={"feeds": SLOW})
        assert await world.went(transport, "feeds", "feeds", "", "") == [0.0, 100.0, 0.0, 0.0]
        transport.cool_down(RateLimitedError("throttled", retry_after_s=600.0), "feeds")
        assert await world.went(transport, "feeds", "") == [600.0, 0.0]


async def test_a_burst_above_the_requests_is_a_bucket(world: World) -> None:
    """One in 120 s, 15 at once: after a rest of half an hour all 15 go."""
    transport = world.transport(rates={"feeds": Budget(requests=1, per_s=120.0, burst=15)})
    await world.clock.sleep(15 * 120.0)
    went = await world.went(transport, *["feeds"] * 17)

    assert went == [0.0] * 15 + [120.0, 240.0]


async def test_a_turn_that_was_waited_for_is_used_only_if_the_rate_is_free(world: World) -> None:
    """The lane's turn does not let a request of a slow rate pass."""
    transport = world.transport(rates={"feeds": SLOW})
    for expected_s in (0.0, 100.0):
        await transport.wait_turn()
        began_s = world.clock.monotonic()
        await asyncio.create_task(transport.request("POST", "/", rate="feeds"))
        assert round(world.clock.monotonic() - began_s) == expected_s


@pytest.mark.parametrize("rate", ["x" * 101, 7, None])
async def test_a_rate_is_named_by_a_short_text(world: World, rate: Any) -> None:
    """And there are few of them: one made up for each item is a mistake that is named."""
    transport = world.transport()
    with pytest.raises(AdapterError, match="a rate is a kind of requests"):
        await transport.request("GET", "/", rate=rate)
    for number in range(99):
        await transport.request("GET", "/", rate=f"item {number}")
    with pytest.raises(AdapterError, match="up to 100"):
        await transport.request("GET", "/", rate="item 99")
    assert len(world.host.asked) == 99


def test_an_account_has_no_rates_of_its_own_by_default() -> None:
    """Only the budget of all of its requests."""
    assert dict(ShopAccount().rates) == {}


# Cool-downs.


async def test_a_cool_down_is_of_the_rate_that_got_it(world: World) -> None:
    """The others go on."""
    transport = world.transport()
    world.host.answers(Answer(status=429, headers={"Retry-After": "600"}), Answer())
    with pytest.raises(RateLimitedError):
        await transport.request("GET", "/", rate="feeds")

    assert transport.cooled_until is None
    assert list(transport.cool_downs) == ["feeds"]
    assert await world.went(transport, "feeds", "", "others") == [600.0, 0.0, 0.0]


async def test_a_cool_down_of_the_lane_is_of_every_rate(world: World) -> None:
    """Nothing is sent at all."""
    transport = world.transport()
    world.host.answers(Answer(status=429, headers={"Retry-After": "600"}), Answer())
    with pytest.raises(RateLimitedError):
        await transport.request("GET", "/")

    assert await world.went(transport, "feeds", "", "others") == [600.0] * 3


async def test_who_waits_for_a_rate_that_begins_to_cool_waits_on(world: World) -> None:
    """And does not keep the others from going while it does."""
    transport = world.transport(budget=Budget(requests=1, per_s=10.0, burst=1), rates={"f": FAST})
    first = asyncio.create_task(world.went(transport, "f", "f"))
    await world.clock.sleep(5.0)
    transport.cool_down(RateLimitedError("slow down", retry_after_s=600.0), "f")
    assert (await world.went(transport, ""))[0] <= 20.0
    assert (await first)[1] >= 600.0


# What adapters raise of an answer.


@pytest.mark.parametrize("kind", [RateLimitedError, BusyError])
async def test_what_an_adapter_raises_cools_as_an_answer_would(
    world: World, kind: type[RateLimitedError | BusyError]
) -> None:
    """For the time it names, or one that grows; once, however often the same error is handed in."""
    transport = world.transport()
    error = kind("throttled", retry_after_s=600.0)
    transport.cool_down(error)
    assert transport.cooled_until == world.clock.now() + timedelta(seconds=600)
    await world.clock.sleep(500.0)
    transport.cool_down(error)
    assert transport.cooled_until == world.clock.now() + timedelta(seconds=100)
    await world.clock.sleep(100.0)
    for longest_s in (1.0, 2.0, 4.0):
        transport.cool_down(kind("throttled"))
        assert transport.cooled_until is not None
        cool_s = (transport.cooled_until - world.clock.now()).total_seconds()
        assert longest_s / 2 <= cool_s <= longest_s
        await world.clock.sleep(cool_s)


async def test_what_the_transport_has_raised_cools_no_more(world: World) -> None:
    """A refusal is counted once, whoever hands it in again."""
    transport = world.transport(not_executed_statuses=frozenset({570}))
    world.host.answers(Answer(status=429), *[Answer(status=570)] * 4, Answer())
    with pytest.raises(RateLimitedError) as limited:
        await transport.request("GET", "/")
    until = transport.cooled_until
    transport.cool_down(limited.value)
    assert transport.cooled_until == until
    await world.clock.sleep(10.0)
    with pytest.raises(BusyError) as busy:
        await transport.request("GET", "/")
    transport.cool_down(busy.value)
    assert transport.cooled_until is None


@pytest.mark.parametrize("seconds", [-1.0, 0.0, math.nan, math.inf, "600", True, 1e30])
async def test_a_time_that_makes_no_sense_is_bounded(world: World, seconds: Any) -> None:
    """An adapter may hand on whatever a vendor wrote."""
    transport = world.transport()
    transport.cool_down(RateLimitedError("throttled", retry_after_s=seconds))

    assert transport.cooled_until is not None
    assert transport.cooled_until - world.clock.now() <= timedelta(hours=24)


async def test_a_verb_that_raises_it_cools_the_lane(tmp_path: Path) -> None:
    """And the batch is certain not to have run: it is sent again after the cool-down."""
    store, clock = tmp_path / "jobs.db", FakeClock()
    vendor = Vendor(
        submits=deque([RateLimitedError("a 200 that says slow down", retry_after_s=90)])
    )
    async with scripted_world(vendor, store, clock) as world:
        job = await world.hub.submit("shop", numbered(1))
        began_s = clock.monotonic()
        while not vendor.submissions:
            await clock.sleep(0.05)
        other = await world.hub.submit("shop", [{"id": "x", "target": "another"}])
        await clock.sleep(80.0)
        assert len(vendor.submissions) == 1
        await job.wait(timeout_s=600)
        await other.wait(timeout_s=600)

    assert clock.monotonic() - began_s >= 90.0
    assert len(vendor.submissions) == 3


# What answers teach.


def pace(headers: Mapping[str, str], rate: str) -> Mapping[str, Budget]:
    """Read a budget as some vendors write it: requests, seconds, burst, and maybe of what."""
    if "X-Pace" not in headers:
        return {}
    of, requests, per_s, burst = headers["X-Pace"].split()
    budget = Budget(requests=int(requests), per_s=float(per_s), burst=int(burst))
    return {rate if of == "this" else of.strip("-"): budget}


async def no_credentials(*, again: bool) -> Credentials:
    """Give none."""
    return Credentials()


@pytest.mark.parametrize("status", [200, 400])
async def test_a_budget_is_learnt_from_an_answer(world: World, status: int) -> None:
    """It holds from then on, and its request counts."""
    transport = world.transport()
    transport.bind(no_credentials, pace)
    world.host.answers(Answer(status=status, headers={"X-Pace": "feeds 1 100 1"}), Answer())
    await asyncio.gather(transport.request("GET", "/", rate="feeds"), return_exceptions=True)

    assert await world.went(transport, "feeds", "feeds", "") == [100.0, 200.0, 0.0]


@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_teaches_the_budget_of_its_own_requests(world: World, status: int) -> None:
    """A header that does not say what it limits is about the rate its request was sent with."""
    transport = world.transport()
    transport.bind(no_credentials, pace)
    world.host.answers(Answer(status=status, headers={"X-Pace": "this 1 100 1"}), Answer())
    await asyncio.gather(transport.request("GET", "/", rate="feeds"), return_exceptions=True)

    assert await world.went(transport, "feeds", "docs", "") == [100.0, 0.0, 0.0]


async def test_a_budget_of_all_requests_is_learnt_and_unlearnt(world: World) -> None:
    """The last answer holds."""
    transport = world.transport()
    transport.bind(no_credentials, pace)
    world.host.answers(Answer(headers={"X-Pace": "- 1 100 1"}), Answer())
    await transport.request("GET", "/")
    world.host.answers(Answer(headers={"X-Pace": "- 1000 1 500"}), Answer())
    assert await world.went(transport, "", "") == [100.0, 100.0]


async def test_a_learnt_budget_holds_in_the_next_process(world: World) -> None:
    """With what was sent of it, and its cool-down, and whatever else is kept."""
    first = world.transport()
    first.bind(no_credentials, pace)
    world.host.answers(
        Answer(headers={"X-Pace": "feeds 2 100 1"}),
        Answer(status=429, headers={"Retry-After": "600"}),
        Answer(),
    )
    await first.request("GET", "/", rate="feeds")
    with pytest.raises(RateLimitedError):
        await first.request("GET", "/", rate="docs")

    second = world.transport()
    second.restore(kept(first.spent()))
    assert second.cool_downs == first.cool_downs
    assert await world.went(second, "feeds", "feeds", "docs", "") == [100.0, 200.0, 600.0, 0.0]
    assert kept(second.spent()).budgets == {"feeds": Budget(requests=2, per_s=100.0, burst=1)}


async def test_a_rate_that_was_seen_last_long_ago_may_have_sent(world: World) -> None:
    """Of a process that died nobody knows what it sent of any of its rates."""
    first = world.transport(rates={"feeds": SLOW})
    await world.clock.sleep(1000.0)
    spent = kept(first.spent())
    await world.clock.sleep(150.0)
    second = world.transport(rates={"feeds": SLOW})
    second.restore(spent, world.clock.now() - timedelta(seconds=150))

    assert (await world.went(second, "feeds"))[0] >= 99.0


@pytest.mark.parametrize(
    "stored",
    [
        {"budgets": {"f": [1, 100.0]}},
        {"budgets": {"f": [0, 100.0, 1]}},
        {"budgets": {"f": [1, -1, 1]}},
        {"budgets": {"f": [1, True, 1]}},
        {"budgets": {"f": "fast"}},
        {"budgets": 7},
        {"budgets": {"x" * 200: [1, 100.0, 1]}},
        {"sent": {str(n): {"1": 1} for n in range(500)}},
    ],
)
async def test_a_store_may_hold_anything(world: World, stored: dict[str, Any]) -> None:
    """What can't be read is left out; the lane goes on."""
    transport = world.transport()
    transport.restore(Spent.read(stored, None, lane="x"))

    assert await world.went(transport, "") == [0.0]


@pytest.mark.parametrize(
    "made", [KeyError("X-Pace"), {"": "fast"}, {"": Budget(requests=0, per_s=1.0)}, 7]
)
async def test_what_reads_the_pace_may_be_wrong(
    world: World, made: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer is lost by it, no budget changes, and it is logged once."""

    def wrong(headers: Mapping[str, str], rate: str) -> Mapping[str, Budget]:
        if isinstance(made, Exception):
            raise made
        return made  # type: ignore[no-any-return]

    transport = world.transport()
    transport.bind(no_credentials, wrong)
    assert await world.went(transport, "", "", "") == [0.0] * 3
    assert sum("lane.pace_ignored" in record.message for record in caplog.records) == 1


async def test_a_rates_cool_down_is_written_as_soon_as_it_begins(tmp_path: Path) -> None:
    """This process may be killed during it."""
    store, clock = tmp_path / "jobs.db", FakeClock()

    async def talk(transport: Transport) -> Any:
        error = RateLimitedError("feeds are full", retry_after_s=600.0)
        transport.cool_down(error, "feeds")
        raise error

    vendor = Vendor(submits=deque([talk]))
    async with scripted_world(vendor, store, clock) as world:
        await world.hub.submit("shop", numbered(1))
        while not vendor.submissions:
            await clock.sleep(0.05)
        await clock.sleep(0.5)
        with closing(open_raw(store)) as raw:
            (row,) = raw.execute("select cooled from lanes").fetchall()
    assert "feeds" in row[0]
