"""Clocks that do what the clocks of real machines do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from batchhub.testing import FakeClock


class SetClock(FakeClock):
    """A fake clock whose wall-clock time can be set, and whose machine can be started anew."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        super().__init__(start)
        self._set_by = timedelta()
        self._booted_s = 0.0

    def now(self) -> datetime:
        """Return the wall-clock time as it was set."""
        return super().now() + self._set_by

    def set_by(self, delta_s: float) -> None:
        """Set the wall clock by some seconds; monotonic time does not notice."""
        self._set_by += timedelta(seconds=delta_s)

    def boot_s(self) -> float:
        """Return the fake seconds since the machine was started last."""
        return super().boot_s() - self._booted_s

    def start_anew(self) -> None:
        """Start the machine anew: another boot, which is counted from now."""
        self._boot_id += "+"
        self._booted_s = super().boot_s()


class HandClock(FakeClock):
    """A fake clock that is moved by hand, from any thread; nobody sleeps by it."""

    def move(self, delay_s: float) -> None:
        """Let some seconds pass."""
        self._elapsed_s += delay_s
