"""Rows that are set aside, in a file of the kind they come from: CSV, a workbook, JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final, Literal, Protocol

from attrs import field, frozen

from batchhub._tables.workbook import Book
from batchhub.adapter import encode_json

from .marks import LINE, MISSING, REASON, TEXT, Marks, strip_object
from .rows import Cell

Raw = Sequence[Cell] | Mapping[str, Any] | bytes
"""A row as its source has it: cells, a JSON object, or the bytes of a line that is none."""

SEPARATORS: Final = frozenset(",;\t|")
"""What a table is looked through for that doesn't say what separates its cells."""

_OWN_BOM: Final = frozenset({"utf-8-sig", "utf-16", "utf-32"})
BOM: Final = "\ufeff"
"""The byte order mark, as a character."""


class RejectFile(Protocol):
    """What writes rows to an open file."""

    def add(self, number: int, raw: Raw, reason: str) -> None:
        """
        Write a row.

        Raises:
            OSError: The file can't be written.
            UsageError: The file can't hold it.
        """

    def end(self) -> None:
        """Write what comes at the end."""


@frozen(kw_only=True)
class TableForm:
    """
    The table that rows come from.

    Attributes:
        header: The names of its columns, as they are written.
        delimiter: What separates its cells.
        encoding: Its encoding.
        has_bom: Whether it begins with a byte order mark.
        is_text: Whether each of its rows has cells of its own number, as in CSV.
        marks: The columns that an earlier file of rejects added.
    """

    header: Sequence[str]
    delimiter: str
    encoding: str
    has_bom: bool
    is_text: bool = True
    marks: Marks | None = field(init=False)

    @marks.default
    def _find_marks(self) -> Marks | None:
        return Marks.find(self.header)

    def strip(self, cells: Sequence[Cell]) -> list[Cell]:
        """Return a row without what an earlier file of rejects added."""
        return list(cells) if self.marks is None else self.marks.strip(cells)

    def lay_out(self, raw: Raw, line: Cell, reason: str) -> list[Cell]:
        """
        Return a row with where it was and why, as it is written.

        Where a row has too few cells, those that are missing are marked: an empty cell says
        something else. Where it has too many, it keeps them, and its line and reason come behind.
        """
        assert not isinstance(raw, bytes | Mapping)  # noqa: S101  # a table has cells
        cells = self.strip(raw)
        wanted = len(self.strip(self.header))
        while len(cells) > wanted and cells[-1] == "":
            cells.pop()
        missing = MISSING if self.is_text else ""
        return [*cells, *[missing] * (wanted - len(cells)), line, reason]


class CsvRejects:
    """
    A table of text, cells as they were.

    Args:
        file: Where it goes.
        form: The table the rows come from.
        delimiter: What separates the cells.
    """

    def __init__(self, file: IO[bytes], form: TableForm, delimiter: str) -> None:
        self._form = form
        self._encoding, bom = find_writing(form.encoding, has_bom=form.has_bom)
        self._text = io.TextIOWrapper(file, self._encoding, newline="", write_through=True)
        self._text.write(bom)
        self._writer = csv.writer(self._text, delimiter=delimiter, lineterminator="\n")
        # In quotes nothing in a name is taken for what separates cells when the file is read.
        is_clear = SEPARATORS.isdisjoint("".join(map(str, form.header)))
        quoting: Literal[0, 1] = csv.QUOTE_MINIMAL if is_clear else csv.QUOTE_ALL
        header = csv.writer(self._text, delimiter=delimiter, lineterminator="\n", quoting=quoting)
        header.writerow([*form.strip(form.header), LINE, REASON])

    def add(self, number: int, raw: Raw, reason: str) -> None:
        """Write a row."""
        # A reason may quote what the encoding of the table lacks.
        known = reason.encode(self._encoding, "backslashreplace").decode(self._encoding)
        self._writer.writerow(self._form.lay_out(raw, str(number), known))

    def end(self) -> None:
        """Hand on what is written; the file stays open."""
        self._text.detach()


class WorkbookRejects:
    """
    A workbook with one sheet: text as text, numbers as numbers.

    Args:
        file: Where it goes.
        form: The table the rows come from.
        name: The file's name, for messages.
    """

    def __init__(self, file: IO[bytes], form: TableForm, name: str) -> None:
        self._form = form
        self._book = Book(file, name, is_strict=True)
        header = [*map(str, form.strip(form.header)), LINE, REASON]
        self._table = self._book.add_table("rejects", header)

    def add(self, number: int, raw: Raw, reason: str) -> None:
        """Write a row."""
        self._table.add(self._form.lay_out(raw, number, reason))

    def end(self) -> None:
        """Write the workbook."""
        self._book.end()


class JsonRejects:
    """An object a line, with two more keys; the text of a line that is none under a third."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, number: int, raw: Raw, reason: str) -> None:
        """Write an object, or a line."""
        marks = {LINE: number, REASON: reason}
        if isinstance(raw, Mapping):
            self._file.write(encode_json({**strip_object(raw), **marks}) + b"\n")
            return
        assert isinstance(raw, bytes)  # noqa: S101  # JSON has no cells
        # In escapes also what is no text: no byte is lost.
        text = raw.decode("utf-8", "surrogateescape")
        self._file.write(json.dumps({**marks, TEXT: text}).encode() + b"\n")

    def end(self) -> None:
        """Write nothing more."""


def find_writing(encoding: str, *, has_bom: bool) -> tuple[str, str]:
    """Return the encoding to write a table in, and what comes before its first character."""
    name = codecs.lookup(encoding).name
    if name in {"utf-8", "utf-8-sig"}:
        return "utf-8", BOM if has_bom else ""
    return name, BOM if has_bom and name not in _OWN_BOM else ""
