"""Live bars on a terminal: one for each job, and below them what keeps one from getting on."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from batchhub._base.clock import Clock
from batchhub.models import BatchStatus

from .console import make_console
from .display import Display, Row, state_and_word
from .pace import rate_text
from .tables import stand_style
from .words import clean, done_count, done_text, duration, elapsed, number

_SPARE_ROWS: Final = 6
_NAME_WIDTH: Final = 28
_WORD_WIDTH: Final = 40

_NARROW: Final = 60
"""Columns below which a line has no room for the rate."""

_WIDE: Final = 100
"""Columns from which on a line has room for the time that is left."""


class LiveBars(Display):
    """
    A bar for each job, with its rate and the vendor's own word.

    Args:
        clock: What time it is.
        console: What is drawn on; by default standard error.
    """

    def __init__(self, clock: Clock | None = None, console: Console | None = None) -> None:
        super().__init__(clock)
        self._console = console or make_console(sys.stderr)
        self._bars = _Bars(self._console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        for row in self._rows.values():
            self._draw(row)
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they are; what kept a job waiting is over, or told as an error."""
        for row in self._rows.values():
            self._draw(row)
        self._bars.notes.clear()
        self._bars.stop()

    def screen(self) -> Iterable[RenderableType]:
        """Return what is on the screen now, from above."""
        return self._bars.get_renderables()

    def _draw(self, row: Row) -> None:
        job, now = row.job.id, self._clock.now()
        if job not in self._tasks:
            self._tasks[job] = self._bars.add_task("", total=None, **self._cells(row))
        self._bars.notes[job] = [
            f"{clean(row.status.account, _NAME_WIDTH)}: {note}" for note in row.notes(now)
        ]
        self._bars.update(
            self._tasks[job],
            completed=done_count(row.status),
            total=_bar_total(row.status),
            **self._cells(row),
        )

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
            "style": stand_style(status),
            "age": elapsed((end - status.created_at).total_seconds()),
            "left": f"{duration(left / per_s)} left" if per_s and left else "",
            "has_ended": row.has_ended,
        }

    def _name(self, row: Row) -> str:
        """Name a job by its account, its id, or both where neither says it alone."""
        accounts = self._count_accounts()
        if accounts == len(self._rows):
            return row.status.account
        return row.job.id if accounts == 1 else f"{row.job.id} {row.status.account}"

    def _tell(self, line: str) -> None:
        self._console.print(Text(line, style="yellow"), soft_wrap=True)


class _Cell(ProgressColumn):
    """One field of a job, in one line; where room is short it is cut, if it may be."""

    def __init__(self, name: str, *, gives_way: bool = False, **column: Any) -> None:
        self._field = name
        super().__init__(Column(no_wrap=not gives_way, **column))

    def render(self, task: Task) -> Text:
        """Write the field."""
        style = {"failed": "red", "rate": "cyan", "left": "dim", "age": "dim"}.get(self._field, "")
        if self._field == "state":
            style = task.fields["style"]
        text = Text(task.fields[self._field], style=style, no_wrap=True, overflow="ellipsis")
        if self._table_column is not None:
            text.justify = self._table_column.justify
        return text


class _Bars(Progress):
    """Rich's progress, cut to the screen: fewer columns, fewer rows; and notes below the bars."""

    def __init__(self, console: Console) -> None:
        self.notes: dict[str, list[str]] = {}
        self._console = console
        self._cells = {
            "name": _Cell("name", gives_way=True),
            "bar": BarColumn(bar_width=None),
            "done": _Cell("done", justify="right"),
            "rate": _Cell("rate", justify="right"),
            "failed": _Cell("failed"),
            "state": _Cell("state", gives_way=True),
            "age": _Cell("age", justify="right"),
            "left": _Cell("left"),
        }
        super().__init__(console=console, expand=True)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw the bars, then the notes; each note once."""
        tasks = list(self.tasks)
        self.columns = tuple(self._columns(tasks))
        most = max(3, self._console.height - _SPARE_ROWS)
        hidden = len(tasks) - most
        if hidden > 0:
            tasks.sort(key=lambda task: bool(task.fields["has_ended"]))
        yield self.make_tasks_table(tasks[:most])
        if hidden > 0:
            yield Text(f"… and {number(hidden)} more", style="dim")
        for note in dict.fromkeys(note for notes in list(self.notes.values()) for note in notes):
            yield Text(note, style="yellow", no_wrap=True, overflow="ellipsis")

    def _columns(self, tasks: Iterable[Task]) -> Iterable[ProgressColumn]:
        """Choose the columns that have something to show, and for which there is room."""
        width = self._console.width
        hidden = {"rate"} if width < _NARROW else set()
        if width < _WIDE:
            hidden.add("left")
        for name, cell in self._cells.items():
            is_empty = name != "bar" and not any(task.fields[name] for task in tasks)
            if name not in hidden and not is_empty:
                yield cell


def _bar_total(status: BatchStatus) -> int | None:
    """Return where the bar ends; `None` makes it pulse: nobody knows how far it is."""
    is_known = status.progress is not None or status.state.is_terminal or done_count(status)
    return status.counts.total if is_known else None
