"""What the store adds to a poll: a loop that keeps nothing on the way, and what is kept of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import msgspec

from batchhub import BatchHub
from batchhub._engine.lane import Lane
from batchhub._store import JobRecord, Store, TicketRecord
from batchhub_ecwid import EcwidAccount, put

from ._measure import measure, show

TICKETS = 4
ITEMS = 40
FASTER = 100.0
"""How many times faster than the world the hub's clock runs."""


class FastClock:
    """A clock faster than the world: a ticket is polled often within seconds."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)
        self._start_s = time.monotonic()

    def now(self) -> datetime:
        """Return the fast wall-clock time."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the fast seconds since the clock was made."""
        return (time.monotonic() - self._start_s) * FASTER

    async def sleep(self, delay_s: float) -> None:
        """Wait so many fast seconds."""
        await asyncio.sleep(delay_s / FASTER)


@contextmanager
def sandbox() -> Iterator[str]:
    """Run the vendor in a process of its own, whose CPU time is not counted."""
    command = Path(sys.executable).with_name("batchhub")
    switches = ["--set=item_time_s=0.02", "--set=requests_per_minute=1000000"]
    process = subprocess.Popen(
        [command, "sandbox", "ecwid", "--json", *switches],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield str(msgspec.json.decode(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait()


@contextmanager
def no_progress_kept() -> Iterator[None]:
    """Let the lane keep intents and transitions only."""

    async def save_progress(self: Lane) -> None:
        del self

    with patch.object(Lane, "_save_progress", save_progress):
        yield


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Let the store forget what it is told of tickets under way; their ends are kept."""

    async def save_tickets(self: Store, changed: object) -> None:
        del self, changed

    async def accept_ticket(self: Store, job: JobRecord, ticket: TicketRecord) -> TicketRecord:
        del self, job
        return ticket

    with (
        no_progress_kept(),
        patch.object(Store, "save_tickets", save_tickets),
        patch.object(Store, "accept_ticket", accept_ticket),
    ):
        yield


async def drive(url: str, folder: Path) -> None:
    """Take one job of several tickets from its first request to its last result."""
    account = EcwidAccount(
        store_id=1003,
        token="secret_sandbox",
        base_url=url,
        requests_per_minute=1_000_000,
        max_request_bytes=ITEMS * 80,
    )
    hub = BatchHub(folder / f"{time.monotonic_ns()}.db", {"shop": account}, clock=FastClock())
    async with hub:
        items = (put(f"/products/{n}", {"price": n}) for n in range(1, TICKETS * ITEMS))
        job = await hub.submit("shop", items)
        await job.wait()


async def count_polls(url: str, folder: Path) -> int:
    """Return how many status calls such a job takes."""
    from batchhub_ecwid import EcwidAdapter  # noqa: PLC0415

    polls = 0
    poll: Callable[..., Awaitable[object]] = EcwidAdapter.poll

    async def counted(*args: object) -> object:
        nonlocal polls
        polls += 1
        return await poll(*args)

    with patch.object(EcwidAdapter, "poll", counted):
        await drive(url, folder)
    return polls


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name, sandbox() as url:
        folder = Path(name)
        polls = asyncio.run(count_polls(url, folder))

        def run(keeping: AbstractContextManager[None]) -> None:
            with keeping:
                asyncio.run(drive(url, folder))

        medians = measure(
            {
                "nothing kept": lambda: run(nothing_kept()),
                "intents, transitions": lambda: run(no_progress_kept()),
                "and progress": lambda: run(nullcontext()),
            },
            rounds=3,
        )
    show(f"one job of {TICKETS} tickets, {polls} polls", medians, "nothing kept")
