"""Hubs for tests: in memory or on a file, on a clock that runs by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import define

from batchhub import BatchHub, ItemResult
from batchhub.hub import BatchJob
from batchhub.polling import PollRule
from batchhub.testing import FakeClock

from .vendor import ScriptedAccount, Vendor


@define
class World:
    """A hub, its clock and its only vendor."""

    hub: BatchHub
    clock: FakeClock
    vendor: Vendor


@asynccontextmanager
async def scripted_world(
    vendor: Vendor | None = None,
    store: Path | None = None,
    clock: FakeClock | None = None,
    account: type[ScriptedAccount] = ScriptedAccount,
    polling: PollRule | None = None,
) -> AsyncIterator[World]:
    """
    Open a hub with the account ``shop`` at a scripted vendor; time runs by itself.

    Where the times of polls matter, `polling` says when they are.
    """
    vendor = vendor or Vendor()
    clock = clock or FakeClock()
    hub = BatchHub(store, {"shop": account(vendor=vendor)}, clock=clock, seed=1, polling=polling)
    async with clock.running():
        if store is None:
            with pytest.warns(UserWarning, match="memory"):
                await hub.__aenter__()
        else:
            await hub.__aenter__()
        try:
            yield World(hub, clock, vendor)
        finally:
            await hub.aclose()


async def results_of(job: BatchJob) -> list[ItemResult]:
    """Collect a job's results."""
    return [result async for result in job.results()]


def numbered(count: int) -> list[dict[str, object]]:
    """Make items with the ids i1, i2, …"""
    return [{"id": f"i{n}", "n": n} for n in range(1, count + 1)]
