"""Time, injected: the only place where batchhub reads the time and waits."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Source of time. Tests control theirs: `batchhub.testing.FakeClock`."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware and in UTC: for people and for the store."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back: for intervals, budgets and time-outs."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Let `delay_s` seconds pass; zero or less lets other tasks run once."""
        ...


class SystemClock:
    """The time of the system."""

    def now(self) -> datetime:
        """Return the system's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the system's monotonic time in seconds."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running event loop."""
        await asyncio.sleep(max(0.0, delay_s))
