"""What a table is to all that reads one: its cells, and its rows, which can be read twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

from batchhub.models.rows import Cell, OddCell

__all__ = ["BrokenCells", "Cell", "OddCell", "Record", "Rows"]


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
