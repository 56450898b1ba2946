"""What the screens of the page ask of a store: pages that add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stores import LATER, NOW, make_chunk, make_job

from batchhub._engine.targets import hash_target
from batchhub._store import Store, TicketPlan, page_items
from batchhub._store.page_items import Hit, Spot
from batchhub._store.page_jobs import JobFilter
from batchhub.adapter import WireItem
from batchhub.models import BatchState, Outcome

Ids = Sequence[str]


async def add(store: Store, job_id: str, ids: Ids, *, per_ticket: int = 3, **facts: Any) -> None:
    """Store a job whose items change what their ids say."""
    plans = [
        TicketPlan(
            first_item=at + 1,
            total=len(some := ids[at : at + per_ticket]),
            targets=b"".join(hash_target(f"t={each}") for each in some),
        )
        for at in range(0, len(ids), per_ticket)
    ]
    items = [WireItem(id=each, wire=b"{}") for each in ids]
    added = await store.loads.add(make_job(job_id, **facts), make_chunk(plans, [items]))
    assert added.is_new


async def search(store: Store, text: str, target: str, most: int) -> list[Hit]:
    """Search to the end, part by part."""
    found: list[Hit] = []
    spot: Spot | None = None
    looked_at = 0
    while True:
        part = await store.pages.search(text, hash_target(target), spot, most)
        assert len(part.hits) <= most
        found += part.hits
        looked_at += 1
        assert looked_at < 200
        if part.next is None:
            return found
        spot = part.next


def at(hits: Sequence[Hit]) -> list[tuple[str, int]]:
    """Return job and position of each hit."""
    return [(hit.job_id, hit.item.position) for hit in hits]


@settings(max_examples=30)
@given(
    jobs=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), max_size=6),
    chunk=st.integers(1, 12),
    most_jobs=st.integers(1, 4),
    most=st.integers(1, 5),
)
async def test_the_parts_of_a_search_add_up(
    jobs: list[list[str]], chunk: int, most_jobs: int, most: int
) -> None:
    """However small the parts are, each item that fits is found once: newest jobs first."""
    store = await Store.open(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_items, "CHUNK", chunk)
        patch.setattr(page_items, "_MOST_JOBS", most_jobs)
        patch.setattr(page_items, "_SPAN", page_items._SPAN.limit(most_jobs))
        for n, ids in enumerate(jobs):
            await add(store, f"job-{n}", ids)
        by_id = await search(store, "a", "t=none", most)
        by_target = await search(store, "none", "t=b", most)
        both = await search(store, "a", "t=b", most)
    await store.aclose()

    newest = list(reversed(list(enumerate(jobs))))
    for found, wanted in ((by_id, "a"), (by_target, "b"), (both, "ab")):
        assert at(found) == [
            (f"job-{n}", position)
            for n, ids in newest
            for position, one in enumerate(ids, 1)
            if one in wanted
        ]
    assert all(hit.is_by_id != hit.is_by_target for hit in both)


async def test_numbers_that_were_given_are_no_ids(store: Store) -> None:
    """An item without an id has its position for one, as in every job; others may be numbers."""
    await add(store, "job-1", ["1", "2", "7"])

    assert at(await search(store, "2", "-", 5)) == []
    assert at(await search(store, "7", "-", 5)) == [("job-1", 3)]


async def test_a_search_goes_on_where_its_job_is_gone(store: Store) -> None:
    """The job at which a part ended may be pruned before the next one."""
    for n in range(3):
        await add(store, f"job-{n}", ["a", "b"])
    newest = await store.pages.search("a", hash_target("-"), None, 1)
    assert newest.next is not None
    gone = Spot(job_no=99, after=newest.next.after)

    assert at(await search(store, "a", "-", 5)) == [("job-2", 1), ("job-1", 1), ("job-0", 1)]
    rest = await store.pages.search("a", hash_target("-"), gone, 5)
    assert at(rest.hits) == [("job-2", 1), ("job-1", 1), ("job-0", 1)]


async def test_lanes_count_what_they_have_open(store: Store) -> None:
    """By account and state, with the oldest; a lane without open jobs has its last account."""
    await add(store, "job-1", ["a", "b"], lane="x", account="one")
    await add(store, "job-2", ["a"], lane="x", account="two", created_at=LATER)
    await add(store, "job-3", ["a"], lane="x", account="two", created_at=NOW)

    [figures] = await store.pages.lanes()

    assert (figures.lane, figures.adapter, figures.fault) == ("x", "scripted", None)
    one, two = figures.accounts["one"], figures.accounts["two"]
    assert one is not None
    assert two is not None
    assert (one.jobs, one.items, one.done, one.states) == (1, 2, 0, {BatchState.PENDING: 1})
    assert (two.jobs, two.oldest_at) == (2, NOW)


async def test_jobs_are_filtered_by_all_that_is_given(store: Store) -> None:
    """State or outcome, account, label in any case, and time; newest first."""
    await add(store, "job-1", ["a"], label="Nightly Ä", account="one")
    await add(store, "job-2", ["a"], label="nightly ä", account="two", created_at=LATER)
    await add(store, "job-3", ["a"], label=None, account="one", created_at=LATER)

    async def find(before: int | None = None, most: int = 9, **wanted: Any) -> list[str]:
        found = await store.pages.jobs(JobFilter(**wanted), before=before, most=most)
        return [each[0].job_id for each in found if isinstance(each, tuple)]

    assert await find() == ["job-3", "job-2", "job-1"]
    assert await find(label="NIGHTLY ä") == ["job-2", "job-1"]
    assert await find(label="nightly", most=1) == ["job-2"]
    assert await find(account="one", since=LATER) == ["job-3"]
    assert await find(since=LATER + timedelta(seconds=1)) == []
    assert await find(states=[BatchState.PENDING], before=3) == ["job-2", "job-1"]
    assert await find(outcomes=[Outcome.PARTIAL]) == []
    assert await find(outcomes=[Outcome.PARTIAL], states=[BatchState.PENDING], most=1) == ["job-3"]
