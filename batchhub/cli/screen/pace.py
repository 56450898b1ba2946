"""How fast a job gets on: items a second over the last while."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

WINDOW: Final = timedelta(seconds=30)
"""How far back the last while reaches."""

_PAIR: Final = 2
_WHOLE_FROM: Final = 9.95
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(minutes=5)


class Pace:
    """
    The rate at which items get done, from what was seen when.

    Only the last while counts, so that a burst long ago, or the hours a job was left alone,
    say nothing of now. Where a vendor is asked less often than that, it is the time between
    the last two answers.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def note(self, at: datetime, done: int) -> None:
        """
        Take note of how many items were done at a time; a figure that did not move is none.

        As long as nothing is done, the job has not begun, and the while begins with it.
        """
        if done == 0:
            self._seen.clear()
        if self._seen and (done <= self._seen[-1][1] or at <= self._seen[-1][0]):
            return
        self._seen.append((at, done))
        while len(self._seen) > _PAIR and at - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    def per_s(self, now: datetime) -> float | None:
        """Return the items a second; `None` when that is not known, or nothing moved of late."""
        if len(self._seen) < _PAIR:
            return None
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        span = last_at - first_at
        if not _SHORTEST <= span <= _LONGEST or now - last_at > max(WINDOW, span * 1.5):
            return None
        return (last - first) / span.total_seconds()


def rate_text(per_s: float | None) -> str:
    """Write a rate in the largest unit of which there is one: 45/s, 4.5/min; `None` is nothing."""
    if per_s is None:
        return ""
    for times, unit in ((1, "s"), (60, "min"), (3600, "h")):
        figure = per_s * times
        if figure >= 1 or unit == "h":
            break
    return f"{figure:,.0f}/{unit}" if figure >= _WHOLE_FROM else f"{figure:.1f}/{unit}"
