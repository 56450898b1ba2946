"""
What a poll costs in CPU time, against a plain loop and against other packages' pollers.

    python -m bench.polls [NAME ...] [--rounds N] [--seconds S] [--tickets N] [--profile]

Each poller is a process of its own that asks a vendor in another process about its tickets, each
every five seconds; the vendor reports something new at each poll. Measured is a window of steady
polling, for all of them the same seconds, so that whatever else the machine does is the same for
all. The table has the medians of some rounds. NAME is a poller, and ``NAME+uvloop`` is the same on
uvloop. `--profile` shows where the time of the first NAME goes (by default batchhub's), in its
event loop; the figures include the profiler.
"""

from __future__ import annotations

import argparse
import itertools
import os
import pstats
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from attrs import frozen

from ._pollers import PACKAGES, POLLERS
from ._processes import run_together
from ._status_server import serving
from ._versions import find_version, show_versions

_ON_UVLOOP = ("plain", "batchhub", "google", "azure")


@frozen(kw_only=True)
class Used:
    """What a poller used in its window."""

    polls: int
    cpu_s: float
    loop_s: float
    taken_s: float

    @property
    def poll_us(self) -> float:
        """CPU time of a poll, of all threads."""
        return self.cpu_s / self.polls * 1e6

    @property
    def loop_us(self) -> float:
        """CPU time of a poll, of the thread with the event loop alone."""
        return self.loop_s / self.polls * 1e6


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    options = _read_options(arguments)
    names: list[str] = options.names or list(_find_names())
    with serving() as url:
        if options.profile:
            _profile(url, (options.names or ["batchhub"])[0], options)
            return
        used = _measure(url, names, options)
    show_versions("batchhub", "aiohttp", "uvloop", *PACKAGES.values())
    _show(used, options)


def _read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.polls", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(POLLERS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a window")
    parser.add_argument("--tickets", type=int, default=500)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name.partition("+")[0] not in POLLERS:
            parser.error(f"there is no poller {name!r}, only {', '.join(POLLERS)}")
    return options


def _find_names() -> Iterator[str]:
    has_uvloop = find_version("uvloop") is not None
    for name in POLLERS:
        if name in PACKAGES and find_version(PACKAGES[name]) is None:
            print(f"{name} is left out: {PACKAGES[name]} is not installed")
            continue
        yield name
        if has_uvloop and name in _ON_UVLOOP:
            yield f"{name}+uvloop"
    if not has_uvloop:
        print("uvloop is not installed")


def _measure(url: str, names: Sequence[str], options: argparse.Namespace) -> dict[str, list[Used]]:
    used: dict[str, list[Used]] = {name: [] for name in names}
    callers = itertools.count(1)
    for number in range(options.rounds):
        found = run_together({name: _command(url, name, next(callers), options) for name in names})
        for name, each in found.items():
            used[name].append(Used(**each))
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    return used


def _command(
    url: str, name: str, caller: int, options: argparse.Namespace, *more: str
) -> list[str]:
    figures = [str(caller), str(options.tickets), str(options.seconds)]
    return ["_poll_child", name, url, *figures, *more]


def _show(used: dict[str, list[Used]], options: argparse.Namespace) -> None:
    base = next(iter(used))
    print(
        f"{options.tickets} tickets, asked about every 5 s, progress at each poll, store on disk; "
        f"medians of {options.rounds} windows of {options.seconds:g} s"
    )
    print(f"  {'':<18} {'polls/s':>8} {'us a poll':>10} {'least':>8} {'in loop':>8}  x {base}")
    floor_us = _median(each.poll_us for each in used[base])
    for name, rounds in used.items():
        polls = statistics.median(each.polls / each.taken_s for each in rounds)
        poll_us = _median(each.poll_us for each in rounds)
        least_us = min(each.poll_us for each in rounds)
        loop_us = _median(each.loop_us for each in rounds)
        print(
            f"  {name:<18} {polls:8.1f} {poll_us:10.0f} {least_us:8.0f} {loop_us:8.0f} "
            f"{poll_us / floor_us:6.2f}"
        )


def _median(figures: Iterator[float]) -> float:
    return statistics.median(figures)


def _profile(url: str, name: str, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.fspath(Path(folder) / "profile")
        found = run_together({name: _command(url, name, 1, options, path)})
        used = Used(**found[name])
        stats = pstats.Stats(path)
    print(f"{name}: {used.polls} polls, {used.poll_us:.0f} us each with the profiler")
    # Idle time is none of it: the profiler's clock goes on while the loop waits.
    timings: Mapping[Any, Any] = stats.stats  # type: ignore[attr-defined]
    rows = [
        (own_s, whole_s, calls, f"{'/'.join(Path(file).parts[-2:])}:{line} {function}")
        for (file, line, function), (_, calls, own_s, whole_s, _) in timings.items()
        if "select." not in function
    ]
    for column, title in enumerate(("by a function itself", "with what it calls")):
        print(f"{title}\n  {'own us':>8} {'all us':>8} {'calls':>6}  of a poll")
        for row in sorted(rows, key=itemgetter(column), reverse=True)[:40]:
            own_us, whole_us = (each / used.polls * 1e6 for each in row[:2])
            print(f"  {own_us:8.1f} {whole_us:8.1f} {row[2] / used.polls:6.2f}  {row[3]}")


if __name__ == "__main__":
    main(sys.argv[1:])
