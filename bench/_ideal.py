"""
An ideal machine: its clock is this process's own CPU time, and idle time is skipped.

What is measured on it does not depend on what else the machine does. Waiting for the disk is not
counted.
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Skips the time in which nothing is to be done, unless a thread is at work."""

    skipped_s = 0.0
    threads = 0

    def time(self) -> float:
        """Return the seconds of CPU time and of idle time."""
        return time.process_time() + self.skipped_s

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        ends_s = math.inf if timeout is None else self.time() + timeout
        while True:
            # Waiting for a thread must cost little CPU time: that is counted.
            events = super().select(0.002 if self.threads or timeout is None else 0.0)
            if events:
                return events
            left_s = ends_s - self.time()
            if left_s <= 0:
                return []  # used up by a thread; the loop has its turn beside it
            if not self.threads and timeout is not None:
                self.skipped_s += left_s
                return []


class _Loop(asyncio.SelectorEventLoop):
    _running: ClassVar[_Loop | None] = None

    def __init__(self) -> None:
        _Loop._running = self
        self.skipping = _Selector()
        super().__init__(self.skipping)

    @classmethod
    def running(cls) -> _Loop:
        assert cls._running is not None
        return cls._running

    def time(self) -> float:
        return self.skipping.time()

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        self.skipping.threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._end_thread)
        return future

    def _end_thread(self, future: object) -> None:
        del future
        self.skipping.threads -= 1


class IdealClock:
    """The time of the ideal machine; it belongs to the loop that runs."""

    def __init__(self) -> None:
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        """Return the wall-clock time."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds of CPU time and of idle time."""
        return now_s()  # also asked for in the threads of stores

    @property
    def boot_id(self) -> str:
        """What names the time since the machine was started."""
        return "ideal"

    def boot_s(self) -> float:
        """Return the seconds of CPU time and of idle time."""
        return self.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait so many seconds."""
        await asyncio.sleep(max(0.0, delay_s))

    def call_later(self, delay_s: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Make a call after so many seconds."""
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), call)


def now_s() -> float:
    """Return the seconds of CPU time and of idle time, of the loop that runs."""
    return _Loop.running().time()


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run something on the ideal machine."""
    loop = _Loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
