"""Results and rows as text: JSON Lines, a JSON array, CSV."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import IO, Any, Final, Generic, TypeVar

import msgspec

from batchhub._tables.formulas import FORMULAS, disarm
from batchhub._tables.reading.reject_files import SEPARATORS
from batchhub.models import ItemResult

from .columns import Table
from .dialect import Dialect
from .values import body_json, dumps, write_cell

Of = TypeVar("Of")

_FRACTIONS: Final = frozenset({Decimal, float})
_NOT_THEIRS: Final = frozenset({"id", "state", "code"})
"""Columns with nothing in them that a vendor has written."""


class Encoder(Generic[Of]):
    """What writes results, or rows, in one format, each as soon as it comes."""

    def add(self, each: Of) -> None:
        """Write one."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what comes at the end."""

    def drop(self) -> None:
        """Write nothing more, as it will not be complete."""

    def notes(self) -> Iterable[str]:
        """Return what is written otherwise than it was given, a sentence each."""
        return ()


class JsonLines(Encoder[Of]):
    """
    An object a line.

    Args:
        stream: Where they go.
        encode: Makes the object.
    """

    def __init__(self, stream: IO[bytes], encode: Callable[[Of], bytes]) -> None:
        self._stream = stream
        self._encode = encode

    def add(self, each: Of) -> None:
        """Write one."""
        self._stream.write(self._encode(each) + b"\n")


class JsonArray(JsonLines[Of]):
    """All of them in one array, an object a line."""

    def __init__(self, stream: IO[bytes], encode: Callable[[Of], bytes]) -> None:
        super().__init__(stream, encode)
        self._before = b"[\n"

    def add(self, each: Of) -> None:
        """Write one."""
        self._stream.write(self._before + self._encode(each))
        self._before = b",\n"

    def end(self) -> None:
        """End the array."""
        self._stream.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class Csv(Encoder[Of]):
    """
    A header and a row each.

    Args:
        stream: Where they go.
        header: The names of the columns.
        cells: Makes the cells of a row.
        dialect: How they are written.
    """

    def __init__(
        self,
        stream: IO[bytes],
        header: Sequence[str],
        cells: Callable[[Of], list[str]],
        dialect: Dialect,
    ) -> None:
        self._stream = stream
        self._cells = cells
        self._delimiter = dialect.delimiter
        self._encode = _make_encoder(dialect.encoding)
        stream.write(self._encode(dialect.bom))
        # In quotes nothing in a name is taken for what separates cells when the file is read.
        is_clear = SEPARATORS.isdisjoint("".join(header))
        self._write_row(header, self._quote if is_clear else _quote_all)

    def add(self, each: Of) -> None:
        """Write one."""
        self._write_row(self._cells(each), self._quote)

    def _write_row(self, cells: Iterable[str], quote: Callable[[str], str]) -> None:
        # The csv module looks at every character of a body of some kB; this is six times as fast.
        line = self._delimiter.join([quote(cell) for cell in cells]) or '""'
        self._stream.write(self._encode(line + "\n"))

    def _quote(self, cell: str) -> str:
        if '"' in cell or self._delimiter in cell or "\n" in cell or "\r" in cell:
            return _quote_all(cell)
        return cell


def _quote_all(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _make_encoder(encoding: str) -> Callable[[str], bytes]:
    """Return what encodes text after text; of some encodings it writes the byte order mark once."""
    if encoding == "utf-8":
        return lambda text: text.encode("utf-8", "backslashreplace")
    return codecs.getincrementalencoder(encoding)("backslashreplace").encode


def make_cells(table: Table, dialect: Dialect) -> Callable[[ItemResult], list[str]]:
    """Return what makes the cells of a result."""
    theirs = [column.name not in _NOT_THEIRS for column in table.columns]

    def make(result: ItemResult) -> list[str]:
        cells = table.values(table.read(result))
        for n, value in enumerate(cells):
            if type(value) is str:
                if theirs[n] and value[:1] in FORMULAS:
                    cells[n] = disarm(value)
            else:
                cells[n] = _write_value(value, dialect)
        return cells

    return make


def _write_value(value: Any, dialect: Dialect) -> str:
    """Write what a vendor has written into a cell, other than a text: never a formula."""
    if value is None:
        return ""
    kind = type(value)
    if kind is msgspec.Raw:  # a body, whose JSON is no formula
        return bytes(value).decode()
    if kind in _FRACTIONS:
        return write_number(value, dialect)
    text = write_cell(value)
    return text if kind is int else disarm(text)


def write_number(value: Decimal | float, dialect: Dialect) -> str:
    """Write a number with a fraction, as a program reads it that takes this dialect."""
    text = write_cell(value)
    return text if dialect.decimal == "." else text.replace(".", dialect.decimal)


def encode_result(result: ItemResult) -> bytes:
    """Return the six keys of a result as JSON; the body is not looked at, only checked."""
    return dumps(
        {
            "id": result.id,
            "state": result.state.value,
            "code": result.code,
            "message": result.message,
            "body": msgspec.Raw(body_json(result.raw)),
            "vendor_ref": result.vendor_ref,
        }
    )


def make_encode(table: Table) -> Callable[[ItemResult], bytes]:
    """Return what makes the JSON of a result with chosen fields."""
    names = table.names
    return lambda result: dumps(dict(zip(names, table.values(table.read(result)), strict=True)))
