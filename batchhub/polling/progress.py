"""
When to ask about a ticket whose vendor says how much of it is done.

The pace so far and what is left give a forecast of the time left. How wrong such forecasts are is
learned from tickets that have ended, as the hazard of *true time left / forecast*, apart for each
stage of progress: at half time a forecast misses by more than at 99 %. That hazard says when the
next poll pays, as one of durations does for tickets that report nothing.

Three things make forecasts worthless, and each is seen in time:

- **A stall.** Where progress was due and little or none came, the interval is not taken into the
  pace, or a minute's stall would make the rest look like hours. Several such intervals in a row are
  no stall but another pace.
- **Progress in steps**: tenths, or chunks of 50. What was counted is a multiple of the step, so the
  step is the greatest common divisor of all counts; nothing is missing before a few steps are due,
  and what was done since the last step counts as done.
- **A pace without a base**: of a ticket that waited in a queue first, and of whose kind nothing is
  known. So no delay is longer than the ticket is old, or a few times that where polls are dear.
  Doubling costs a handful of polls at most; a forecast that is believed costs minutes of lag on a
  batch that takes one.
"""

from __future__ import annotations

import math
from struct import Struct
from typing import Final

from .lessons import FINISHING, STAGES, Lesson

FEW_STEPS: Final = 3.0
"""Fewer steps than these may well be missing by chance."""

SLOW: Final = 0.4
"""An interval with less than this share of the progress that was due was a stall in part."""

SLOW_IN_A_ROW: Final = 3
"""So many of them in a row are another pace."""

PRIOR_STEPS: Final = 2.0
"""How many steps of progress what is known of the class weighs."""

MOST_STEPS: Final = 120.0
"""How many steps the pace is taken from; older ones fade away."""

STALLED_SHARE: Final = 0.5
"""The share of the time left after which a stalled ticket may be worth a look."""

NOTES_A_STAGE: Final = 4
"""Of how many forecasts of a ticket, in each stage, it is learned how wrong they were."""

SMALLEST_STEP: Final = 1e-3
"""A step is this share of the total at least: a count of bytes says no more than one of items."""

_SHORT_S: Final = 1e-3
_NOTE: Final = Struct("<ffB")
_LEAST_PACE: Final = 1e-9
_MOST_PACE: Final = 1e9


class Seen:
    """
    What is remembered of an open ticket.

    Attributes:
        lesson: What is known of its class.
        is_whole: Whether this process has sent it, and so sees all of its life.
        seen_s: How old it was at the last decision; before that, when this process took it up.
        wanted: What it wants of the budget, see `price.Price`.
    """

    __slots__ = ("is_whole", "lesson", "seen_s", "wanted")

    def __init__(self, lesson: Lesson, since_s: float) -> None:
        """Begin with a ticket that nothing is known of but its class."""
        self.lesson = lesson
        self.is_whole = since_s == 0
        self.seen_s = since_s
        self.wanted = 0.0

    def learn(self, last_age_s: float, age_s: float) -> None:
        """Teach the class what there is to learn, now that the ticket has ended."""
        self.lesson.durations.learn(last_age_s, age_s)
        self.lesson.changed = True


