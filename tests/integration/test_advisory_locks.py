"""The engine of the docs, which is twenty lines: it does what an engine has to do."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.patience import wait_until
from support.shard_leases import Shards, make_shards

TEN = range(10)


def load_engine() -> Any:
    """Load it as it is in the docs."""
    path = Path(__file__).parents[2] / "docs" / "examples" / "advisory_locks.py"
    spec = importlib.util.spec_from_file_location("advisory_locks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.AdvisoryLocks


@asynccontextmanager
async def engine(shards: Shards, url: str, most: int = 256) -> AsyncIterator[None]:
    """Run it for a while."""
    running = asyncio.create_task(load_engine()(url, most).run(shards.own, shards.open_lanes))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()


async def test_two_processes_drive_everything(database_url: str) -> None:
    """Each takes what it may, and who is stopped leaves his to the other."""
    await make_shards(database_url)
    a, b = Shards(database_url, "a", TEN), Shards(database_url, "b", TEN)
    async with engine(a, database_url, most=6):
        await wait_until(lambda: len(a.driven) == 6)
        async with engine(b, database_url):
            await wait_until(lambda: len(b.driven) == 4)
            assert not a.driven & b.driven
        assert not b.driven
        async with engine(b, database_url, most=2):
            await wait_until(lambda: len(b.driven) == 2)
        a.open = b.open = {3}
        await wait_until(lambda: a.driven == {3})


async def test_a_shard_that_cannot_be_driven_stops_no_other(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again."""
    await make_shards(database_url)
    shards = Shards(database_url, "a", TEN)
    shards.broken = {3}
    async with engine(shards, database_url):
        await wait_until(lambda: shards.driven == set(TEN) - {3} and len(shards.raised) > 1)
    assert "shard 3 failed" in caplog.text
