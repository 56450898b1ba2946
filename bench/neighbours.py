"""
What a vendor that answers badly costs the accounts beside it, in one process and event loop.

    python -m bench.neighbours [--rounds N] [--seconds S]

Ten accounts with ten tickets each are polled once a second. At the same time another process
polls the same, and beside it ten tickets of a vendor that hangs, that sends its answer a byte at a
time, that answers 429 for ever, or 60 MB. The table has how long after it was due a poll of the
live accounts was answered: the 99th percentile, with and without the neighbour. That depends on
what else the machine does; the longest that one step has held the event loop is CPU time and does
not.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ._bad_vendor import STORES, serving_badly
from ._processes import run_together
from ._status_server import serving
from ._versions import show_versions

GOAL = 1.1


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.neighbours", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a window")
    options = parser.parse_args(arguments)
    found: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in STORES}
    callers = itertools.count(1)
    with serving() as url, serving_badly() as bad_url:
        for number in range(options.rounds):
            for kind, store in STORES.items():
                command = ["_neighbours_child", url]
                bad = [bad_url, str(store)]
                commands = {
                    "alone": [*command, str(next(callers)), str(options.seconds)],
                    "beside": [*command, str(next(callers)), str(options.seconds), *bad],
                }
                found[kind].append(run_together(commands))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    show_versions("batchhub", "aiohttp")
    _show(found)


def _show(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    rounds = len(next(iter(found.values())))
    print(f"100 live polls a second beside a bad vendor; medians of {rounds} rounds")
    print(
        f"  {'':<15} {'polls':^20}  {'p99, ms':^22}  {'loop held, ms':^15}\n"
        f"  {'the vendor':<15} {'alone':>6} {'beside':>7} {'x':>5}  {'alone':>7} {'beside':>7} "
        f"{'x':>6}  {'alone':>7} {'beside':>7}"
    )
    for kind, each in found.items():
        polls, beside_polls = _medians(each, "polls")
        p99_s, beside_s = _medians(each, "p99_s")
        held_s, beside_held_s = _medians(each, "held_s")
        print(
            f"  {kind:<15} {polls:6.0f} {beside_polls:7.0f} {beside_polls / polls:5.2f}  "
            f"{p99_s * 1000:7.1f} {beside_s * 1000:7.1f} {beside_s / p99_s:6.2f}  "
            f"{held_s * 1000:7.1f} {beside_held_s * 1000:7.1f}"
        )
    print(f"  to reach: {GOAL} x")


def _medians(each: Sequence[Mapping[str, Any]], what: str) -> tuple[float, float]:
    alone, beside = (
        statistics.median(float(one[which][what]) for one in each) for which in ("alone", "beside")
    )
    return alone, beside


if __name__ == "__main__":
    main(sys.argv[1:])
