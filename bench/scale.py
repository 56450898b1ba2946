"""
What many tickets cost: memory, CPU time, how late polls begin, and room in the store.

    python -m bench.scale [TICKETS ...]

Jobs of one ticket each, in one account or in a thousand, all under way at a vendor in the process
that costs next to nothing. Time is that of an ideal machine, whose clock is the process's own CPU
time and which skips idle time: what a core would see that does nothing else. An exchange over HTTP
is taken to cost 150 us. Then a job of 100,000 tickets, against one of 10.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import asdict, frozen

from batchhub import BatchHub

from ._figures import at_part
from ._ideal import run
from ._vendor import CheapAdapter, cheap_vendor, make_hub, make_store
from ._versions import show_versions

_EXCHANGE_S: Final = 150e-6
"""What an exchange over HTTP is taken to cost in CPU time."""

_LONGEST_S: Final = 60.0
"""Rows whose tickets are asked about less often are left out: they take too long."""

_ROWS: Final = (1_000, 10_000, 100_000)
_LANES: Final = (1, 1_000)
_RATES: Final = (200, 2_000)
_WINDOW_S: Final = 10.0


@frozen(kw_only=True)
class Row:
    """What was found for a number of tickets, of lanes, and of polls a second."""

    tickets: int
    lanes: int
    rate: int
    load_s: float
    poll_us: float
    p50_s: float
    p99_s: float
    rate_reached: float
    ticket_bytes: float | None
    stored_bytes: float


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("tickets", nargs="*", type=int, metavar="TICKETS", default=list(_ROWS))
    options = parser.parse_args(arguments)
    show_versions("batchhub", "sqlalchemy", "msgspec")
    _show(_measure_apart(options.tickets))
    large_job()


def _measure_apart(sizes: Sequence[int]) -> Iterator[Row]:
    """Measure each row in a process of its own, so that none finds what another has left."""
    for tickets in sizes:
        for lanes in _LANES:
            for rate in _RATES:
                if tickets / rate > _LONGEST_S:
                    continue
                command = [sys.executable, "-m", "bench._scale_child"]
                figures = [str(tickets), str(lanes), str(rate)]
                done = subprocess.run([*command, *figures], check=True, stdout=subprocess.PIPE)
                yield Row(**json.loads(done.stdout))


def measure(tickets: int, lanes: int, rate: int) -> dict[str, Any]:
    """Measure a row."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        poll_s = tickets / rate
        with cheap_vendor(poll_s=poll_s, tickets=tickets, burns_s=_EXCHANGE_S):
            asyncio.run(make_store(path, jobs=tickets, tickets=1, lanes=lanes))
            stored_bytes = path.stat().st_size / tickets
            figures = run(_drive(path, lanes))
        ticket_bytes = None
        if rate == _RATES[-1]:
            with cheap_vendor(poll_s=100.0, tickets=tickets):
                ticket_bytes = run(_grow(path, tickets, lanes))
    row = Row(
        tickets=tickets,
        lanes=lanes,
        rate=rate,
        ticket_bytes=ticket_bytes,
        stored_bytes=stored_bytes,
        **figures,
    )
    return asdict(row)


@asynccontextmanager
async def _resuming(hub: BatchHub) -> AsyncIterator[None]:
    resuming = asyncio.create_task(hub.resume())
    yield
    resuming.cancel()
    await asyncio.gather(resuming, return_exceptions=True)


async def _drive(path: Path, lanes: int) -> Mapping[str, float]:
    async with make_hub(path, lanes) as hub:
        began_s = time.process_time()
        async with _resuming(hub):
            await _until(lambda: CheapAdapter.polls > 0)
            load_s = time.process_time() - began_s
            # How late a poll is counts from the one before.
            await _until(lambda: CheapAdapter.polls > CheapAdapter.asked)
            await asyncio.sleep(1.0)
            gc.collect()
            CheapAdapter.late_s = array("d")
            polls, began_s = CheapAdapter.polls, time.process_time()
            await asyncio.sleep(_WINDOW_S)
            busy_s, polls = time.process_time() - began_s, CheapAdapter.polls - polls
            late_s = sorted(CheapAdapter.late_s)
    return {
        "load_s": load_s,
        "poll_us": (busy_s / polls - _EXCHANGE_S) * 1e6,
        "p50_s": at_part(late_s, 0.5),
        "p99_s": at_part(late_s, 0.99),
        "rate_reached": polls / _WINDOW_S,
    }


