"""Refused credentials: nothing is sent but, now and then, one request that may show a change."""

from __future__ import annotations

import itertools
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from support.hubs import World, numbered, scripted_world
from support.vendor import ScriptedAccount, ScriptedAdapter, Vendor, capable

from batchhub import BatchHub, Contact, Outcome
from batchhub._engine.lane import Lane
from batchhub.adapter import Accepted, Steps, Submission
from batchhub.errors import BlockedError, CredentialsError


@pytest.fixture
def sent_at(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each batch was sent."""
    times: list[float] = []
    submit = ScriptedAdapter.submit

    async def note(adapter: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        clock: Any = adapter.transport._clock
        times.append(clock.monotonic())
        return await submit(adapter, submission, steps)

    monkeypatch.setattr(ScriptedAdapter, "submit", note)
    return times


def gaps(times: list[float]) -> list[float]:
    """Return the seconds between each two times."""
    return [after - before for before, after in itertools.pairwise(times)]


async def refused_job(world: World, count: int = 1) -> str:
    """Submit a job whose credentials are refused; `wait` says so."""
    job = await world.hub.submit("shop", numbered(count))
    with pytest.raises(CredentialsError, match="wrong token"):
        await job.wait()
    assert (await job.refresh()).contact is Contact.PAUSED
    return job.id


async def test_one_request_is_tried_after_1_2_4_8_15_15_minutes(
    sent_at: list[float], tmp_path: Path
) -> None:
    """A hub that stays open goes on by itself once the vendor takes the credentials again."""
    vendor = Vendor(submits=deque([CredentialsError("wrong token")] * 7))
    async with scripted_world(capable(vendor, tickets_per_job=8), tmp_path / "s.db") as world:
        job = await world.hub.job(await refused_job(world))
        await world.hub.submit("shop", numbered(24))  # more that could be tried at once
        await world.clock.sleep(3600.0 * 2)
        status = await job.wait()

    for gap_s, pause_s in zip(gaps(sent_at), [60, 120, 240, 480, 900, 900, 900], strict=False):
        # The clock of the test moves on in steps of some seconds while the store is at work.
        assert pause_s <= gap_s < pause_s + 20
    assert status.outcome is Outcome.SUCCEEDED
    assert status.contact is Contact.OK


async def test_the_pauses_begin_anew_after_a_success(sent_at: list[float]) -> None:
    """Credentials that are refused later, once more, are tried after a minute again."""
    refusals = [CredentialsError("wrong token")] * 3
    vendor = Vendor(submits=deque([*refusals, Accepted(vendor_refs=("a",)), *refusals]))
    async with scripted_world(vendor) as world:
        job = await world.hub.job(await refused_job(world))
        await world.clock.sleep(500.0)
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
        other = await world.hub.job(await refused_job(world))
        await world.clock.sleep(500.0)
        assert (await other.wait()).outcome is Outcome.SUCCEEDED

    assert sum(50 <= gap_s < 75 for gap_s in gaps(sent_at)) == 2


async def test_a_paused_lane_is_free_for_a_process_with_better_credentials(tmp_path: Path) -> None:
    """Who fixes the credentials and resumes need not stop the process that has the old ones."""
    store, vendor = tmp_path / "s.db", Vendor(submits=deque([CredentialsError("wrong token")] * 99))
    async with scripted_world(vendor, store) as world:
        job_id = await refused_job(world)
        better = {"shop": ScriptedAccount(vendor=Vendor())}
        async with BatchHub(store, better, clock=world.clock) as other:
            (job,) = await other.resume()

    assert (job.id, job.status.outcome) == (job_id, Outcome.SUCCEEDED)


async def test_a_page_in_between_is_lost_contact_and_no_refusal(sent_at: list[float]) -> None:
    """One challenge page stops nothing: the batch goes again, and nobody is told to fix a token."""
    blocked = BlockedError("a page of its own", status=403)
    vendor = Vendor(submits=deque([blocked] * 2), polls=deque([blocked]))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(1))).wait()

    assert status.outcome is Outcome.SUCCEEDED
    assert len(sent_at) == 3
    assert sent_at[2] - sent_at[1] > sent_at[1] - sent_at[0] > 0.1


async def test_a_lane_that_tries_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the one request is on its way, the lane rests."""
    vendor = Vendor(submits=deque([CredentialsError("wrong token")]))
    rests = 0
    rest = Lane._rest

    async def count(lane: Lane) -> None:
        nonlocal rests
        rests += 1
        await rest(lane)

    submit = ScriptedAdapter.submit

    async def slowly(adapter: ScriptedAdapter, submission: Submission, steps: Steps) -> Accepted:
        await adapter.transport._clock.sleep(30.0)
        return await submit(adapter, submission, steps)

    monkeypatch.setattr(Lane, "_rest", count)
    monkeypatch.setattr(ScriptedAdapter, "submit", slowly)
    async with scripted_world(capable(vendor, tickets_per_job=8)) as world:
        job = await world.hub.job(await refused_job(world, count=12))
        rests = 0
        await world.clock.sleep(85.0)
        assert rests < 100
        assert not (await job.refresh()).state.is_terminal
