"""What is asked of a store later: results, jobs, wishes to cancel, contact."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve
from support.stores import (
    LATER,
    NOW,
    add_job,
    completed,
    end_all,
    results_of,
    tickets_of,
)

from batchhub._store import Store, result_rows
from batchhub.models import BatchState, Contact, ItemState

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED
NOT_EXECUTED, UNKNOWN = ItemState.NOT_EXECUTED, ItemState.UNKNOWN


# Results.


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7])
async def test_results_come_in_the_order_of_the_items(
    store: Store, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Results are in order and complete over any number of pages, full or not."""
    monkeypatch.setattr(result_rows, "PAGE", 3)
    job = await add_job(store, *[1] * count)
    for ticket in reversed(await tickets_of(store, job)):
        await store.tickets.end(job, completed(ticket), (), SUCCEEDED, at=NOW)

    got = await results_of(store, "job-1")

    assert [result.id for result in got] == [f"i{n}" for n in range(1, count + 1)]


async def test_results_may_be_asked_for_by_state(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`only` picks the states that are wanted, over all pages."""
    monkeypatch.setattr(result_rows, "PAGE", 2)
    await add_job(store, 8)
    await end_all(store, "job-1", *[SUCCEEDED, FAILED, FAILED, NOT_EXECUTED] * 2)

    async def ids(*only: ItemState) -> list[str]:
        return [result.id for result in await results_of(store, "job-1", only)]

    assert await ids(FAILED) == ["i2", "i3", "i6", "i7"]
    assert await ids(SUCCEEDED, NOT_EXECUTED) == ["i1", "i4", "i5", "i8"]
    assert await ids(UNKNOWN) == []
    assert await ids() == []


async def test_results_of_an_open_job_are_those_so_far(store: Store) -> None:
    """While a job is open its results are those of the tickets that have ended."""
    job = await add_job(store, 2, 2)
    first, _ = await tickets_of(store, job)
    await store.tickets.end(job, completed(first), (), SUCCEEDED, at=NOW)

    assert [result.id for result in await results_of(store, "job-1")] == ["i1", "i2"]


# Finding jobs.


async def test_jobs_are_found_by_account_and_state(store: Store) -> None:
    """Jobs come oldest first; those of an account, those in a state."""
    await add_job(store, 1, job_id="a")
    await add_job(store, 1, job_id="b", account="other")
    await add_job(store, 1, job_id="c")
    await end_all(store, "a", SUCCEEDED)

    async def ids(account: str | None = None, state: BatchState | None = None) -> list[str]:
        states = None if state is None else [state]
        return [job.job_id for job, _ in await store.jobs.find(account=account, states=states)]

    assert await ids() == ["a", "b", "c"]
    assert await ids(account="shop") == ["a", "c"]
    assert await ids(state=BatchState.COMPLETED) == ["a"]
    assert await ids(state=BatchState.PENDING) == ["b", "c"]
    assert await ids(account="shop", state=BatchState.PENDING) == ["c"]
    assert await ids(state=BatchState.FAILED) == []


async def test_jobs_are_found_by_several_states_and_since_when(store: Store) -> None:
    """Several states are one question; since a time means at that time, too."""
    a = await add_job(store, 1, job_id="a")
    await add_job(store, 2, job_id="b")
    await end_all(store, "a", SUCCEEDED)
    either = [BatchState.COMPLETED, BatchState.PENDING]

    assert [job.job_id for job, _ in await store.jobs.find(states=either)] == ["a", "b"]
    assert await store.jobs.find(states=[]) == []
    assert len(await store.jobs.find(since=a.created_at)) == 2
    assert await store.jobs.find(since=a.created_at + timedelta(microseconds=1)) == []
    assert [len(status.tickets) for _, status in await store.jobs.find()] == [1, 1]


async def test_a_driver_finds_the_unfinished_jobs_of_its_lane(store: Store) -> None:
    """A driver gets the open jobs of its own lane, oldest first, those after one it knows."""
    await add_job(store, 1, job_id="a")
    b = await add_job(store, 1, job_id="b")
    await add_job(store, 1, job_id="c", lane="lane-2")
    await add_job(store, 1, job_id="d")
    await end_all(store, "a", SUCCEEDED)

    assert [job.job_id for job, _ in await store.jobs.find_open("lane-1")] == ["b", "d"]
    assert [job.job_id for job, _ in await store.jobs.find_open("lane-1", after=b.job_no)] == ["d"]


async def test_a_wish_to_cancel_survives_what_the_driver_saves(store: Store) -> None:
    """A driver that does not know of the wish yet writes its job without undoing it."""
    job = await add_job(store, 1)
    (ticket,) = await tickets_of(store, job)
    await store.jobs.save_cancel("job-1", NOW)

    await store.tickets.save([(job, [evolve(ticket, state=BatchState.QUEUED)])])

    assert await store.jobs.find_cancelled("lane-1") == {job.job_no: NOW}


async def test_the_first_wish_to_cancel_counts(store: Store) -> None:
    """Cancelling again changes nothing; other lanes and jobs hear nothing of it."""
    job = await add_job(store, 1)
    await add_job(store, 1, job_id="job-2")
    await store.jobs.save_cancel("job-1", NOW)
    await store.jobs.save_cancel("job-1", LATER)

    assert await store.jobs.find_cancelled("lane-1") == {job.job_no: NOW}
    assert await store.jobs.find_cancelled("lane-2") == {}


async def test_contact_is_kept_for_the_jobs_named(store: Store) -> None:
    """How well a vendor is heard is written for some jobs and leaves the others."""
    first = await add_job(store, 1)
    await add_job(store, 1, job_id="job-2")
    await store.jobs.save_contact([first.job_no], Contact.UNREACHABLE, "refused")

    one, two = [status for _, status in await store.jobs.find()]

    assert (one.contact, one.contact_note) == (Contact.UNREACHABLE, "refused")
    assert (two.contact, two.contact_note) == (Contact.OK, None)


@pytest.mark.sqlite_only("asks SQLite")
async def test_only_what_others_write_changes_the_foreign_version(
    file_store: Store, tmp_path: Path
) -> None:
    """A driver learns of other processes' writes without reading its tables, and not of its own."""
    other = await Store.open(tmp_path / "jobs.db")
    first = await file_store.foreign_version()
    await add_job(file_store, 1)
    own = await file_store.foreign_version()
    await add_job(other, 1, job_id="job-2")
    foreign = await file_store.foreign_version()
    await other.aclose()

    assert first == own != foreign
