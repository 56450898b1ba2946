"""What the cells of a column have in common that nobody knows: plain numbers, flags, or text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from attrs import define

from batchhub._tables.formats import Notation
from batchhub.adapter import Kind

from .figures import PLAIN, Weight, weigh
from .rows import Cell, OddCell

_FEW: Final = 5
"""At most so many cells that are no numbers make a column of numbers one of text with a warning."""

_ALL_PLAIN: Final = re.compile(rf"(?:(?:{PLAIN})?\0)*+")
_ONE_PLAIN: Final = re.compile(PLAIN)
_FLAGS: Final = frozenset({"true", "false"})


@define
class Shape:
    """
    What the cells of a column are, as far as they were looked at.

    Attributes:
        plain: How many are plain numbers.
        flags: How many are true or false.
        other: How many are neither.
        figures: How many of these are numbers as people write them.
        first_point: The first plain number with a fraction, with its line.
        has_sure_point: Whether a fraction is one that can't be a thousand.
        first_other: The first cell that is no plain number, with its line.
    """

    plain: int = 0
    flags: int = 0
    other: int = 0
    figures: int = 0
    first_point: tuple[int, str] | None = None
    has_sure_point: bool = False
    first_other: tuple[int, str] | None = None

    @property
    def is_filled(self) -> bool:
        return bool(self.plain or self.flags or self.other)

    def kind(self, notation: Notation | None) -> Kind:
        """
        Return what all cells are.

        Args:
            notation: That of the file; `None` if no other column shows it. With a decimal comma a
                point may be between thousands, so that nobody knows the number.
        """
        is_sure = self.first_point is None or notation is Notation.POINT
        is_sure |= notation is None and self.has_sure_point
        if self.plain and not (self.other or self.flags):
            return Kind.NUMBER if is_sure else Kind.TEXT
        return Kind.FLAG if self.flags and not (self.other or self.plain) else Kind.TEXT

    def add(self, lines: Sequence[int], cells: Sequence[Cell], *, is_typed: bool) -> None:
        """
        Look at cells.

        Args:
            lines: Where each is.
            cells: The cells.
            is_typed: Whether cells have types, so that a text is one whatever it looks like.
        """
        if self.other > _FEW and self.other > self.plain and self.figures < self.other:
            return  # text, and nobody wonders why
        if not is_typed and _ALL_PLAIN.fullmatch("\0".join(cells) + "\0"):  # type: ignore[arg-type]
            self.plain += len(cells) - cells.count("")
            self._see_points(lines, cells)
            return
        for line, cell in zip(lines, cells, strict=True):
            if not isinstance(cell, str) or cell.strip():
                self._add(line, cell, is_typed=is_typed)

    def reason(self) -> tuple[tuple[int, str], str] | None:
        """Return the cell that made text of a column that is nearly one of numbers, and a hint."""
        odd = self.other + self.flags
        if not odd and self.first_point is not None:
            return self.first_point, ", which may be a thousand"
        is_few = self.plain > odd and odd <= _FEW
        are_figures = self.figures and self.figures >= self.other
        return (self.first_other, "") if self.first_other and (is_few or are_figures) else None

    def _see_points(self, lines: Sequence[int], cells: Sequence[Any]) -> None:
        """Look at numbers with a fraction, until one shows that it is no thousand."""
        for line, cell in zip(lines, cells, strict=True):
            if self.has_sure_point:
                return
            if "." in cell:
                self.first_point = self.first_point or (line, cell)
                self.has_sure_point = weigh(cell) is Weight.POINT

    def _add(self, line: int, cell: Cell, *, is_typed: bool) -> None:
        if isinstance(cell, OddCell):
            is_plain, is_flag = cell.number is not None, False
        elif isinstance(cell, str):
            is_plain = not is_typed and _ONE_PLAIN.fullmatch(cell) is not None
            is_flag = not is_typed and cell.strip().lower() in _FLAGS
            self.figures += not is_plain and not is_typed and _is_written_figure(cell)
            if is_plain:
                self._see_points([line], [cell])
        else:
            is_flag = isinstance(cell, bool)
            is_plain = not is_flag
        self.plain += is_plain
        self.flags += is_flag
        if not is_plain and self.first_other is None:
            self.first_other = (line, str(cell))
        self.other += not is_plain and not is_flag


def _is_written_figure(cell: str) -> bool:
    """Whether a cell is a number as people write it, and no code: 9,90, but not 007 or 219E01."""
    bare = cell.strip().lower()
    return not bare.isalnum() and "e" not in bare and weigh(bare) is not Weight.NO_FIGURE
