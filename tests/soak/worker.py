"""
A worker that lives through jobs, a store that fails, revoked credentials and new settings.

    python -m soak.worker --minutes 20            in real time, some twenty minutes
    python -m soak.worker --minutes 5 --seed 7    shorter, and with other troubles
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from support.processes import environment
from support.worker_life import Life, Span

TESTS = Path(__file__).parents[1]


class Real:
    """A worker in a process of its own, started as a service manager would."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._counts = folder / "counts.json"
        paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "soak.watched", str(self._counts), "worker", "-v"),
                "--metrics-listen=127.0.0.1:0",
            ],
            cwd=folder,
            env={**environment(folder), **variables, "PYTHONPATH": os.pathsep.join(paths)},
            # A pipe, not a file: one of the troubles is that no file can grow.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._keeping = threading.Thread(target=self._keep, args=(folder / "worker.log",))
        self._keeping.start()
        self.pid = self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        code = self._process.wait(120)
        self._keeping.join()
        return code

    def _keep(self, file: Path) -> None:
        assert self._process.stdout is not None
        with file.open("wb") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()

    def count(self) -> dict[str, int]:
        """Return how many tasks and objects it has."""
        return ask_counts(self.pid, self._counts)


def ask_counts(pid: int, file: Path) -> dict[str, int]:
    """Have a watched process write its counts, and return them."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    end_s = time.monotonic() + 60
    while not file.exists():
        if time.monotonic() > end_s:
            raise AssertionError("the worker's loop does not turn")
        time.sleep(0.02)
    found: dict[str, int] = json.loads(file.read_text())
    return found


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m soak.worker", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="batchhub-worker-"))
    say(f"seed {seed}; files are in {folder}")
    life = Life(folder, random.Random(seed), start=Real, say=say)
    life.live(Span(seconds=options.minutes * 60, pause_s=3.0, trouble_s=12.0))
    say(life.summary())
    life.assert_flat()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
