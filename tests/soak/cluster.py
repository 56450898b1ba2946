"""
Trouble several workers and their database at random moments, and hold what is left to the laws.

    make soak CLUSTER=1                          100 troubles, some twenty minutes
    python -m soak.cluster --kills 20 --seed 7   shorter, and with the choices of another seed
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from support.cluster.opening import open_cluster
from support.cluster.storm import Storm
from support.crash_lab import running_lab
from support.crashing import Plan
from support.postgres import running_server


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m soak.cluster", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how often harm is done")
    parser.add_argument("--seed", type=int, help="of what is decided by chance")
    parser.add_argument("--shops", type=int, default=24, help="accounts, and so lanes")
    parser.add_argument("--workers", type=int, default=3, help="processes that drive them")
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="batchhub-cluster-"))
    say(f"seed {seed}; files are in {folder}")
    began_s = time.monotonic()

    def tell(text: str) -> None:
        say(f"{time.monotonic() - began_s:.0f}s {text}")

    with ExitStack() as stack:
        lab = stack.enter_context(running_lab(folder))
        server = stack.enter_context(running_server(durable=True, settings={"fsync": "off"}))
        cluster = stack.enter_context(
            open_cluster(
                lab,
                folder,
                server,
                shops=options.shops,
                forgetful=2,
                polling="fixed 1.0",
                plan=Plan(),
                item_s=0.2,
            )
        )
        storm = Storm(
            cluster=cluster,
            dice=random.Random(seed),
            workers=options.workers,
            calm_s=14.0,
            still_s=20.0,
            away_s=6.0,
            count=40,
            say=tell,
        )
        try:
            storm.rage(options.kills)
            figures = storm.calm_down()
        except Exception:
            say(f"seed {seed} went wrong after {storm.done}; its files are in {folder}")
            raise
        say(storm.summary(figures))
    say(f"seconds={time.monotonic() - began_s:.0f}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
