"""Each condition of the alerts fires and recovers, and is told once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.alerting import Receiver, alerting, is_signed, receiving, settings_for
from support.hubs import World, numbered, scripted_world
from support.vendor import ScriptedAccount, Vendor, capable, report_states

from batchhub import BatchHub
from batchhub._alerts.conditions import Condition, Rule
from batchhub._alerts.settings import AlertSettings
from batchhub._engine.health import find_problems
from batchhub.adapter import Observation
from batchhub.errors import ConnectError, CredentialsError, NoAnswerError
from batchhub.hub import opened
from batchhub.models import ItemState, Problem
from batchhub.testing import FakeClock

RUNNING = Observation(words=("Running",))
TURN_S = 6.0
LOOK_S = 36.0


def running(**changes: Any) -> Vendor:
    """Make a vendor whose batches do not end."""
    vendor = capable(Vendor(), **changes)
    vendor.answer_poll = lambda tickets: [RUNNING] * len(tickets)
    return vendor


@asynccontextmanager
async def night(
    vendor: Vendor | None = None, store: Path | None = None, **wanted: Any
) -> AsyncIterator[tuple[Receiver, World]]:
    """Have alerts look at a hub with one account, and tell a receiver."""
    async with (
        receiving() as receiver,
        scripted_world(vendor, store) as world,
        alerting(world.hub, settings_for(receiver.channel(), **wanted)),
    ):
        yield receiver, world


async def problems_of(world: World) -> list[Problem]:
    """Return all that is wrong, what is overshadowed too."""
    hub = await opened(world.hub)
    return await find_problems(hub.store, hub.process, hub.clock, 600.0)


async def told(receiver: Receiver, world: World, number: int) -> list[tuple[str, str, str]]:
    """Return what a receiver was told, once it was as much as this, or half an hour has passed."""
    for _ in range(180):
        if len(receiver.told) >= number:
            break
        await world.clock.sleep(10.0)
    return receiver.told


async def test_a_held_job_is_told_at_once_and_when_somebody_has_decided() -> None:
    """With what it is, where, since when, and what to do; signed, and once each."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with night(vendor) as (receiver, world):
        job = await world.hub.submit("shop", numbered(2))
        assert (await job.wait()).is_held
        assert await told(receiver, world, 1) == [("firing", "held", "shop")]
        await job.adopt("found")
        await job.wait()
        assert (await told(receiver, world, 2))[1:] == [("recovered", "held", "shop")]
        await world.clock.sleep(500.0)
        first, second = receiver.messages
    assert all(map(is_signed, receiver.headers, receiver.data))
    assert first["changes"][0]["jobs"] == [job.id]
    assert "nobody can tell whether the vendor has 1 ticket of it" in first["text"]
    assert f"what to do: batchhub status {job.id} --config /etc/batchhub.toml" in first["text"]
    assert first["title"] == "batchhub: 1 problem (shop: a job is held)"
    assert "RECOVERED: a job is held\n- shop: over; it had lasted" in second["text"]
    assert "All is well again" in second["text"]
    assert receiver.headers[0]["Batchhub-Message"] == first["id"]


async def test_unknown_items_are_told_until_they_are_retried() -> None:
    """A further job with some is told, too, though not within the hour."""
    vendor = Vendor(default_report=report_states(i2=ItemState.UNKNOWN))
    async with night(vendor) as (receiver, world):
        first = await world.hub.submit("shop", numbered(3))
        await first.wait()
        assert await told(receiver, world, 1) == [("firing", "unknown", "shop")]
        await (await world.hub.submit("shop", numbered(3))).wait()
        await world.clock.sleep(600.0)
        assert len(receiver.told) == 1
        assert (await told_later(receiver, world, 2))[1] == ("growing", "unknown", "shop")
        assert receiver.messages[1]["changes"][0]["jobs"] != [first.id]
        vendor.default_report = report_states()
        for job in await world.hub.jobs():
            await (await job.retry(unknown=True)).wait()
        assert (await told(receiver, world, 3))[2] == ("recovered", "unknown", "shop")
    assert "nobody can tell what became of 1 item of 1 job" in receiver.messages[0]["text"]


