"""A shop whose exchanges are recorded, and what is in the file of the record."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from attrs import define, evolve

from batchhub import BatchHub, BatchJob
from batchhub.models import Exchange
from batchhub.sandbox import Sandbox
from batchhub.testing import FakeClock

from .stand_ins import STAND_INS

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

    async def run(self, vendor: str = VENDOR) -> BatchJob:
        """Run a job to its end."""
        stand_in = STAND_INS[vendor]
        job = await self.hub.submit("shop", stand_in.items, operation=stand_in.operation)
        await job.wait(timeout_s=24 * 3600)
        return job


@asynccontextmanager
async def open_shop(
    folder: Path,
    vendor: str = VENDOR,
    *,
    clock: FakeClock | None = None,
    switches: dict[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Shop]:
    """Open a hub with the account ``shop`` at a stand-in over HTTP; time runs by itself."""
    clock = clock or FakeClock()
    sandbox = STAND_INS[vendor].sandbox(clock=clock)
    sandbox.change_switches(switches or {})
    async with clock.running(), sandbox.running() as url:
        account = evolve(sandbox.account(url), **settings)
        async with BatchHub(folder / "jobs.db", {"shop": account}, clock=clock, seed=1) as hub:
            yield Shop(hub, sandbox, clock, folder)


def told(exchanges: list[Exchange]) -> list[tuple[str, int | None]]:
    """Return of each what it was for, and its status."""
    return [(each.verb, each.status) for each in exchanges]


def read_raw(record: Path) -> bytes:
    """Return all that is in the files of a record, and in its bodies, which are compressed."""
    files = b"".join(path.read_bytes() for path in record.parent.glob(f"{record.name}*"))
    with closing(sqlite3.connect(record)) as connection:
        bodies = connection.execute("SELECT sent, received FROM bodies").fetchall()
    return files + b"".join(zlib.decompress(body) for pair in bodies for body in pair if body)


def is_sound(record: Path) -> bool:
    """Whether SQLite finds nothing wrong with a record."""
    with closing(sqlite3.connect(record)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
