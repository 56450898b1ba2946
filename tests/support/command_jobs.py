"""Jobs that a command finds in the store."""

from __future__ import annotations

import asyncio
from pathlib import Path

from batchhub import ItemState
from support.hubs import numbered, scripted_world
from support.vendor import Vendor, report_states


def make_job(*, ends: bool = False) -> str:
    """Hand a job over to the account ``one``; let it end with a failed item, or not begin."""

    async def make() -> str:
        vendor = Vendor()
        vendor.default_report = report_states(i1=ItemState.FAILED)
        async with scripted_world(vendor, Path("jobs.db")) as world:
            job = await world.hub.submit("shop", numbered(2))
            if ends:
                await job.wait()
            return job.id

    return asyncio.run(make())
