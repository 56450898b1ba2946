"""How old a moment is, whatever is done to the wall clock meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from attrs import frozen

from .clock import Clock

JUMP_S: Final = 1.0
"""Seconds that wall and monotonic clock may differ by before one of them is said to have jumped."""


@frozen
class _Pin:
    """When a moment was in monotonic seconds, by the wall clock from before a jump."""

    born_s: float
    pinned_at_s: float


class Ages:
    """
    Ages of moments that are kept in memory, in seconds of the monotonic clock.

    A moment is a time of the wall clock, which somebody may set. As long as nobody does, an age is
    simply a difference. When the clock has jumped, by more than `JUMP_S`, the moments in memory are
    remembered by the monotonic time they had before the jump, and age on from there.

    A moment from before this process is only known by the wall clock of its time. If the clock was
    wrong then, or is wrong now, the smaller age is taken: it waits longer, and ends nothing early.
    """

    def __init__(self, clock: Clock, moments: Callable[[], Iterable[datetime]]) -> None:
        """
        Begin to watch the clock.

        Args:
            clock: Where time comes from.
            moments: Gives the moments in memory whose ages are asked for; called after a jump.
        """
        self._clock = clock
        self._moments = moments
        self._held: list[datetime | None] = []
        self._pins: dict[datetime, _Pin] = {}
        self._began_at_s = clock.monotonic()
        self._offset_s = clock.now().timestamp() - self._began_at_s

    def now(self) -> datetime:
        """
        Return the wall-clock time, for a moment that is to be kept.

        To be called before moments from elsewhere are taken into memory, so that a jump from
        before is not held against them.
        """
        now, now_s = self._clock.now(), self._clock.monotonic()
        offset_s = now.timestamp() - now_s
        if abs(offset_s - self._offset_s) > JUMP_S:
            self._pins = {
                moment: self._pins.get(moment)
                # What is in memory lies behind, whatever the clock said.
                or _Pin(min(now_s, moment.timestamp() - self._offset_s), now_s)
                for moment in (*self._moments(), *filter(None, self._held))
            }
            self._offset_s = offset_s
        return now

    @contextmanager
    def hold(self, moment: datetime | None) -> Iterator[None]:
        """Count a moment among those in memory for a while."""
        self._held.append(moment)
        try:
            yield
        finally:
            self._held.remove(moment)

    def age_s(self, moment: datetime) -> float:
        """Return the seconds since a moment; never less than zero."""
        now, now_s = self.now(), self._clock.monotonic()
        by_wall_s = (now - moment).total_seconds()
        pin = self._pins.get(moment)
        if pin is None and by_wall_s < -JUMP_S:
            # Kept while the clock was wrong, or it is wrong now: it counts from here on, or it
            # would stay ahead for as long as the clock was wrong by.
            pin = self._pins[moment] = _Pin(now_s, now_s)
        if pin is None:
            return max(0.0, by_wall_s)
        if pin.born_s < self._began_at_s and by_wall_s < now_s - pin.born_s:
            # The clock was ahead when it was pinned, or it is behind now.
            born_s = min(now_s - by_wall_s, pin.pinned_at_s)
            pin = self._pins[moment] = _Pin(born_s, pin.pinned_at_s)
        return now_s - pin.born_s
