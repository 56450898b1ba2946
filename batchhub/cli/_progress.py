"""Progress on standard error: live bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from batchhub.models import BatchStatus, Contact

from ._console import make_console, say
from ._options import Common
from ._words import clean, done_count, done_text, number, state_text, vendor_words

LINE_S: Final = 3.0
"""Seconds between two plain lines about the same job, at least."""

_SPARE_ROWS: Final = 6
_NAME_WIDTH: Final = 24


class Display(ABC):
    """Shows how jobs get on, for as long as it is entered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: B027  # only a live one has something to stop
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop showing."""

    @abstractmethod
    def show(self, status: BatchStatus) -> None:
        """Show a job as it is now."""


class Silence(Display):
    """Shows nothing."""

    def show(self, status: BatchStatus) -> None:
        """Take no note."""


class PlainLines(Display):
    """
    One line when a job's state, its contact or the number of its ended tickets changes.

    Args:
        names: What to call the jobs, by id.
        clock: Monotonic seconds; for tests.
        write: Where lines go; for tests.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        write: Callable[[str], None] = say,
    ) -> None:
        self._names = names
        self._clock = clock
        self._write = write
        self._shown: dict[str, tuple[object, ...]] = {}
        self._shown_at_s: dict[str, float] = {}

    def show(self, status: BatchStatus) -> None:
        """Write a line if there is something new and the last one is long enough ago."""
        if status.state.is_terminal or status.is_held:
            return  # the closing table says it
        job, now_s = status.job_id, self._clock()
        ended = sum(ticket.state.is_terminal for ticket in status.tickets)
        news = (status.state, status.contact, ended)
        if news == self._shown.get(job) or now_s - self._shown_at_s.get(job, -LINE_S) < LINE_S:
            return
        self._shown[job], self._shown_at_s[job] = news, now_s
        name = self._names.get(job, job)
        self._write(f"{name}: {_state_line(status)}{_contact_suffix(status)}")


class LiveBars(Display):
    """
    A bar for each job, and below them why a vendor is not heard.

    Args:
        names: What to call the jobs, by id.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        console = make_console(sys.stderr)
        self._bars = _Bars(console.height - _SPARE_ROWS, console=console)
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bars as they are."""
        self._bars.stop()

    def show(self, status: BatchStatus) -> None:
        """Move a job's bar; the oldest finished ones make room when the screen is full."""
        job = status.job_id
        row = self._rows.get(job)
        if row is None:
            name = clean(self._names.get(job, job), _NAME_WIDTH)
            row = self._rows[job] = self._bars.add_task(name, **_cells(status))
        self._bars.notes[job] = _note(status)
        self._bars.update(
            row, completed=done_count(status), total=_bar_total(status), **_cells(status)
        )
        if status.state.is_terminal:
            self._bars.stop_task(row)


class _Bars(Progress):
    """Rich's progress with notes below the bars, cut to the height of the screen."""

    def __init__(self, most_rows: int, **kwargs: Any) -> None:
        self.notes: dict[str, str | None] = {}
        self._most_rows = max(3, most_rows)
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[done]}", justify="right"),
            TextColumn("{task.fields[failed]}", style="red"),
            TextColumn("{task.fields[state]}", markup=False),
            TimeElapsedColumn(),
            expand=True,
            **kwargs,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Draw the bars, then the notes; each note once."""
        tasks = list(self.tasks)
        hidden = len(tasks) - self._most_rows
        if hidden > 0:
            tasks.sort(key=lambda task: task.finished)
        yield self.make_tasks_table(tasks[: self._most_rows])
        if hidden > 0:
            yield Text(f"… and {number(hidden)} more", style="dim")
        for note in dict.fromkeys(note for note in list(self.notes.values()) if note):
            yield Text(note, style="yellow", no_wrap=True, overflow="ellipsis")


def make_display(common: Common, statuses: Iterable[BatchStatus]) -> Display:
    """Choose how progress is shown: by the options, and by where standard error leads."""
    if common.quiet:
        return Silence()
    if sys.stderr.isatty():
        return LiveBars(name_rows(statuses))
    return PlainLines({status.job_id: f"job {status.job_id}" for status in statuses})


def name_rows(statuses: Iterable[BatchStatus]) -> dict[str, str]:
    """Name jobs by their accounts, or by their ids too where that would not tell them apart."""
    statuses = list(statuses)
    if len({status.account for status in statuses}) == len(statuses):
        return {status.job_id: status.account for status in statuses}
    return {status.job_id: f"{status.job_id} {status.account}" for status in statuses}


def _cells(status: BatchStatus) -> dict[str, Any]:
    failed = status.counts.failed
    return {
        "done": done_text(status),
        "failed": f"{number(failed)} failed" if failed else "",
        "state": _state_cell(status),
    }


def _state_cell(status: BatchStatus) -> str:
    words = vendor_words(status)
    return state_text(status.state) + (f" ({words})" if words else "")


def _bar_total(status: BatchStatus) -> int | None:
    """Return where the bar ends; `None` makes it pulse: nobody knows how far it is."""
    is_known = status.progress is not None or status.state.is_terminal or done_count(status)
    return status.counts.total if is_known else None


def _state_line(status: BatchStatus) -> str:
    failed = f", {number(status.counts.failed)} failed" if status.counts.failed else ""
    return f"{_state_cell(status)}, {done_text(status)} done{failed}"


def _contact_suffix(status: BatchStatus) -> str:
    note = _note(status)
    return f"; {note}" if note else ""


def _note(status: BatchStatus) -> str | None:
    if status.contact is Contact.OK:
        return None
    why = f": {clean(status.contact_note)}" if status.contact_note else ""
    return f"{status.contact.value}{why}"
