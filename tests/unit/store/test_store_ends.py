"""A ticket ends once in the store, with a result for each of its items."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve
from support.stores import (
    LATER,
    NOW,
    add_job,
    completed,
    results_of,
    rows,
    tickets_of,
)

from batchhub._store import Store
from batchhub.errors import StoreError
from batchhub.models import BatchState, Contact, ItemResult, ItemState, Outcome

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED
NOT_EXECUTED, UNKNOWN = ItemState.NOT_EXECUTED, ItemState.UNKNOWN


async def test_every_item_of_an_ended_ticket_has_one_result(store: Store) -> None:
    """Items the vendor did not speak of come out as the rest; the counts add up."""
    job = await add_job(store, 5)
    (ticket,) = await tickets_of(store, job)

    ended, job = await store.tickets.end(
        job,
        completed(evolve(ticket, vendor_refs=("ref",))),
        [
            ItemResult(id="i1", state=SUCCEEDED, code=200, raw=b'{"a":1}', vendor_ref="own"),
            ItemResult(id="i2", state=FAILED, code=409, message="no"),
        ],
        NOT_EXECUTED,
        "stopped before it",
        at=LATER,
    )

    got = await results_of(store, "job-1")
    assert [(r.id, r.state, r.code, r.message, r.vendor_ref) for r in got] == [
        ("i1", SUCCEEDED, 200, None, "own"),
        ("i2", FAILED, 409, "no", None),
        ("i3", NOT_EXECUTED, None, "stopped before it", "ref"),
        ("i4", NOT_EXECUTED, None, "stopped before it", "ref"),
        ("i5", NOT_EXECUTED, None, "stopped before it", "ref"),
    ]
    assert got[0].raw == b'{"a":1}'
    assert (ended.succeeded, ended.failed, ended.not_executed, ended.unknown) == (1, 1, 3, 0)
    assert job.ended_at == LATER


async def test_a_ticket_ends_only_once(store: Store) -> None:
    """A second end of the same ticket changes nothing and returns what the first one made."""
    job = await add_job(store, 2)
    (ticket,) = await tickets_of(store, job)
    first = await store.tickets.end(
        job, completed(ticket), rows(1, SUCCEEDED, FAILED), UNKNOWN, at=NOW
    )
    before = await results_of(store, "job-1")

    second = await store.tickets.end(
        job,
        evolve(ticket, state=BatchState.LOST, message="late"),
        rows(1, FAILED),
        UNKNOWN,
        at=LATER,
    )

    assert second == first
    assert await results_of(store, "job-1") == before
    assert (await store.jobs.get("job-1"))[0].ended_at == NOW


async def test_a_job_ends_with_its_last_ticket(store: Store) -> None:
    """`ended_at` is set when no ticket is open any more, in whatever order they end."""
    job = await add_job(store, 1, 1, 1)
    open_tickets = await tickets_of(store, job)
    ends = []

    for ticket in (open_tickets[2], open_tickets[0], open_tickets[1]):
        at = NOW + timedelta(seconds=ticket.position)
        _, job = await store.tickets.end(job, completed(ticket), (), SUCCEEDED, at=at)
        ends.append(job.ended_at)

    assert ends == [None, None, NOW + timedelta(seconds=2)]
    assert await store.jobs.find_open("lane-1") == []
    _, status = await store.jobs.get("job-1")
    assert (status.state, status.outcome) == (BatchState.COMPLETED, Outcome.SUCCEEDED)


async def test_a_bad_result_leaves_a_ticket_open(store: Store) -> None:
    """The results and the terminal state are written together, or neither is."""
    job = await add_job(store, 2, 1)
    first, second = await tickets_of(store, job)
    await store.tickets.end(job, completed(second), rows(3, SUCCEEDED), UNKNOWN, at=NOW)

    with pytest.raises(StoreError):  # the third is an item of the other ticket
        await store.tickets.end(
            job, completed(first), rows(1, SUCCEEDED, FAILED, FAILED), UNKNOWN, at=NOW
        )

    assert [result.id for result in await results_of(store, "job-1")] == ["i3"]
    assert (await tickets_of(store, job))[0] == first


async def test_a_late_save_opens_nothing_again(store: Store) -> None:
    """Terminal is final: what a late driver saves of an ended ticket does not reopen it."""
    job = await add_job(store, 2)
    (ticket,) = await tickets_of(store, job)
    ended, ended_job = await store.tickets.end(
        job, completed(ticket), rows(1, SUCCEEDED, SUCCEEDED), UNKNOWN, at=NOW
    )

    await store.tickets.save([(job, [evolve(ticket, state=BatchState.IN_PROGRESS, progress=0.1)])])

    got, status = await store.jobs.get("job-1")
    assert status.state is BatchState.COMPLETED
    assert got.ended_at == ended_job.ended_at == NOW
    assert status.tickets == (ended.public(),)
    assert await store.jobs.find_open("lane-1") == []


async def test_words_that_are_no_valid_text_are_kept_as_well_as_may_be(store: Store) -> None:
    """A lone surrogate in a vendor's words keeps no ticket from ending."""
    job = await add_job(store, 2)
    (ticket,) = await tickets_of(store, job)
    odd = "so \ud800 so"

    doubtful = evolve(job, contact=Contact.STALE, contact_note=odd)
    seen = evolve(ticket, state=BatchState.IN_PROGRESS, vendor_state=odd, message=odd)
    await store.tickets.save([(doubtful, [seen])])
    await store.jobs.save_contact([job.job_no], Contact.STALE, odd)
    row = ItemResult(id="i1", state=FAILED, message=odd, vendor_ref=odd)
    await store.tickets.end(
        job, completed(evolve(ticket, vendor_refs=(odd,))), [row], UNKNOWN, odd, at=NOW
    )

    got = await results_of(store, "job-1")
    assert [(r.message, r.vendor_ref) for r in got] == [("so ? so", "so ? so")] * 2


async def test_what_is_no_json_is_no_trouble_of_the_store(store: Store) -> None:
    """A plug-in's value that JSON has no form for is a plain error, not one to try again."""
    job = await add_job(store, 1)
    (ticket,) = await tickets_of(store, job)

    with pytest.raises(TypeError, match="datetime is not JSON"):
        await store.tickets.save([(job, [evolve(ticket, vendor={"at": NOW})])])
