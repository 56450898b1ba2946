"""
Numbers, times, text from outside and tables of facts, as people read them.

Text from outside, such as a label or a vendor's message, becomes one line without control
characters before it is shown anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

Facts = Iterable[tuple[str, str]]
"""Facts: the name of each, and its text in one line."""

_OFFSET_AT: Final = len("2026-01-01 00:00:00")
_STEPS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def clean(text: str, limit: int = 300) -> str:
    """
    Make a text from outside one line: no control characters, at most `limit` characters.

    So a vendor's message or an item can't move the cursor or colour the terminal.
    """
    line = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def number(value: int) -> str:
    """Write a whole number with commas: 1,200."""
    return f"{value:,}"


def count(value: int, noun: str) -> str:
    """Write a number of things: 1 item, 1,200 items."""
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def duration(seconds: float) -> str:
    """Write a time span in its largest unit: 12 s, 3 min, 2 h, 5 d."""
    for step_s, unit in _STEPS:
        if seconds >= step_s:
            return f"{seconds / step_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def moment(at: datetime, now: datetime | None = None) -> str:
    """Write a moment in local time with its offset, and how long ago it is if `now` is given."""
    local = at.astimezone().isoformat(sep=" ", timespec="seconds")
    text = f"{local[:_OFFSET_AT]} {local[_OFFSET_AT:]}"
    return text if now is None else f"{text} ({duration((now - at).total_seconds())} ago)"


def words(name: str) -> str:
    """Write a state in words."""
    return name.replace("_", " ")


def draw_html(facts: Facts) -> str:
    """Draw a table for a notebook: in the notebook's own colours, and without anything external."""
    left = ' style="text-align: left"'
    rows = "".join(
        f"<tr><th{left}>{escape(name)}</th><td{left}>{escape(text)}</td></tr>"
        for name, text in facts
    )
    return f"<table><tbody>{rows}</tbody></table>"


def draw_table(facts: Facts) -> Table:
    """Draw a table for a terminal, without colours: one fact per line."""
    from rich.table import Table  # noqa: PLC0415  # slow to import, and rarely needed
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts:
        table.add_row(name, Text(text))
    return table
