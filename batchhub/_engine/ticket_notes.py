"""What this process remembers of a job's tickets, besides what is stored."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final

from attrs import define

_NEVER: Final = math.nan
_DUE, _ANSWERED, _CHANGED, _ASKED, _BORN, _INTERVAL, _ANSWERS = range(7)
_AGE, _LAST_AGE, _DONE, _TOTAL = range(7, 11)
_TIMES: Final = 11


class Mark(IntEnum):
    """What is remembered of a ticket besides what is stored."""

    SCHEDULED = 1
    """It has a step to come or under way."""
    SENDING = 2
    """Its request, with an effect, is under way."""
    STALLED = 4
    """It has shown no progress for long."""
    CANCEL_SENT = 8
    """The vendor was asked to cancel it."""
    UNSAVED = 16
    """Its figures are newer than the store's."""
    PLACED = 32
    """It takes one of the places that there are at the vendor."""
    OUT = 64
    """It was sent, and a later one may have to wait for its end."""


@define(slots=True)
class _Trouble:
    """How many requests of a ticket in a row failed; how many polls in a row did not find it."""

    failures: int = 0
    misses: int = 0


class TicketNotes:
    """
    Marks, times and troubles of the tickets of one job.

    A job may have 100,000 of them: a byte and some numbers are kept of each, troubles only of those
    that have any, and what a rule remembers only if it does.

    Args:
        size: How many tickets it has.

    Attributes:
        changed_at_s: When any of them last showed progress to this process, in monotonic seconds.
        in_time_until_s: Until when the job can't be overdue, in monotonic seconds.
    """

    __slots__ = ("_marks", "_memories", "_times", "_troubles", "changed_at_s", "in_time_until_s")

    def __init__(self, size: int) -> None:
        self._marks = bytearray(size)
        self._times = array("d", [_NEVER]) * (_TIMES * size)
        self._troubles: dict[int, _Trouble] | None = None
        self._memories: list[Any] | None = None
        self.changed_at_s = _NEVER
        self.in_time_until_s = -math.inf

    def has(self, position: int, mark: Mark) -> bool:
        """Whether a ticket has a mark."""
        return bool(self._marks[position - 1] & mark)

    def mark(self, position: int, mark: Mark) -> None:
        """Give a ticket a mark."""
        self._marks[position - 1] |= mark

    def unmark(self, position: int, mark: Mark) -> None:
        """Take a mark from a ticket."""
        self._marks[position - 1] &= ~mark

    def marked(self, mark: Mark) -> Iterator[int]:
        """Yield the positions of the tickets that have a mark."""
        for position, marks in enumerate(self._marks, 1):
            if marks & mark:
                yield position

    # Answers, and the lack of them.

    def failures(self, position: int) -> int:
        """Return how many requests of a ticket in a row brought no answer."""
        trouble = (self._troubles or {}).get(position)
        return 0 if trouble is None else trouble.failures

    def add_failure(self, position: int, *, is_miss: bool) -> None:
        """Count a request without a useful answer; one that did not miss ends a row of misses."""
        trouble = self._trouble(position)
        trouble.failures += 1
        if not is_miss:
            trouble.misses = 0

    def add_miss(self, position: int) -> int:
        """Count a poll that did not find a ticket; return how many did not in a row."""
        trouble = self._trouble(position)
        trouble.misses += 1
        return trouble.misses

    def forget_troubles(self, position: int) -> None:
        """Forget the troubles of a ticket: there was an answer."""
        if self._troubles is not None:
            self._troubles.pop(position, None)
            self._troubles = self._troubles or None

    def _trouble(self, position: int) -> _Trouble:
        if self._troubles is None:
            self._troubles = {}
        return self._troubles.setdefault(position, _Trouble())

    def is_news(self, position: int, made_at_s: float) -> bool:
        """Take note of when an answer was made; False if a newer one is known already."""
        place = _TIMES * (position - 1) + _ANSWERED
        if made_at_s < self._times[place]:  # never so before the first
            return False
        self._times[place] = made_at_s
        return True

    def answered_at_s(self, position: int) -> float | None:
        """Return when the newest answer was made, in monotonic seconds; `None` without any."""
        at_s = self._times[_TIMES * (position - 1) + _ANSWERED]
        return None if math.isnan(at_s) else at_s

    def set_asked(self, position: int, at_s: float) -> None:
        """Keep when the vendor was last asked about a ticket, in monotonic seconds."""
        self._times[_TIMES * (position - 1) + _ASKED] = at_s

    def asked_at_s(self, position: int) -> float:
        """Return when the vendor was last asked about a ticket; long ago if it never was."""
        at_s = self._times[_TIMES * (position - 1) + _ASKED]
        return -math.inf if math.isnan(at_s) else at_s

    def set_progressed(self, position: int, at_s: float) -> None:
        """Keep that a ticket has shown progress, in monotonic seconds."""
        self._times[_TIMES * (position - 1) + _CHANGED] = self.changed_at_s = at_s

    def progressed_at_s(self, position: int) -> float | None:
        """Return when a ticket last showed progress to this process; `None` if it never did."""
        at_s = self._times[_TIMES * (position - 1) + _CHANGED]
        return None if math.isnan(at_s) else at_s

    # What a rule sees.

    def is_polled(self, position: int) -> bool:
        """Whether a rule says when a ticket is asked about."""
        return not math.isnan(self._times[_TIMES * (position - 1) + _BORN])

    def begin_polls(self, position: int, now_s: float, age_s: float, last_age_s: float) -> None:
        """Keep how old a ticket is that is polled from now on, in monotonic seconds."""
        place = _TIMES * (position - 1)
        self._times[place + _BORN] = now_s - age_s
        self._times[place + _ANSWERS] = 0.0
        self._times[place + _AGE], self._times[place + _LAST_AGE] = age_s, last_age_s
        self._times[place + _DONE] = self._times[place + _TOTAL] = _NEVER
        self.keep_memory(position, None)

    def end_polls(self, position: int) -> None:
        """Forget what a rule saw of a ticket."""
        self._times[_TIMES * (position - 1) + _BORN] = _NEVER
        self.keep_memory(position, None)

    def polled(self) -> Iterator[int]:
        """Yield the positions of the tickets that are polled."""
        return (at for at in range(1, len(self._marks) + 1) if self.is_polled(at))

    def count_answer(self, position: int, now_s: float) -> None:
        """Count an answer about a ticket that is polled, and keep how old it is now."""
        place, told_s = _TIMES * (position - 1), self.answered_at_s(position)
        born_at_s = self._times[place + _BORN]
        # Not simply the age before: an answer may say nothing of the ticket, or come from a cache.
        if told_s is not None:
            self._times[place + _LAST_AGE] = max(0.0, told_s - born_at_s)
        self._times[place + _AGE] = now_s - born_at_s
        self._times[place + _ANSWERS] += 1.0

    def answers(self, position: int) -> int:
        """Return how many answers there were about a ticket that is polled."""
        return int(self._times[_TIMES * (position - 1) + _ANSWERS])

    def ages_s(self, position: int) -> tuple[float, float]:
        """Return how old a ticket was at the last answer, and at the one before."""
        place = _TIMES * (position - 1)
        return self._times[place + _AGE], self._times[place + _LAST_AGE]

    def set_done(self, position: int, done: float, total: float) -> None:
        """Keep how much is done of a ticket that is polled, and how much there is to do."""
        place = _TIMES * (position - 1)
        self._times[place + _DONE], self._times[place + _TOTAL] = done, total

    def done(self, position: int) -> tuple[float, float] | tuple[None, None]:
        """Return how much is done, and how much there is to do; twice `None` if nobody says."""
        place = _TIMES * (position - 1)
        total = self._times[place + _TOTAL]
        return (None, None) if math.isnan(total) else (self._times[place + _DONE], total)

    def memory(self, position: int) -> Any:
        """Return what its rule remembers of a ticket."""
        return None if self._memories is None else self._memories[position - 1]

    def keep_memory(self, position: int, memory: Any) -> None:
        """Keep what its rule remembers of a ticket."""
        if self._memories is None:
            if memory is None:
                return
            self._memories = [None] * len(self._marks)
        self._memories[position - 1] = memory

    def set_interval(self, position: int, interval_s: float) -> None:
        """Keep the seconds between two polls of a ticket, as they were last decided."""
        self._times[_TIMES * (position - 1) + _INTERVAL] = interval_s

    def interval_s(self, position: int) -> float | None:
        """Return the seconds between two polls, as last decided; `None` if they never were."""
        interval_s = self._times[_TIMES * (position - 1) + _INTERVAL]
        return None if math.isnan(interval_s) else interval_s

    # What is due.

    def due_s(self, position: int) -> float:
        """Return when a ticket's next step is due; NaN if none is to come."""
        return self._times[_TIMES * (position - 1) + _DUE]

    def set_due(self, position: int, due_s: float = _NEVER) -> None:
        """Keep when a ticket's next step is due, in monotonic seconds; none is to come without."""
        self._times[_TIMES * (position - 1) + _DUE] = due_s
