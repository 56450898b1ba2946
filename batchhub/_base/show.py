"""
Words and tables for facts: numbers, times and text from outside as people read them.

Text from outside, a label or a vendor's message, is made one line without control characters
before it is shown anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

Facts = Iterable[tuple[str, str]]
"""What there is to know of something: the name of each fact, and its text in one line."""

_STEPS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def clean(text: str, limit: int = 300) -> str:
    """
    Make one line of a text from outside: no control characters, at most `limit` characters.

    What a vendor or an item says must not move the cursor or colour the terminal.
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
    """Write a moment in local time, and how long ago it was if it is known when it is read."""
    text = f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
    return text if now is None else f"{text} ({duration((now - at).total_seconds())} ago)"


def words(name: str) -> str:
    """Write a state in words."""
    return name.replace("_", " ")


def draw_html(facts: Facts) -> str:
    """Draw a table for a notebook: its own colours, light or dark, and nothing from elsewhere."""
    left = ' style="text-align: left"'
    rows = "".join(
        f"<tr><th{left}>{escape(name)}</th><td{left}>{escape(text)}</td></tr>"
        for name, text in facts
    )
    return f"<table><tbody>{rows}</tbody></table>"


def draw_table(facts: Facts) -> Table:
    """Draw a table for a terminal, without colours: a fact a line."""
    from rich.table import Table  # noqa: PLC0415  # heavy, and most never ask for it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts:
        table.add_row(name, Text(text))
    return table
