"""The rows that a job's items were made of, as they came, and what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from attrs import field, frozen

from .items import ItemResult


@frozen
class OddCell:
    """
    A cell whose text can't be told from its value, such as one that a format shows otherwise.

    Attributes:
        name: The cell's name, such as ``C7``.
        reason: What is odd, and what to do: ``holds #DIV/0!; correct the formula``.
        number: Its value where a number is wanted; `None` if it has none that is certain.
        format: The format that shows its number otherwise, as the workbook has it, such as ``000``;
            a row that is set aside keeps both.
        error: The error it holds, such as ``#DIV/0!``.
        held: The number behind what it shows where that is not certain: a date, a percentage. It
            is never sent; a row that is set aside keeps it, with the format.
        text: What a frame holds there that is no cell, written out: a time as ISO 8601, a list as
            JSON. It is never sent; a row that is shown with its result has it.
    """

    name: str
    reason: str
    number: Decimal | int | None = None
    format: str | None = None
    error: str | None = None
    held: Decimal | int | None = None
    text: str | None = None


Cell: TypeAlias = str | int | Decimal | bool | OddCell
"""
A cell: its text; or from a workbook a number, true or false, or one that can't be taken as it is.

An empty cell is the empty text. In CSV every cell is text.
"""

Cells: TypeAlias = Sequence[Cell] | Mapping[str, Any] | bytes
"""A row as its source has it: cells, a JSON object, or the bytes of a line that is none."""


@frozen(kw_only=True)
class InputHead:
    """
    What is known of a job's input as a whole.

    Attributes:
        name: What it is called: a file's name as it was given, ``standard input``, or ``frame``.
        format: ``csv``, ``tsv``, ``xlsx``, ``jsonl``, ``json`` or ``frame``.
        columns: The names of a table's columns, as they are written; `None` for JSON.
        delimiter: What separates the cells of CSV; a comma where there is nothing to separate.
        encoding: The encoding of CSV; ``utf-8`` for all else.
        has_bom: Whether it begins with a byte order mark.
        place: What `InputRow.line` counts: ``line``, ``row`` in a workbook, ``element`` in an
            array.
        path: Where the file is, without links, from whatever folder one looks; `None` for what is
            no file.
        rows: How many rows there are; `None` while they are read.
    """

    name: str
    format: str
    columns: tuple[str, ...] | None = None
    delimiter: str = ","
    encoding: str = "utf-8"
    has_bom: bool = False
    place: str = "line"
    path: str | None = field(default=None, eq=False)  # the same rows may be in two files
    rows: int | None = field(default=None, eq=False)


@frozen(kw_only=True)
class InputRow:
    """
    A row of a job's input, and what became of it.

    Attributes:
        row: Its number, from 1. Rows that were refused count; blank ones are none.
        line: Where it begins, from 1; `InputHead.place` says what is counted.
        cells: Its cells, as they are written and as many as it has; a JSON object; or the bytes of
            a line that holds none.
        reason: Why it was refused; `None` for a row that was made an item.
        result: What came of its item; `None` if there is no result yet, and for a refused row.
    """

    row: int
    line: int
    cells: Cells
    reason: str | None = None
    result: ItemResult | None = None


class InputRows:
    """
    The rows of a job's input in their order, by ``async for``; each loop reads them anew.

    Attributes:
        head: What is known of the input as a whole.
    """

    def __init__(self, head: InputHead, read: Callable[[], AsyncIterator[InputRow]]) -> None:
        self.head = head
        self._read = read

    def __aiter__(self) -> AsyncIterator[InputRow]:
        """
        Yield the rows, a block of them in memory at a time.

        Raises:
            StoreError: They can't be read.
        """
        return self._read()


class PlainRows(Protocol):
    """
    The rows of a job's input by ``for``, as a job of `batchhub.sync` gives them.

    Attributes:
        head: What is known of the input as a whole.
    """

    head: InputHead

    def __iter__(self) -> Iterator[InputRow]:
        """Yield the rows."""
        ...


class RowSink(Protocol):
    """Keeps the rows that items are made of, as a reader comes to them."""

    def add(self, line: int, cells: Cells, reason: str | None) -> None:
        """
        Keep a row, before its item is yielded or the next row is read.

        Args:
            line: Where it begins.
            cells: What it holds, which does not change any more.
            reason: Why it makes no item; `None` if it makes one.
        """

    async def rest(self) -> None:
        """Write what there is much of; for a reader that comes to many rows without an item."""