async def _grow(path: Path, tickets: int, lanes: int) -> float:
    """Return the bytes of a ticket once it was asked about."""
    async with make_hub(path, lanes + 1) as hub:
        await hub.submit(f"a{lanes}", [{}])  # makes what is made once, such as statements
        await _until(lambda: CheapAdapter.polls > 0)
        await asyncio.sleep(20.0)
        CheapAdapter.forget(tickets)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        async with _resuming(hub):
            await _until(lambda: CheapAdapter.asked >= tickets)
        await asyncio.sleep(20.0)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    return grown / tickets


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # the time of an ideal machine costs nothing
        await asyncio.sleep(1.0)


def _show(rows: Iterator[Row]) -> None:
    print("jobs of one ticket each, on an ideal machine")
    print(
        f"  {'tickets':>8} {'lanes':>6} {'polls/s':>8} {'reached':>8} {'us a poll':>10} {'x':>5} "
        f"{'late p50':>9} {'p99, ms':>8} {'load, s':>8} {'B in memory':>12} {'in the store':>13}"
    )
    base: Row | None = None
    for row in rows:
        base = base or row
        memory = "" if row.ticket_bytes is None else f"{row.ticket_bytes:.0f}"
        print(
            f"  {row.tickets:8,} {row.lanes:6,} {row.rate:8,} {row.rate_reached:8.0f} "
            f"{row.poll_us:10.0f} {row.poll_us / base.poll_us:5.2f} {row.p50_s * 1000:9.2f} "
            f"{row.p99_s * 1000:8.2f} {row.load_s:8.2f} {memory:>12} {row.stored_bytes:13.0f}",
            flush=True,
        )


def large_job() -> None:
    """What a poll, a status and a ticket cost where a job has many tickets, against few."""
    figures: dict[int, Mapping[str, float]] = {}
    for tickets in (10, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "jobs.db"
            with cheap_vendor(poll_s=max(1000, tickets) / 200, tickets=tickets + 1000):
                # So many jobs that as much is saved: a ticket's progress is, every few seconds.
                asyncio.run(make_store(path, jobs=max(1, 1000 // tickets), tickets=tickets))
                figures[tickets] = run(_drive_job(path, tickets))
    print("a job of 100,000 tickets at 200 polls a second, against 100 jobs of 10")
    for what in ("poll", "status"):
        few, many = (figures[tickets][what] for tickets in (10, 100_000))
        print(f"  {'a ' + what:<44} {many * 1e6:8.1f} us  {many / few:6.2f} x")
    tickets = 10_000
    with tempfile.TemporaryDirectory() as folder, cheap_vendor(poll_s=100.0, tickets=tickets):
        path = Path(folder) / "jobs.db"
        asyncio.run(make_store(path, jobs=1, tickets=tickets))
        grown = run(_grow(path, tickets, 1))
    print(f"  {f'a ticket in memory, of {tickets:,} in a job':<44} {grown:8.0f} bytes")


async def _drive_job(path: Path, tickets: int) -> Mapping[str, float]:
    async with make_hub(path, 1) as hub:
        job, *_ = await hub.jobs(tickets=False)
        async with _resuming(hub):
            await _until(lambda: CheapAdapter.polls >= 400)
            gc.collect()
            rounds: list[float] = []
            for _ in range(9):
                polls, began_s = CheapAdapter.polls, time.process_time()
                await asyncio.sleep(1.0)
                polls = CheapAdapter.polls - polls
                rounds.append((time.process_time() - began_s) / max(1, polls))
            began_s = time.process_time()
            for _ in range(2000):
                assert job.status.counts.total == tickets
            status_s = (time.process_time() - began_s) / 2000
    return {"poll": statistics.median(rounds), "status": status_s}


if __name__ == "__main__":
    main(sys.argv[1:])
