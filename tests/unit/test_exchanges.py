"""What was exchanged with a vendor: recorded beside the store, and read by who argues with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, evolve
from support.stand_ins import STAND_INS

from batchhub import BatchHub, BatchJob
from batchhub.models import Exchange
from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock

VENDOR = "ecwid"


@define
class Shop:
    """A hub on a file, and its vendor."""

    hub: BatchHub
    sandbox: Sandbox
    clock: FakeClock
    folder: Path

    @property
    def record(self) -> Path:
        """The file beside the store."""
        return self.folder / "jobs.exchanges.db"

    async def run(self) -> BatchJob:
        """Run a job to its end."""
        vendor = STAND_INS[VENDOR]
        job = await self.hub.submit("shop", vendor.items, operation=vendor.operation)
        await job.wait(timeout_s=24 * 3600)
        return job


@asynccontextmanager
async def open_shop(
    folder: Path, *, sandbox: Sandbox | None = None, **settings: Any
) -> AsyncIterator[Shop]:
    """Open a hub with the account ``shop`` at a stand-in over HTTP; time runs by itself."""
    clock = FakeClock()
    sandbox = sandbox or STAND_INS[VENDOR].sandbox(clock=clock)
    async with clock.running(), sandbox.running() as url:
        account = evolve(sandbox.account(url), **settings)
        async with BatchHub(folder / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub:
            yield Shop(hub, sandbox, clock, folder)


def told(exchanges: list[Exchange]) -> list[tuple[str, str, int | None]]:
    """Return of each what it was for, its path and its status."""
    return [(each.verb, each.path, each.status) for each in exchanges]


async def test_submit_and_fetch_are_recorded_and_polls_that_go_well_are_not(
    tmp_path: Path,
) -> None:
    """Of each the head: when, what, how large, how it went; bodies are off."""
    async with open_shop(tmp_path) as shop:
        job = await shop.run()
        found = await job.exchanges(bodies=True)
    assert told(found) == [
        ("submit", "/api/v3/1003/batch", 200),
        ("fetch_results", "/api/v3/1003/batch", 200),
    ]
    submit = found[0]
    assert (submit.job_id, submit.ticket, submit.tickets) == (job.id, 1, 1)
    assert (submit.account, submit.adapter, submit.method) == ("shop", "ecwid", "POST")
    assert (submit.host, submit.message) == ("", "")
    assert submit.sent_bytes > 1000 > submit.received_bytes > 0
    assert submit.sent_body is submit.body is None
    assert sum(entry.path.endswith("/batch") for entry in shop.sandbox.journal) > len(found)


async def test_bodies_are_kept_where_the_account_says_so(tmp_path: Path) -> None:
    """Of the same exchanges; whoever does not ask for them does not get them."""
    async with open_shop(tmp_path, exchanges="bodies") as shop:
        job = await shop.run()
        with_bodies, heads = await job.exchanges(bodies=True), await job.exchanges()
    assert all(each.sent_body is each.body is None for each in heads)
    submit, fetch = with_bodies
    assert submit.sent_body is not None
    assert submit.sent_body.startswith(b'[{"id":"p1","method":"PUT"')
    assert submit.body is not None
    assert b'"ticket"' in submit.body
    assert fetch.body is not None
    assert b'"responses"' in fetch.body
