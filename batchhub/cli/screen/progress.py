"""Progress on standard error: live bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import ClassVar, Final, Protocol, Self

from attrs import define, field

from batchhub._base.clock import Clock, SystemClock
from batchhub.cli.shell.options import Common
from batchhub.models import BatchStatus

from .console import say
from .words import (
    clean,
    contact_text,
    cooling_text,
    counts_text,
    done_count,
    done_text,
    duration,
    finding_text,
    number,
    stand_text,
    vendor_words,
)

LINE_S: Final = 3.0
"""Seconds between two plain lines about the same job, at least."""

STILL_S: Final = 30.0
"""Seconds after which a job that stands still has another line."""

WINDOW: Final = timedelta(seconds=30)
"""The time over which a rate is measured."""

_PAIR: Final = 2
_WHOLE_FROM: Final = 9.95
_SHORTEST: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(minutes=5)
_NO: Final = ("", "0", "false", "no")


class Followed(Protocol):
    """A job that can be shown; a `BatchJob` is one."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def status(self) -> BatchStatus:
        """Its status."""
        ...

    @property
    def cooling_until(self) -> datetime | None:
        """Until when nothing is sent for its account; `None` outside a cool-down."""
        ...


class Pace:
    """
    The rate at which items get done.

    Only the last while counts, so that a burst long ago, or the hours a job was left alone,
    do not distort it. Where a vendor is asked less often than that, it is the time between
    the last two answers.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[datetime, int]] = deque()

    def note(self, at: datetime, done: int) -> None:
        """
        Record how many items were done at a time; a figure that did not grow is ignored.

        As long as nothing is done, the job has not begun, and the window starts with it.
        """
        if done == 0:
            self._seen.clear()
        if self._seen and (done <= self._seen[-1][1] or at <= self._seen[-1][0]):
            return
        self._seen.append((at, done))
        while len(self._seen) > _PAIR and at - self._seen[0][0] > WINDOW:
            self._seen.popleft()

    def per_s(self, now: datetime) -> float | None:
        """Return the items a second; `None` if that is unknown, or nothing moved recently."""
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
        shown: The codes of the findings that were shown.
    """

    job: Followed
    status: BatchStatus
    pace: Pace = field(factory=Pace)
    shown: set[str] = field(factory=set)

    def take(self, status: BatchStatus) -> None:
        """Record its newest status."""
        self.status = status
        self.pace.note(status.observed_at or status.created_at, done_count(status))

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come, unless somebody decides."""
        return self.status.state.is_terminal or self.status.is_held

    def per_s(self, now: datetime) -> float | None:
        """Return the items a second; `None` if that is unknown, or something holds the job up."""
        return None if self.has_ended or any(self.notes(now)) else self.pace.per_s(now)

    def notes(self, now: datetime) -> Iterator[str]:
        """Yield what holds the job up: no contact with the vendor, or a cool-down."""
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
        clock: What time it is.
    """

    tick_s: ClassVar[float] = 1.0
    """Seconds between two calls of `tick`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._rows: dict[str, Row] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop showing."""

    def add(self, job: Followed) -> None:
        """Show one more job from now on."""
        row = self._rows[job.id] = Row(job, job.status)
        row.take(job.status)

    def show(self, status: BatchStatus) -> None:
        """Show the newest status of a job that was added."""
        row = self._rows[status.job_id]
        row.take(status)
        if self._is_closed_elsewhere(row):
            return  # the closing table shows its findings at once
        for finding in status.findings:
            if finding.code not in row.shown:
                row.shown.add(finding.code)
                self._print(f"{self._name(row)}: finding {finding_text(finding)}")
        self._draw(row)

    def tick(self) -> None:
        """Show what changes with time alone; called every `tick_s` seconds."""
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
        """Whether its closing table follows at once: it has ended, and there is no other job."""
        return row.has_ended and len(self._rows) == 1


