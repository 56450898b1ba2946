"""A job, its items and its key go into the store whole and once, and come back as they were."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone
from pathlib import Path

import pytest
from attrs import AttrsInstance, evolve, fields
from support.stores import (
    LATER,
    NOW,
    add_job,
    count_rows,
    make_chunk,
    make_chunks,
    make_job,
    make_plans,
    put_job,
    tickets_of,
)

from batchhub._store import Store
from batchhub._store.tables import items, jobs, results, tickets
from batchhub.adapter import WireItem
from batchhub.errors import KeyConflictError, NotKnownError, StoreError
from batchhub.models import BatchState, Contact, Finding

TABLES = (jobs, tickets, items, results)


def assert_set(record: AttrsInstance) -> None:
    """Check that a record has no field at its default, so that none is left out of a test."""
    unset = [f.name for f in fields(type(record)) if getattr(record, f.name) == f.default]
    assert not unset


# A job and its items.


async def test_a_job_comes_back_as_it_was_put_in(store: Store) -> None:
    """Every field of a job survives the way through SQL."""
    given = make_job(
        key="import-1",
        label="Ümlaut \N{SNOWMAN}",
        options={"nested": {"list": [1, 2.5, None, True]}, "text": "\u2028"},
        stop_on_first_failure=True,
        retry_of="job-0",
        place=1,
        ahead=True,
        contact=Contact.STALE,
        contact_note="no answer",
        findings=(Finding(code="odd", message="Odd.", count=7, examples=("a", "b")),),
        observed_at=LATER,
        cancelled_at=LATER,
        ended_at=LATER,
    )
    assert_set(given)
    added, is_new = await put_job(store, given, make_plans(2, 1), make_chunks(3))
    got, _ = await store.jobs.get("job-1")

    assert is_new
    assert got == added == evolve(given, job_no=got.job_no)


async def test_times_are_kept_in_utc(store: Store) -> None:
    """A time of another zone comes back as the same moment, in UTC."""
    zoned = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    await add_job(store, 1, created_at=zoned)

    got, _ = await store.jobs.get("job-1")

    assert got.created_at == NOW
    assert got.created_at.utcoffset() == timedelta(0)


async def test_a_ticket_comes_back_as_it_was_saved(store: Store) -> None:
    """Every field of a ticket survives the way through SQL."""
    job = await add_job(store, 10)
    (planned,) = await tickets_of(store, job)
    given = evolve(
        planned,
        state=BatchState.IN_PROGRESS,
        attempt_id="7e3d8f7c-7f5a-4a47-9a84-0a39b1c1b7a5",
        attempted_at=NOW,
        attempted_boot="boot",
        attempted_boot_s=12.25,
        sends=2,
        kept={"file": "f1"},
        accepted_at=NOW,
        finished_as=BatchState.FAILED,
        finished_at=LATER,
        settling_since=LATER,
        waits_for_previous=True,
        vendor_refs=("r1", "r2"),
        vendor_state="Läuft",
        vendor={"total": 2, "deep": {"a": [1]}},
        progress=0.5,
        message="half way",
        findings=(Finding(code="odd", message="Odd.", examples=("x",)),),
        succeeded=1,
        failed=2,
        not_executed=3,
        unknown=4,
    )
    assert_set(given)
    await store.tickets.save([(job, [given])])

    assert await tickets_of(store, job) == [given]


async def test_a_job_has_its_tickets_and_items_in_order(store: Store) -> None:
    """Each ticket has its own stretch of the items, whatever chunks they came in."""
    job, _ = await put_job(store, make_job(), make_plans(3, 2, 2), make_chunks(1, 5, 1))
    found = await tickets_of(store, job)

    got = [[item.id for item in await store.tickets.get_items(ticket)] for ticket in found]

    assert got == [["i1", "i2", "i3"], ["i4", "i5"], ["i6", "i7"]]
    assert [ticket.position for ticket in found] == [1, 2, 3]
    assert not any(ticket.waits_for_previous for ticket in found)


@pytest.mark.parametrize("stops", [True, False])
async def test_what_is_told_of_a_new_job_is_what_is_stored(store: Store, stops: bool) -> None:
    """Nothing is read again of a job that was stored a moment ago: it is known as it is."""
    doubt = Finding(code="same_target", message="two items change the same", count=2)
    job = make_job(stop_on_first_failure=stops, findings=(doubt,))
    added = await store.loads.add(job, make_chunk(make_plans(3, 2), make_chunks(3, 2)))

    read, status = await store.jobs.get(job.job_id)

    assert added.status == status
    assert len(status.tickets) == 2
    assert added.job == read


async def test_tickets_wait_for_one_another_when_a_job_stops_on_failure(store: Store) -> None:
    """With stop-on-first-failure every ticket but the first waits for the one before it."""
    job = await add_job(store, 1, 1, 1, stop_on_first_failure=True)

    found = await tickets_of(store, job)

    assert [ticket.waits_for_previous for ticket in found] == [False, True, True]


@pytest.mark.parametrize("good_chunks", [0, 1, 3])
async def test_an_error_among_the_items_leaves_nothing_of_a_job(
    store: Store, good_chunks: int
) -> None:
    """A job and its items appear in one transaction or not at all."""
    good = make_chunks(*[2] * good_chunks)
    bad = [WireItem(id="bad", wire=object())]  # type: ignore[arg-type]

    with pytest.raises(StoreError):
        await put_job(store, make_job(), make_plans(8), [*good, bad])

    assert await count_rows(store, TABLES) == [0, 0, 0, 0]


async def test_another_connection_sees_a_whole_job_or_none(
    file_store: Store, tmp_path: Path
) -> None:
    """While a job is being written, others see nothing of it."""
    other = await Store.open(tmp_path / "jobs.db")
    seen: set[tuple[int, ...]] = set()
    chunks = make_chunks(*[1] * 4000)

    adding = asyncio.create_task(put_job(file_store, make_job(), make_plans(4000), chunks))
    while not adding.done():
        seen.add(tuple(await count_rows(other, [jobs, items])))

    assert (0, 0) in seen
    assert seen <= {(0, 0), (1, 4000)}
    assert await count_rows(other, [jobs, items]) == [1, 4000]
    await other.aclose()


async def test_a_job_nobody_stored_is_not_known(store: Store) -> None:
    """Asking for an id the store does not have is the caller's error."""
    with pytest.raises(NotKnownError, match=r"no job named 'nope'$"):
        await store.jobs.get("nope")


