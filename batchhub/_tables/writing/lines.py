"""Results as text: JSON Lines, a JSON array, CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO

import msgspec

from batchhub.models import ItemResult

from .columns import Table
from .values import body_json, dumps, write_cell


class Encoder:
    """What writes results in one format, each as soon as it comes."""

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what comes at the end."""

    def drop(self) -> None:
        """Write nothing more, as it will not be complete."""

    def notes(self) -> Iterable[str]:
        """Return what is written otherwise than it was given, a sentence each."""
        return ()


class JsonLines(Encoder):
    """
    An object a line.

    Args:
        stream: Where they go.
        table: The fields of each object; `None` for the six keys of every result.
    """

    def __init__(self, stream: IO[bytes], table: Table | None) -> None:
        self._stream = stream
        self._encode = _encode_result if table is None else _encode_fields(table)

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        self._stream.write(self._encode(result) + b"\n")


class JsonArray(JsonLines):
    """All of them in one array, an object a line."""

    def __init__(self, stream: IO[bytes], table: Table | None) -> None:
        super().__init__(stream, table)
        self._before = b"[\n"

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        self._stream.write(self._before + self._encode(result))
        self._before = b",\n"

    def end(self) -> None:
        """End the array."""
        self._stream.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")


class Csv(Encoder):
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
        self._delimiter = delimiter
        self._write_row(table.names)

    def add(self, result: ItemResult) -> None:
        """Write a result."""
        self._write_row(
            [write_cell(value) for value in self._table.values(self._table.read(result))]
        )

    def _write_row(self, cells: list[str]) -> None:
        # The csv module looks at every character of a body of some kB; this is six times as fast.
        line = self._delimiter.join([self._quote(cell) for cell in cells]) or '""'
        self._stream.write(line.encode("utf-8", "backslashreplace") + b"\n")

    def _quote(self, cell: str) -> str:
        if '"' in cell:
            return '"' + cell.replace('"', '""') + '"'
        if self._delimiter in cell or "\n" in cell or "\r" in cell:
            return f'"{cell}"'
        return cell


def _encode_result(result: ItemResult) -> bytes:
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


def _encode_fields(table: Table) -> Callable[[ItemResult], bytes]:
    names = table.names
    return lambda result: dumps(dict(zip(names, table.values(table.read(result)), strict=True)))
