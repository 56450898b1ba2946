"""A retry of many items is stored by chunks, and is undone if it died."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.hubs import results_of, scripted_world
from support.loads import CHUNK, clean, ended, failing, pass_to, rows, write
from support.vendor import Vendor, capable

from batchhub._store.tables import results
from batchhub.errors import NotKnownError, StoreError
from batchhub.hub import BatchJob


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", CHUNK)
    monkeypatch.setattr("batchhub._store.deleting.CHUNK_ITEMS", CHUNK)


async def test_a_large_retry_has_all_that_failed() -> None:
    """By chunks as well; asked again, it is the same job."""
    async with scripted_world(capable(Vendor(), max_items=1000)) as world:
        failed = [f"i{n}" for n in range(1, 101) if n % 3]
        job = await ended(world, 100, *failed)
        world.vendor.default_report = failing()

        again = await job.retry()
        assert (await job.retry()).id == again.id
        assert (await again.wait()).counts.succeeded == len(failed)
        assert [result.id for result in await results_of(again)] == failed


async def test_two_retries_at_once_are_one_job(tmp_path: Path) -> None:
    """Of one hub or of two, small or large."""
    path = tmp_path / "jobs.db"
    for count in (5, 50):
        async with scripted_world(capable(Vendor(), max_items=1000), path) as world:
            job = await ended(world, count, *(f"i{n}" for n in range(1, count + 1)))
            world.vendor.default_report = failing()
            async with scripted_world(store=path, clock=world.clock) as other:
                same = await other.hub.job(job.id)
                found = await asyncio.gather(job.retry(), same.retry(), job.retry(), same.retry())

            assert len({one.id for one in found}) == 1
            assert (await found[0].wait()).counts.succeeded == count
            assert len(await world.hub.jobs()) == 2
        path = tmp_path / "more.db"


@pytest.mark.parametrize("is_opened_anew", [False, True])
async def test_a_retry_that_died_is_undone(tmp_path: Path, is_opened_anew: bool) -> None:
    """The items it had marked can be retried, all of them."""
    path = tmp_path / "jobs.db"
    async with scripted_world(capable(Vendor(), max_items=1000), path) as world:
        job = await ended(world, 60, *(f"i{n}" for n in range(1, 61)))
        opened = world.hub._opened
        assert opened is not None
        extend = opened.store.loads.extend

        async def die(*args: Any) -> None:
            await extend(*args)
            raise asyncio.CancelledError

        opened.store.loads.extend = die  # type: ignore[assignment,method-assign]
        opened.loader.drop = lambda _: asyncio.create_task(asyncio.sleep(0))  # type: ignore[assignment,method-assign]
        with pytest.raises(asyncio.CancelledError):
            await job.retry()
        opened.store.loads.extend = extend  # type: ignore[method-assign]
        await pass_to(world.hub, "gone", silent_s=40)
        marked = select(results.c.position).where(results.c.retried_in.is_not(None))
        assert len(await write(world.hub, lambda c: c.execute(marked).all())) == 2 * CHUNK
        if is_opened_anew:
            await clean(world.hub)
            assert await write(world.hub, lambda c: c.execute(marked).all()) == []

        world.vendor.default_report = failing()
        again = await job.retry()
        assert (await again.wait()).counts.succeeded == 60
        assert [found.id for found in await world.hub.jobs()] == [job.id, again.id]


async def test_a_retry_of_a_job_that_is_deleted_meanwhile_is_refused() -> None:
    """The job is no more, or the retry has none of it."""
    async with scripted_world(capable(Vendor(), max_items=1000)) as world:
        job = await ended(world, 45, *(f"i{n}" for n in range(1, 46)))
        await world.clock.sleep(10)
        found = await asyncio.gather(job.retry(), world.hub.prune(5), return_exceptions=True)

        if isinstance(found[0], BatchJob):
            assert (await found[0].wait()).counts.total == 45
        else:
            assert isinstance(found[0], StoreError | NotKnownError)
            assert await rows(world.hub) == [0, 0, 0, 0]