# Keys.


async def test_the_same_key_and_content_is_the_same_job(store: Store) -> None:
    """A second submit with the same key and the same fingerprint joins the first job."""
    first = await add_job(store, 2, key="k")

    again, is_new = await put_job(store, make_job("job-2", key="k"), make_plans(2), make_chunks(2))

    assert not is_new
    assert again == first
    assert await count_rows(store, TABLES) == [1, 1, 2, 0]


async def test_the_same_key_with_other_content_is_refused(store: Store) -> None:
    """A key with another fingerprint is an error that names the key and the job it belongs to."""
    await add_job(store, 2, key="k")

    with pytest.raises(KeyConflictError, match=r"key 'k' belongs to job job-1") as caught:
        await add_job(store, 2, job_id="job-2", key="k", fingerprint="0" * 64)

    assert caught.value.job_id == "job-1"
    assert await count_rows(store, TABLES) == [1, 1, 2, 0]


async def test_a_key_is_of_its_lane(store: Store) -> None:
    """The same key at another account is another job; jobs without a key never join."""
    await add_job(store, 1, key="k")
    await add_job(store, 1, job_id="job-2", lane="lane-2", key="k", fingerprint="0" * 64)
    await add_job(store, 1, job_id="job-3")
    await add_job(store, 1, job_id="job-4")

    assert await count_rows(store, [jobs]) == [4]


async def test_of_two_submits_at_once_with_a_key_one_makes_the_job(
    file_store: Store, tmp_path: Path
) -> None:
    """The same key from two connections at the same moment is one job."""
    other = await Store.open(tmp_path / "jobs.db")

    made = await asyncio.gather(
        *(
            put_job(opened, make_job(f"job-{n}", key="k"), make_plans(2), make_chunks(2))
            for n, opened in enumerate([file_store, other, file_store, other], 1)
        )
    )

    assert sum(is_new for _, is_new in made) == 1
    assert len({job.job_id for job, _ in made}) == 1
    assert await count_rows(other, TABLES) == [1, 1, 2, 0]
    await other.aclose()
