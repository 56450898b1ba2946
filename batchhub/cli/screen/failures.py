"""Why items did not succeed, as a table and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, number, words
from batchhub.models import FailureGroup

from .tables import fits, plain_table

MOST_GROUPS: Final = 10
"""Reasons that are shown."""

_MOST_CODES: Final = 8
_MOST_IDS: Final = 3
_LEFT_WIDTH: Final = 29
"""Width of the columns before the message."""


def failures_table(groups: Sequence[FailureGroup], console: Console) -> Table:
    """
    Draw a line for each reason, with the first ids beside or below the message.

    Args:
        groups: The items that did not succeed, by reason; the first ones are shown.
        console: The console whose width decides where the ids are.
    """
    wide = _draw(groups, room=None)
    return wide if fits(console, wide) else _draw(groups, console.width - _LEFT_WIDTH)


def codes_text(groups: Iterable[FailureGroup]) -> str:
    """Return how many items that no retry has have which code: 400: 10, 422: 2."""
    codes: Counter[int] = Counter()
    for group in groups:
        codes[group.code or 0] += group.open
    shown = [f"{code}: {number(times)}" for code, times in sorted(codes.items())]
    return ", ".join(shown[:_MOST_CODES]) + (", …" if len(shown) > _MOST_CODES else "")


def _draw(groups: Sequence[FailureGroup], room: int | None) -> Table:
    """Draw the table: the ids in a column of their own, or in `room` columns with the messages."""
    message = "message" if room is None else "message and first ids"
    headers = ["  items", "state", "code", message] + ["first ids"] * (room is None)
    table = plain_table(*headers, right=("  items",), wraps=[message])
    for group in groups[:MOST_GROUPS]:
        ids = ", ".join(clean(item_id, 40) for item_id in group.ids[:_MOST_IDS])
        ids += ", …" if group.count > _MOST_IDS else ""
        text = clean(group.message or "-", 160)
        last = [Text(text), Text(ids)] if room is None else [_join(text, ids, room)]
        code = "-" if group.code is None else str(group.code)
        table.add_row(number(group.count), words(group.state), code, *last)
    for line in _rest(groups[MOST_GROUPS:]):
        table.add_row("", "", "", Text(line, style="dim"))
    return table


def _join(message: str, ids: str, room: int) -> Text:
    line = f"{message}: {ids}"
    return Text(line if cell_len(line) <= room else f"{message}\n{ids}")


def _rest(groups: Sequence[FailureGroup]) -> Iterator[str]:
    if groups:
        yield f"… and {count(sum(group.count for group in groups), 'item')} of other kinds"
