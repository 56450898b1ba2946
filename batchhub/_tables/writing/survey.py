"""What must be known of all rows before the first is written: the keys of JSON, what is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import define, field

from batchhub._tables.reading.marks import TEXT, strip_object
from batchhub.models.rows import InputHead, InputRow

from .dialect import TABLES_OF_TEXT
from .layout import Layout, cell_value

_MOST_DIGITS: Final = 15
_WHOLE: Final = 2**63
_WHOLE_NUMBER: Final = 2**53


class Kind(Enum):
    """What all values of a column are."""

    BOOL = "bool"
    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"


async def look_at(
    rows: AsyncIterator[InputRow], head: InputHead, *, names_kinds: bool
) -> tuple[Layout, list[Kind]]:
    """
    Lay out the columns of an input, and find what is in them.

    Args:
        rows: The rows; they are read if they must be.
        head: What is known of them as a whole.
        names_kinds: Whether the kinds are wanted.

    Returns:
        The columns, and the kind of each; text if nobody asks.
    """
    layout = Layout(head)
    is_text = head.format in TABLES_OF_TEXT
    if layout.is_table and (is_text or not names_kinds):
        return layout, [Kind.TEXT] * len(layout.names)
    if layout.is_table:
        columns = [_Column() for _ in layout.names]
        async for row in rows:
            for column, cell in zip(columns, layout.cells(row), strict=True):
                if cell != "":  # in a workbook an empty cell is none
                    column.note(cell_value(cell))
        return layout, [column.kind for column in columns]
    found: dict[str, _Column] = {}
    async for row in rows:
        for name, value in _values_of(row):
            found.setdefault(name, _Column()).note(value)
    layout.names += found
    return layout, [column.kind for column in found.values()]


def _values_of(row: InputRow) -> Iterable[tuple[str, Any]]:
    """Return what an object has; a line that holds none has its text."""
    cells = row.cells
    return strip_object(cells).items() if isinstance(cells, Mapping) else [(TEXT, TEXT)]


@define
class _Column:
    """What was met in a column."""

    kinds: set[Kind] = field(factory=set)
    is_large: bool = False

    def note(self, value: Any) -> None:
        """Take note of a value."""
        if value is None:
            return
        kind = _kind_of(value)
        self.kinds.add(kind)
        if kind is Kind.WHOLE and not -_WHOLE_NUMBER <= value <= _WHOLE_NUMBER:
            self.is_large = True

    @property
    def kind(self) -> Kind:
        """The kind that holds all of them, without a digit less."""
        if len(self.kinds) == 1:
            return next(iter(self.kinds))
        if self.kinds == {Kind.WHOLE, Kind.NUMBER} and not self.is_large:
            return Kind.NUMBER
        return Kind.TEXT


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int):
        return Kind.WHOLE if -_WHOLE <= value < _WHOLE else Kind.TEXT
    if isinstance(value, float):
        return Kind.NUMBER
    if isinstance(value, Decimal) and value.is_finite():
        is_short = len(value.as_tuple().digits) <= _MOST_DIGITS
        return Kind.NUMBER if is_short and Decimal(repr(float(value))) == value else Kind.TEXT
    return Kind.TEXT
