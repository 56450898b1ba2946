"""The right of this process to drive a lane, and whether it still has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from batchhub._base.clock import Clock
from batchhub._store import Hold

STALE_S: Final = 15.0
"""Seconds after the last sign of life at which the store is asked before anything is sent."""


class LaneHold:
    """
    A lane that this process has taken, for as long as no other process takes it over.

    Nothing in memory says that another process has: a write that is refused does, or the sign of
    life that finds another epoch. From then on this process leaves the lane.

    Attributes:
        row: The hold as the store has it.
        began_s: When it was taken, in seconds of the boot clock.
        is_lost: Whether another process is known to have taken it over.
        latest_at: The newest time that an owner of a lane is known to have written; a wall clock
            that shows an earlier one was set back.
        hand_on: Has whoever drives the lane now learn what the vendor asked this process for.
    """

    def __init__(self, row: Hold, clock: Clock) -> None:
        self.row = row
        self.began_s = clock.boot_s()
        self.is_lost = False
        self.latest_at = clock.now()
        self.on_lost: Callable[[], None] | None = None
        self.hand_on: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        self._seen_s = self.began_s

    @property
    def age_s(self) -> float:
        """Seconds since it was taken."""
        return self._clock.boot_s() - self.began_s

    def note_time(self, at: datetime | None) -> None:
        """Keep a time that was written, if it is the newest."""
        if at is not None:
            self.latest_at = max(self.latest_at, at)

    @property
    def is_stale(self) -> bool:
        """Whether the last sign of life is so old that another process may have the lane."""
        return self._clock.boot_s() - self._seen_s > STALE_S

    def note_seen(self, at_s: float) -> None:
        """Keep that the store had it at a time of the boot clock."""
        self._seen_s = max(self._seen_s, at_s)

    def lose(self) -> None:
        """Say that another process has the lane."""
        self.is_lost = True
        if self.on_lost is not None:
            self.on_lost()
