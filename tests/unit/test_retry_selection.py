"""`retry` of a selection: by code, with others at the same time, and when nothing is left of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.hubs import World, scripted_world
from support.raw_stores import open_raw
from support.vendor import Vendor, capable

from batchhub import ItemState
from batchhub.adapter import ItemReport, Report, WireItem
from batchhub.errors import NoAnswerError, UsageError
from batchhub.hub import BatchJob
from batchhub.models.failures import FAILS_AGAIN

STATES = {"f": ItemState.FAILED, "n": ItemState.NOT_EXECUTED, "u": ItemState.UNKNOWN}


def answer(items: Sequence[WireItem]) -> Report:
    """Report of each item what its id says: its state and its code, such as f404-1."""
    return Report(
        items=[
            ItemReport(
                id=i.id,
                state=STATES.get(i.id[0], ItemState.SUCCEEDED),
                code=int(i.id[1:4]) if i.id[1:4].isdigit() else None,
            )
            for i in items
        ]
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Open a hub on a file, at a vendor that answers what the ids of the items say."""
    async with scripted_world(Vendor(default_report=answer), tmp_path / "jobs.db") as opened:
        yield opened


async def run(world: World, *ids: str, **facts: Any) -> BatchJob:
    """Run a job of items with these ids."""
    job = await world.hub.submit("shop", [{"id": each} for each in ids], **facts)
    await job.wait()
    return job


async def ids_of(job: BatchJob) -> list[str]:
    """Wait for a job; return the ids of its items."""
    await job.wait()
    return [result.id async for result in job.results()]


ITEMS = ("s200-1", "f404-1", "f503-1", "n-1", "f404-2", "f400-1", "u-1")


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, ["f404-1", "f503-1", "n-1", "f404-2", "f400-1"]),
        ({"code": 404}, ["f404-1", "f404-2"]),
        ({"code": [400, 503, 999]}, ["f503-1", "f400-1"]),
        ({"but_code": FAILS_AGAIN}, ["f404-1", "f503-1", "n-1", "f404-2"]),
        ({"but_code": 404, "unknown": True}, ["f503-1", "n-1", "f400-1", "u-1"]),
        ({"code": (404, 503), "but_code": (503,)}, ["f404-1", "f404-2"]),
    ],
)
async def test_items_are_picked_by_their_codes(
    world: World, wanted: dict[str, Any], ids: list[str]
) -> None:
    """In their order; and the same selection again is the same job."""
    job = await run(world, *ITEMS)
    again = await job.retry(**wanted)
    assert await ids_of(again) == ids
    assert (await job.retry(**wanted)).id == again.id
    assert [each.id for each in await job.find_retries()] == [again.id]


async def test_selections_that_overlap_share_no_item(world: World) -> None:
    """What an earlier retry has stays there; each selection finds its own job again."""
    job = await run(world, *ITEMS)
    first = await job.retry(code=404)
    second = await job.retry(code=[404, 503])
    third = await job.retry()
    assert await ids_of(first) == ["f404-1", "f404-2"]
    assert await ids_of(second) == ["f503-1"]
    assert await ids_of(third) == ["n-1", "f400-1"]
    with pytest.raises(
        UsageError, match=r"with code 429: the codes of its items are 404 \(2 items\)"
    ):
        await job.retry(code=429)
    assert (await job.retry(code=404)).id == first.id
    assert (await job.retry(code=503)).id == second.id
    assert (await job.retry()).id == third.id
    retries = await job.find_retries()
    assert [each.id for each in retries] == [first.id, second.id, third.id]


