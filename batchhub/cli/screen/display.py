"""The base of all progress displays: the jobs, their findings, their rates."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Final, Self

from attrs import define, field

from batchhub._base.clock import Clock, SystemClock
from batchhub.hub import BatchJob
from batchhub.models import BatchStatus
from batchhub.models.status import contact_text, done_count, stand_text, vendor_words

from .findings import SaidFindings
from .words import cooling_text

WINDOW: Final = timedelta(seconds=30)
"""The time over which a rate is measured."""

_PAIR: Final = 2
_WHOLE_FROM: Final = 9.95
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(minutes=5)


class Pace:
    """
    The rate at which items get done.

    Measured over the last 30 seconds, so that a burst long ago, or hours in which nobody drove the
    job, do not distort it; or over the last two answers, if a vendor is asked less often.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def note(self, at: datetime, done: int) -> None:
        """
        Record how many items were done at a time; a figure that did not grow is ignored.

        While nothing is done the job has not begun, so the window starts with the first item.
        """
        if done == 0:
            self._seen.clear()
        if self._seen and (done <= self._seen[-1][1] or at <= self._seen[-1][0]):
            return
        self._seen.append((at, done))
        while len(self._seen) > _PAIR and at - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    def per_s(self, now: datetime) -> float | None:
        """Return the items per second; `None` if that is unknown, or nothing moved recently."""
        if len(self._seen) < _PAIR:
            return None
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        span = last_at - first_at
        if not _SHORTEST <= span <= _LONGEST or now - last_at > max(WINDOW, span * 1.5):
            return None
        return (last - first) / span.total_seconds()


def rate_text(per_s: float | None) -> str:
    """Write a rate in the largest unit that gives at least 1: 45/s, 4.5/min; empty for `None`."""
    if per_s is None:
        return ""
    for times, unit in ((1, "s"), (60, "min"), (3600, "h")):
        figure = per_s * times
        if figure >= 1 or unit == "h":
            break
    return f"{figure:,.0f}/{unit}" if figure >= _WHOLE_FROM else f"{figure:.1f}/{unit}"


@define
class Row:
    """
    One job as it is shown.

    Attributes:
        job: The job.
        status: Its status.
        pace: Its rate.
    """

    job: BatchJob
    status: BatchStatus
    pace: Pace = field(factory=Pace)

    def take(self, status: BatchStatus) -> None:
        """Record its newest status."""
        self.status = status
        self.pace.note(status.observed_at or status.created_at, done_count(status))

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen by itself: it has ended, or is held."""
        return self.status.state.is_terminal or self.status.is_held

    def per_s(self, now: datetime) -> float | None:
        """Return the items per second; `None` if that is unknown, or something delays the job."""
        return None if self.has_ended or any(self.notes(now)) else self.pace.per_s(now)

    def notes(self, now: datetime) -> Iterator[str]:
        """Yield what delays the job: no contact with the vendor, or a cool-down."""
        if self.has_ended:
            return
        if contact := contact_text(self.status):
            yield contact
        until = self.job.cooling_until
        if until is not None and until > now:
            yield cooling_text(until, now)


class Display:
    """
    Shows how jobs get on for as long as it is entered; this one shows nothing, as with ``--quiet``.

    Args:
        clock: The clock.
        said: The findings that the command has written.
    """

    tick_s: ClassVar[float] = 1.0
    """Seconds between two calls of `tick`."""

    def __init__(self, clock: Clock | None = None, said: SaidFindings | None = None) -> None:
        self._clock = clock or SystemClock()
        self._said = said or SaidFindings()
        self._rows: dict[str, Row] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""

    def add(self, job: BatchJob) -> None:
        """Show one more job from now on."""
        row = self._rows[job.id] = Row(job, job.status)
        row.take(job.status)

    def show(self, status: BatchStatus) -> None:
        """Show the newest status of a job that was added."""
        row = self._rows[status.job_id]
        row.take(status)
        if self._is_closed_elsewhere(row):
            return  # the closing table shows its findings at once
        for finding in self._said.take_new(status):
            self._print(f"{self._name(row)}: {finding}")
        self._draw(row)

    def tick(self) -> None:
        """Update what changes with time alone; called every `tick_s` seconds."""
        for row in self._rows.values():
            if not self._is_closed_elsewhere(row):
                self._draw(row)

    def _draw(self, row: Row) -> None:
        """Show a job as it is now."""

    def _print(self, line: str) -> None:
        """Write a line that stays."""

    def _name(self, row: Row) -> str:
        """Return what to call a job."""
        return row.job.id

    def _is_closed_elsewhere(self, row: Row) -> bool:
        """Whether the closing table follows at once: the job has ended, and there is no other."""
        return row.has_ended and len(self._rows) == 1


def state_and_word(status: BatchStatus) -> str:
    """Write a job's state, with the vendor's own word where that says more."""
    words = vendor_words(status)
    return stand_text(status) + (f" ({words})" if words else "")
