"""A large job is deleted by chunks: out of sight at once, and to the end whoever died."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from support.hubs import numbered, scripted_world
from support.loads import CHUNK, clean, ended, failing, rows, write
from support.vendor import ScriptedAdapter, Vendor, capable

from batchhub._store.tables import jobs
from batchhub.adapter import Observation, TicketRef
from batchhub.errors import NotKnownError
from batchhub.models import Outcome


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchhub._engine.intake.CHUNK_ITEMS", CHUNK)
    monkeypatch.setattr("batchhub._store.deleting.CHUNK_ITEMS", CHUNK)


async def test_old_jobs_go_by_chunks(tmp_path: Path) -> None:
    """They are out of sight at once, and no transaction deletes more than a chunk."""
    async with scripted_world(capable(Vendor(), max_items=7), tmp_path / "jobs.db") as world:
        for count in (45, 3, 1, 100):
            await ended(world, count)
        await world.clock.sleep(10)
        young = await ended(world, 2)
        counted = []

        async def watch() -> None:
            while True:
                counted.append(await rows(world.hub))
                assert [job.id for job in await world.hub.jobs()] in ([young.id], everything)
                await asyncio.sleep(0)

        everything = [job.id for job in await world.hub.jobs()]
        watching = asyncio.create_task(watch())
        gone = await world.hub.prune(5)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

        assert (gone.jobs, gone.items) == (4, 149)
        assert await rows(world.hub) == [1, 1, 2, 2]


async def test_a_prune_that_died_is_finished(tmp_path: Path) -> None:
    """What was out of sight already is deleted by the next one, and is never seen again."""
    path = tmp_path / "jobs.db"
    async with scripted_world(store=path) as world:
        job = await ended(world, 45)
        await world.clock.sleep(10)
        opened = world.hub._opened
        assert opened is not None
        now = world.clock.now()
        await opened.store.loads.hide_old(now, "gone", now - timedelta(seconds=60))

        assert await world.hub.jobs() == []
        with pytest.raises(NotKnownError):
            await world.hub.job(job.id)
        assert [event async for event in world.hub.events(follow=False)] == []
        await clean(world.hub)
        assert await rows(world.hub) == [0, 0, 0, 0]


async def test_a_pruned_retry_is_not_undone() -> None:
    """What was repeated stays repeated, though the job that did it is deleted."""
    async with scripted_world() as world:
        job = await ended(world, 5, "i1", "i2")
        world.vendor.default_report = failing()
        again = await job.retry()
        await again.wait()
        old = update(jobs).where(jobs.c.job_id == again.id).values(ended_at="2020-01-01T00:00:00")
        await write(world.hub, lambda c: c.execute(old))

        assert (await world.hub.prune(1000)).jobs == 1
        with pytest.raises(Exception, match="has no items to retry"):
            await job.retry()


async def test_a_job_after_a_prune_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the lane is busy with an older one: a number is never given out again."""

    async def poll(_: object, asked: Sequence[TicketRef]) -> list[Observation]:
        is_slow = asked[0].vendor_refs == ("ref-1",)
        return [Observation(words=("Running" if is_slow else "Done",))]

    monkeypatch.setattr(ScriptedAdapter, "poll", poll)
    async with scripted_world(store=tmp_path / "jobs.db") as world:
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(1)
        quick = await world.hub.submit("shop", numbered(1))
        await quick.wait(100)
        await world.clock.sleep(5)
        assert (await world.hub.prune(1)).jobs == 1

        for _ in range(2):
            job = await world.hub.submit("shop", numbered(1))
            assert (await job.wait(100)).outcome is Outcome.SUCCEEDED
