"""
Kill the real command at hundreds of random moments, and hold what is left against the journals.

    make soak                                    at least 500 kills, some five minutes
    python -m soak --kills 5000 --seed 7         longer, and from another seed
    python -m soak --kills 1 --seed 12 --keep    one shop again, whose seed was named
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import threading
import time
import traceback
from itertools import count
from pathlib import Path

from attrs import asdict, define, field
from support.crash_lab import Lab, running_lab
from support.crash_storm import Storm, raise_storm


@define
class Soak:
    """
    A run.

    Attributes:
        lab: What starts the processes.
        folder: Where the shops are.
        kills: How many kills are wanted.
        keeps: Whether the folders of shops that went well are kept.
        total: What was done, and came of it.
        shops: How many shops there were.
        failed: The seeds of those that went wrong.
    """

    lab: Lab
    folder: Path
    kills: int
    seeds: count[int]
    keeps: bool
    total: Storm = field(factory=Storm)
    shops: int = 0
    failed: list[int] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)

    def work(self) -> None:
        """Take one shop after another until there were enough kills."""
        while True:
            with self._lock:
                if self.total.kills >= self.kills or self.failed:
                    return
                seed = next(self.seeds)
            self._take(seed)

    def _take(self, seed: int) -> None:
        folder = self.folder / str(seed)
        folder.mkdir()
        try:
            storm = raise_storm(self.lab, folder, seed)
        except Exception:
            with self._lock:
                self.failed.append(seed)
                say(f"seed {seed} went wrong; its folder is {folder}")
                say(traceback.format_exc())
            return
        if not self.keeps:
            shutil.rmtree(folder)
        with self._lock:
            self.total.add(storm)
            self.shops += 1
            if self.shops % 10 == 0:
                say(self.summary())

    def summary(self) -> str:
        """Write in one line what there was."""
        total = self.total
        parts = {
            "shops": self.shops,
            "kills": total.kills,
            "stops": total.stops,
            "starts": total.starts,
            "jobs": total.jobs,
            "told": total.told,
            **asdict(total.figures),
        }
        return " ".join(f"{name}={value}" for name, value in parts.items())


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__.split("\n")[1])
    parser.add_argument("--kills", type=int, default=500, help="at least so many")
    parser.add_argument("--seed", type=int, help="of the first shop; the next ones follow it")
    parser.add_argument("--workers", type=int, default=2, help="shops at once")
    parser.add_argument("--keep", action="store_true", help="keep the folders of all shops")
    options = parser.parse_args()
    first = secrets.randbelow(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="batchhub-soak-"))
    say(f"seeds from {first}; shops are in {folder}")
    began_s = time.monotonic()
    with running_lab(folder) as lab:
        soak = Soak(lab, folder, options.kills, count(first), options.keep)
        threads = [threading.Thread(target=soak.work) for _ in range(options.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    say(f"{soak.summary()} seconds={time.monotonic() - began_s:.0f}")
    if soak.failed:
        sys.exit(f"failed: seeds {soak.failed}; each can be repeated with --kills 1 --seed SEED")
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
