"""Results as Parquet: a batch of rows at a time in memory, typed columns."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import IO, TYPE_CHECKING, Any, Final

from batchhub.models import ItemResult

from .arrow import Layout, Layouts, UnfitError
from .columns import Table
from .extras import load_extra
from .guess import Guess

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BATCH_ROWS: Final = 500
_GROUP_ROWS: Final = 20_000
_GROUP_BYTES: Final = 32 * 1024 * 1024


def load_arrow(what: str) -> Any:
    """
    Import what writes Parquet.

    Raises:
        UsageError: It is not installed.
    """
    return load_extra("pyarrow", "parquet", what)


async def guess_kinds(table: Table, results: AsyncIterator[ItemResult]) -> None:
    """Read all results to see what kind the columns are of that no type tells."""
    open_columns = [n for n, column in enumerate(table.columns) if column.kind is None]
    guesses = {n: Guess() for n in open_columns}
    async for result in results:
        values = table.read(result)
        for n, guess in guesses.items():
            guess.see(values[n])
    for n, guess in guesses.items():
        table.columns[n].kind = guess.kind
    table.start_again()


class Parquet:
    """
    A row each, in groups that memory can hold.

    Args:
        stream: Where they go.
        table: The columns; each has its kind.
    """

    def __init__(self, stream: IO[bytes], table: Table) -> None:
        self._arrow = load_arrow("Parquet")
        self._table = table
        self._unfit = False
        layouts = Layouts(self._arrow, self._note_unfit)
        self._layouts = [layouts.make(column.kind) for column in table.columns]
        pairs = zip(table.names, self._layouts, strict=True)
        self._schema = self._arrow.schema([(name, layout.type) for name, layout in pairs])
        self._rows: list[list[Any]] = []
        self._batches: list[Any] = []
        self._stream = _Stream(stream)
        self._file = load_extra("pyarrow.parquet", "parquet", "Parquet").ParquetWriter(
            self._arrow.PythonFile(self._stream, mode="w"), self._schema, compression="zstd"
        )

    def add(self, result: ItemResult) -> None:
        """Write a result, sooner or later."""
        values = self._table.read(result)
        self._rows.append(
            [
                self._convert(result.id, n, layout, value)
                for n, (layout, value) in enumerate(zip(self._layouts, values, strict=True))
            ]
        )
        if len(self._rows) >= _BATCH_ROWS:
            self._pack()

    def end(self) -> None:
        """Write what is left, and the end of the file."""
        self._pack()
        self._write_group()
        self._file.close()

    def drop(self) -> None:
        """Write nothing more, also not the end that the package would still write."""
        self._stream.is_dropped = True
        self._file.close()

    def _convert(self, item_id: str, position: int, layout: Layout, value: Any) -> Any:
        if value is None:
            return None
        self._unfit, made = False, None
        try:
            made = layout.convert(value)
        except UnfitError:
            self._unfit = True
        if self._unfit:
            self._table.notes.unfit(item_id, self._table.columns[position].name)
        return made

    def _note_unfit(self) -> None:
        self._unfit = True

    def _pack(self) -> None:
        """Bring rows into the form they have in the file, which takes far less memory."""
        if not self._rows:
            return
        columns = [
            self._arrow.array(values, type=layout.type)
            for values, layout in zip(zip(*self._rows, strict=True), self._layouts, strict=True)
        ]
        self._rows = []
        self._batches.append(self._arrow.record_batch(columns, schema=self._schema))
        rows = sum(batch.num_rows for batch in self._batches)
        size = sum(batch.nbytes for batch in self._batches)
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            self._write_group()

    def _write_group(self) -> None:
        if self._batches:
            table = self._arrow.Table.from_batches(self._batches)
            self._batches = []
            self._file.write_table(table, row_group_size=table.num_rows)


class _Stream(io.RawIOBase):
    """A stream of ours as the package takes it, which it can't close."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.is_dropped = False
        self._stream = stream
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: ReadableBuffer) -> int:
        piece = bytes(data)
        if not self.is_dropped:
            self._stream.write(piece)
        self._position += len(piece)
        return len(piece)
