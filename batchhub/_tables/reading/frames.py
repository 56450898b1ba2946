"""
The rows of a DataFrame of pandas or polars, or of a table of Arrow, as those of a sheet.

None of these packages is imported here: a frame is known by what it can do. Its columns are read a
block of rows at a time, by the frame's own means, which is as fast as they get.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from batchhub._base.scalars import describe_odd, is_missing, shorten, to_python
from batchhub._tables.formats import load_extra
from batchhub.errors import InputError, UsageError

from .rows import Cell, OddCell, Record

NAME: Final = "frame"
"""What a frame is called in messages."""

_BLOCK: Final = 512
_SINGLE: Final = frozenset({"float32", "float16", "float", "halffloat", "half_float"})
"""What the packages call numbers of single precision and of less."""

_SINGLES: Final = frozenset({"Series", "ChunkedArray"})
"""What is one column of a frame."""

Columns = Sequence[tuple[Sequence[Any], bool]]
"""The values of each column, and whether they are of single precision."""


class FrameOrigin:
    """
    A frame, in the place of a file.

    Attributes:
        name: What it is called in messages.
        is_file: It is none.
        is_terminal: Nobody types it.
        rows: Its rows.
    """

    name = NAME
    is_file = False
    is_terminal = False

    def __init__(self, frame: Any) -> None:
        self.rows = FrameRows(frame)

    def close(self) -> None:
        """Do nothing: there is no file."""


class FrameRows:
    """
    The rows of a frame, its columns' names before them; its index is no column.

    Attributes:
        place: What the number of a record counts: rows, from 1, without the header.
        warnings: There are none.
        index: The names of the index, which are no columns.

    Raises:
        UsageError: It is no table, or Arrow's package is needed and missing.
    """

    place = "row"
    warnings: Sequence[str] = ()
    index: Sequence[str] = ()

    def __init__(self, frame: Any) -> None:
        package = type(frame).__module__.partition(".")[0]
        if type(frame).__name__ == "LazyFrame":
            raise UsageError("a LazyFrame has no rows yet; hand over what its collect() gives")
        if package == "pandas" and hasattr(type(frame), "columns"):
            self._names, self._read = _open_pandas(frame)
            self.index = [str(name) for name in frame.index.names if name is not None]
        elif package == "polars" and hasattr(frame, "get_columns"):
            self._names, self._read = _open_polars(frame)
        else:
            self._names, self._read = _open_arrow(frame, package)

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the names of the columns, then the rows.

        Raises:
            InputError: A name is none.
        """
        for n, name in enumerate(self._names, 1):
            if isinstance(name, tuple):
                raise InputError(
                    f"column {n} has a name of several levels, {name!r}; give each column one name"
                )
        yield 0, [str(name) for name in self._names]
        start = 0
        while columns := self._read(start, start + _BLOCK):
            cells = [
                _read_column(name, *each) for name, each in zip(self._names, columns, strict=True)
            ]
            rows = list(zip(*cells, strict=True))
            if not rows:
                return
            yield from enumerate(map(list, rows), start + 1)
            start += len(rows)


_Read = Callable[[int, int], Columns]


def _open_pandas(frame: Any) -> tuple[Sequence[Any], _Read]:
    singles = [_is_single(kind) for kind in frame.dtypes]

    def read(start: int, stop: int) -> Columns:
        block = frame.iloc[start:stop]
        return [(block.iloc[:, n].tolist(), single) for n, single in enumerate(singles)]

    return list(frame.columns), read


def _open_polars(frame: Any) -> tuple[Sequence[Any], _Read]:
    singles = [_is_single(kind) for kind in frame.dtypes]

    def read(start: int, stop: int) -> Columns:
        columns = frame.slice(start, stop - start).get_columns()
        return [(each.to_list(), single) for each, single in zip(columns, singles, strict=True)]

    return frame.columns, read


def _open_arrow(frame: Any, package: str) -> tuple[Sequence[Any], _Read]:
    if not (package == "pyarrow" and hasattr(frame, "schema") and hasattr(frame, "slice")):
        kind = type(frame).__name__
        if kind in _SINGLES:
            raise UsageError(f"a {kind} is one column; hand over a frame, such as to_frame() gives")
        arrow = load_extra("pyarrow", "parquet", f"reading a {kind}")
        try:
            frame = arrow.table(frame)
        except (TypeError, ValueError):
            raise UsageError(f"a {kind} is no table with columns; hand over a frame") from None
    singles = [_is_single(kind) for kind in frame.schema.types]

    def read(start: int, stop: int) -> Columns:
        columns = frame.slice(start, stop - start).columns
        return [(each.to_pylist(), single) for each, single in zip(columns, singles, strict=True)]

    return frame.schema.names, read


def _is_single(kind: object) -> bool:
    return str(kind).partition("[")[0].lower() in _SINGLE


def _read_column(name: Any, values: Sequence[Any], is_single: bool) -> list[Cell]:
    if is_single:
        values = [shorten(value) if type(value) is float else value for value in values]
    return [
        value if type(value) is str or type(value) is int else _read_cell(name, value)
        for value in values
    ]


def _read_cell(name: Any, value: Any) -> Cell:
    """Return a cell: numbers digit by digit, whole ones without a fraction, as sheets have them."""
    if value is None or is_missing(value):
        return ""
    if isinstance(value, bool | str | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        whole = int(value) if value.is_integer() else None
        if whole is not None:
            return whole
        value = Decimal(repr(float(value)))
    if isinstance(value, Decimal) and value.is_finite():
        return value
    known = to_python(value)
    if known is not value and not isinstance(known, list):
        return _read_cell(name, known)
    return OddCell("it", _explain(known), text=_write_out(known))


def _write_out(value: Any) -> str:
    """Return the text of a value that is no cell, so that its row can be given back in whole."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_write_out)
    write = getattr(value, "isoformat", None)  # that of a duration can hardly be read
    if write is None or isinstance(value, timedelta):
        return str(value)
    return str(write())


def _explain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"holds {value}, which is no number"
    if isinstance(value, dict | list | tuple):
        what = "an object" if isinstance(value, dict) else "a list"
        return f"holds {what}, and no single value; make columns of what is in it"
    if isinstance(value, bytes | bytearray | memoryview):
        return "holds binary data; make it text"
    words = describe_odd(value)
    return f"is {words}; make it text or a number" if words.startswith("of ") else f"holds {words}"
