"""The last word on each item: what its newest retry says, wherever it stands in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from support.hubs import World, scripted_world
from support.raw_stores import open_raw
from support.vendor import Vendor

from batchhub import ItemState
from batchhub._store import result_rows
from batchhub.adapter import ItemReport, Observation, Report, WireItem
from batchhub.errors import NotKnownError, UsageError
from batchhub.hub import BatchJob

Word = tuple[str, str, int | None]


class Fickle(Vendor):
    """Fails the items it is told to, with a code that is another each time."""

    failing: frozenset[str] = frozenset()
    code = 500

    def answer(self, items: Sequence[WireItem]) -> Report:
        return Report(
            items=[
                ItemReport(id=i.id, state=ItemState.FAILED, code=self.code)
                if i.id in self.failing
                else ItemReport(id=i.id, state=ItemState.SUCCEEDED, code=200)
                for i in items
            ]
        )

    def fail(self, code: int, *ids: str) -> None:
        self.code, self.failing = code, frozenset(ids)


@pytest.fixture
def vendor() -> Fickle:
    """Make the vendor."""
    made = Fickle()
    made.default_report = made.answer
    return made


@pytest.fixture
async def world(vendor: Fickle, tmp_path: Path) -> AsyncIterator[World]:
    """Open a hub on a file at that vendor."""
    async with scripted_world(vendor, tmp_path / "jobs.db") as opened:
        yield opened


async def words(job: BatchJob, **wanted: object) -> list[Word]:
    """Return id, state and code of the last word on each item."""
    found = job.results(with_retries=True, **wanted)  # type: ignore[arg-type]
    return [(result.id, result.state.value, result.code) async for result in found]


async def run_chain(world: World, vendor: Fickle) -> tuple[BatchJob, BatchJob, BatchJob]:
    """Run a job of ten items, its retries by code, and a retry of one of them."""
    vendor.fail(503, "a2", "a5", "a9")
    job = await world.hub.submit("shop", [{"id": f"a{n}"} for n in range(10)])
    await job.wait()
    with closing(open_raw(world.hub.store_name)) as store, store:
        store.execute("UPDATE results SET state = 'failed', code = 404 WHERE position IN (4, 8)")
    vendor.fail(429, "a5", "a9")
    first = await job.retry(code=503)
    await first.wait()
    vendor.fail(410, "a7")
    await (await job.retry(code=404)).wait()
    vendor.fail(409, "a9")
    second = await first.retry()
    await second.wait()
    return job, first, second


LAST: list[Word] = [
    *((f"a{n}", "succeeded", 200) for n in range(7)),
    ("a7", "failed", 410),
    ("a8", "succeeded", 200),
    ("a9", "failed", 409),
]


@pytest.mark.parametrize("page", [1, 2, 3, 10, 500])
async def test_each_item_has_the_word_of_its_newest_retry(
    world: World, vendor: Fickle, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over retries of some items, and retries of retries; in the order of the items."""
    monkeypatch.setattr(result_rows, "PAGE", page)
    job, first, second = await run_chain(world, vendor)
    assert await words(job) == LAST
    assert await words(first) == [
        ("a2", "succeeded", 200),
        ("a5", "succeeded", 200),
        ("a9", "failed", 409),
    ]
    assert await words(second) == [("a5", "succeeded", 200), ("a9", "failed", 409)]
    own = [result.code async for result in job.results()]
    assert own == [200, 200, 503, 404, 200, 503, 200, 404, 200, 503]


async def test_filters_are_about_the_last_word(world: World, vendor: Fickle) -> None:
    """What has succeeded meanwhile is no failure any more."""
    job, _, _ = await run_chain(world, vendor)
    assert await words(job, only="failed") == [LAST[7], LAST[9]]
    assert await words(job, code=[409, 503]) == [LAST[9]]
    assert await words(job, only="failed", code=200) == []
    with pytest.raises(UsageError):
        await words(job, only="nope")


async def test_a_retry_without_an_end_leaves_what_is_known(world: World, vendor: Fickle) -> None:
    """What its tickets have brought so far counts; of the rest the result before stands."""
    vendor.fail(503, *(f"a{n}" for n in range(5)))
    job = await world.hub.submit("shop", [{"id": f"a{n}"} for n in range(5)])
    await job.wait()
    vendor.fail(503)
    polls = 0

    def answer(tickets: Sequence[object]) -> list[Observation]:
        nonlocal polls
        polls += 1  # the first ticket ends, the second goes on
        return [Observation(words=("Done" if polls == 1 else "Running",)) for _ in tickets]

    vendor.answer_poll = answer
    retry = await job.retry()
    async for status in retry.watch():
        if status.counts.succeeded:
            break
    assert (await retry.refresh()).counts.pending == 2
    assert [code for _, _, code in await words(job)] == [200, 200, 200, 503, 503]


async def test_an_open_job_has_the_words_there_are(world: World, vendor: Fickle) -> None:
    """Items without a result are left out, wherever they are."""
    vendor.answer_poll = lambda tickets: [Observation(words=("Running",)) for _ in tickets]
    job = await world.hub.submit("shop", [{"id": "a0"}])
    assert await words(job) == []


async def test_a_retry_that_was_pruned_is_as_if_it_was_not(world: World, vendor: Fickle) -> None:
    """Nobody knows any more what it said."""
    job, first, _ = await run_chain(world, vendor)
    with closing(open_raw(world.hub.store_name)) as store, store:
        store.execute("UPDATE jobs SET place = NULL WHERE job_id = ?", (first.id,))
    found = {each[0]: each[2] for each in await words(job)}
    assert (found["a2"], found["a3"], found["a7"]) == (503, 200, 410)
    with pytest.raises(NotKnownError):
        await words(first)
