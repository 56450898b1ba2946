"""Tables on standard output: the list of jobs, the details of one job, the adapters."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from batchhub._base.grades import describe_grade
from batchhub._base.show import clean, count, duration, number
from batchhub._settings.registry import AdapterInfo
from batchhub.models import BatchStatus, Contact, InputHead, Outcome
from batchhub.models.status import contact_text, done_text, facts, stand_text

from .console import ENDLESS, make_console, say, write

_GAP: Final = 2
_FIGURES: Final = ("done", "failed", "findings", "age")
_GIVES_WAY: Final = ("account", "state")
"""The columns of the list that shrink on a narrow terminal."""

_LEAST_WIDTH: Final = 15
"""Their least width."""

_MOST_RETRIES: Final = 10

_OUTCOME_STYLES: Final = {
    Outcome.SUCCEEDED: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.FAILED: "red",
    Outcome.INDETERMINATE: "magenta",
}


def show_page(table: Table) -> None:
    """Write a table to standard output."""
    page = io.StringIO()
    make_console(sys.stdout, into=page).print(table)
    for line in page.getvalue().splitlines():
        write(line.rstrip(), styled=True)


def show_aside(drawing: RenderableType, *, breaks: bool = True) -> None:
    """
    Write a table or a line to standard error.

    Args:
        drawing: The table or line.
        breaks: Whether lines are wrapped at the terminal's width.
    """
    aside = io.StringIO()
    make_console(sys.stderr, into=aside).print(drawing, soft_wrap=not breaks)
    say("\n".join(line.rstrip() for line in aside.getvalue().splitlines()), styled=True)


def plain_table(*headers: str, right: Sequence[str] = (), wraps: Sequence[str] = ()) -> Table:
    """
    Make a table without borders, its columns as wide as their content.

    Args:
        headers: The columns' headers.
        right: The headers of columns that are aligned right.
        wraps: The headers of columns that are wrapped if the terminal is too narrow.
    """
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for header in headers:
        justify: JustifyMethod = "right" if header in right else "left"
        table.add_column(header, justify=justify, no_wrap=header not in wraps, overflow="fold")
    return table


def stand_style(status: BatchStatus) -> str:
    """Return the colour of a job's outcome; empty while it is open."""
    if status.is_held:
        return "magenta"
    return "" if status.outcome is None else _OUTCOME_STYLES[status.outcome]


def fits(console: Console, table: Table) -> bool:
    """Whether a table fits the console without wrapping or cutting."""
    options = console.options.update_width(ENDLESS)
    return console.measure(table, options=options).maximum <= console.width


def jobs_table(
    statuses: Sequence[BatchStatus], console: Console, now: datetime | None = None
) -> Table:
    """
    Draw one line for each job, without empty columns.

    Args:
        statuses: The jobs.
        console: The console it must fit. If it is narrow, labels are below accounts; if it is
            narrower still, each job has several lines.
        now: The current time.
    """
    now = now or datetime.now(UTC)
    wide = _draw_jobs(statuses, now, is_wide=True)
    if fits(console, wide):
        return wide
    narrow = _draw_jobs(statuses, now, is_wide=False)
    least = sum(_least_width(column, console) + _GAP for column in narrow.columns) - _GAP
    return narrow if least <= console.width else _stack_jobs(statuses, now)


def _least_width(column: Column, console: Console) -> int:
    options = console.options.update_width(ENDLESS)
    cells = (column.header, *column.cells)
    width = max(console.measure(cell, options=options).maximum for cell in cells)
    return min(width, _LEAST_WIDTH) if column.header in _GIVES_WAY else width


