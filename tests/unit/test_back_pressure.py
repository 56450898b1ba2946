"""A submit is no faster than the store, and a vendor that is slow costs its jobs' memory only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from support.hubs import numbered, scripted_world
from support.vendor import Vendor

from batchhub._engine.loading import Load
from batchhub._store.chunks import CHUNK_ITEMS, Chunk
from batchhub.adapter import Accepted, Capabilities


@pytest.mark.parametrize("is_async", [True, False])
async def test_no_more_is_pulled_from_the_items_than_the_store_takes(
    monkeypatch: pytest.MonkeyPatch, *, is_async: bool
) -> None:
    """While a commit is under way the items wait, so a million of them take no memory."""
    pulled = 0
    commits, may_commit = asyncio.Semaphore(0), asyncio.Semaphore(0)
    put = Load.put

    async def wait_and_put(load: Load, chunk: Chunk) -> None:
        commits.release()
        await may_commit.acquire()
        await put(load, chunk)

    def items() -> Iterator[dict[str, Any]]:
        nonlocal pulled
        for number in range(4 * CHUNK_ITEMS):
            pulled += 1
            yield {"n": number}

    async def items_of_async() -> AsyncIterator[dict[str, Any]]:
        for item in items():
            yield item

    monkeypatch.setattr(Load, "put", wait_and_put)
    vendor = Vendor(capabilities=Capabilities(max_items=CHUNK_ITEMS))
    async with scripted_world(vendor) as world:
        submitting = asyncio.create_task(
            world.hub.submit("shop", items_of_async() if is_async else items())
        )
        for number in range(1, 4):
            await commits.acquire()
            for _ in range(100):
                await asyncio.sleep(0)
            assert pulled <= number * CHUNK_ITEMS + 1
            may_commit.release()
        may_commit.release()
        job = await submitting
        assert job.status.counts.total == pulled == 4 * CHUNK_ITEMS


async def test_jobs_for_a_vendor_that_hangs_wait_in_the_store() -> None:
    """They are taken all the same; one request is under way, and one task a job is not."""
    vendor = Vendor(capabilities=Capabilities(max_items=1, poll_s=5.0))

    async def hang(_: object) -> Accepted:
        await asyncio.Event().wait()
        raise AssertionError

    vendor.submits.extend([hang] * 10)
    async with scripted_world(vendor) as world:
        await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(1.0)
        before = len(asyncio.all_tasks())
        for _ in range(300):
            await world.hub.submit("shop", numbered(1))
        await world.clock.sleep(5.0)
        assert len(vendor.submissions) == 1
        assert len(asyncio.all_tasks()) <= before + 2
