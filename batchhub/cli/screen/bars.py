"""Live bars on a terminal: one for each job, and below them what delays a job."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from rich.console import Console, JustifyMethod, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Column
from rich.text import Text

from batchhub._base.clock import Clock
from batchhub.models import BatchStatus

from .console import make_console
from .display import Display, Row, rate_text, state_and_word
from .tables import stand_style
from .words import clean, done_count, done_text, duration, elapsed, number

_REFRESH_S: Final = 0.25
"""Minimum seconds between two drawings: fifty bars take some milliseconds each time."""

_STILL_S: Final = 1.0
"""Seconds after which the bars are drawn without a new status, to update their times."""

_SPARE_ROWS: Final = 6
_LEAST_ROWS: Final = 3
_NAME_WIDTH: Final = 28
_WORD_WIDTH: Final = 40


class LiveBars(Display):
    """
    A bar for each job that fits the screen, with its rate and the vendor's own word.

    A bar is green while all is well, yellow after a finding and while something delays the job,
    red once items have failed.

    Args:
        clock: The clock.
        console: The console to draw on; standard error by default.
    """

    tick_s: ClassVar[float] = _REFRESH_S

    def __init__(self, clock: Clock | None = None, console: Console | None = None) -> None:
        super().__init__(clock)
        self._console = console or make_console(sys.stderr)
        self._bars = _Bars(console=self._console, auto_refresh=False, expand=True)
        self._tasks: dict[str, TaskID] = {}
        self._is_new = True
        self._drawn_s = float("-inf")

    def __enter__(self) -> Self:
        self._update()
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they are, without the notes: what matters is reported as an error."""
        self._update()
        self._bars.notes = []
        self._bars.stop()

    def tick(self) -> None:
        """Draw if there is something new, at most four times a second; otherwise once a second."""
        waited_s = self._clock.monotonic() - self._drawn_s
        if waited_s >= (_REFRESH_S if self._is_new else _STILL_S):
            self._drawn_s = self._clock.monotonic()
            self._update()
            self._bars.refresh()

    def screen(self) -> Iterable[RenderableType]:
        """Return what would be drawn now, from top to bottom."""
        self._update()
        return self._bars.get_renderables()

    def _draw(self, row: Row) -> None:  # noqa: ARG002  # all that fit are drawn together
        self._is_new = True
        self.tick()

    def _print(self, line: str) -> None:
        self._console.print(Text(line, style="yellow"), soft_wrap=True)

    def _update(self) -> None:
        """Update the bars that fit the screen; jobs that have ended are hidden first."""
        self._is_new = False
        fitting = max(_LEAST_ROWS, self._console.height - _SPARE_ROWS)
        rows = sorted(self._rows.values(), key=lambda row: row.has_ended)[:fitting]
        shown = {row.job.id for row in rows}
        for job, task in self._tasks.items():
            self._bars.update(task, visible=job in shown)
        for row in rows:
            if row.job.id not in self._tasks:
                self._tasks[row.job.id] = self._bars.add_task("", total=None, **self._cells(row))
            self._bars.update(
                self._tasks[row.job.id],
                completed=done_count(row.status),
                total=_bar_total(row.status),
                **self._cells(row),
            )
        self._bars.choose_columns()
        now = self._clock.now()
        self._bars.hidden = len(self._rows) - len(rows)
        self._bars.notes = [
            f"{clean(row.status.account, _NAME_WIDTH)}: {note}"
            for row in self._rows.values()
            for note in row.notes(now)
        ]

    def _cells(self, row: Row) -> dict[str, Any]:
        status, now = row.status, self._clock.now()
        failed = status.counts.failed
        per_s = row.per_s(now)
        end = status.updated_at if row.has_ended else now
        left = status.counts.total - done_count(status)
        return {
            "name": clean(self._name(row), _NAME_WIDTH),
            "done": done_text(status),
            "rate": rate_text(per_s),
            "failed": f"{number(failed)} failed" if failed else "",
            "state": clean(state_and_word(status), _WORD_WIDTH),
            "age": elapsed((end - status.created_at).total_seconds()),
            "left": f"{duration(left / per_s)} left" if per_s and left else "",
            "style": _style(row, is_delayed=any(row.notes(now))),
        }

    def _name(self, row: Row) -> str:
        """Return a job's account, its id, or both if neither is unique."""
        accounts = len({other.status.account for other in self._rows.values()})
        if accounts == len(self._rows):
            return row.status.account
        return row.job.id if accounts == 1 else f"{row.job.id} {row.status.account}"


class _Bar(BarColumn):
    """A bar in its job's colour."""

    def render(self, task: Task) -> ProgressBar:
        """Draw the bar."""
        bar = super().render(task)
        bar.complete_style = bar.finished_style = bar.pulse_style = task.fields["style"]
        return bar


class _Cell(TextColumn):
    """A field of a job, in one line; it is cut on a narrow terminal if it may shrink."""

    def __init__(
        self,
        name: str,
        style: str = "none",
        *,
        justify: JustifyMethod = "left",
        may_shrink: bool = False,
    ) -> None:
        column = Column(justify=justify, no_wrap=not may_shrink)
        super().__init__(
            f"{{task.fields[{name}]}}", style, justify, markup=False, table_column=column
        )

    def render(self, task: Task) -> Text:
        """Write the field."""
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


_COLUMNS: Final[dict[str, ProgressColumn]] = {
    "name": _Cell("name", may_shrink=True),
    "bar": _Bar(bar_width=None),
    "done": _Cell("done", justify="right"),
    "rate": _Cell("rate", "cyan", justify="right"),
    "failed": _Cell("failed", "red"),
    "state": _Cell("state", may_shrink=True),
    "age": _Cell("age", "dim", justify="right"),
    "left": _Cell("left", "dim"),
}
_LEAST_WIDTHS: Final = {"rate": 60, "left": 100}
"""The least width of the terminal for a column to be shown."""


class _Bars(Progress):
    """
    Rich's progress with notes below the bars.

    Attributes:
        notes: What delays jobs.
        hidden: How many jobs have no bar because the screen is full.
    """

    notes: Iterable[str] = ()
    hidden: int = 0

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw the bars, then the notes, each once."""
        yield self.make_tasks_table(self.tasks)
        if self.hidden:
            yield Text(f"… and {number(self.hidden)} more", style="dim")
        for note in dict.fromkeys(self.notes):
            yield Text(note, style="yellow", no_wrap=True, overflow="ellipsis")

    def choose_columns(self) -> None:
        """Choose the columns that are not empty and fit the terminal."""
        tasks = [task for task in self.tasks if task.visible]
        self.columns = tuple(
            column
            for name, column in _COLUMNS.items()
            if self.console.width >= _LEAST_WIDTHS.get(name, 0)
            and (name == "bar" or any(task.fields[name] for task in tasks))
        )


def _style(row: Row, *, is_delayed: bool) -> str:
    """Return the colour of a bar."""
    status = row.status
    if row.has_ended:
        return stand_style(status)
    if status.counts.failed:
        return "red"
    return "yellow" if is_delayed or status.findings else "green"


def _bar_total(status: BatchStatus) -> int | None:
    """Return the total of a bar; `None` makes it pulse, as long as no progress is known."""
    is_known = status.progress is not None or status.state.is_terminal or done_count(status)
    return status.counts.total if is_known else None