def _draw_jobs(statuses: Sequence[BatchStatus], now: datetime, *, is_wide: bool) -> Table:
    accounts = [clean(status.account, 24) for status in statuses]
    labels = [clean(status.label or "", 40) for status in statuses]
    if not is_wide:
        accounts = ["\n".join(filter(None, pair)) for pair in zip(accounts, labels, strict=True)]
        labels = []
    columns: dict[str, list[Text]] = {
        "job": [Text(status.job_id) for status in statuses],
        "account": [_one_line(text) for text in accounts],
        "state": [_stand_cell(status) for status in statuses],
        "done": [Text(done_text(status)) for status in statuses],
        "failed": [_figure(status.counts.failed, "red") for status in statuses],
        "findings": [_figure(len(status.findings), "yellow") for status in statuses],
        "age": [Text(duration((now - s.created_at).total_seconds())) for s in statuses],
        "label": [Text(text) for text in labels],
    }
    columns = {header: cells for header, cells in columns.items() if any(cells)}
    table = plain_table(*columns, right=_FIGURES, wraps=_GIVES_WAY)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _stack_jobs(statuses: Sequence[BatchStatus], now: datetime) -> Table:
    """Draw several lines for each job, so that no figure is cut however narrow the terminal is."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=0)
    table.add_column()
    for status in statuses:
        first = f"{status.job_id}  {clean(status.account, 24)}"
        failed, findings = status.counts.failed, len(status.findings)
        facts = [
            Text(f"{done_text(status)} done"),
            Text(f"{number(failed)} failed", style="red") if failed else None,
            Text(count(findings, "finding"), style="yellow") if findings else None,
            Text(f"{duration((now - status.created_at).total_seconds())} old"),
        ]
        rest = [_stand_cell(status), Text(", ").join(fact for fact in facts if fact is not None)]
        if status.label:
            rest.append(_one_line(clean(status.label, 40)))
        table.add_row(Group(_one_line(first), *(Padding(line, (0, 0, 0, 2)) for line in rest)))
    return table


def _one_line(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def comparison_table(statuses: Sequence[BatchStatus], console: Console) -> Table:
    """
    Draw one line for each vendor: its tickets, and the outcome of the items.

    Args:
        statuses: A job of each.
        console: The console it must fit. If it is narrow, what is zero for all is left out.
    """
    wide = _draw_comparison(statuses, is_wide=True)
    return wide if fits(console, wide) else _draw_comparison(statuses, is_wide=False)


def _draw_comparison(statuses: Sequence[BatchStatus], *, is_wide: bool) -> Table:
    figures = {
        "tickets": [len(status.tickets) for status in statuses],
        "items": [status.counts.total for status in statuses],
        "succeeded": [status.counts.succeeded for status in statuses],
        "failed": [status.counts.failed for status in statuses],
        "not executed": [status.counts.not_executed for status in statuses],
        "unknown": [status.counts.unknown for status in statuses],
    }
    shown = {header: column for header, column in figures.items() if is_wide or any(column)}
    texts = {header: [number(figure) for figure in column] for header, column in shown.items()}
    texts["took"] = [duration((s.updated_at - s.created_at).total_seconds()) for s in statuses]
    table = plain_table("vendor", "operation", "outcome", *texts, right=[*texts])
    for status, *row in zip(statuses, *texts.values(), strict=True):
        stand = Text(stand_text(status), style=stand_style(status))
        table.add_row(status.adapter, status.operation, stand, *row)
    return table


def status_page(
    status: BatchStatus,
    now: datetime | None = None,
    *,
    retries: Sequence[BatchStatus] = (),
    rows: InputHead | None = None,
) -> Table:
    """
    Draw the details of a job, one per line.

    Args:
        status: The job.
        now: The current time.
        retries: The jobs that retry items of it, oldest first.
        rows: What is known of the rows its items were made of; `None` if none were kept.
    """
    now = now or datetime.now(UTC)
    page = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    page.add_column(style="bold", no_wrap=True)
    page.add_column(overflow="fold")
    for name, text in facts(status, now):
        page.add_row(name, Text(text, style=_style(name, status)))
    if rows is not None and rows.rows is not None and rows.rows > status.counts.total:
        refused = count(rows.rows - status.counts.total, "row")
        page.add_row("refused", f"{refused} of {clean(rows.name, 60)}, never sent")
    if rest := len(retries) - _MOST_RETRIES:
        retries = retries[-_MOST_RETRIES:]
    for retry in retries:
        items = count(retry.counts.total, "item")
        stand = Text(stand_text(retry), style=stand_style(retry))
        page.add_row("retried in", Text.assemble(f"job {clean(retry.job_id)}, {items}: ", stand))
    if rest > 0:
        page.add_row("", f"… and {count(rest, 'job')} before")
    return page


def adapters_table(found: Sequence[AdapterInfo]) -> Table:
    """Draw one line for each adapter."""
    grades = [find_grade(info) for info in found]
    columns = ["adapter", "source", "operations", "sandbox"]
    columns += ["grade"] if any(grades) else []
    table = plain_table(*columns, wraps=["operations"])
    for info, grade in zip(found, grades, strict=True):
        if info.adapter is None:
            row = Text(clean(info.error or "", 500), style="red"), ""
        else:
            row = Text(", ".join(info.adapter.operations)), "yes" if info.adapter.sandbox else "no"
        shown = [grade or ""] if any(grades) else []
        table.add_row(info.name, info.source, *row, *shown)
    return table


def find_grade(info: AdapterInfo) -> str | None:
    """Return what is to be said of an adapter's grade; `None` if it has none."""
    if info.adapter is None:
        return None
    return describe_grade(info.adapter.__module__, info.name)


def _figure(value: int, style: str) -> Text:
    return Text(number(value), style=style) if value else Text()


def _stand_cell(status: BatchStatus) -> Text:
    silent = status.contact is not Contact.OK and not status.state.is_terminal
    words = [stand_text(status)] + ([status.contact.value] if silent else [])
    style = "yellow" if silent else stand_style(status)
    return Text(", ".join(words), style=style)


def _style(name: str, status: BatchStatus) -> str:
    """Return the colour of a fact."""
    if name == "outcome":
        return stand_style(status)
    is_silent = name == "contact" and bool(contact_text(status))
    return {"state": "bold", "finding": "yellow"}.get(name, "yellow" if is_silent else "")
