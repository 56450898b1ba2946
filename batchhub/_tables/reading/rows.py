"""What a table is to all that reads one: its cells, and its rows, which can be read twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

from attrs import frozen


@frozen
class OddCell:
    """
    A cell whose text can't be told from its value, such as one that a format shows otherwise.

    Attributes:
        name: The cell's name, such as ``C7``.
        reason: What is odd, and what to do: ``holds #DIV/0!; correct the formula``.
        number: Its value where a number is wanted; `None` if it has none that is certain.
        format: The format that shows its number otherwise, as the workbook has it, such as ``000``;
            a row that is set aside keeps both.
        error: The error it holds, such as ``#DIV/0!``.
        held: The number behind what it shows where that is not certain: a date, a percentage. It
            is never sent; a row that is set aside keeps it, with the format.
    """

    name: str
    reason: str
    number: Decimal | int | None = None
    format: str | None = None
    error: str | None = None
    held: Decimal | int | None = None


Cell: TypeAlias = str | int | Decimal | bool | OddCell
"""
A cell: its text; or from a workbook a number, true or false, or one that can't be taken as it is.

An empty cell is the empty text. In CSV every cell is text.
"""


class BrokenCells(list[Cell]):
    """
    The cells that a record of a table seems to have, which is written wrongly and not to be sent.

    Attributes:
        reason: What is wrong with it.
    """

    def __init__(self, cells: Iterable[Cell], reason: str) -> None:
        super().__init__(cells)
        self.reason = reason


Record: TypeAlias = tuple[int, Sequence[Cell]]
"""The line a record begins in (in a workbook its row), from 1, and its cells."""


class Rows(Protocol):
    """
    The records of one table, the header among them, which can be read more than once.

    Attributes:
        place: What the number of a record counts: ``line`` or ``row``.
        warnings: What a user who looks at the file may not see, a sentence each.
    """

    place: str
    warnings: Sequence[str]

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the records from the beginning. Rows without any cell are no records.

        Raises:
            InputError: What follows can't be read; it names the line or the row.
        """
