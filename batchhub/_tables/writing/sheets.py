"""Results as a workbook: a sheet of all, and one of those that did not succeed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Final

from batchhub._tables.workbook import Book
from batchhub.models import ItemResult, ItemState
from batchhub.models.rows import OddCell

from .columns import Table
from .lines import Encoder
from .values import write_cell

ALL: Final = "Results"
"""The sheet of all results."""

FAILURES: Final = "Failures"
"""The sheet of those that did not succeed."""

_FIRST: Final = ("id", "state", "code", "message")
_KINDS: Final = (str, bool, int, float, Decimal, datetime, date, type(None), OddCell)
_KEPT: Final = frozenset(_KINDS)


def fit_cell(value: Any) -> Any:
    """Return a value as a sheet takes it: lists and objects are text, as in CSV."""
    return value if isinstance(value, _KINDS) else write_cell(value)


class Sheets(Encoder[ItemResult]):
    """
    A workbook of results, in the order they come.

    Args:
        stream: Where it goes.
        table: The columns.
        name: What it is called in messages.
    """

    def __init__(self, stream: IO[bytes], table: Table, name: str) -> None:
        self._table = table
        self._book = Book(stream, name)
        self._all = self._book.add_table(ALL, table.names)
        self._more = [n for n, name in enumerate(table.names) if name not in _FIRST]
        header = [*_FIRST, *[table.names[n] for n in self._more]]
        self._failures = self._book.add_table(FAILURES, header)

    def add(self, each: ItemResult) -> None:
        """Write a result."""
        cells = self._table.values(self._table.read(each))
        for n, value in enumerate(cells):
            if type(value) not in _KEPT:
                cells[n] = fit_cell(value)
        self._all.add(cells)
        if each.state is not ItemState.SUCCEEDED:
            first = [each.id, each.state.value, each.code, each.message]
            self._failures.add([*first, *[cells[n] for n in self._more]])

    def end(self) -> None:
        """Write the workbook."""
        self._book.end()

    def drop(self) -> None:
        """Write nothing."""
        self._book.drop()

    def notes(self) -> Iterator[str]:
        """Yield what is in it otherwise than it was given."""
        return self._book.notes()
