"""Rows of an input with what became of each: as text, and as a workbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import IO, Any, Final

from batchhub._tables.formulas import disarm
from batchhub._tables.reading.marks import CODE, LINE, MESSAGE, OUTCOME, STATE
from batchhub._tables.workbook import Book
from batchhub.models.rows import InputRow

from .dialect import Dialect
from .layout import Layout, cell_value, outcome_of
from .lines import Encoder, write_number
from .sheets import ALL, FAILURES, fit_cell
from .values import dumps, write_cell

_FAILURE: Final = (LINE, STATE, CODE, MESSAGE)


def make_row_encode(layout: Layout) -> Callable[[InputRow], bytes]:
    """Return what makes the JSON of a row: its keys, then the four that say what became of it."""
    return lambda row: dumps(layout.make_object(row))


def make_row_cells(layout: Layout, dialect: Dialect) -> Callable[[InputRow], list[str]]:
    """Return what makes the cells of a row: its own as they are, then what became of it."""

    def make(row: InputRow) -> list[str]:
        cells = [each if type(each) is str else write(each) for each in layout.cells(row)]
        state, code, message, vendor_ref = outcome_of(row).values
        status = "" if code is None else str(code)
        return [*cells, state, status, disarm(message or ""), disarm(vendor_ref or "")]

    def write(cell: Any) -> str:
        value = cell_value(cell)
        is_number = isinstance(value, Decimal | float)
        return write_number(value, dialect) if is_number else write_cell(value)

    return make


class RowSheets(Encoder[InputRow]):
    """
    A workbook: the rows with what became of them, and on a second sheet those that failed.

    Args:
        stream: Where it goes.
        layout: The columns.
        name: What it is called in messages.
    """

    def __init__(self, stream: IO[bytes], layout: Layout, name: str) -> None:
        self._layout = layout
        self._book = Book(stream, name)
        self._all = self._book.add_table(ALL, [*layout.names, *OUTCOME])
        # The first are ignored when the sheet is read to send its rows again.
        self._failures = self._book.add_table(FAILURES, [*_FAILURE, *layout.names])

    def add(self, row: InputRow) -> None:
        """Write a row."""
        cells = [fit_cell(cell) for cell in self._layout.cells(row)]
        outcome = outcome_of(row)
        self._all.add([*cells, *outcome.values])
        if outcome.is_failure:
            what = [row.line, outcome.state, outcome.code, outcome.message]
            self._failures.add([*what, *cells])

    def end(self) -> None:
        """Write the workbook."""
        self._book.end()

    def drop(self) -> None:
        """Write nothing."""
        self._book.drop()

    def notes(self) -> Iterable[str]:
        """Return what is in it otherwise than it was given."""
        return self._book.notes()
