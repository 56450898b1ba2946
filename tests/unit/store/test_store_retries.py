"""A job's items are repeated once each, by one job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from support.stores import (
    add_job,
    count_rows,
    end_all,
    make_chunk,
    make_chunks,
    make_job,
    make_plans,
)

from batchhub._store import JobRecord, RepeatedMeanwhileError, Store, result_rows
from batchhub._store.retry_rows import Selection
from batchhub._store.tables import items, jobs
from batchhub.adapter import WireItem
from batchhub.models import ItemState

FAILED, SUCCEEDED = ItemState.FAILED, ItemState.SUCCEEDED
NOT_EXECUTED, UNKNOWN = ItemState.NOT_EXECUTED, ItemState.UNKNOWN


def pick(*states: ItemState) -> Selection:
    """Select the items in these states, whatever their codes are."""
    return Selection(states=frozenset(states))


async def retry(store: Store, new_id: str, *states: ItemState) -> tuple[str, list[str]]:
    """Repeat the items of ``job-1`` that came out so; return the job's id and the items."""
    wanted = [(at, item) async for at, item, _ in store.results.retry_items("job-1", pick(*states))]
    job = await put_retry(store, new_id, wanted)
    return job.job_id, [item.id for _, item in wanted]


async def put_retry(store: Store, new_id: str, wanted: Sequence[tuple[int, WireItem]]) -> JobRecord:
    """Store a job that repeats items of ``job-1``."""
    new = make_job(new_id, retry_of="job-1")
    positions = [position for position, _ in wanted]
    items = [item for _, item in wanted]
    chunk = make_chunk(make_plans(len(wanted)), [items], repeated=positions)
    return (await store.loads.add(new, chunk)).job


async def test_a_retry_has_the_items_that_came_out_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry repeats the items in the states given, as they were sent, in their order."""
    monkeypatch.setattr(result_rows, "PAGE", 2)
    await add_job(store, 6)
    await end_all(store, "job-1", SUCCEEDED, FAILED, NOT_EXECUTED, UNKNOWN, FAILED, FAILED)

    made = await retry(store, "job-2", FAILED, NOT_EXECUTED)

    assert made == ("job-2", ["i2", "i3", "i5", "i6"])
    (new, (ticket,)) = (await store.jobs.find_open("lane-1"))[0]
    assert new.retry_of == "job-1"
    sent = {item.id: item.wire for chunk in make_chunks(6) for item in chunk}
    assert [(i.id, i.wire) for i in await store.tickets.get_items(ticket)] == [
        (item_id, sent[item_id]) for item_id in ("i2", "i3", "i5", "i6")
    ]


async def test_items_are_repeated_once(store: Store) -> None:
    """After a retry nothing is left to repeat, and the job that repeats it is found."""
    await add_job(store, 2)
    await end_all(store, "job-1", SUCCEEDED, FAILED)
    assert await store.results.find_retry("job-1", pick(FAILED)) is None
    await retry(store, "job-2", FAILED)

    assert [found async for found in store.results.retry_items("job-1", pick(FAILED))] == []
    assert await store.results.find_retry("job-1", pick(FAILED)) == "job-2"


async def test_of_two_retries_at_once_one_makes_the_job(store: Store) -> None:
    """Of two that read the same items and write at the same moment one has to look again."""
    await add_job(store, 3)
    await end_all(store, "job-1", FAILED, SUCCEEDED, FAILED)
    wanted = [(at, item) async for at, item, _ in store.results.retry_items("job-1", pick(FAILED))]

    made = await asyncio.gather(
        *(put_retry(store, new, wanted) for new in ("job-2", "job-3")), return_exceptions=True
    )

    assert [type(one) for one in made] == [JobRecord, RepeatedMeanwhileError]
    assert await store.results.find_retry("job-1", pick(FAILED)) == "job-2"
    assert await count_rows(store, [jobs, items]) == [2, 5]


async def test_other_states_make_a_retry_of_their_own(store: Store) -> None:
    """Unknown items may be repeated after the failed ones; each item is repeated once."""
    await add_job(store, 3)
    await end_all(store, "job-1", FAILED, UNKNOWN, SUCCEEDED)

    assert await retry(store, "job-2", FAILED) == ("job-2", ["i1"])
    assert await retry(store, "job-3", FAILED, UNKNOWN) == ("job-3", ["i2"])
    assert await store.results.find_retry("job-1", pick(FAILED)) == "job-2"
    assert await store.results.find_retry("job-1", pick(UNKNOWN)) == "job-3"
    assert await store.results.find_retry("job-1", pick(FAILED, UNKNOWN)) == "job-3"


async def test_a_retry_of_what_changed_meanwhile_is_refused(store: Store) -> None:
    """A retry of items that are repeated already marks nothing and makes no job."""
    await add_job(store, 3)
    await end_all(store, "job-1", FAILED, FAILED, SUCCEEDED)
    both = [(at, item) async for at, item, _ in store.results.retry_items("job-1", pick(FAILED))]
    await put_retry(store, "job-2", both[1:])

    with pytest.raises(RepeatedMeanwhileError, match="the items of job job-1 changed meanwhile"):
        await put_retry(store, "job-3", both)

    assert await count_rows(store, [jobs]) == [2]
    left = [position async for position, _, _ in store.results.retry_items("job-1", pick(FAILED))]
    assert left == [1]
