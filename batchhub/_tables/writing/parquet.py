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

from .arrow import BodyReader, lay_out, lay_out_object, round_numbers
from .columns import BODY, Column, Table
from .lines import Encoder
from .types import MISSING, Kind, element_of, is_time
from .values import body_json, dumps, plain_text

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BATCH_ROWS: Final = 500
_BATCH_BYTES: Final = 8 * 1024 * 1024
_GROUP_ROWS: Final = 20_000
_GROUP_BYTES: Final = 32 * 1024 * 1024


def load_arrow(module: str = "pyarrow", what: str = "Parquet") -> Any:
    """
    Import what writes Parquet.

    Raises:
        UsageError: It is not installed.
    """
    return load_extra(module, "parquet", what)


@define
class _Pending:
    """A row that is not packed yet: its result, its plain values, the JSON of its typed ones."""

    result: ItemResult
    plain: dict[str, Any]
    line: bytes


class Parquet(Encoder[ItemResult]):
    """
    A row each, in groups that memory can hold.

    Args:
        stream: Where they go.
        table: The columns.
    """

    def __init__(self, stream: IO[bytes], table: Table) -> None:
        self._arrow = arrow = load_arrow()
        self._table = table
        # The JSON reader fills the columns of the type; times in them are worked out in Python.
        self._typed = {
            column.wire_name: column
            for column in table.columns
            if column.wire_name is not None and not is_time(column.kind)
        }
        layouts = {name: lay_out(arrow, column.kind) for name, column in self._typed.items()}
        layout = lay_out_object(arrow, [(name, name, each) for name, each in layouts.items()])
        self._reader = BodyReader(layout, arrow, load_arrow("pyarrow.json"))
        typed = {self._typed[name].name: each.type for name, each in layouts.items()}
        self._plain = [column for column in table.columns if column.name not in typed]
        types = typed | {column.name: self._plain_type(column.kind) for column in self._plain}
        self._schema = arrow.schema([(name, types[name]) for name in table.names])
        self._pending: list[_Pending] = []
        self._pending_bytes = 0
        self._batches: list[Any] = []
        self._stream = ArrowStream(stream)
        self._file = load_arrow("pyarrow.parquet").ParquetWriter(
            arrow.PythonFile(self._stream, mode="w"), self._schema, compression="zstd"
        )

    def add(self, each: ItemResult) -> None:
        """Write a result, sooner or later."""
        result = each
        read = self._table.read(result)
        if self._table.is_whole:
            line = b"{}" if read.typed is MISSING else body_json(result.raw)
            found = {column.name: column.get(read) for column in self._plain}
        else:
            found = dict(zip(self._table.names, self._table.values(read), strict=True))
            typed = {name: found[column.name] for name, column in self._typed.items()}
            line = dumps({name: value for name, value in typed.items() if value is not None})
        plain = {
            each.name: self._make_plain(result, each, found[each.name]) for each in self._plain
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

    def _plain_type(self, kind: Kind) -> Any:
        """Return the type of a column in Arrow that is filled from Python."""
        arrow, element = self._arrow, element_of(kind)
        if isinstance(kind, msgspec.inspect.IntType):
            return arrow.int64()
        if not is_time(kind):
            return arrow.string()
        is_day = isinstance(element or kind, msgspec.inspect.DateType)
        found = arrow.date32() if is_day else arrow.timestamp("us", tz="UTC")
        return found if element is None else arrow.list_(found)

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
        text = plain_text(value)
        return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()

    def _pack(self) -> None:
        """Make columns of the rows, which take far less memory."""
        rows, self._pending, self._pending_bytes = self._pending, [], 0
        if not rows:
            return
        types = self._schema.field
        read: Any = self._read_lines(rows) if self._typed else None
        # Only now is it known which bodies are left as JSON.
        columns = {
            each.name: self._arrow.array([r.plain[each.name] for r in rows], types(each.name).type)
            for each in self._plain
        }
        for name, column in self._typed.items():
            # The fields of objects get their names in Python.
            found = read.column(name).combine_chunks()
            columns[column.name] = found.view(types(column.name).type)
        arrays = [columns[name] for name in self._table.names]
        self._batches.append(self._arrow.record_batch(arrays, schema=self._schema))
        count = sum(batch.num_rows for batch in self._batches)
        size = sum(batch.nbytes for batch in self._batches)
        if count >= _GROUP_ROWS or size >= _GROUP_BYTES:
            self._write_group()

    def _read_lines(self, rows: list[_Pending]) -> Any:
        """
        Read the typed columns of some rows.

        One bad row fails them all, so they are halved; a single one is read again with its numbers
        rounded, and if it still does not fit, its body is left as JSON.
        """
        try:
            return self._reader.read([row.line for row in rows])
        except ValueError as error:
            problem = str(error)
        if len(rows) > 1:
            half = len(rows) // 2
            parts = [self._read_lines(rows[:half]), self._read_lines(rows[half:])]
            return self._arrow.concat_tables(parts)
        try:
            return self._reader.read([round_numbers(rows[0].line)])
        except ValueError:
            self._leave_body(rows[0], problem)
        return self._reader.read([rows[0].line])

    def _leave_body(self, row: _Pending, problem: str) -> None:
        """Leave a body as JSON, and the columns of its type empty."""
        self._table.note_unread(row.result.id, problem)
        row.line = b"{}"
        if BODY in row.plain:
            row.plain[BODY] = body_json(row.result.raw).decode()

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


class ArrowStream(io.RawIOBase):
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
