"""Time, injected: the only place where batchhub reads the time and waits."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final, Protocol


class Timer(Protocol):
    """A call that is to come. Made by `Clock.call_later`."""

    def cancel(self) -> None:
        """Call it off; nothing happens if it has been made."""
        ...


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

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """
        Make a call on the running event loop once `delay_s` seconds have passed.

        It costs a fraction of a task that sleeps, for what is often called off.
        """
        ...

    @property
    def boot_id(self) -> str:
        """What names the time since the machine was started; another start has another one."""
        ...

    def boot_s(self) -> float:
        """Return the seconds since that start, those it slept included; one for all processes."""
        ...


_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_TIME_SPACE: Final = Path("/proc/self/ns/time")
_BOOT_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


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

    def call_later(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Have the running event loop make a call."""
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), call)

    @property
    def boot_id(self) -> str:
        """The system's; where it has none, each process has one of its own."""
        return _find_boot_id(os.getpid())

    def boot_s(self) -> float:
        """Return the system's seconds since its start."""
        return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


@cache
def _find_boot_id(pid: int) -> str:
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return f"{pid}-{secrets.token_hex(8)}"  # no other process knows it, as it should be
    with suppress(OSError):
        # A container may count from another start than its host.
        boot += f" {_TIME_SPACE.readlink()}"
    return boot[:64]