@pytest.mark.parametrize("chunk", [1, 2500])
async def test_selections_at_the_same_time_share_no_item(
    world: World, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first: every item is in one retry, and every caller gets a job."""
    job = await run(world, *ITEMS)
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", chunk)
    made = await asyncio.gather(
        job.retry(code=404), job.retry(), job.retry(code=[404, 503]), job.retry(code=404)
    )
    assert made[0].id == made[3].id
    retries = await job.find_retries()
    assert {each.id for each in made} <= {each.id for each in retries}
    found = [each for retry in retries for each in await ids_of(retry)]
    assert sorted(found) == ["f400-1", "f404-1", "f404-2", "f503-1", "n-1"]


async def test_a_retry_can_be_retried(world: World) -> None:
    """Its own failures make a job of their own; the first job's selection is still its retry."""
    job = await run(world, "f503-1", "f400-1")
    first = await job.retry(but_code=FAILS_AGAIN)
    await first.wait()
    second = await first.retry()
    assert await ids_of(second) == ["f503-1"]
    original = await second.find_original()
    assert original is not None
    assert original.id == first.id == second.status.retry_of
    assert await job.find_original() is None
    assert (await job.retry(but_code=FAILS_AGAIN)).id == first.id
    assert await ids_of(await job.retry(code=400)) == ["f400-1"]


@pytest.mark.parametrize(
    ("ids", "wanted", "why"),
    [
        (("s-1", "s-2"), {}, "has no items to retry: all 2 succeeded"),
        (("s-1", "u-1"), {}, "has no items to retry; 1 items are unknown (retry those with unkn"),
        (
            ("f404-1", "u-1"),
            {"code": 500},
            "with code 500: the codes of its items are 404 (1 item)",
        ),
        (
            ("f404-1", "f404-2", "n-1"),
            {"code": [500, 429]},
            "with code 429, 500: the codes of its items are 404 (2 items), none (1)",
        ),
        (
            ("f400-1",),
            {"but_code": FAILS_AGAIN},
            "to retry: the codes of its items are 400 (1 item)",
        ),
        (("f404-1",), {"code": []}, "to retry: the codes of its items are 404 (1 item)"),
    ],
)
async def test_nothing_left_says_why(
    world: World, ids: tuple[str, ...], wanted: dict[str, Any], why: str
) -> None:
    """And what there is instead; nothing is stored or marked."""
    job = await run(world, *ids)
    with pytest.raises(UsageError) as caught:
        await job.retry(**wanted)
    assert why in str(caught.value)
    assert await job.find_retries() == []
    assert sum(group.retried for group in await job.failures()) == 0


async def test_a_retry_that_was_pruned_leaves_nothing(world: World, tmp_path: Path) -> None:
    """Its items were sent again once, and are not sent a third time without a word."""
    job = await run(world, "f503-1", "f400-1")
    again = await job.retry(code=503)
    await again.wait()
    with closing(open_raw(tmp_path / "jobs.db")) as store, store:
        store.execute("UPDATE jobs SET place = NULL WHERE job_id = ?", (again.id,))
    with pytest.raises(UsageError, match="no items to retry: the retry that has them was pruned"):
        await job.retry(code=503)
    later = await job.retry()
    assert await ids_of(later) == ["f400-1"]
    with closing(open_raw(tmp_path / "jobs.db")) as store, store:
        store.execute("UPDATE jobs SET place = NULL WHERE job_id = ?", (job.id,))
    assert await later.find_original() is None


@pytest.mark.parametrize(
    "code",
    ["404", 4.5, [None], ["x"], True],
    ids=["text", "float", "none", "word", "truth"],
)
async def test_a_code_that_is_none_is_refused(world: World, code: Any) -> None:
    """Before anything is looked for."""
    job = await run(world, "f404-1")
    for wanted in ({"code": code}, {"but_code": code}):
        with pytest.raises(UsageError, match="code takes HTTP statuses such as 404, not"):
            await job.retry(**wanted)


@pytest.mark.parametrize(
    "code",
    [np.int64(404), np.array([404, 500]), pd.Series([404]), range(400, 500)],
    ids=["numpy", "array", "series", "range"],
)
async def test_a_code_is_taken_as_a_column_of_results_gives_it(world: World, code: Any) -> None:
    """Of numpy and pandas, one or several."""
    job = await run(world, "f404-1", "f503-1")
    assert [result.id async for result in job.results(code=code)] == ["f404-1"]
    assert await ids_of(await job.retry(code=code)) == ["f404-1"]


async def test_what_a_newer_job_changes_stays_out_of_a_selection(world: World) -> None:
    """Of the items of the selection alone; picking their code does not take them."""
    codes = (404, 404, 503, 503, 410)
    items = [{"id": f"f{code}-{n}", "target": str(n)} for n, code in enumerate(codes)]
    old = await world.hub.submit("shop", items)
    await old.wait()
    newer = await world.hub.submit("shop", [{"id": t, "target": t} for t in "124"])
    await newer.wait()
    again = await old.retry(code=404)
    (finding,) = again.status.findings
    assert (finding.code, finding.count, finding.examples) == ("superseded", 1, (newer.id,))
    assert await ids_of(again) == ["f404-0"]
    with pytest.raises(UsageError, match="1 would overwrite"):
        await old.retry(code=410)
    assert await ids_of(await old.retry(code=410, superseded=True)) == ["f410-4"]
    assert await ids_of(await old.retry()) == ["f503-3"]


async def test_a_held_job_is_not_given_up_for_a_code() -> None:
    """Items that nobody knows of have none: for nothing the ticket could not be adopted then."""
    vendor = capable(Vendor(submits=deque([NoAnswerError("silence")])), tickets_per_job=10)
    vendor.default_report = answer
    async with scripted_world(vendor) as world:
        items = [{"id": f"f429-{n}"} for n in range(1, 7)]
        job = await world.hub.submit("shop", items)
        assert (await job.wait()).is_held
        with pytest.raises(UsageError, match="is held, and the items that nobody knows of have no"):
            await job.retry(unknown=True, code=429)
        assert (await job.refresh()).is_held
        assert (await job.adopt("found-1")).tickets[0].vendor_refs == ("found-1",)
