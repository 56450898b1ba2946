"""Rows of an input with what became of each, as Parquet: a column of each is of one type."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import IO, Any, Final

from batchhub._tables.reading.marks import CODE, OUTCOME
from batchhub.models.rows import InputRow

from .layout import Layout, cell_value, outcome_of
from .lines import Encoder
from .parquet import ArrowStream, load_arrow
from .survey import Kind
from .values import plain_text

_GROUP_ROWS: Final = 10_000


class RowParquet(Encoder[InputRow]):
    """
    A row each, in groups that memory can hold. Values that fit no type together are text.

    Args:
        stream: Where they go.
        layout: The columns.
        kinds: What is in each.
    """

    def __init__(self, stream: IO[bytes], layout: Layout, kinds: Iterable[Kind]) -> None:
        self._arrow = arrow = load_arrow()
        self._layout = layout
        self._kinds = [*kinds]
        types = {
            Kind.BOOL: arrow.bool_(),
            Kind.WHOLE: arrow.int64(),
            Kind.NUMBER: arrow.float64(),
            Kind.TEXT: arrow.string(),
        }
        # An empty cell of a workbook is none; that of CSV is a text of no characters.
        self._is_workbook = layout.head.format == "xlsx"
        fields = [(key, types[kind]) for key, kind in zip(layout.keys, self._kinds, strict=True)]
        fields += [(name, types[Kind.WHOLE if name == CODE else Kind.TEXT]) for name in OUTCOME]
        self._schema = arrow.schema(fields)
        self._columns: list[list[Any]] = [[] for _ in fields]
        self._stream = ArrowStream(stream)
        self._file = load_arrow("pyarrow.parquet").ParquetWriter(
            arrow.PythonFile(self._stream, mode="w"), self._schema, compression="zstd"
        )

    def add(self, row: InputRow) -> None:
        """Write a row, sooner or later."""
        cells = zip(self._layout.cells(row), self._kinds, strict=True)
        values = [self._fit(cell_value(cell), kind) for cell, kind in cells]
        state, code, message, vendor_ref = outcome_of(row).values
        values += [state, code, _text(message), _text(vendor_ref)]
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        if len(self._columns[0]) >= _GROUP_ROWS:
            self._write_group()

    def end(self) -> None:
        """Write what is left, and the end of the file."""
        self._write_group()
        self._file.close()

    def drop(self) -> None:
        """Write nothing more, also not the end that the package would still write."""
        self._stream.is_dropped = True
        self._file.close()

    def _fit(self, value: Any, kind: Kind) -> Any:
        if value is None or (value == "" and (self._is_workbook or kind is not Kind.TEXT)):
            return None
        if kind is Kind.TEXT:
            return _text(value)
        return float(value) if isinstance(value, Decimal) else value

    def _write_group(self) -> None:
        columns, self._columns = self._columns, [[] for _ in self._columns]
        if columns[0]:
            types = self._schema.types
            arrays = [
                self._arrow.array(column, kind) for column, kind in zip(columns, types, strict=True)
            ]
            table = self._arrow.Table.from_arrays(arrays, schema=self._schema)
            self._file.write_table(table, row_group_size=table.num_rows)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = plain_text(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
