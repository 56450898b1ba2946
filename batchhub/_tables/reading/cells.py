"""What a cell becomes by the kind of its field: a number, true or false, or its own text."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from batchhub._tables.formats import Notation
from batchhub.adapter import Kind, encode_json

from .figures import PLAIN, read_figure
from .rows import Cell, OddCell
from .signs import explain_shortened, looks_shortened

CellReader = Callable[[Any], Any]
"""Turns a cell into a value; raises `ValueError` with the reason if that would be a guess."""


@frozen(kw_only=True)
class CellReaders:
    """
    What reads the cells of one source.

    Attributes:
        of: Makes what reads the cells of a field, by its kind; `None` if nobody knows it.
        plain: Reads the cells of a column that is one of plain numbers, as JSON has them.
        text: Reads a cell as a part of a text.
        key: Reads a cell of a text field that names the item at the vendor.
        name: Reads a cell as a part of a path, or an id.
        label: How a message about a cell begins, with the column in place of ``{!r}``.
    """

    of: Callable[[Kind | None], CellReader]
    plain: CellReader
    text: CellReader
    key: CellReader
    name: CellReader
    label: str


NUMBERS: Final = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.NUMBER_AS_TEXT})
"""The kinds that are numbers to people."""

_FLAGS: Final = {"true": True, "false": False}
_FAST: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_PLAIN: Final = re.compile(PLAIN)


def read_table_cells(notation: Notation) -> CellReaders:
    """Return what reads the cells of a table with figures in a notation."""
    return CellReaders(
        of=lambda kind: make_cell_reader(kind, notation),
        plain=_read_unknown_number,
        text=read_text,
        key=read_key,
        name=read_name,
        label="column {!r}: ",
    )


def read_json_values() -> CellReaders:
    """Return what reads values that are JSON's own already."""
    return CellReaders(
        of=lambda kind: _read_json_digits if kind is Kind.TEXT else _keep,
        plain=_keep,
        text=_read_json_text,
        key=_read_json_digits,
        name=lambda value: _read_json_text(value).strip(),
        label="{!r} ",
    )


def make_cell_reader(kind: Kind | None, notation: Notation) -> CellReader:
    """
    Make what reads the cells of a field.

    Numbers with a fraction come as `Decimal`, which keeps every digit.

    Args:
        kind: What the field takes; `None` is text.
        notation: That of the file's figures.
    """
    if kind is None or kind is Kind.TEXT:
        return read_text
    if kind is Kind.FLAG:
        return read_flag
    number = make_number_reader(notation)
    return _whole(number) if kind is Kind.INTEGER else number


def make_number_reader(notation: Notation) -> CellReader:
    """Make what reads numbers."""
    has_point = notation is Notation.POINT

    def read_number(cell: Cell) -> Decimal | int:
        if isinstance(cell, str):
            match = _FAST.fullmatch(cell) if has_point else None
            if match is None:
                return read_figure(cell, notation)
            return int(cell) if match[1] is None else Decimal(cell)
        if isinstance(cell, OddCell) and cell.number is not None:
            return cell.number
        if isinstance(cell, OddCell | bool):
            raise _odd(cell, "is not a number")
        return cell

    return read_number


_read_plain_number: Final = make_number_reader(Notation.POINT)


def _read_unknown_number(cell: Cell) -> Any:
    """Read a number of a field nobody knows: what is shown may be meant, such as 00123."""
    if isinstance(cell, OddCell):
        raise _odd(cell, "")
    return _read_plain_number(cell)


def read_text(cell: Cell) -> str:
    """Return the text of a cell; of a number all its digits."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, OddCell | bool):
        raise _odd(cell, "is a truth value; write it as text")
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def read_key(cell: Cell) -> str:
    """Return the text of a cell that names an item at the vendor."""
    text = read_text(cell)
    if "+" in text and looks_shortened(text):
        raise ValueError(explain_shortened(text))
    return text


def read_name(cell: Cell) -> str:
    """Return the text of a cell that names something, without the blanks at its ends."""
    return read_key(cell).strip()


def read_flag(cell: Cell) -> bool:
    """Return whether a cell says true or false, in any case."""
    if isinstance(cell, bool):
        return cell
    value = _FLAGS.get(cell.strip().lower()) if isinstance(cell, str) else None
    if value is None:
        raise _odd(cell, "is not true or false")
    return value


def read_plain(text: str) -> Any:
    """Read a value that nobody knows the kind of: a plain JSON number, true, false, else text."""
    if _PLAIN.fullmatch(text):
        return Decimal(text) if "." in text else int(text)
    return _FLAGS.get(text.strip().lower(), text)


def _whole(read_number: CellReader) -> CellReader:
    def read_integer(cell: Cell) -> int:
        number = read_number(cell)
        if number != int(number):
            raise ValueError(f"{_show(cell)} is not a whole number")
        return int(number)

    return read_integer


def _odd(cell: Cell, what: str) -> ValueError:
    """Make the error for a cell that does not hold what its field takes."""
    if isinstance(cell, OddCell):
        return ValueError(f"{cell.name} {cell.reason}")
    return ValueError(f"{_show(cell)} {what}")


def _show(cell: Cell) -> str:
    return repr(cell[:40]) if isinstance(cell, str) else str(cell).upper()


def _keep(value: Any) -> Any:
    return value


def _read_json_digits(value: Any) -> Any:
    """Return a number as the text of its digits; all else is what its field may take."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return encode_json(value).decode() if is_number else value


def _read_json_text(value: Any) -> str:
    if isinstance(value, dict | list):
        what = "an object" if isinstance(value, dict) else "an array"
        raise ValueError(f"is {what}, not text")  # noqa: TRY004  # of a value in a file
    return value if isinstance(value, str) else encode_json(value).decode()