async def told_later(receiver: Receiver, world: World, number: int) -> list[tuple[str, str, str]]:
    """Return what a receiver was told, over hours."""
    for _ in range(3):
        await told(receiver, world, number)
    return receiver.told


async def test_a_bad_night_is_told_once() -> None:
    """However many jobs of it fail; and it is over with the next good one."""
    vendor = Vendor(default_report=report_states(i1=ItemState.FAILED, i2=ItemState.NOT_EXECUTED))
    rules = {Condition.FAILED_SHARE: Rule(percent=50.0, min_items=3)}
    async with night(vendor, rules=rules) as (receiver, world):
        for _ in range(3):
            await (await world.hub.submit("shop", numbered(3))).wait()
            await world.clock.sleep(100.0)
        await (await world.hub.submit("shop", numbered(2))).wait()  # too small to be judged
        assert await told(receiver, world, 1) == [("firing", "failed_share", "shop")]
        vendor.default_report = report_states(i1=ItemState.FAILED)
        await (await world.hub.submit("shop", numbered(3))).wait()
        assert (await told(receiver, world, 2))[1] == ("recovered", "failed_share", "shop")
        await (await world.hub.submit("shop", numbered(3))).wait()
        await world.clock.sleep(100.0)
    assert len(receiver.told) == 2
    assert "work: 2 of 3 items (67 %)" in receiver.messages[0]["text"]
    assert "what to do: batchhub failures --account shop --config" in receiver.messages[0]["text"]


@pytest.mark.parametrize("way", ["retried", "retried in vain", "pruned"])
async def test_failures_that_are_made_good_are_over(way: str) -> None:
    """By a retry that succeeds, not by one that fails again; or with the job itself."""
    vendor = Vendor(default_report=report_states(i1=ItemState.FAILED, i2=ItemState.FAILED))
    rules = {Condition.FAILED_SHARE: Rule(percent=50.0, min_items=3)}
    async with night(vendor, rules=rules) as (receiver, world):
        job = await world.hub.submit("shop", numbered(3))
        await job.wait()
        await told(receiver, world, 1)
        if way == "retried":
            vendor.default_report = report_states()
        if way == "pruned":
            await world.hub.prune(0)
        else:
            await (await job.retry()).wait()
        await told(receiver, world, 2)
    kinds = [change for change, *_ in receiver.told]
    assert kinds == (["firing"] if way == "retried in vain" else ["firing", "recovered"])