class PlainLines(Display):
    """
    A line about each job at its changes, a few seconds apart, and now and then without one.

    Args:
        clock: What time it is.
        write: Where lines go.
    """

    def __init__(self, clock: Clock | None = None, write: Callable[[str], None] = say) -> None:
        super().__init__(clock)
        self._write = write
        self._spoken: dict[str, _Spoken] = {}

    def _draw(self, row: Row) -> None:
        now_s = self._clock.monotonic()
        news = self._news(row)
        spoken = self._spoken.setdefault(row.job.id, _Spoken())
        if news != spoken.news:
            spoken.news, spoken.changed_s = news, now_s
        is_new = news != spoken.shown
        pause_s = 0.0 if row.has_ended else LINE_S if is_new else STILL_S
        if now_s - spoken.shown_s < pause_s or (row.has_ended and not is_new):
            return
        spoken.shown, spoken.shown_s = news, now_s
        still_s = 0.0 if is_new else now_s - spoken.changed_s
        self._write(f"{self._name(row)}: {'; '.join(self._parts(row, still_s))}")

    def _news(self, row: Row) -> tuple[object, ...]:
        """Return what makes a new line worth writing when it changes."""
        if row.has_ended:
            return True, self._text(row)
        return self._text(row), contact_text(row.status), row.job.cooling_until

    def _parts(self, row: Row, still_s: float) -> Iterator[str]:
        if row.has_ended:
            yield self._text(row)
            return
        now = self._clock.now()
        rate = rate_text(row.per_s(now))
        yield self._text(row) + (f", {rate}" if rate else "")
        if still_s:
            yield f"nothing new for {duration(still_s)}"
        yield from row.notes(now)

    def _text(self, row: Row) -> str:
        status = row.status
        if row.has_ended:
            parts = counts_text(status.counts)
            return f"{stand_text(status)}, {parts if ',' in parts else done_text(status) + ' done'}"
        failed = f", {number(status.counts.failed)} failed" if status.counts.failed else ""
        return f"{state_and_word(status)}, {done_text(status)} done{failed}"

    def _name(self, row: Row) -> str:
        account = f" ({clean(row.status.account, 40)})" if len(self._rows) > 1 else ""
        return f"job {row.job.id}{account}"

    def _print(self, line: str) -> None:
        self._write(line)


@define
class _Spoken:
    """What was written about a job: its last news and their time, what was shown and when."""

    news: tuple[object, ...] = ()
    changed_s: float = 0.0
    shown: tuple[object, ...] = ()
    shown_s: float = float("-inf")


def state_and_word(status: BatchStatus) -> str:
    """Write a job's state, with the vendor's own word where that says more."""
    words = vendor_words(status)
    return stand_text(status) + (f" ({words})" if words else "")


@contextmanager
def make_display(common: Common, jobs: Iterable[Followed]) -> Iterator[Display]:
    """
    Show how jobs get on, for as long as it is entered, in the way that fits standard error.

    Args:
        common: The options this command was given.
        jobs: The jobs; more may be added.
    """
    display = _choose(common)
    for job in jobs:
        display.add(job)
    with display, _ticking(display):
        yield display


def _choose(common: Common) -> Display:
    if common.quiet:
        return Display()
    if not _may_draw():
        return PlainLines()
    from .bars import LiveBars  # noqa: PLC0415  # Rich is slow to import

    return LiveBars()


def _may_draw() -> bool:
    """Whether standard error is a terminal on which lines can be drawn again."""
    if not sys.stderr.isatty() or os.environ.get("CI", "").lower() not in _NO:
        return False
    is_dumb = os.environ.get("TERM", "").lower() in {"dumb", "unknown"}
    return not is_dumb and (sys.stderr.encoding or "").lower().startswith("utf")


@contextmanager
def _ticking(display: Display) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def again() -> None:
        start()
        display.tick()

    def start() -> None:
        nonlocal timer
        timer = loop.call_later(display.tick_s, again)

    start()
    try:
        yield
    finally:
        timer.cancel()
