"""A clock for tests: time passes when the test says so, or when nothing else is going on."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from batchhub._base.clock import Timer

from .rest import wait_for_rest

_PAUSE_S = 0.001

_boots = itertools.count(1)


class FakeClock:
    """
    A `Clock` whose time stands still until the test moves it.

    Move it with `advance`, or let `running` move it to the next sleeper whenever nothing else is
    going on. Sleepers wake in the order of their times.

    Args:
        start: The wall-clock time at first, with its zone.

    Attributes:
        is_simulated: That its time is none of the world outside, such as a database's.

    Raises:
        ValueError: `start` has no zone.
    """

    is_simulated: Final = True

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("start needs a time zone, such as tzinfo=UTC")
        self._start = start.astimezone(UTC)
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._activity = 0
        self._boot_id = f"fake-{next(_boots)}"

    def now(self) -> datetime:
        """Return the fake wall-clock time."""
        self._activity += 1
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return the fake seconds since the clock was made."""
        self._activity += 1
        return self._elapsed_s

    @property
    def boot_id(self) -> str:
        """What names this clock: to processes that share it, it is one machine's."""
        return self._boot_id

    def boot_s(self) -> float:
        """Return the fake seconds since the clock was made."""
        return self.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait until the clock has been moved by `delay_s` seconds."""
        self._activity += 1
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + delay_s, next(self._numbers), future))
        await future

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Make a call once the clock has been moved by `delay_s` seconds."""
        self._activity += 1
        timer = _Timer(call)
        due_s = self._elapsed_s + max(0.0, delay_s)
        heapq.heappush(self._sleepers, (due_s, next(self._numbers), timer.future))
        return timer

    async def advance(self, delay_s: float) -> None:
        """
        Move the time by `delay_s` seconds and wake each sleeper at its own time.

        A sleeper that wakes gets a few rounds of the event loop, not the time that a network or a
        disk takes: to wait for those as well, use `running`.
        """
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
        while True:
            await wait_for_rest(lambda: self._activity)
            if self._next_due() is None:
                await asyncio.sleep(_PAUSE_S)
            else:
                self._wake_next()

    def _next_due(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_next(self) -> None:
        due, _, future = heapq.heappop(self._sleepers)
        self._elapsed_s = max(self._elapsed_s, due)
        future.set_result(None)


class _Timer:
    """A call at a fake time."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.future = asyncio.get_running_loop().create_future()
        self._call: Callable[[], object] | None = call
        self.future.add_done_callback(self._make)

    def cancel(self) -> None:
        """Call it off."""
        self._call = None
        self.future.cancel()

    def _make(self, _: object) -> None:
        if self._call is not None:
            self._call()