async def test_a_job_that_somebody_cancels_is_no_bad_one() -> None:
    """What became of its items was decided by somebody, who was told what that means."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    rules = {Condition.FAILED_SHARE: Rule(min_items=1), Condition.UNKNOWN: Rule()}
    async with night(vendor, rules=rules) as (receiver, world):
        job = await world.hub.submit("shop", numbered(2))
        assert (await job.wait()).is_held
        await job.cancel()
        await world.clock.sleep(100.0)
        assert (await job.refresh()).counts.unknown == 2
    assert receiver.told == []


async def test_refused_credentials_are_told_at_once() -> None:
    """With what the vendor said; and that they are taken again."""
    vendor = Vendor(polls=deque([CredentialsError("token revoked")] * 3))
    async with night(vendor) as (receiver, world):
        job = await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        driving = asyncio.create_task(world.hub.drive())
        assert (await told(receiver, world, 1)) == [("firing", "credentials", "shop")]
        assert (await told(receiver, world, 2))[1:] == [("recovered", "credentials", "shop")]
        assert (await job.refresh()).state.is_terminal
        driving.cancel()
    assert "shop, since" in receiver.messages[0]["text"]
    assert "token revoked" in receiver.messages[0]["text"]
    assert "what to do: batchhub check shop --config" in receiver.messages[0]["text"]


async def test_a_vendor_that_comes_and_goes_is_told_once_it_stays_away() -> None:
    """A silence of two minutes is none; and one good answer in the midst is no recovery."""
    down = True

    def poll(tickets: Any) -> Any:
        if down:
            raise ConnectError("connection refused")
        return [RUNNING] * len(tickets)

    vendor = capable(Vendor(), poll_s=5.0)
    vendor.answer_poll = poll
    async with night(vendor) as (receiver, world):
        await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await world.clock.sleep(120.0)
        down = False
        await world.clock.sleep(300.0)
        assert receiver.told == []
        down = True
        await world.clock.sleep(400.0)
        assert receiver.told == [("firing", "unreachable", "shop")]
        down = False
        await world.clock.sleep(120.0)
        down = True
        await world.clock.sleep(300.0)
        down = False
        await world.clock.sleep(120.0)
        assert len(receiver.told) == 1
        await world.clock.sleep(400.0)
    assert receiver.told[1:] == [("recovered", "unreachable", "shop")]
    assert "connection refused" in receiver.messages[0]["text"]


async def test_a_job_that_makes_no_progress() -> None:
    """Past its deadline; until it ends."""
    async with night(running()) as (receiver, world):
        job = await world.hub.submit("shop", numbered(2), deadline_s=600.0)
        await world.clock.sleep(800.0)
        assert receiver.told == []
        assert (await told(receiver, world, 1)) == [("firing", "stalled", "shop")]
        world.vendor.answer_poll = None
        await job.wait()
        assert (await told(receiver, world, 2))[1:] == [("recovered", "stalled", "shop")]
    assert f"batchhub status {job.id}" in receiver.messages[0]["text"]


async def test_an_account_that_nobody_drives(tmp_path: Path) -> None:
    """Another process submitted to an account that this one doesn't have."""
    store = tmp_path / "jobs.db"
    async with receiving() as receiver, scripted_world(running(), store) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await world.clock.sleep(20.0)
        await world.hub.aclose()
        async with (
            BatchHub(store, clock=world.clock) as hub,
            alerting(hub, settings_for(receiver.channel())),
        ):
            assert (await told(receiver, world, 1)) == [("firing", "unattended", "shop")]


async def test_a_job_that_is_open_for_too_long() -> None:
    """By its age alone."""
    rules = {Condition.OLDEST_OPEN: Rule(age_s=1200.0)}
    async with night(running(), rules=rules) as (receiver, world):
        job = await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        await world.clock.sleep(1100.0)
        assert receiver.told == []
        await world.clock.sleep(200.0)
        assert receiver.told == [("firing", "oldest_open", "shop")]
        world.vendor.answer_poll = None
        await job.wait()
        await told(receiver, world, 2)
    assert [change for change, *_ in receiver.told] == ["firing", "recovered"]
    assert "a job has not ended 20 min after it was submitted" in receiver.messages[0]["text"]


@pytest.mark.parametrize("is_used", [True, False])
async def test_nothing_was_sent_for_too_long(is_used: bool) -> None:
    """Also by an account that never had a job: from when somebody looked for the first time."""
    rules = {Condition.NOTHING_SENT: Rule(spans_s={"shop": 1200.0})}
    async with receiving() as receiver, scripted_world() as world:
        if is_used:
            await (await world.hub.submit("shop", numbered(2))).wait()
            await world.clock.sleep(600.0)
        async with alerting(world.hub, settings_for(receiver.channel(), rules=rules)):
            await world.clock.sleep(500.0 if is_used else 1100.0)
            assert receiver.told == []
            await world.clock.sleep(200.0)
            assert receiver.told == [("firing", "nothing_sent", "shop")]
            await (await world.hub.submit("shop", numbered(2))).wait()
            await told(receiver, world, 2)
            assert [change for change, *_ in receiver.told] == ["firing", "recovered"]
            await world.clock.sleep(1000.0)
            assert len(receiver.told) == 2
            await world.clock.sleep(300.0)
            assert len(receiver.told) == 3


