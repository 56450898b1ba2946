"""Signals of a worker whose event loop does not turn: an adapter may hold it up for ever."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from support.patience import PATIENCE_S

SCRIPT = """
import asyncio, sys, time
from batchhub.cli.shell.worker_signals import heard_signals

async def main():
    with heard_signals(lambda: None, lambda: None, most_s=float(sys.argv[1])):
        print("there", flush=True)
        time.sleep(600)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


def start(most_s: float) -> subprocess.Popen[str]:
    """Start a process whose event loop does not turn."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(most_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_all_the_same(number: signal.Signals) -> None:
    """After its grace, with a line; the store has what is not finished."""
    process = start(0.1)

    process.send_signal(number)

    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 4
    assert said == "did not end within 0 s; unfinished jobs are kept\n"


def test_a_second_signal_ends_it_at_once() -> None:
    """Whatever the loop does; and its settings' signal ends nothing."""
    process = start(600.0)

    # Each of another number: two of one may become one.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)

    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