class Track(Seen):
    """
    What is remembered of a ticket that reports progress.

    Attributes:
        notes: Its first forecasts of each stage, packed, as there may be many thousand tickets:
            its age, the time left, the stage.
        done: The most that was done at any answer.
        moved_s: How old it was when progress was last seen; before that, when none was.
    """

    __slots__ = ("_amount", "_pace", "_slow", "done", "moved_s", "notes")

    def __init__(self, seen: Seen) -> None:
        """Begin with a ticket that has reported none so far."""
        self.lesson = seen.lesson
        self.is_whole = seen.is_whole
        self.seen_s = self.moved_s = seen.seen_s
        self.wanted = seen.wanted
        self.notes: bytes | None = None
        self.done = self._amount = self._pace = 0.0
        self._slow = 0

    def delay_s(self, age_s: float, done: float, total: float, price_s: float) -> float:
        """
        Return the seconds until the next poll, after an answer that says how much is done.

        Args:
            age_s: How old the ticket is.
            done: How much of it is done, more than 0.
            total: How much there is to do, more than 0.
            price_s: What a poll costs, in seconds of lag.
        """
        lesson = self.lesson
        is_first = self.notes is None
        if done > self.done:
            self._move(age_s, done, total)
        else:  # a count that goes back says nothing
            done = self.done
            self.moved_s = min(self.moved_s, age_s)
        still_s = age_s - self.moved_s
        if done >= total:
            self._note(self.moved_s, 1.0, FINISHING)
            delay_s = lesson.forecasts[FINISHING].gap(still_s, price_s)
        else:
            pace, left = self._pace, total - done
            done_since = pace * still_s
            uncounted = min(done_since, lesson.step - 1) if lesson.step > 1 else 0.0
            left_s = max((left - uncounted) / pace, _SHORT_S)
            if still_s and done_since >= FEW_STEPS * min(self._unit(total), left):
                # It goes on after some time, as likely as not after as long as it has stalled.
                delay_s = STALLED_SHARE * left_s + math.sqrt(2 * price_s * still_s)
            else:
                # Each stage is half as long as the one before: the exponent of what is left.
                stage = min(max(-math.frexp(left / total)[1], 0), STAGES - 1)
                stage += is_first * STAGES
                self._note(age_s, left_s, stage)
                delay_s = left_s * lesson.forecasts[stage].gap(0.0, price_s / left_s)
        return min(delay_s, max(1.0, math.sqrt(price_s)) * max(age_s, 1.0))

    def learn(self, last_age_s: float, age_s: float) -> None:
        """Teach the class also how wrong the forecasts were."""
        super().learn(last_age_s, age_s)
        if not self.notes:
            return
        for noted_s, left_s, stage in _NOTE.iter_unpack(self.notes):
            until = (age_s - noted_s) / left_s
            if until > 0:
                self.lesson.forecasts[stage].learn((last_age_s - noted_s) / left_s, until)
        self.lesson.learn_pace(self._pace)

    def _unit(self, total: float) -> float:
        """Return the amount that is taken for one step."""
        return max(self.lesson.step, total * SMALLEST_STEP)

    def _move(self, age_s: float, done: float, total: float) -> None:
        """Note that more is done than before, and at which pace that came."""
        self.lesson.learn_step(done)
        unit, amount, time_s = self._unit(total), done - self.done, age_s - self.moved_s
        self.done, self.moved_s = done, age_s
        if self.notes is None:
            self.notes = b""
            # What it did in its first time is little evidence: it may have waited for most of it.
            seen, first = _bound_pace(done / max(time_s, _SHORT_S)), min(done, FEW_STEPS * unit)
            prior = PRIOR_STEPS * unit
            self._amount = prior + first
            self._pace = self._amount / (prior / (self.lesson.pace or seen) + first / seen)
        elif time_s >= _SHORT_S:  # or else a clock has jumped
            self._keep_pace(amount, time_s, unit)

    def _keep_pace(self, amount: float, time_s: float, unit: float) -> None:
        """Take the time between two times that progress was seen into the pace, unless stalled."""
        due = self._pace * time_s
        is_slow = due >= FEW_STEPS * unit and amount < SLOW * due
        self._slow = self._slow + 1 if is_slow else 0
        if self._slow >= SLOW_IN_A_ROW:
            self._amount, self._slow = amount, 0
            self._pace = _bound_pace(amount / time_s)
        elif not is_slow:
            amount += self._amount
            self._pace = _bound_pace(amount / (self._amount / self._pace + time_s))
            self._amount = min(amount, MOST_STEPS * unit)

    def _note(self, age_s: float, left_s: float, stage: int) -> None:
        notes = self.notes or b""
        if notes[_NOTE.size - 1 :: _NOTE.size].count(stage) < NOTES_A_STAGE:
            self.notes = notes + _NOTE.pack(age_s, left_s, stage)


def _bound_pace(pace: float) -> float:
    return min(max(pace, _LEAST_PACE), _MOST_PACE)