async def test_many_accounts_in_one_look_are_one_message(tmp_path: Path) -> None:
    """It names five of them, and counts the others; a program gets all."""
    vendors = {f"shop-{n}": Vendor(submits=deque([NoAnswerError("x")])) for n in range(7)}
    clock = FakeClock()
    accounts = {name: ScriptedAccount(name=name, vendor=one) for name, one in vendors.items()}
    store = tmp_path / "jobs.db"
    async with (
        receiving() as receiver,
        clock.running(),
        BatchHub(store, accounts, clock=clock, seed=1) as hub,
    ):
        jobs = [await hub.submit(name, numbered(1)) for name in accounts]
        for job in jobs:
            assert (await job.wait()).is_held
        async with alerting(hub, settings_for(receiver.channel())):
            await clock.sleep(200.0)
            for job in jobs[:2]:
                await job.cancel()
            await clock.sleep(100.0)
    first, second = receiver.messages
    assert first["title"] == "batchhub: 7 problems (shop-0: a job is held and 6 others)"
    assert len(first["changes"]) == 7
    assert "- and 2 more accounts: batchhub alerts --config" in first["text"]
    assert "shop-5" not in first["text"]
    assert second["title"] == "batchhub: 2 recovered (shop-0: a job is held and 1 other)"
    assert (second["firing"], "5 alerts now" in second["text"]) == (5, True)


async def test_what_holds_on_is_told_again_if_somebody_wants_it() -> None:
    """And not otherwise."""
    for remind_s, number in ((None, 1), (600.0, 3)):
        async with receiving() as receiver, scripted_world(running()) as world:
            await world.hub.submit("shop", numbered(2), deadline_s=1e6)
            rules = {Condition.OLDEST_OPEN: Rule(age_s=60.0)}
            settings = settings_for(receiver.channel(), rules=rules, remind_s=remind_s)
            async with alerting(world.hub, settings):
                await world.clock.sleep(1400.0)
        assert [change for change, *_ in receiver.told] == ["firing", "reminder", "reminder"][
            :number
        ]


async def test_a_condition_that_is_switched_off_ends_without_a_word() -> None:
    """So does one whose channel is gone; what is switched on is told."""
    rules = {Condition.OLDEST_OPEN: Rule(age_s=60.0)}
    async with receiving() as receiver, scripted_world(running()) as world:
        await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        async with alerting(world.hub, settings_for(receiver.channel(), rules=rules)) as alerts:
            await told(receiver, world, 1)
            alerts.reload(settings_for(receiver.channel(), rules={}))
            await world.clock.sleep(LOOK_S)
            alerts.reload(settings_for(receiver.channel(), rules=rules))
            assert len(await told(receiver, world, 2)) == 2
            alerts.reload(AlertSettings())
            await world.clock.sleep(LOOK_S)
            hub = await opened(world.hub)
            assert await hub.store.alerts.is_empty()
            assert (await hub.store.leases.get("alerts")).holder is None
    assert [change for change, *_ in receiver.told] == ["firing", "firing"]


async def test_two_who_look_tell_once(tmp_path: Path) -> None:
    """One of them has the lease; the other one goes on when it ends, and repeats nothing."""
    store = tmp_path / "jobs.db"
    rules = {Condition.OLDEST_OPEN: Rule(age_s=60.0)}
    async with receiving() as receiver, scripted_world(running(), store) as world:
        job = await world.hub.submit("shop", numbered(2), deadline_s=1e6)
        settings = settings_for(receiver.channel(), rules=rules)
        async with BatchHub(store, clock=world.clock, drives=False) as other:
            async with alerting(world.hub, settings):
                await world.clock.sleep(TURN_S)
                async with alerting(other, settings):
                    await world.clock.sleep(300.0)
                    assert len(receiver.messages) == 1
            async with alerting(other, settings):
                await world.clock.sleep(300.0)
                assert len(receiver.messages) == 1
                world.vendor.answer_poll = None
                await job.wait()
                await told(receiver, world, 2)
    assert [change for change, *_ in receiver.told] == ["firing", "recovered"]


async def test_what_follows_from_something_worse_is_not_told() -> None:
    """A job that is held makes no progress; that is no second message. Nor is it an end."""
    async with night(Vendor(submits=deque([NoAnswerError("silence")]))) as (receiver, world):
        job = await world.hub.submit("shop", numbered(2), deadline_s=60.0)
        assert (await job.wait()).is_held
        await world.clock.sleep(2000.0)
        assert receiver.told == [("firing", "held", "shop")]
        assert {problem.code for problem in await problems_of(world)} >= {"held", "overdue"}
