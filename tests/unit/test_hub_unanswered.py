"""What becomes of a batch whose submit or poll brings no usable answer, or a refusal."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from support.hubs import numbered, results_of, scripted_world
from support.vendor import Vendor, capable

from batchhub import BatchState, Contact, ItemState, Outcome
from batchhub.adapter import Observation, Report
from batchhub.errors import (
    ConnectError,
    CredentialsError,
    NoAnswerError,
    NotFoundError,
    RefusedError,
    ResultsMissingError,
    UsageError,
)

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED
UNKNOWN = ItemState.UNKNOWN


async def test_a_certain_failure_is_tried_again_as_a_new_attempt() -> None:
    """Nothing was sent, so the batch is sent again, under a new key."""
    vendor = Vendor(submits=deque([ConnectError("no route"), ConnectError("no route")]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        contacts = {status.contact async for status in job.watch()}
        assert job.status.outcome is Outcome.SUCCEEDED
    assert Contact.UNREACHABLE in contacts
    assert len({s.idempotency_key for s in vendor.submissions}) == 3


async def test_an_unanswered_submit_is_repeated_with_its_key_where_the_vendor_deduplicates() -> (
    None
):
    """Inside the window the same attempt is sent again, and only under its own key."""
    vendor = Vendor(submits=deque([NoAnswerError("silence"), NoAnswerError("silence")]))
    capable(vendor, dedup_window_s=3600.0)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        assert (await job.wait()).outcome is Outcome.SUCCEEDED
    assert len(vendor.submissions) == 3
    assert len({s.idempotency_key for s in vendor.submissions}) == 1


async def test_past_the_window_nothing_is_sent_again() -> None:
    """When the vendor may have forgotten the key, the ticket waits for a decision."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")] * 50))
    capable(vendor, dedup_window_s=60.0)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
        elapsed_s = world.clock.monotonic()
    assert status.is_held
    assert elapsed_s < 300
    assert 2 <= len(vendor.submissions) < 50


async def test_an_unanswered_submit_is_held_where_the_vendor_does_not_deduplicate() -> None:
    """Nobody can tell whether it ran: it is sent once, and waits; the others go on."""
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), tickets_per_job=2)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(6))
        status = await job.wait()
        assert [t.state for t in status.tickets] == [BatchState.UNCONFIRMED, BatchState.COMPLETED]
        assert (status.state, status.outcome) == (BatchState.UNCONFIRMED, None)
        with pytest.raises(UsageError, match="retry its unknown items"):
            await job.retry()
        await job.cancel()
        status = await job.wait()
        results = await results_of(job)
    assert [r.state for r in results] == [UNKNOWN] * 3 + [SUCCEEDED] * 3
    assert status.outcome is Outcome.INDETERMINATE
    assert len(vendor.submissions) == 2


async def test_retry_of_the_unknown_is_the_users_decision() -> None:
    """`retry(unknown=True)` ends a held job and puts its items into a new one, once."""
    vendor = Vendor(submits=deque([NoAnswerError("silence")]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        await job.wait()
        new = await job.retry(unknown=True)
        assert (await new.wait()).outcome is Outcome.SUCCEEDED
        assert (await job.retry(unknown=True)).id == new.id
        assert (await job.wait()).state is BatchState.CANCELLED


async def test_a_refusal_fails_the_ticket_and_not_the_job() -> None:
    """A refused batch ends FAILED with the vendor's words on its items; the next goes on."""
    vendor = Vendor(submits=deque([RefusedError("no such shop")]))
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(4))
        status = await job.wait()
        results = await results_of(job)
    assert [t.state for t in status.tickets] == [BatchState.FAILED, BatchState.COMPLETED]
    assert [r.state for r in results] == [FAILED] * 3 + [SUCCEEDED]
    assert results[0].message == "no such shop"
    assert not status.is_refused


async def test_everything_refused_says_so() -> None:
    """A job whose every ticket was refused is FAILED, and known as refused."""
    vendor = Vendor(submits=deque([RefusedError("no")] * 2))
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(4))).wait()
    assert status.is_refused
    assert (status.state, status.outcome) == (BatchState.FAILED, Outcome.FAILED)


async def test_refused_credentials_stop_the_lane_until_a_new_process(tmp_path: Path) -> None:
    """`wait` raises after a 403, for each job of the lane; a new hub tries once and goes on."""
    vendor = Vendor(submits=deque([CredentialsError("wrong token")] * 50))
    store = tmp_path / "jobs.db"
    async with scripted_world(vendor, store) as world:
        job = await world.hub.submit("shop", numbered(6))
        with pytest.raises(CredentialsError, match="wrong token"):
            await job.wait()
        status = await job.refresh()
        assert (status.state, status.contact) == (BatchState.PENDING, Contact.PAUSED)
        other = await world.hub.submit("shop", numbered(1))
        with pytest.raises(CredentialsError, match="wrong token"):
            await other.wait()
    vendor.submits.clear()
    async with scripted_world(vendor, store) as world:
        statuses = [job.status for job in await world.hub.resume()]
    assert [s.outcome for s in statuses] == [Outcome.SUCCEEDED] * 2
    assert [s.contact for s in statuses] == [Contact.OK] * 2


async def test_a_young_ticket_may_be_unknown_for_a_while() -> None:
    """A 404 within the grace is no loss."""
    vendor = capable(Vendor(), visibility_grace_s=30.0)
    vendor.polls = deque([NotFoundError("no such ticket")] * 5)
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(1))).wait()
    assert status.outcome is Outcome.SUCCEEDED


async def test_a_forgotten_ticket_is_lost_and_its_items_unknown() -> None:
    """Past the grace, and not at the first miss, a ticket nobody knows is LOST."""
    vendor = capable(Vendor(), visibility_grace_s=0.0)
    vendor.polls = deque([NotFoundError("no such ticket")] * 3)
    async with scripted_world(vendor) as world:
        job = await world.hub.submit("shop", numbered(2))
        status = await job.wait()
        results = await results_of(job)
    assert (status.state, status.outcome) == (BatchState.LOST, Outcome.INDETERMINATE)
    assert {r.state for r in results} == {UNKNOWN}
    assert len(vendor.polled) == 3


async def test_finished_without_results_is_never_success() -> None:
    """The results are asked for again; when they never come the items are UNKNOWN."""
    vendor = capable(Vendor(), results_grace_s=30.0)
    vendor.reports = deque([ResultsMissingError("no responses")] * 50)
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert (status.state, status.counts.unknown) == (BatchState.COMPLETED, 2)
    assert "results_missing" in {f.code for f in status.findings}


async def test_a_vendor_that_calls_the_batch_failed() -> None:
    """A word for failure ends the ticket FAILED; what nobody named is UNKNOWN."""
    vendor = Vendor(polls=deque([Observation(words=("broken",))]))
    vendor.default_report = lambda _: Report(items=[])
    async with scripted_world(vendor) as world:
        status = await (await world.hub.submit("shop", numbered(2))).wait()
    assert (status.state, status.counts.unknown) == (BatchState.FAILED, 2)
    assert not status.is_refused
