"""What follows from a job's tickets is kept in its row, and jobs are found by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import evolve
from support.stores import NOW, add_job, fold_again, tickets_of

from batchhub._store import JobRecord, Store, TicketRecord
from batchhub.errors import NotKnownError
from batchhub.models import BatchState, BatchStatus, Finding, ItemResult, ItemState, Outcome

ODD = Finding(code="unknown_word", message="odd", examples=("a",))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store in a file."""
    opened = await Store.open(tmp_path / "jobs.db")
    yield opened
    await opened.aclose()


async def look(store: Store, job: JobRecord) -> BatchStatus:
    """Return the status of a job, which its tickets give as well as its row."""
    status = (await store.jobs.get(job.job_id))[1]
    again = fold_again(status)
    assert (status.state, status.outcome, status.counts, status.progress) == (
        again.state,
        again.outcome,
        again.counts,
        again.progress,
    )
    return status


async def end(store: Store, job: JobRecord, ticket: TicketRecord, *states: ItemState) -> None:
    """End a ticket as completed."""
    results = [ItemResult(id=str(n), state=state) for n, state in enumerate(states)]
    ended = evolve(ticket, state=BatchState.COMPLETED, progress=1.0)
    await store.tickets.end(job, ended, results, ItemState.UNKNOWN, at=NOW)


async def test_each_write_of_a_ticket_changes_what_follows(store: Store) -> None:
    """Saved, accepted, ended, by whom ever: the job's row says what the tickets say."""
    job = await add_job(store, 2, 3)
    first, second = await tickets_of(store, job)
    assert (await look(store, job)).state is BatchState.PENDING

    taken = evolve(first, state=BatchState.QUEUED, vendor_refs=("r",), accepted_at=NOW)
    await store.tickets.accept(job, taken)
    assert (await look(store, job)).state is BatchState.QUEUED

    seen = evolve(taken, state=BatchState.IN_PROGRESS, progress=0.5, findings=(ODD,))
    await store.tickets.save([(job, [seen])])
    status = await look(store, job)
    assert (status.state, status.progress) == (BatchState.IN_PROGRESS, 0.2)
    assert status.findings == (ODD,)

    await end(store, job, seen, ItemState.SUCCEEDED, ItemState.FAILED)
    status = await look(store, job)
    assert (status.counts.succeeded, status.counts.failed, status.counts.pending) == (1, 1, 3)
    assert (status.outcome, status.progress) == (None, 0.4)

    await end(store, job, second, *[ItemState.SUCCEEDED] * 3)
    status = await look(store, job)
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.PARTIAL)
    assert (status.progress, status.counts.succeeded) == (1.0, 4)


async def test_a_ticket_that_two_end_is_counted_once(store: Store) -> None:
    """Whoever is late changes nothing: not the ticket, and not the counts of its job."""
    job = await add_job(store, 2, 2)
    first, _ = await tickets_of(store, job)
    both = [ItemState.SUCCEEDED, ItemState.SUCCEEDED]

    await asyncio.gather(end(store, job, first, *both), end(store, job, first, *both))
    await store.tickets.save([(job, [evolve(first, state=BatchState.IN_PROGRESS, progress=0.1)])])

    status = await look(store, job)
    assert (status.counts.succeeded, status.counts.pending, status.progress) == (2, 2, 0.5)
    assert status.state is BatchState.IN_PROGRESS


async def test_a_late_answer_is_a_finding_of_the_job(store: Store) -> None:
    """A batch that the vendor took for a ticket that had ended is said in the job's row as well."""
    job = await add_job(store, 1)
    (ticket,) = await tickets_of(store, job)
    await end(store, job, ticket, ItemState.SUCCEEDED)

    for ref in ("late", "later"):
        late = evolve(ticket, state=BatchState.QUEUED, vendor_refs=(ref,), accepted_at=NOW)
        await store.tickets.accept(job, late)

    (found,) = await store.jobs.find(tickets=False)
    (finding,) = found[1].findings
    assert (finding.code, finding.count, finding.examples) == ("late_ticket", 2, ("late", "later"))


async def test_findings_of_many_tickets_are_one_per_code(store: Store) -> None:
    """What a ticket says again is not counted again; what it adds is."""
    job = await add_job(store, 1, 1)
    first, second = await tickets_of(store, job)
    more = evolve(ODD, count=2, examples=("a", "b"))

    await store.tickets.save([(job, [evolve(first, findings=(ODD,))])])
    await store.tickets.save([(job, [evolve(first, findings=(more,), vendor_state="x")])])
    await store.tickets.save([(job, [evolve(second, findings=(ODD,))])])

    (finding,) = (await look(store, job)).findings
    assert (finding.count, finding.examples) == (3, ("a", "b"))


async def test_jobs_are_found_by_pages(store: Store) -> None:
    """Newest first, each page behind the last job of the one before; tickets only if wanted."""
    for n in range(5):
        await add_job(store, 1, job_id=f"job-{n}")

    whole = [job.job_id for job, _ in await store.jobs.find()]
    first = await store.jobs.find(limit=2)
    second = await store.jobs.find(limit=2, before=first[-1][0].job_id, tickets=False)
    rest = await store.jobs.find(before=second[-1][0].job_id)

    assert whole == ["job-0", "job-1", "job-2", "job-3", "job-4"]
    assert [job.job_id for job, _ in (*first, *second, *rest)] == whole[::-1]
    assert [len(status.tickets) for _, status in (*first, *second)] == [1, 1, 0, 0]
    assert [status.counts.total for _, status in second] == [1, 1]
    assert await store.jobs.find(limit=0) == []
    with pytest.raises(NotKnownError):
        await store.jobs.find(before="nobody's")


async def test_a_page_has_jobs_of_the_wanted_state_only(store: Store) -> None:
    """The states are looked for in the store, so that a page is full."""
    jobs = [await add_job(store, 1, job_id=f"job-{n}") for n in range(4)]
    for job in jobs[1:3]:
        (ticket,) = await tickets_of(store, job)
        await end(store, job, ticket, ItemState.SUCCEEDED)

    done = await store.jobs.find(states=[BatchState.COMPLETED], limit=2)
    still_open = await store.jobs.find(states=[BatchState.PENDING], limit=2)

    assert [job.job_id for job, _ in done] == ["job-2", "job-1"]
    assert [job.job_id for job, _ in still_open] == ["job-3", "job-0"]
