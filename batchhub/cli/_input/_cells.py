"""What a cell of a table means: a number by JSON's grammar, true or false, else its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from batchhub.errors import InputError

CellReader = Callable[[str], Any]
"""Turns a cell into a value; raises `ValueError` with the reason if it can't be told."""

_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]{0,399})(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?", re.ASCII
)
"""As in JSON. Longer ones are no figures that any reader of JSON would keep."""

_GROUPED: Final = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+", re.ASCII)
_WORDS: Final = {"true": True, "false": False}
_LONGEST_WORD: Final = 5
_LARGEST: Final = 308


def keep_text(cell: str) -> str:
    """Read a cell as the text it is."""
    return cell


def make_cell_reader(*, decimal_comma: bool, comma_is_odd: bool, exact: bool) -> CellReader:
    """
    Make what reads cells.

    Args:
        decimal_comma: Whether ``9,90`` is a number.
        comma_is_odd: Whether ``9,90`` is likely to be meant as one, so that it is refused
            where it isn't read as one.
        exact: Whether numbers with a fraction or an exponent come as `Decimal`, which keeps
            every digit; else they come as float, as JSON's do.
    """
    make: Callable[[str], Any] = Decimal if exact else float

    def read(cell: str) -> Any:
        first = cell[0]
        if not (first.isdigit() or first == "-"):
            return _WORDS.get(cell.lower(), cell) if len(cell) <= _LONGEST_WORD else cell
        number = _read_number(cell, make)
        if number is None:
            return read_comma(cell) if "," in cell else cell
        if decimal_comma and "." in cell:
            raise ValueError(
                f"{cell[:40]!r} has a point, which may be meant for thousands or for a fraction; "
                "with --decimal-comma write a comma, or keep the column as text by --text"
            )
        return number

    def read_comma(cell: str) -> Any:
        if not (decimal_comma or comma_is_odd):
            return cell
        if _GROUPED.fullmatch(cell):
            raise ValueError(
                f"{cell[:40]!r} has points between its thousands; write it without them, "
                "or keep the column as text by --text"
            )
        number = _read_number(cell.replace(",", "."), make) if cell.count(",") == 1 else None
        if number is None or "." in cell:
            return cell
        if decimal_comma:
            return number
        raise ValueError(
            f"{cell[:40]!r} is no number as it is written; "
            "--decimal-comma reads it as one, --text keeps it"
        )

    return read


def _read_number(cell: str, make: Callable[[str], Any]) -> Any:
    """Read a number; `None` if it is none that a reader of JSON would keep."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return None
    if match[1] is None and match[2] is None:
        return int(cell)
    number = Decimal(cell)
    if number and not -_LARGEST < number.adjusted() < _LARGEST:
        return None
    return make(cell)


def refuse(column: str, error: ValueError) -> InputError:
    """Make the error for a cell that can't be read."""
    return InputError(f"column {column!r}: {error}")
