"""The items of a CSV table: its rows as they are, or mapped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from batchhub.errors import InputError

from .cells import CellReader, keep_text, make_cell_reader, refuse
from .columns import Columns, is_text
from .fit import Fit
from .mapping import ID, RowMaker
from .objects import Found
from .records import RecordReader

MakeItem = Callable[[Sequence[str]], dict[str, Any]]
"""Makes an item of a row's cells."""


async def read_table(records: RecordReader, fit: Fit) -> AsyncIterator[Found]:
    """
    Yield what each row holds; its place is the line it begins in.

    Rows that have only empty cells, as spreadsheets leave them, hold nothing.

    Raises:
        InputError: The header is of no use, or what follows can't be read.
    """
    columns: Columns | None = None
    async for line, cells in records:
        delimiter = records.delimiter or ""
        if columns is None:
            if any(cell.strip() for cell in cells):
                columns = Columns(cells, line)
                other = columns.find_other_separator(delimiter)
                try:
                    make = _choose(columns, fit)
                except InputError:
                    if other is not None:
                        raise columns.wrong_separator(other) from None
                    raise
                if fit.names_columns:  # the one there is has been named as it is
                    other = None
        elif any(cells):
            if other is not None and any(other in cell for cell in cells):
                raise columns.wrong_separator(other)
            other = None  # the first row tells
            try:
                columns.check_cells(cells, delimiter)
                yield line, make(cells)
            except InputError as error:
                yield line, InputError(error.reason, line=line)


def _choose(columns: Columns, fit: Fit) -> MakeItem:
    """Choose how rows become items."""
    columns.check_known(fit.text_columns, "--text")
    read: CellReader = keep_text
    if fit.infers:
        read = make_cell_reader(decimal_comma=fit.decimal_comma, exact=fit.exact)
    if fit.row_maker is None:
        return _as_they_are(columns, fit, read)
    return _mapped(columns, fit, read, fit.row_maker)


def _as_they_are(columns: Columns, fit: Fit, read: CellReader) -> MakeItem:
    """A column is a key, with dots for what is nested."""
    text_keys = {ID, *fit.text_keys}
    plan = [
        (
            name,
            path[:-1],
            path[-1],
            keep_text if name in fit.text_columns or is_text(path, text_keys) else read,
        )
        for name, path in zip(columns.names, columns.make_paths(), strict=True)
    ]

    def make(cells: Sequence[str]) -> dict[str, Any]:
        item: dict[str, Any] = {}
        for (name, holders, key, read_cell), cell in zip(plan, cells, strict=True):
            if not cell:
                continue
            try:
                value = read_cell(cell)
            except ValueError as error:
                raise refuse(name, error) from None
            holder = item
            for part in holders:
                holder = holder.setdefault(part, {})
            holder[key] = value
        return item

    return make


def _mapped(columns: Columns, fit: Fit, read: CellReader, maker: RowMaker) -> MakeItem:
    """Columns are what templates name."""
    for field in maker.fields:
        columns.check_known(field.template.columns, field.asked_by)
    text = {ID, *fit.text_columns}
    readers = {name: keep_text if name in text else read for name in columns.names}
    return lambda cells: maker.make(
        _TableRow(dict(zip(columns.names, cells, strict=True)), readers)
    )


class _TableRow:
    """A row's cells by their columns."""

    def __init__(self, cells: Mapping[str, str], readers: Mapping[str, CellReader]) -> None:
        self._cells = cells
        self._readers = readers

    def value(self, column: str) -> Any:
        """Return what a cell means."""
        try:
            return self._readers[column](self.text(column))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise refuse(column, error) from None

    def text(self, column: str) -> str:
        """Return a cell as it is written."""
        cell = self._cells[column]
        if not cell:
            raise InputError(f"column {column!r} is empty")
        return cell

    def find_id(self) -> str | None:
        """Return the cell of the column ``id``."""
        return self._cells.get(ID) or None
