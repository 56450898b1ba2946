"""What a value of a sheet is: text, a number with the digits that Excel keeps, or an odd cell."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, Final

from attrs import evolve

from batchhub._tables.reading.rows import Cell, OddCell

from .formats import DATE, NumberFormat
from .refs import cell_name
from .scan import DATED, FORMULA, STALE, Oddity

_DAY: Final = datetime.timedelta(days=1)
_FIRST_DAY: Final = datetime.datetime(1899, 12, 30)  # noqa: DTZ001  # a sheet knows no zone
_YEAR_1900: Final = datetime.datetime(1900, 1, 1)  # noqa: DTZ001
_MARCH_1900: Final = datetime.datetime(1900, 3, 1)  # noqa: DTZ001

_LARGEST: Final = 10**15
"""From here on a whole number has more digits than Excel keeps."""

_NO_VALUE: Final = (
    "holds a formula whose value is not in the file; open it in Excel and save it again"
)
_STALE_VALUE: Final = (
    "holds a formula whose value is out of date: the workbook asks for it to be worked out anew; "
    "open it in Excel and save it again"
)
_TOO_LONG: Final = (
    "holds a number of 16 or more digits, of which Excel keeps 15; "
    "format the column as text and enter it again"
)


def take_cell(value: Any, row: int, column: int) -> Cell:
    """
    Return what a cell is that isn't known to be odd.

    A number is taken as Excel has it, with 15 digits: 19.990000000000002 is 19.99.

    Args:
        value: What the library gives.
        row: The cell's row, from 1.
        column: Its column, from 1.
    """
    kind = type(value)
    if kind is float or kind is int:
        if not -_LARGEST < value < _LARGEST:  # not a number fails it as well
            return OddCell(cell_name(row, column), _TOO_LONG, held=_digits_of(value))
        whole = int(value)
        if whole == value:
            return whole
        text = f"{value:.15g}"
        return Decimal(text) if "." in text or "e" in text else int(text)
    if kind is str or kind is bool:
        return value  # type: ignore[no-any-return]
    return OddCell(cell_name(row, column), DATE)


def take_odd_cell(value: Any, oddity: Oddity, row: int, column: int) -> Cell:
    """Return what a cell is of which something is known besides its value."""
    if isinstance(oddity, NumberFormat):
        return _judge(value, oddity, row, column)
    name = cell_name(row, column)
    if oddity == FORMULA:
        return OddCell(name, _NO_VALUE)
    if oddity == STALE:
        return OddCell(name, _STALE_VALUE)
    if oddity == DATED:
        return OddCell(name, DATE)
    return OddCell(name, f"holds {oddity}; correct the formula", error=oddity)


def _judge(value: Any, format: NumberFormat, row: int, column: int) -> Cell:
    cell = take_cell(value, row, column)
    if isinstance(cell, OddCell):
        held = _find_serial(value) if cell.held is None else cell.held
        return evolve(cell, format=format.code, held=held)
    if isinstance(cell, str) and cell:
        if not format.changes_text:
            return cell
        reason = f"is text and shows otherwise by its format {format.shorten()}"
        return OddCell(cell_name(row, column), f"{reason}; set its format to General")
    if isinstance(cell, Decimal) or (isinstance(cell, int) and not isinstance(cell, bool)):
        return format.judge(row, column, float(cell), cell) or cell
    return cell


def _digits_of(value: float) -> int | None:
    """Return a whole number as the file has it, in its fewest digits; `None` if it is none."""
    return int(Decimal(repr(value))) if value - value == 0 else None


def _find_serial(value: Any) -> Decimal | None:
    """Return the number that stands for a date or a time; `None` for what is none."""
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(_FIRST_DAY, value)
    elif isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime.combine(value, datetime.time())
    if isinstance(value, datetime.datetime):
        # Excel has a 29 February 1900, so that the days before it are one fewer.
        value = value - _FIRST_DAY - (_DAY if _YEAR_1900 <= value < _MARCH_1900 else _DAY * 0)
    if not isinstance(value, datetime.timedelta):
        return None
    return Decimal(f"{value / _DAY:.15g}")
