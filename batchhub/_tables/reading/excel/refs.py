"""Names of cells and areas: ``C7`` and ``A1:F9``, and the rows and columns they are."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from batchhub.errors import InputError

MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
"""As far as a sheet goes, to ``XFD1048576``."""

_NAME: Final = re.compile(r"([A-Z]{1,7})([1-9][0-9]{0,9})", re.ASCII)
_MOST_DIGITS: Final = 9
_LETTERS: Final = 26
_BEFORE_A: Final = ord("A") - 1


@lru_cache(maxsize=MAX_COLUMNS)
def column_number(letters: str) -> int:
    """Return the number of a column, from 1."""
    number = 0
    for letter in letters:
        number = number * _LETTERS + ord(letter) - _BEFORE_A
    return number


@lru_cache(maxsize=MAX_COLUMNS)
def column_letters(number: int) -> str:
    """Return the name of a column, counted from 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, _LETTERS)
        letters = chr(rest + _BEFORE_A + 1) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    """Return the name of a cell; rows and columns are counted from 1."""
    return f"{column_letters(column)}{row}"


def parse_number(text: str) -> int:
    """
    Return the number of a row or a column.

    Raises:
        InputError: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InputError(f"the workbook is broken: {text[:20]!r} is no row or column")
    return int(text)


def parse_cell(name: str) -> tuple[int, int]:
    """
    Return the row and the column of a cell, from 1.

    Raises:
        InputError: It is no name of a cell, or beyond the end of every sheet.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"the workbook is broken: {name[:20]!r} is no cell")
    row, column = int(match[2]), column_number(match[1])
    if row > MAX_ROWS or column > MAX_COLUMNS:
        raise InputError(f"the workbook is broken: {name} is beyond XFD1048576, where sheets end")
    return row, column


def parse_area(name: str) -> tuple[int, int, int, int]:
    """
    Return the first row and column of an area, and its last ones.

    Raises:
        InputError: It is no area.
    """
    first, _, last = name.partition(":")
    top, left = parse_cell(first)
    bottom, right = parse_cell(last or first)
    return min(top, bottom), min(left, right), max(top, bottom), max(left, right)
