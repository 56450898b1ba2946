"""
Results as Parquet: a batch of rows at a time in memory, typed columns.

Bodies are not made into objects value by value: Arrow's own JSON reader takes their bytes, by a
schema made from the type's annotations.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from attrs import define

from batchhub._tables.formats import load_extra
from batchhub.models import ItemResult

from .arrow import BodyReader, Layout, Layouts, rename
from .columns import BODY, OWN, Column, Table
from .lines import Encoder
from .types import is_time
from .values import body_json, dumps, plain_text

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BATCH_ROWS: Final = 500
_BATCH_BYTES: Final = 8 * 1024 * 1024
_GROUP_ROWS: Final = 20_000
_GROUP_BYTES: Final = 32 * 1024 * 1024


def load_arrow(what: str) -> Any:
    """
    Import what writes Parquet.

    Raises:
        UsageError: It is not installed.
    """
    return load_extra("pyarrow", "parquet", what)


@define
class _Pending:
    """A row that is not packed yet: its result, its plain values, the JSON of its typed ones."""

    result: ItemResult
    plain: dict[int, Any]
    line: bytes


class Parquet(Encoder):
    """
    A row each, in groups that memory can hold.

    Args:
        stream: Where they go.
        table: The columns.
    """

    def __init__(self, stream: IO[bytes], table: Table) -> None:
        self._arrow = load_arrow("Parquet")
        self._table = table
        self._layouts = [self._lay_out(column) for column in table.columns]
        # The columns that the JSON reader fills, by their names in its lines: those of the body
        # where the lines are bodies, else their positions.
        self._typed = {
            (column.wire_name if table.is_whole else None) or str(n): n
            for n, column in enumerate(table.columns)
            if self._layouts[n].read_as is not None
        }
        typed = {name: self._layouts[n] for name, n in self._typed.items()}
        arrow_json = load_extra("pyarrow.json", "parquet", "Parquet")
        self._reader = BodyReader(typed, self._arrow, arrow_json)
        self._plain = [
            (n, column)
            for n, column in enumerate(table.columns)
            if self._layouts[n].read_as is None
        ]
        self._pending: list[_Pending] = []
        self._pending_bytes = 0
        self._batches: list[Any] = []
        self._stream = _Stream(stream)
        pairs = zip(table.names, self._layouts, strict=True)
        self._schema = self._arrow.schema([(name, layout.type) for name, layout in pairs])
        self._file = load_extra("pyarrow.parquet", "parquet", "Parquet").ParquetWriter(
            self._arrow.PythonFile(self._stream, mode="w"), self._schema, compression="zstd"
        )

    def add(self, result: ItemResult) -> None:
        """Write a result, sooner or later."""
        read = self._table.read(result)
        values: list[Any] = []
        if not self._table.is_whole:
            values = self._table.values(read)
            found = {name: values[n] for name, n in self._typed.items() if values[n] is not None}
            line = dumps(found)
        else:
            line = b"{}" if read.typed is None else body_json(result.raw)
        plain = {
            n: self._make_plain(result, column, values[n] if values else column.get(read))
            for n, column in self._plain
        }
        row = _Pending(result, plain, line)
        try:
            row.line = self._reader.prepare(line)
        except ValueError as error:
            self._leave_body(row, str(error))
        self._pending.append(row)
        self._pending_bytes += len(line) + len(result.raw or b"")
        if len(self._pending) >= _BATCH_ROWS or self._pending_bytes >= _BATCH_BYTES:
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

    def _lay_out(self, column: Column) -> Layout:
        if column.is_typed:
            return Layouts(self._arrow).make(column.kind)
        is_number = isinstance(column.kind, msgspec.inspect.IntType)
        kind = self._arrow.int64() if is_number else self._arrow.string()
        return Layout(read_as=None, type=kind, shape=None)

    def _make_plain(self, result: ItemResult, column: Column, value: Any) -> Any:
        """Return a value as Arrow takes it from Python."""
        if value is None or isinstance(column.kind, msgspec.inspect.IntType):
            return value
        if is_time(column.kind):
            try:
                return _as_times(value)
            except (TypeError, OverflowError):
                self._table.note_unfit(result.id, column.name)
                return None
        text = plain_text(value) or ""
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

    def _pack(self) -> None:
        """Make columns of the rows, which take far less memory."""
        rows, self._pending, self._pending_bytes = self._pending, [], 0
        if not rows:
            return
        typed = self._read_lines(rows)
        names = {n: name for name, n in self._typed.items()}
        columns = [
            self._arrow.array([row.plain[n] for row in rows], type=layout.type)
            if layout.read_as is None
            else rename(typed.column(names[n]), layout)
            for n, layout in enumerate(self._layouts)
        ]
        self._batches.append(self._arrow.record_batch(columns, schema=self._schema))
        count = sum(batch.num_rows for batch in self._batches)
        size = sum(batch.nbytes for batch in self._batches)
        if count >= _GROUP_ROWS or size >= _GROUP_BYTES:
            self._write_group()

    def _read_lines(self, rows: list[_Pending]) -> Any:
        """Read the typed columns of some rows; a body that does not fit them is left as JSON."""
        if not self._typed:
            return None
        try:
            return self._reader.read([row.line for row in rows])
        except ValueError as error:
            if len(rows) == 1:
                return self._read_doubtful(rows[0], str(error))
        half = len(rows) // 2  # one bad row fails them all
        parts = [self._read_lines(rows[:half]), self._read_lines(rows[half:])]
        return self._arrow.concat_tables(parts)

    def _read_doubtful(self, row: _Pending, problem: str) -> Any:
        """Read a row again with its numbers rounded, else leave its body as JSON."""
        try:
            return self._reader.read_rounded(row.line)
        except ValueError:
            self._leave_body(row, problem)
        return self._reader.read([row.line])

    def _leave_body(self, row: _Pending, problem: str) -> None:
        """Leave a body as JSON, and the columns of its type empty."""
        self._table.note_unread(row.result.id, problem)
        row.line = b"{}"
        if self._table.is_whole:
            row.plain[OWN.index(BODY)] = body_json(row.result.raw).decode()

    def _write_group(self) -> None:
        if self._batches:
            table = self._arrow.Table.from_batches(self._batches)
            self._batches = []
            self._file.write_table(table, row_group_size=table.num_rows)


def _as_times(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_times(each) for each in value]
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if not isinstance(value, datetime) or value.tzinfo is None:  # an offset is never guessed
        raise TypeError
    return value.astimezone(UTC)


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
