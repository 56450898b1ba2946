"""
Figures in a table: which number a cell holds, and in which notation it is written.

A file has one notation: a point or a comma before the fraction. ``9.90`` and ``1,234.56`` can only
be written with a point, ``9,90`` and ``1.234.567`` only with a comma; ``1.234`` may be either, and
then another cell of the file, or the user, decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Final

from attrs import define, field

from batchhub._tables.formats import Notation, Say
from batchhub.errors import InputError

from .signs import explain_shortened, looks_shortened, name_invisible


class Weight(StrEnum):
    """What a cell says about the notation of its file."""

    POINT = "point"
    COMMA = "comma"
    NOTHING = "nothing"
    """A figure that is the same in both."""
    EITHER = "either"
    """A figure that is another one in each of them."""
    NO_FIGURE = "no figure"


PLAIN: Final = r"-?(?:0|[1-9][0-9]{0,299})(?:\.[0-9]{1,299})?"
"""A plain number of JSON: what the cells of a column nobody knows are, if it is one of numbers."""

_BLANKS: Final = " \u00a0\u2009\u202f"
_APOSTROPHES: Final = "'\u2019"
_LONGEST: Final = 300
_WHOLE: Final = re.compile(r"-?[0-9]{1,300}")


def _make_pattern(fraction: str, thousands: str) -> re.Pattern[str]:
    groups = "|".join(
        f"[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+"
        for between in (thousands, f"[{_BLANKS}]", f"[{_APOSTROPHES}]")
    )
    whole = f"(?:{groups}|[0-9]+)"
    return re.compile(
        rf"[+-]?(?:{whole}(?:{fraction}[0-9]+)?|{fraction}[0-9]+)(?:[eE][+-]?[0-9]{{1,3}})?"
    )


_PATTERNS: Final = {
    Notation.POINT: _make_pattern(r"\.", ","),
    Notation.COMMA: _make_pattern(",", r"\."),
}
_TO_JSON: Final = {
    Notation.POINT: str.maketrans("", "", f",{_BLANKS}{_APOSTROPHES}"),
    Notation.COMMA: str.maketrans(",", ".", f".{_BLANKS}{_APOSTROPHES}"),
}
_SURE: Final = {
    mark: re.compile(rf"(?:(?:-?[0-9]++(?:{mark}(?:[0-9]{{4,}}+|[0-9]{{1,2}}))?)?\0)*+")
    for mark in (r"\.", ",")
}
"""Cells, each with a NUL behind it, that are empty or can be one number only."""

_DIGITS: Final = frozenset("0123456789")
_LARGEST: Final = 300
"""The most digits before the point, or zeros behind it, that readers of JSON keep."""

_CURRENCY: Final = re.compile(r"[$\u20ac\u00a3\u00a5\u20ba\u20bd%]|\b(?:[A-Z]{3}|TL)\b")


def read_figure(cell: str, notation: Notation) -> Decimal | int:
    """
    Return the number a cell holds, digit by digit.

    Args:
        cell: The cell; blanks at its ends are no part of the figure.
        notation: That of its file.

    Raises:
        ValueError: It holds none; the text says why.
    """
    if _WHOLE.fullmatch(cell):
        return int(cell)
    bare = cell.strip()
    if len(bare) > _LONGEST or not _PATTERNS[notation].fullmatch(bare):
        raise ValueError(_explain(bare, notation))
    if looks_shortened(bare):
        raise ValueError(explain_shortened(bare))
    number = _convert(bare, notation)
    if isinstance(number, Decimal) and number and abs(number.adjusted()) > _LARGEST:
        raise ValueError(f"{bare!r} is too large or too small for a number")
    return number


def weigh(cell: str) -> Weight:
    """Return what a cell says about the notation of its file."""
    bare = cell.strip()
    if len(bare) > _LONGEST:
        return Weight.NO_FIGURE
    fits = [each for each in Notation if _PATTERNS[each].fullmatch(bare)]
    if len(fits) != len(Notation):
        return Weight(fits[0].value) if fits else Weight.NO_FIGURE
    is_same = _convert(bare, Notation.POINT) == _convert(bare, Notation.COMMA)
    return Weight.NOTHING if is_same else Weight.EITHER


def show_readings(cell: str) -> str:
    """Write both numbers that a cell may hold, for a message."""
    bare = cell.strip()
    point, comma = (_convert(bare, each) for each in Notation)
    return (
        f"{bare!r} is {Decimal(point):f} with a decimal point, {Decimal(comma):f} with a decimal "
        "comma"
    )


@define
class Evidence:
    """
    What the number columns of a file say about its notation: the first cell of each weight.

    Attributes:
        odd: How many cells of a column are no figures, and the first with its line.
    """

    odd: dict[str, tuple[int, int, str]] = field(factory=dict)
    _first: dict[Weight, tuple[int, str, str]] = field(factory=dict)

    def add(self, column: str, lines: Iterable[int], cells: list[str]) -> None:
        """Look at cells of one column, each with its line."""
        joined = "\0".join(cells) + "\0"
        for mark, weight in ((".", Weight.POINT), (",", Weight.COMMA)):
            is_known = weight in self._first or mark not in joined
            if is_known and _SURE["\\." if mark == "." else ","].fullmatch(joined):
                return
        counts = Counter(cells)
        for line, cell in zip(lines, cells, strict=True):
            number = counts.pop(cell, 0)
            if not number or not cell.strip():
                continue
            weight = weigh(cell)
            self._first.setdefault(weight, (line, column, cell.strip()))
            if weight is Weight.NO_FIGURE:
                before, at, first = self.odd.get(column, (0, line, cell.strip()))
                self.odd[column] = (before + number, at, first)

    def decide(self, said: Notation | None, say: Say, place: str) -> Notation:
        """
        Return the notation of the file.

        Args:
            said: The one that the user or the account names; it decides.
            say: Names an argument in a message.
            place: What the number of a row counts.

        Raises:
            InputError: The cells contradict each other, or all of them may be either.
        """
        if said is not None:
            return said
        point, comma, either = (
            self._first.get(weight) for weight in (Weight.POINT, Weight.COMMA, Weight.EITHER)
        )
        if point is not None and comma is not None:
            first, second = sorted((point, comma))
            raise InputError(
                f"column {second[1]!r} has {second[2]!r}, and {place} {first[0]} has {first[2]!r} "
                f"in {first[1]!r}: a file has one notation of figures; correct the cells, or name "
                f"it by {say(decimal='point')} or {say(decimal='comma')}, and the rows with the "
                "other are refused",
                line=second[0],
            )
        if either is not None and point is None and comma is None:
            line, column, cell = either
            raise InputError(
                f"column {column!r}: {show_readings(cell)}, and no other figure in the file "
                f"shows which; name it by {say(decimal='point')} or {say(decimal='comma')}",
                line=line,
            )
        return Notation.COMMA if comma is not None else Notation.POINT

    @property
    def shows(self) -> bool:
        """Whether any figure has a notation."""
        return not self._first.keys().isdisjoint({Weight.POINT, Weight.COMMA, Weight.EITHER})


def _convert(bare: str, notation: Notation) -> Decimal | int:
    plain = bare.translate(_TO_JSON[notation]).removeprefix("+")
    if _WHOLE.fullmatch(plain):
        return int(plain)
    number = Decimal(plain)
    exponent = number.as_tuple().exponent
    # A whole number is written by its digits: not all readers know 1E+3.
    is_short = isinstance(exponent, int) and 0 < exponent <= _LARGEST
    return int(number) if is_short else number


def _explain(bare: str, notation: Notation) -> str:
    """Say why a cell is no number."""
    what = f"{bare[:40]!r} is not a number"
    has_digits = any(char.isdigit() for char in bare)
    if has_digits and _CURRENCY.search(bare):
        return f"{what}; write the digits alone"
    if (hidden := name_invisible(bare)) is not None:
        return f"{what}: it {hidden}"
    other = Notation.POINT if notation is Notation.COMMA else Notation.COMMA
    if len(bare) <= _LONGEST and _PATTERNS[other].fullmatch(bare):
        return f"{what} with a decimal {notation}"
    if has_digits and not any(char in _DIGITS for char in bare):
        return f"{what}; write it in the digits 0 to 9"
    return what
