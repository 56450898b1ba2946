"""A worker lives through one trouble after another, and nothing is lost; `make soak` is longer."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.crash_lab import Lab, Running
from support.crashing import Plan
from support.worker_life import Life, Span


class Forked:
    """A worker of the lab's, which is there in a tenth of the time."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.pid = running.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._running.send(number)

    def wait(self) -> int:
        """Wait for its end; returns its exit code."""
        return self._running.wait().code

    def count(self) -> dict[str, int]:
        """Return nothing: what it has is not its own alone."""
        return {}


@pytest.fixture
def ending() -> Iterator[ExitStack]:
    """Close what a test has opened."""
    with ExitStack() as stack:
        yield stack


def test_it_lives_through_each_trouble(lab: Lab, tmp_path: Path, ending: ExitStack) -> None:
    """All items have one result, each ran once, and it ends with 0; nothing grows."""

    def start(folder: Path, variables: Mapping[str, str]) -> Forked:
        running = lab.start(folder, "worker", plan=Plan(busy_s=0.2), env=variables)
        ending.callback(running.close)
        return Forked(running)

    life = Life(tmp_path, random.Random(7), start=start)
    life.live(Span(seconds=0.0, pause_s=0.05, trouble_s=0.4, warm_s=0.0))

    assert life.has_met_all
    assert life.jobs
    life.assert_flat()
