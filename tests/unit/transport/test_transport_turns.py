"""Requests wait for the budget of their lane; so do repeats of what a vendor did not run."""

from __future__ import annotations

import asyncio

import pytest
from support.hosts import Answer, Host, MakeTransport

from batchhub import errors
from batchhub.adapter import Budget
from batchhub.testing import FakeClock


async def test_a_turn_is_used_once(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Requests that an adapter makes at the same time wait for the budget, all but one."""
    transport = make_transport(budget=Budget(requests=6, per_s=50.0, burst=1))
    went: list[float] = []

    async def ask() -> None:
        await transport.request("POST", "/", body=b"{}")
        went.append(round(clock.monotonic()))

    await transport.wait_turn()
    await asyncio.gather(*(ask() for _ in range(5)))
    await asyncio.create_task(ask())

    assert went == [0, 10, 20, 30, 40, 50]


async def test_a_turn_that_was_waited_for_long_ago_is_no_good(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """The store may have been full for hours: another request went in its place meanwhile."""
    transport = make_transport(budget=Budget(requests=1, per_s=100.0, burst=1))
    await transport.wait_turn()
    await clock.sleep(100.0)
    await asyncio.create_task(transport.request("GET", "/"))
    assert round(clock.monotonic()) == 100
    await transport.request("POST", "/", body=b"{}")
    assert round(clock.monotonic()) == 200


async def test_requests_wait_for_the_budget(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Eleven requests at one a second take ten seconds."""
    transport = make_transport(budget=Budget(requests=61, per_s=60.0, burst=1))

    await asyncio.gather(*(transport.request("GET", "/") for _ in range(11)))

    assert clock.monotonic() == pytest.approx(10.0)
    assert len(vendor.asked) == 11


# -- what the vendor did not run -----------------------------------------------------------------


async def test_a_request_that_was_not_executed_is_repeated_fast_and_few_times(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """Three repeats after 50 ms and more, growing; the write arrives unchanged each time."""
    vendor.answers(*[Answer(status=570)] * 3, Answer(status=201))
    transport = make_transport(not_executed_statuses=frozenset({570}))

    reply = await transport.request("POST", "/", body=b"[1]")

    assert reply.status == 201
    assert [asked.body for asked in vendor.asked] == [b"[1]"] * 4
    assert 0.05 + 0.075 + 0.1125 <= clock.monotonic() <= 2 * (0.05 + 0.075 + 0.1125) + 0.001


async def test_a_vendor_that_stays_busy_is_left_alone(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """After three repeats the caller decides; it is certain that nothing ran."""
    vendor.answers(Answer(status=570))
    transport = make_transport(not_executed_statuses=frozenset({570}))

    with pytest.raises(errors.BusyError, match="can be sent again") as caught:
        await transport.request("POST", "/", body=b"[1]")

    assert len(vendor.asked) == 4
    assert not caught.value.may_have_run


async def test_a_busy_vendor_that_says_when_is_not_asked_before(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Retry-After ends the fast repeats."""
    vendor.answers(Answer(status=503, headers={"Retry-After": "9"}))
    transport = make_transport(not_executed_statuses=frozenset({503}))

    with pytest.raises(errors.BusyError) as caught:
        await transport.request("POST", "/", body=b"[1]")

    assert len(vendor.asked) == 1
    assert caught.value.retry_after_s == 9.0
    assert transport.cooled_until is not None


async def test_repeats_go_through_the_budget_too(
    make_transport: MakeTransport, vendor: Host, clock: FakeClock
) -> None:
    """A repeat is a request like any other."""
    vendor.answers(Answer(status=570), Answer())
    transport = make_transport(
        not_executed_statuses=frozenset({570}), budget=Budget(requests=2, per_s=30.0, burst=1)
    )

    await transport.request("GET", "/")

    assert clock.monotonic() == pytest.approx(30.0)


async def test_an_unlisted_status_is_never_repeated(
    make_transport: MakeTransport, vendor: Host
) -> None:
    """Whether a write ran is unknown after a 500: the loop above decides."""
    vendor.answers(Answer(status=500))

    with pytest.raises(errors.ServerError) as caught:
        await make_transport(not_executed_statuses=frozenset({570})).request("POST", "/")

    assert len(vendor.asked) == 1
    assert caught.value.may_have_run
