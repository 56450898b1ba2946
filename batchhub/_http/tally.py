"""How many requests a lane sent in each of the last seconds: few numbers, however many requests."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

_SLOTS: Final = 64
"""How many counts a window takes at most; those of a long one stand for several seconds each."""

_ROUNDING_S: Final = 0.001

_JUMP_S: Final = 2
"""Seconds by which the wall clock must be off before it was set rather than imprecise."""


class Tally:
    """
    Counts by Unix second, on a time line that the wall clock can't move.

    Args:
        window_s: Seconds after which a request no longer counts.
        now_s: The monotonic time.
        now: The wall-clock time.
    """

    def __init__(self, *, window_s: float, now_s: float, now: datetime) -> None:
        self._window_s = window_s
        self._slot_s = max(1, math.ceil(window_s / _SLOTS))
        # Where the wall clock stood at first: what it does later moves no request.
        self._offset_s = now.timestamp() - now_s
        self._counts: dict[int, int] = {}

    def set_window(self, window_s: float) -> None:
        """Count for another time from now on. What was dropped by now stays so."""
        self._window_s = window_s
        self._slot_s = max(1, math.ceil(window_s / _SLOTS))
        counts, self._counts = self._counts, {}
        for second, count in counts.items():
            slot = self._slot_of(second)
            self._counts[slot] = self._counts.get(slot, 0) + count

    def add(self, at_s: float, count: int = 1) -> None:
        """Count requests that go at a monotonic time."""
        second = self._slot_of(math.floor(at_s + self._offset_s))
        if second not in self._counts and len(self._counts) > _SLOTS:
            self._drop_old(at_s)
        self._counts[second] = self._counts.get(second, 0) + count

    def merge(self, counts: Mapping[int, int], *, shift_s: float, now_s: float) -> None:
        """
        Take over what the lane's earlier owners sent.

        They have counted what this process sent when it drove the lane before, so of two counts of
        one second the higher one holds.

        Args:
            counts: By Unix second, as another process's wall clock had it.
            shift_s: Seconds from its wall clock to this one's.
            now_s: The monotonic time.
        """
        taken: dict[int, int] = {}
        now_second = math.floor(now_s + self._offset_s)
        for second, count in counts.items():
            slot = self._slot_of(min(now_second, second + math.ceil(shift_s)))
            taken[slot] = taken.get(slot, 0) + count
        for slot, count in taken.items():
            self._counts[slot] = max(count, self._counts.get(slot, 0))
        self._drop_old(now_s)

    def shift_s(self, now_s: float, now: datetime) -> int:
        """Return by how many seconds the wall clock was set since the tally was begun."""
        shift_s = round(now.timestamp() - now_s - self._offset_s)
        return shift_s if abs(shift_s) >= _JUMP_S else 0

    def counts(self, now_s: float, now: datetime) -> dict[int, int]:
        """Return the counts inside the window by the Unix seconds of the wall clock as it is."""
        self._drop_old(now_s)
        shift_s = self.shift_s(now_s, now)
        return {second + shift_s: count for second, count in sorted(self._counts.items())}

    def sends(self, now_s: float) -> Iterable[tuple[float, int]]:
        """Yield until when each count's requests went, in monotonic seconds, and how many."""
        self._drop_old(now_s)
        for second, count in sorted(self._counts.items()):
            yield min(now_s, second + 1 - self._offset_s), count

    def add_unseen(self, since_s: float, now_s: float, *, interval_s: float, burst: int) -> None:
        """
        Count what a process that nobody saw may have sent, as late as it may have been.

        However short the time before now is that somebody looks at, no more can have been sent in
        it: one request for each interval, and a burst that was saved up to the end.

        Args:
            since_s: Since when it was not seen, in monotonic seconds.
            now_s: The monotonic time.
            interval_s: Seconds between two requests at the steady pace.
            burst: How many requests may have gone at once.
        """
        start_s = max(since_s, now_s - self._window_s)
        starts = [start_s, *self._slots(start_s, now_s)]
        counted = 0
        for at_s in reversed(starts):
            possible = math.ceil((now_s - at_s) / interval_s)
            self.add(at_s + _ROUNDING_S, possible - counted)  # not in the slot before
            counted = possible
        self.add(now_s, burst)

    def _slots(self, from_s: float, to_s: float) -> Iterable[float]:
        """Yield where slots begin between two monotonic times."""
        second = self._slot_of(math.floor(from_s + self._offset_s)) + 1
        while second - self._offset_s < to_s:
            yield second - self._offset_s
            second += self._slot_s

    def _slot_of(self, second: int) -> int:
        """Return the last second of a slot: a request never counts as older than it is."""
        return second - second % self._slot_s + self._slot_s - 1

    def _drop_old(self, now_s: float) -> None:
        oldest = now_s + self._offset_s - self._window_s
        if any(second + 1 <= oldest for second in self._counts):
            self._counts = {
                second: count for second, count in self._counts.items() if second + 1 > oldest
            }
