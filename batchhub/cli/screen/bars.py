"""Live bars on a terminal: one for each job, and below them what delays a job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from batchhub._base.clock import Clock
from batchhub._base.show import clean, duration, number
from batchhub.models import BatchStatus
from batchhub.models.status import done_count, done_text

from .console import make_console
from .display import Display, Row, rate_text, state_and_word
from .findings import SaidFindings
from .harmless import show_plain
from .tables import stand_style
from .words import elapsed

_REFRESH_S: Final = 0.25
"""Minimum seconds between two drawings: fifty bars take some milliseconds each time."""

_STILL_S: Final = 1.0
"""Seconds after which the bars are drawn without a new status, to update their times."""

_SPARE_ROWS: Final = 6
_LEAST_ROWS: Final = 3
_NAME_WIDTH: Final = 28
_WORD_WIDTH: Final = 40

_COLUMNS: Final = {
    "name": Column(),
    "bar": Column(),
    "done": Column(justify="right", no_wrap=True),
    "rate": Column(justify="right", no_wrap=True, style="cyan"),
    "failed": Column(no_wrap=True, style="red"),
    "state": Column(),
    "age": Column(justify="right", no_wrap=True, style="dim"),
    "left": Column(no_wrap=True, style="dim"),
}
"""The columns; those that may wrap are cut on a narrow terminal, so that figures stay whole."""

_LEAST_WIDTHS: Final = {"rate": 60, "left": 100}
"""The least width of the terminal for a column to be shown."""


class LiveBars(Display):
    """
    A bar for each job that fits the screen, with its rate and the vendor's own word.

    A bar is green while all is well, yellow after a finding and while something delays the job,
    red once items have failed.

    Args:
        clock: The clock.
        console: The console to draw on; standard error by default.
        said: The findings that the command has written.
    """

    tick_s: ClassVar[float] = _REFRESH_S

    def __init__(
        self,
        clock: Clock | None = None,
        console: Console | None = None,
        said: SaidFindings | None = None,
    ) -> None:
        super().__init__(clock, said)
        self._console = console or make_console(sys.stderr)
        self._is_new = self._has_notes = True
        self._drawn_s = float("-inf")
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            get_renderable=lambda: Group(*self.screen()),
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the bars as they are, without the notes: what matters is reported as an error."""
        self._has_notes = False
        self._live.stop()

    def tick(self) -> None:
        """Draw if there is something new, at most four times a second; otherwise once a second."""
        now_s = self._clock.monotonic()
        if now_s - self._drawn_s >= (_REFRESH_S if self._is_new else _STILL_S):
            self._drawn_s, self._is_new = now_s, False
            self._live.refresh()

    def screen(self) -> Iterator[RenderableType]:
        """Yield what is drawn now, from top to bottom; jobs that have ended are left out first."""
        now = self._clock.now()
        fitting = max(_LEAST_ROWS, self._console.height - _SPARE_ROWS)
        rows = sorted(self._rows.values(), key=lambda row: row.has_ended)[:fitting]
        yield self._table([self._cells(row, now) for row in rows])
        if hidden := len(self._rows) - len(rows):
            yield Text(f"… and {number(hidden)} more", style="dim")
        if self._has_notes:
            notes = (
                f"{clean(row.status.account, _NAME_WIDTH)}: {note}"
                for row in self._rows.values()
                for note in row.notes(now)
            )
            for note in dict.fromkeys(notes):
                yield Text(show_plain(note), style="yellow", no_wrap=True, overflow="ellipsis")

    def _draw(self, row: Row) -> None:  # noqa: ARG002  # all that fit are drawn together
        self._is_new = True
        self.tick()

    def _print(self, line: str) -> None:
        self._console.print(Text(show_plain(line), style="yellow"), soft_wrap=True)

    def _table(self, rows: list[dict[str, RenderableType]]) -> Table:
        """Draw the columns that are not empty and fit the terminal."""
        names = [
            name
            for name in _COLUMNS
            if self._console.width >= _LEAST_WIDTHS.get(name, 0) and any(row[name] for row in rows)
        ]
        columns = (_COLUMNS[name].copy() for name in names)
        table = Table.grid(*columns, padding=(0, 1), expand=True)
        for row in rows:
            table.add_row(*(row[name] for name in names))
        return table

    def _cells(self, row: Row, now: datetime) -> dict[str, RenderableType]:
        status, per_s = row.status, row.per_s(now)
        failed = status.counts.failed
        end = status.updated_at if row.has_ended else now
        left = status.counts.total - done_count(status)
        texts = {
            "name": clean(self._name(row), _NAME_WIDTH),
            "done": done_text(status),
            "rate": rate_text(per_s),
            "failed": f"{number(failed)} failed" if failed else "",
            "state": clean(state_and_word(status), _WORD_WIDTH),
            "age": elapsed((end - status.created_at).total_seconds()),
            "left": f"{duration(left / per_s)} left" if per_s and left else "",
        }
        cells = {
            name: Text(text, no_wrap=True, overflow="ellipsis") for name, text in texts.items()
        }
        return {**cells, "bar": _draw_bar(status, _style(row, is_delayed=any(row.notes(now))))}

    def _name(self, row: Row) -> str:
        """Return a job's account, its id, or both if neither is unique."""
        accounts = len({other.status.account for other in self._rows.values()})
        if accounts == len(self._rows):
            return row.status.account
        return row.job.id if accounts == 1 else f"{row.job.id} {row.status.account}"


def _draw_bar(status: BatchStatus, style: str) -> ProgressBar:
    """Draw a bar; it pulses as long as no progress is known."""
    done = done_count(status)
    is_known = status.progress is not None or status.state.is_terminal or done
    return ProgressBar(
        total=status.counts.total if is_known else None,
        completed=done,
        complete_style=style,
        finished_style=style,
        pulse_style=style,
    )


def _style(row: Row, *, is_delayed: bool) -> str:
    """Return the colour of a bar."""
    status = row.status
    if row.has_ended:
        return stand_style(status)
    if status.counts.failed:
        return "red"
    return "yellow" if is_delayed or status.findings else "green"
