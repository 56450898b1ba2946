"""A clock for tests: time passes when the test says so, or when nothing else is going on."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

_QUIET_S = 0.002
_QUIET_ROUNDS = 2


class FakeClock:
    """
    A `Clock` whose time stands still until the test moves it.

    Move it with `advance`, or let `running` move it to the next sleeper whenever everything else
    has been quiet for a few real milliseconds. Sleepers wake in the order of their times.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._activity = 0

    def now(self) -> datetime:
        """Return the fake wall-clock time."""
        self._activity += 1
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return the fake seconds since the clock was made."""
        self._activity += 1
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        """Wait until the clock has been moved by `delay_s` seconds."""
        self._activity += 1
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + delay_s, next(self._numbers), future))
        await future

    async def advance(self, delay_s: float) -> None:
        """Move the time by `delay_s` seconds and wake each sleeper at its own time."""
        end = self._elapsed_s + delay_s
        while (due := self._next_due()) is not None and due <= end:
            self._wake_next()
            for _ in range(10):
                await asyncio.sleep(0)
        self._elapsed_s = end

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeClock]:
        """Move the time to the next sleeper whenever nothing else is going on."""
        ticker = asyncio.create_task(self._run(), name="fake-clock")
        try:
            yield self
        finally:
            ticker.cancel()
            with suppress(asyncio.CancelledError):
                await ticker

    async def _run(self) -> None:
        quiet = 0
        while True:
            before = self._activity
            await asyncio.sleep(_QUIET_S)
            quiet = quiet + 1 if self._activity == before else 0
            if quiet >= _QUIET_ROUNDS and self._next_due() is not None:
                self._wake_next()
                quiet = 0

    def _next_due(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_next(self) -> None:
        due, _, future = heapq.heappop(self._sleepers)
        self._elapsed_s = max(self._elapsed_s, due)
        future.set_result(None)
