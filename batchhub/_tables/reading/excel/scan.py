"""
A pass over a sheet's XML for what its values don't say.

The values come from a library that is fast and silent: an error is an empty cell to it, and so is a
formula that was never worked out; what a format shows of a number it doesn't know. This pass finds
those cells. It also finds how far the sheet goes, before anything is built from it, and which of
its cells are merged or hidden.

It costs little because most of a sheet is looked at by one regular expression: a run of whole rows
that has only cells of the plainest form, without any format or formula that matters, is left out
of the XML that is read in earnest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import define, field

from .formats import NumberFormat
from .refs import MAX_ROWS, cell_name, column_number, parse_area, parse_cell, parse_number
from .xml import XmlReader

Area = tuple[int, int, int, int]
"""The first row and column, and the last ones, from 1."""

ERROR: Final = "error"
FORMULA: Final = "formula"
STALE: Final = "stale formula"
DATED: Final = "date"
Oddity = str | NumberFormat
"""What is odd in a cell: `FORMULA`, `STALE`, `DATED`, the text of an error, or its format."""

_HIDDEN: Final = (b'hidden="1"', b'hidden="true"')

_NUMBER_KINDS: Final = frozenset({b"", b"n"})
_KEPT: Final = b'ABCDEFGHIJKLMNOPQRSTUVWXYZ"<>/'
_LEFT_OUT: Final = bytes({*range(256)}.difference(_KEPT))
"""Without these there is of a cell that is filled in column B little more than ``<"B">``."""

_FILLED_ROW: Final = re.compile(rb'<row r="([0-9]++)"[^>]*+>(?:<c [^>]*+(?<=/)>)*+<c [^>]*+(?<!/)>')
_TRUE: Final = frozenset({"1", "true"})
_ROW_END: Final = b"</row>"
_MAX_HELD: Final = 1 << 22
"""A row that is longer than this is read in earnest at once."""


@define
class Findings:
    """
    What is to be known of a sheet besides its values.

    Attributes:
        odd: What is odd, by row and then by column.
        cells: How many cells have something in them.
        first_row: The first row that has such a cell, from 1; 0 if there is none.
        last_row: The last one.
        first_column: The first column.
        last_column: The last column.
        merged: The areas of merged cells.
        hidden_rows: How many rows with cells are hidden.
        hidden_row: The first of them.
        hidden_columns: The first and the last column of those that are hidden.
    """

    odd: dict[int, dict[int, Oddity]] = field(factory=dict)
    cells: int = 0
    first_row: int = 0
    last_row: int = 0
    first_column: int = 0
    last_column: int = 0
    merged: list[Area] = field(factory=list)
    hidden_rows: int = 0
    hidden_row: int = 0
    hidden_columns: list[tuple[int, int]] = field(factory=list)

    @property
    def size(self) -> int:
        """How many cells there are from the first to the last, empty ones too."""
        rows = self.last_row - self.first_row + 1
        return rows * (self.last_column - self.first_column + 1) if self.cells else 0

    def note(self, first_row: int, last_row: int, first_column: int, last_column: int) -> None:
        """Note how far cells go."""
        if self.first_row == 0:
            self.first_row, self.first_column = first_row, first_column
        self.first_row = min(self.first_row, first_row)
        self.last_row = max(self.last_row, last_row)
        self.first_column = min(self.first_column, first_column)
        self.last_column = max(self.last_column, last_column)

    def mark(self, row: int, column: int, oddity: Oddity) -> None:
        """Note what is odd in a cell."""
        self.odd.setdefault(row, {})[column] = oddity


class _Cells:
    """What becomes of the elements of a sheet that are read in earnest."""

    def __init__(
        self, part: str, formats: Mapping[str, NumberFormat], found: Findings, *, is_stale: bool
    ) -> None:
        self.reader = XmlReader(part, self._on_start)
        self.row = 0
        self._found = found
        self._formats = formats
        self._is_stale = is_stale
        self._column = 0
        self._type = ""
        self._style = ""
        self._is_counted = self._is_hidden = False
        self._awaited = ""
        self._text: list[str] = []

    def finish(self) -> None:
        """Take what came last."""
        self.reader.feed(b"", is_last=True)
        self.end_cell()

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._begin_cell(attributes)
        elif name == "v":
            self._take_value()
        elif name == "f":
            self._take_formula()
        elif name == "is":
            self._count()
            self._take_format()
        elif name == "row":
            self._begin_row(attributes)
        elif name == "mergeCell":
            self._found.merged.append(parse_area(attributes.get("ref", "")))
        elif name == "col" and attributes.get("hidden") in _TRUE:
            columns = (
                parse_number(attributes.get("min", "")),
                parse_number(attributes.get("max", "")),
            )
            self._found.hidden_columns.append(columns)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        self.end_cell()
        number = attributes.get("r")
        self.row = self.row + 1 if number is None else parse_number(number)
        self._column = 0
        self._is_hidden = attributes.get("hidden") in _TRUE

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        if self._awaited:
            self.end_cell()
        reference = attributes.get("r")
        if reference is None:
            reference = cell_name(self.row, self._column + 1)
        self.row, self._column = parse_cell(reference)
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "")
        self._is_counted = False

    def _take_value(self) -> None:
        self._count()
        if self._type == "e":
            self._awaited = ERROR
        elif self._type == "d":
            self._mark(DATED)
        else:
            self._take_format()
        if self._awaited:
            self.reader.read_text(self._text.append)

    def _take_format(self) -> None:
        format = self._formats.get(self._style)
        if format is None:
            return
        if self._type == "n" or (format.changes_text and self._type != "b"):
            self._mark(format)

    def _take_formula(self) -> None:
        self._count()
        if self._is_stale or self._type == "n":
            self._awaited = FORMULA

    def _count(self) -> None:
        if not self._is_counted:
            self._is_counted = True
            self._found.cells += 1
            self._found.note(self.row, self.row, self._column, self._column)
            if self._is_hidden:
                self._is_hidden = False
                self._found.hidden_rows += 1
                self._found.hidden_row = self._found.hidden_row or self.row

    def end_cell(self) -> None:
        """Take what the cell that came last has within."""
        if not self._awaited:
            return
        text = "".join(self._text).strip()
        if self._awaited == ERROR:
            self._mark(text or "an error")
        elif not text:
            self._mark(FORMULA)
        elif self._is_stale:
            self._mark(STALE)
        self.reader.read_text(None)
        self._awaited = ""
        self._text.clear()

    def _mark(self, oddity: Oddity) -> None:
        self._found.mark(self.row, self._column, oddity)


class _Scan:
    """One sheet being looked at, piece by piece."""

    def __init__(self, part: str, formats: Mapping[str, NumberFormat], *, is_stale: bool) -> None:
        self.found = Findings()
        self._cells = _Cells(part, formats, self.found, is_stale=is_stale)
        self._plain_row = _match_plain_rows(has_formulas=not is_stale)
        self._formats = {style.encode(): format for style, format in formats.items()}
        self._formatted = re.compile(
            rb'<c r="([A-Z]{1,2})([0-9]{1,7})" s="(%s)"(?: t="(\w+)")?+>' % b"|".join(self._formats)
        )
        self._held = b""
        self._is_within = False
        self._is_careful = False

    def feed(self, piece: bytes) -> None:
        """Look at the next piece."""
        held = self._held + piece
        end = held.rfind(_ROW_END) + len(_ROW_END)
        if end < len(_ROW_END):
            if len(held) < _MAX_HELD:
                self._held = held
                return
            end = len(held)
            self._is_careful = True
        rows, self._held = held[:end], held[end:]
        # What comes before the first row is never left out, nor anything after a comment: it
        # may go on for long, and what is in it is none of the sheet.
        if self._is_careful or not self._is_within or not self._is_plain(rows):
            self._is_careful |= b"<!" in rows
            self._cells.reader.feed(rows)
            if not self._is_careful:
                self._cells.end_cell()
        self._is_within = True

    def finish(self) -> Findings:
        """Look at the rest."""
        self._cells.reader.feed(self._held)
        self._cells.finish()
        return self.found

    def _is_plain(self, rows: bytes) -> bool:
        """Tell whether there is nothing odd in a run of whole rows; if so, note its cells."""
        numbers = self._plain_row.findall(rows)
        if len(numbers) != rows.count(b"<row") or any(mark in rows for mark in _HIDDEN):
            return False
        if b"!" in rows and b"<!" in rows:  # the first alone is found faster
            return False
        in_rows = [int(number) for number in numbers]
        if max(in_rows) > MAX_ROWS or min(in_rows) < 1:
            return False
        self._cells.row = in_rows[-1]
        if b"/>" in rows:
            in_rows = [int(number) for number in _FILLED_ROW.findall(rows)]
        # With so few characters most cells are the same, so that not many are left to look at.
        kinds = {*rows.translate(None, _LEFT_OUT).split(b'<"')}
        columns = [
            column_number(letters.decode())
            for letters, _, rest in (kind.partition(b'"') for kind in kinds)
            if letters.isalpha() and b"/" not in rest.partition(b">")[0]
        ]
        if in_rows and columns:
            self.found.cells += rows.count(b"</c>")
            self.found.note(min(in_rows), max(in_rows), min(columns), max(columns))
        if self._formats:
            self._mark_formatted(rows)
        return True

    def _mark_formatted(self, rows: bytes) -> None:
        for letters, row, style, kind in self._formatted.findall(rows):
            format = self._formats[style]
            if kind in _NUMBER_KINDS or (format.changes_text and kind != b"b"):
                self.found.mark(int(row), column_number(letters.decode()), format)


def _match_plain_rows(*, has_formulas: bool) -> re.Pattern[bytes]:
    """
    Return what matches a row with plain cells only, and gives its number.

    A plain cell has a value and is no error. One without a value is plain, too, if it is no more
    than a tag, or if it is a formula that gives an empty text.

    Args:
        has_formulas: Whether a formula beside a value is plain.
    """
    cell, style = r'<c r="[A-Z]{1,2}\1"', '(?: s="[0-9]++")?+'
    formula = r"(?:<f\b[^>]*+(?:(?<=/)>|>[^<]*+</f>))?+" if has_formulas else ""
    value = f"(?:{formula}<v>[^<]++</v>|<is><t[^>]*+>[^<]*+</t></is>)"
    kind = '(?: t="(?:s|n|b|str|inlineStr)")?+'
    filled = f'{cell}{style}(?:{kind}>{value}| t="str">{formula}<v></v>)</c>'
    empty = f"{cell}{style} ?/>"
    return re.compile(rf'<row r="([0-9]{{1,7}})"[^>]*+>(?:{filled}|{empty})*+</row>'.encode())


def scan_sheet(
    part: str,
    pieces: Iterable[bytes],
    formats: Mapping[str, NumberFormat],
    *,
    is_stale: bool,
) -> Findings:
    """
    Return what is to be known of a sheet besides its values.

    Args:
        part: The name of the sheet's part, for messages.
        pieces: Its XML.
        formats: The formats that change something, by the number of the style that has them.
        is_stale: Whether the values of formulas are not to be trusted.

    Raises:
        InputError: The XML is broken, or a cell is beyond the end of every sheet.
    """
    scan = _Scan(part, formats, is_stale=is_stale)
    for piece in pieces:
        scan.feed(piece)
    return scan.finish()
