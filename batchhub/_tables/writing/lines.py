"""Results as text: JSON Lines, a JSON array, CSV."""

from __future__ import annotations

import csv
from typing import IO, Any, Final

from batchhub.models import ItemResult
from batchhub.wire import dumps

from .columns import Table
from .text import make_cell_writer

_ROW_END: Final = "\r\n"


class JsonLines:
    """
    An object a line.

    Args:
        stream: Where they go.
        table: The fields of each object; `None` for the six keys of every result.
    """

    def __init__(self, stream: IO[bytes], table: Table | None) -> None:
        self._stream = stream
        self._table = table

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        self._stream.write(self.encode(result) + b"\n")

    def end(self) -> None:
        """Write what comes at the end: nothing."""

    def drop(self) -> None:
        """Write nothing more."""

    def encode(self, result: ItemResult) -> bytes:
        """Return a result as JSON."""
        if self._table is None:
            return dumps(result)
        return dumps(dict(zip(self._table.names, self._table.read(result), strict=True)))


class JsonArray(JsonLines):
    """All of them in one array, an object a line."""

    def __init__(self, stream: IO[bytes], table: Table | None) -> None:
        super().__init__(stream, table)
        self._before = b"[\n"

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        self._stream.write(self._before + self.encode(result))
        self._before = b",\n"

    def end(self) -> None:
        """End the array."""
        self._stream.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class Csv:
    """
    A header and a row each, UTF-8.

    Args:
        stream: Where they go.
        table: The columns.
        delimiter: What separates the cells.
    """

    def __init__(self, stream: IO[bytes], table: Table, delimiter: str = ",") -> None:
        self._stream = stream
        self._table = table
        self._writers = [make_cell_writer(column.kind) for column in table.columns]
        # With this end of a row, cells that hold either of its characters are quoted.
        self._csv: Any = csv.writer(self, delimiter=delimiter, lineterminator=_ROW_END)
        self._csv.writerow(table.names)

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        values = self._table.read(result)
        cells = zip(self._writers, values, strict=True)
        self._csv.writerow([write(value) for write, value in cells])

    def end(self) -> None:
        """Write what comes at the end: nothing."""

    def drop(self) -> None:
        """Write nothing more."""

    def write(self, row: str) -> None:
        """Write a row as the csv module made it, with the end of line that is usual here."""
        line = row.removesuffix(_ROW_END) + "\n"
        self._stream.write(line.encode("utf-8", "backslashreplace"))
