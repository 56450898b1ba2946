"""
What the smallest job costs, accounts whose vendor is at work, and a list of many jobs.

    python -m bench.size
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ._ideal import run
from ._vendor import CheapAdapter, cheap_vendor, make_hub, make_store


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for measure in (one_item, idle, listing):
            measure(Path(folder))


def one_item(folder: Path) -> None:
    """What a job of one item costs from submit to its result, without the vendor."""

    async def play() -> Mapping[str, float]:
        taken: list[float] = []
        async with make_hub(folder / "one.db", 1) as hub:
            for _ in range(60):
                began_s = time.process_time()
                job = await hub.submit("a0", [{}])
                await job.wait()
                _ = [result async for result in job.results()]
                taken.append(time.process_time() - began_s)
        return {"job": statistics.median(taken)}

    with cheap_vendor(poll_s=1.0, is_done=True):
        figures = run(play())
    print("a job of one item, from submit to its result, CPU time")
    print(f"  {'the vendor not counted':<44} {figures['job'] * 1000:8.2f} ms")


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # the time of an ideal machine costs nothing
        await asyncio.sleep(1.0)


def idle(folder: Path) -> None:
    """What accounts cost whose only job waits for its vendor."""
    lanes = 1000

    async def play() -> Mapping[str, float]:
        await make_store(folder / "idle.db", jobs=lanes, tickets=1, lanes=lanes)
        async with make_hub(folder / "idle.db", lanes) as hub:
            resuming = asyncio.create_task(hub.resume())
            await _until(lambda: CheapAdapter.asked >= lanes)
            await asyncio.sleep(100.0)
            polls, began_s = CheapAdapter.polls, time.process_time()
            await asyncio.sleep(60.0)
            busy_s = time.process_time() - began_s
            assert CheapAdapter.polls - polls < lanes // 10
            resuming.cancel()
            await asyncio.gather(resuming, return_exceptions=True)
        return {"share": busy_s / 60.0}

    with cheap_vendor(poll_s=3600.0, tickets=lanes):
        figures = run(play())
    print("accounts without work")
    print(f"  {'1,000 of them, of a core':<44} {figures['share'] * 100:8.2f} %")


def listing(folder: Path) -> None:
    """What the command `list` costs with few and with many jobs, above bare Python."""
    stores: dict[int, Path] = {}
    for jobs in (10, 10_000):
        stores[jobs] = folder / f"list-{jobs}.db"
        with cheap_vendor(poll_s=1.0):
            asyncio.run(make_store(stores[jobs], jobs=jobs, tickets=20))
    command = str(Path(sys.executable).with_name("batchhub"))
    ways: dict[str, list[str]] = {"python": [sys.executable, "-c", "pass"]}
    ways |= {str(n): [command, "list", "--store", str(path)] for n, path in stores.items()}
    taken = _interleave(ways, _cpu_of_child, rounds=9)
    print("batchhub list, above bare Python")
    for jobs in stores:
        more_s = taken[str(jobs)] - taken["python"]
        print(f"  {f'with {jobs:,} jobs':<44} {more_s * 1000:8.1f} ms")


def _interleave(
    ways: Mapping[str, list[str]], measure: Callable[[list[str]], float], rounds: int
) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            times[name].append(measure(command))
    return {name: statistics.median(taken) for name, taken in times.items()}


def _cpu_of_child(command: list[str]) -> float:
    def used() -> Any:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    subprocess.run(command, check=True, capture_output=True)
    return float(used() - before)


if __name__ == "__main__":
    main()
