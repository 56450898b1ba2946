"""
Run simulated worlds, and say which laws were broken in which.

    make sim SEEDS=5000              that many, in parallel processes
    make sim SEED=17                 one again
    python -m simulation 17 18       these, in this process, from the folder `tests`
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

from .campaign import repeat_command, run_chunks, run_seeds


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("seed", type=int, nargs="*", help="run these, in this process")
    parser.add_argument("--seeds", type=int, default=100, help="how many; default 100")
    parser.add_argument("--first", type=int, default=0, help="the first of them; default 0")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--trace", action="store_true", help="print what names each world's course")
    options = parser.parse_args()
    seeds = options.seed or list(range(options.first, options.first + options.seeds))
    began_s = time.monotonic()
    outcomes = run_seeds(seeds) if options.seed else run_chunks(seeds, options.workers)
    faults: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    ran, broken, virtual_s = 0, 0, 0.0
    for outcome in outcomes:
        ran += 1
        faults.update(outcome.faults)
        judged.update(outcome.judged)
        virtual_s += outcome.virtual_s
        if options.trace:
            say(f"{outcome.seed} {outcome.trace}")
        if outcome.broken:
            broken += 1
            say(f"seed {outcome.seed}:", *outcome.broken, repeat_command(outcome.seed))
        if ran % 250 == 0:
            say(f"{ran} of {len(seeds)} seeds after {time.monotonic() - began_s:.0f} s")
    for kind, count in sorted(faults.items()):
        say(f"{kind:28} {count:7}")
    for law, count in sorted(judged.items()):
        say(f"judged: {law:20} {count:7}")
    say(
        f"{ran} seeds, {faults.total()} faults, {virtual_s / 3600:.0f} virtual hours, "
        f"{broken} broken, {time.monotonic() - began_s:.0f} s"
    )
    sys.exit(1 if broken else 0)


def say(*lines: str) -> None:
    """Print at once, all but the first line set in."""
    print("\n    ".join(lines), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
