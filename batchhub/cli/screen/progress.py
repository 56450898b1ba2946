"""Progress on standard error: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from attrs import define

from batchhub._base.clock import Clock
from batchhub._base.show import clean, duration, number
from batchhub.cli.shell.options import Common
from batchhub.hub import BatchJob
from batchhub.models.status import contact_text, done_text, stand_text
from batchhub.models.words import counts_text

from .console import say
from .display import Display, Row, rate_text, state_and_word
from .findings import SaidFindings

LINE_S: Final = 3.0
"""Minimum seconds between two lines about the same job."""

STILL_S: Final = 30.0
"""Seconds after which a job without news has another line."""

_NO: Final = ("", "0", "false", "no")


class PlainLines(Display):
    """
    A line about each job when it changes, a few seconds apart, and every half minute if not.

    Args:
        clock: The clock.
        write: What lines are passed to.
        said: The findings that the command has written.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        write: Callable[[str], None] = say,
        said: SaidFindings | None = None,
    ) -> None:
        super().__init__(clock, said)
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
        """Return the facts of a line; a new line is written when they change."""
        if row.has_ended:
            return True, self._text(row)
        return self._text(row), contact_text(row.status), row.job.cooling_until

    def _parts(self, row: Row, still_s: float) -> Iterator[str]:
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
    """The last news of a job and their time, and what was shown last and when."""

    news: tuple[object, ...] = ()
    changed_s: float = 0.0
    shown: tuple[object, ...] = ()
    shown_s: float = float("-inf")


@contextmanager
def make_display(
    common: Common, jobs: Iterable[BatchJob], said: SaidFindings | None = None
) -> Iterator[Display]:
    """
    Show the progress of jobs for as long as it is entered, in the way that fits standard error.

    Args:
        common: The options of this command.
        jobs: The jobs; more may be added.
        said: The findings that the command has written.
    """
    display = _choose(common, said)
    for job in jobs:
        display.add(job)
    ticking = asyncio.create_task(_tick(display), name="batchhub-display")
    try:
        with display:
            yield display
    finally:
        ticking.cancel()


def _choose(common: Common, said: SaidFindings | None) -> Display:
    if common.quiet:
        return Display(said=said)
    if not _may_draw():
        return PlainLines(said=said)
    from .bars import LiveBars  # noqa: PLC0415  # Rich is slow to import

    return LiveBars(said=said)


def _may_draw() -> bool:
    """Whether standard error is a terminal on which lines can be drawn again."""
    if not sys.stderr.isatty() or os.environ.get("CI", "").lower() not in _NO:
        return False
    is_dumb = os.environ.get("TERM", "").lower() in {"dumb", "unknown"}
    return not is_dumb and (sys.stderr.encoding or "").lower().startswith("utf")


async def _tick(display: Display) -> None:
    while True:
        await asyncio.sleep(display.tick_s)
        display.tick()
