"""What a cell of a table means: a number by JSON's grammar, true or false, else its text."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from batchhub._tables.formats import Say

CellReader = Callable[[str], Any]
"""Turns a cell into a value; raises `ValueError` with the reason if that would be a guess."""

_NUMBER: Final = re.compile(
    r"-?(?:0|[1-9][0-9]{0,399})(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?", re.ASCII
)
"""As in JSON. Longer ones are no figures that any reader of JSON would keep."""

_FRACTION: Final = re.compile(r"-?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?", re.ASCII)
_BLANKS: Final = "\u00a0\u2009\u202f"
_GROUPED: Final = re.compile(
    rf"-?[0-9]{{1,3}}(?:(?:\.[0-9]{{3}})+,[0-9]+|(?:,[0-9]{{3}})+\.[0-9]+|(?:,[0-9]{{3}}){{2,}}"
    rf"|(?:[ {_BLANKS}'’][0-9]{{3}})+[.,][0-9]+|(?:[{_BLANKS}'’][0-9]{{3}})+)",  # noqa: RUF001
    re.ASCII,
)
"""Figures with something between their thousands: 1.234,56 and 1 234,56. A plain blank or points
alone may be a telephone number's or a version's."""

_POINTS: Final = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{3})+", re.ASCII)
_AMBIGUOUS: Final = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
_WORDS: Final = {"true": True, "false": False}
_LONGEST_WORD: Final = 5
_LARGEST: Final = 308


def keep_text(cell: str) -> str:
    """Read a cell as the text it is."""
    return cell


def make_cell_reader(*, decimal_comma: bool, say: Say) -> CellReader:
    """
    Make what reads cells. Blanks around a number, true or false are no part of it.

    What people take for a figure and JSON doesn't is refused rather than kept as text. Numbers with
    a fraction or an exponent come as `Decimal`, which keeps every digit.

    Args:
        decimal_comma: Whether ``9,90`` is a number.
        say: Names an argument in a message.
    """
    comma = say(decimal=",")

    def read(cell: str) -> Any:
        bare = cell.strip()
        if not (bare[:1].isdigit() or bare.startswith(("-", ","))):
            return _WORDS.get(bare.lower(), cell) if len(bare) <= _LONGEST_WORD else cell
        number = _read_number(bare)
        if number is None:
            number = read_other(bare)
        elif decimal_comma and "." in bare:
            raise ValueError(
                f"{bare[:40]!r} has a point, which may be meant for thousands or for a fraction; "
                f"with {comma} write a comma"
            )
        return cell if number is None else number

    def read_other(bare: str) -> Any:
        if _GROUPED.fullmatch(bare) or (decimal_comma and _POINTS.fullmatch(bare)):
            raise ValueError(f"{bare[:40]!r} has something between its thousands; write it without")
        if not _FRACTION.fullmatch(bare):
            return None
        number = _read_number(bare.replace(",", "."))
        what = f"{bare[:40]!r} is no number as it is written"
        if bare.lstrip("-").startswith(","):
            hint = "" if decimal_comma else f" and say {comma}"
            raise ValueError(f"{what}; write a 0 before the comma{hint}")
        if decimal_comma or number is None:
            return number
        if _AMBIGUOUS.fullmatch(bare):
            raise ValueError(
                f"{bare!r} has a comma for thousands or for a fraction; write it without the "
                f"comma, or {comma} reads it as {bare.replace(',', '.')}"
            )
        raise ValueError(f"{what}; {comma} reads it as one")

    return read


def _read_number(cell: str) -> Decimal | int | None:
    """Read a number; `None` if it is none that a reader of JSON would keep."""
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return None
    if match[1] is None and match[2] is None:
        return int(cell)
    number = Decimal(cell)
    if number and not -_LARGEST < number.adjusted() < _LARGEST:
        return None
    return number
