"""Time, injected: the one place where batchhub learns what time it is and lets time pass."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What batchhub asks of time. `batchhub.testing.FakeClock` is one that tests drive."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC: for what people read and what is stored."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever go forward: for intervals, budgets and time-outs."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Let `delay_s` seconds pass; zero or less lets other tasks run once."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running event loop."""
        await asyncio.sleep(max(0.0, delay_s))
