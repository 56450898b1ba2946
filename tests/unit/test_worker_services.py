"""What runs beside a worker's driving: its end is logged, and it is started again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from batchhub._worker.services import keep_running
from batchhub._worker.settings_source import Reading
from batchhub.cli.commands.worker import show_address
from batchhub.errors import UsageError
from batchhub.testing import FakeClock


class Flaky:
    """A service that ends in several ways, each after some seconds."""

    name = "flaky"

    def __init__(self, clock: FakeClock, ends: Iterator[tuple[float, Exception | None]]) -> None:
        self._clock = clock
        self._ends = ends
        self.starts: list[float] = []
        self.is_cancelled = False

    async def start(self) -> None:
        """Nothing to begin with."""

    async def run(self) -> None:
        """Run until the next end."""
        self.starts.append(self._clock.monotonic())
        try:
            after_s, error = next(self._ends, (1e9, None))
            await self._clock.sleep(after_s)
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        if error is not None:
            raise error

    def reload(self, reading: Reading) -> None:
        """Nothing to take."""


async def settle() -> None:
    """Let all tasks do what they can."""
    for _ in range(20):
        await asyncio.sleep(0)


def facts_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the facts of all lines of the log."""
    return [record.batchhub for record in caplog.records]  # type: ignore[attr-defined]


async def test_a_service_that_fails_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """After 1, 2, 4 … seconds, and at once after it ran well; each end is one line."""
    clock = FakeClock()
    ends = iter([(0.0, UsageError("no")), (0.0, ZeroDivisionError("x")), (100.0, None)])
    service = Flaky(clock, ends)
    began_s = clock.monotonic()

    with caplog.at_level(logging.ERROR, "batchhub"):
        task = asyncio.create_task(keep_running(service, clock))
        for _ in range(240):
            await settle()
            await clock.advance(0.5)
        task.cancel()
        await asyncio.wait({task})

    assert [at - began_s for at in service.starts] == [0.0, 2.0, 5.0, 107.0]
    assert [(each["error"], each["again_in_s"]) for each in facts_of(caplog)] == [
        ("no", 1.0),
        ("ZeroDivisionError: x", 2.0),
        ("it has ended", 1.0),
    ]
    assert {each["service"] for each in facts_of(caplog)} == {"flaky"}
    assert service.is_cancelled


async def test_it_is_never_longer_than_a_minute_away() -> None:
    """However often it fails."""
    clock = FakeClock()
    service = Flaky(clock, iter([(0.0, None)] * 20))

    task = asyncio.create_task(keep_running(service, clock))
    for _ in range(1200):
        await settle()
        await clock.advance(1.0)
    task.cancel()
    await asyncio.wait({task})

    pauses = [b - a for a, b in zip(service.starts, service.starts[1:], strict=False)]
    assert max(pauses) <= 61.0
    assert pauses[-1] >= 60.0


async def test_one_that_ends_as_the_worker_is_stopped_is_no_news(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A service manager ends all processes of a service at the same moment."""
    clock = FakeClock()
    service = Flaky(clock, iter([(0.0, None)]))

    with caplog.at_level(logging.ERROR, "batchhub"):
        task = asyncio.create_task(keep_running(service, clock))
        await settle()
        await clock.advance(0.5)
        await settle()
        task.cancel()
        await asyncio.wait({task})

    assert not caplog.records


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("127.0.0.1:9464", "http://127.0.0.1:9464"),
        ("[::1]:9464", "http://[::1]:9464"),
        (":9464", "port 9464 of all interfaces"),
    ],
)
def test_where_a_worker_listens_is_shown_so_that_it_can_be_opened(address: str, shown: str) -> None:
    """An address of all interfaces is none that can be opened."""
    assert show_address(address) == shown
