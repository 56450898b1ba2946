"""
What figures cost a process that drives: CPU time, how late its polls are, and a scrape.

    python -m bench.metrics [--rounds N] [--seconds S] [--jobs N] [--accounts N]

A process polls a hundred tickets once a second, in a store with ten thousand jobs, and has two
hundred accounts. In turn nobody watches it; its figures are kept, and scraped once in a window, as
every 15 seconds; and they are scraped every second. The table has the CPU time of the process and
how long after it was due a poll was answered, the 99th percentile, as ratios to the window before,
with nobody there; and how long a scrape takes of the loop, in all and at a time. What is counted is
counted in any case; what that costs a poll is measured by itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from batchhub._base.measures import AdapterMeasures

from ._figures import at_part
from ._status_server import serving
from ._versions import show_versions

GOAL: Final = 1.05
GOAL_S: Final = 0.005
WATCHERS: Final[Mapping[str, float]] = {"every 15 s": 1000.0, "every second": 1.0}
"""Seconds between two scrapes; of long ones there is one in each window."""

_ACCEPT: Final = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.metrics", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=15.0, help="of a window")
    parser.add_argument("--jobs", type=int, default=10_000, help="in the store")
    parser.add_argument("--accounts", type=int, default=200)
    options = parser.parse_args(arguments)
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from support.page_store import fill_page_store  # noqa: PLC0415

    found: dict[str, list[Any]] = {name: [] for name in WATCHERS}
    with tempfile.TemporaryDirectory() as name, serving() as url:
        store = Path(name) / "jobs.db"
        fill_page_store(store, jobs=options.jobs, items=10 * options.jobs)
        with _Driver(url, store, options.accounts).running() as driver:
            for number in range(options.rounds):
                for watcher, every_s in WATCHERS.items():
                    without = driver.measure(options.seconds, is_watched=False)
                    with _scraping(driver.address, every_s):
                        beside = driver.measure(options.seconds, is_watched=True)
                    found[watcher].append((without, beside))
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    show_versions("batchhub", "aiohttp", "prometheus-client")
    _show(found)


class _Driver:
    """The process that drives."""

    def __init__(self, url: str, store: Path, accounts: int) -> None:
        arguments = [url, str(store), str(accounts)]
        self._command = [sys.executable, "-m", "bench._watched_child", *arguments]
        self.address = ""

    @contextmanager
    def running(self) -> Iterator[_Driver]:
        """Run it while the block runs."""
        pipe = subprocess.PIPE
        with subprocess.Popen(self._command, stdin=pipe, stdout=pipe, text=True) as process:
            self._process = process
            try:
                self.address = self._read().strip()
                yield self
            finally:
                process.kill()

    def measure(self, seconds: float, *, is_watched: bool) -> Mapping[str, Any]:
        """Have it measure for so long."""
        assert self._process.stdin is not None
        print(seconds, int(is_watched), file=self._process.stdin, flush=True)
        found: Mapping[str, Any] = json.loads(self._read())
        return found

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the driving process has failed")
        return line


@contextmanager
def _scraping(address: str, every_s: float) -> Iterator[None]:
    """Scrape as Prometheus does while the block runs."""
    is_over = threading.Event()

    def scrape() -> None:
        headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
        is_over.wait(1.0)  # the first look at the store comes before
        while not is_over.is_set():
            with urlopen(Request(f"http://{address}/metrics", headers=headers)) as answer:
                answer.read()
            is_over.wait(every_s)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _show(found: Mapping[str, Sequence[Any]]) -> None:
    rounds = len(next(iter(found.values())))
    print(f"100 polls a second, and who scrapes; medians of {rounds} pairs of windows")
    print(
        f"  {'':<14} {'CPU, x':>8} {'p99, ms':>8} {'with, ms':>9} {'x':>6} "
        f"{'a scrape, ms: p50':>18} {'max':>7} {'at a time':>10}"
    )
    for watcher, pairs in found.items():
        cpu = statistics.median(two["cpu_s"] / one["cpu_s"] for one, two in pairs)
        p99 = statistics.median(two["p99_s"] / one["p99_s"] for one, two in pairs)
        without_ms, with_ms = (
            1000 * statistics.median(pair[at]["p99_s"] for pair in pairs) for at in (0, 1)
        )
        scrapes = sorted(s for _, two in pairs for s in _scrapes(two))
        longest_ms = 1000 * max(s for _, two in pairs for s in two["steps_s"])
        print(
            f"  {watcher:<14} {cpu:8.3f} {without_ms:8.2f} {with_ms:9.2f} {p99:6.2f} "
            f"{at_part(scrapes, 0.5) * 1000:18.2f} {scrapes[-1] * 1000:7.2f} {longest_ms:10.2f}"
        )
    print(f"  to reach: CPU {GOAL} x; a scrape {GOAL_S * 1000:.0f} ms")
    poll_s = statistics.median(
        one["cpu_s"] / one["polls"] for pairs in found.values() for one, _ in pairs
    )
    count_s = _measure_counting()
    print(
        f"  counting: {count_s * 1e9:.0f} ns of a poll's {poll_s * 1e6:.0f} us, "
        f"{1 + count_s / (poll_s - count_s):.4f} x"
    )


def _scrapes(window: Mapping[str, Any]) -> list[float]:
    """Return how long each scrape took of the loop's time, all its steps together."""
    steps_s, steps = window["steps_s"], window["steps"]
    return [sum(steps_s[at : at + steps]) for at in range(0, len(steps_s) - steps + 1, steps)]


def _measure_counting(number: int = 200_000) -> float:
    """Return what is counted of a poll costs, in seconds."""
    counted = AdapterMeasures()
    began_s = time.process_time()
    for _ in range(number):
        counted.lateness.add(0.003)
        counted.polls += 1
        counted.count_request(200)
    used_s = time.process_time() - began_s
    began_s = time.process_time()
    for _ in range(number):
        pass
    return (used_s - (time.process_time() - began_s)) / number


if __name__ == "__main__":
    main(sys.argv[1:])
