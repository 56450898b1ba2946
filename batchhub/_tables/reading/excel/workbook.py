"""A workbook being opened, and the rows of its sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final

from batchhub._tables.formats import Say, load_extra
from batchhub._tables.reading.rows import Cell, Record
from batchhub.errors import InputError

from .cells import take_cell, take_odd_cell
from .merged import MergedCells, sort_areas
from .package import Package
from .refs import cell_name, column_letters
from .scan import Findings, scan_sheet
from .sheets import Sheet, find_sheet, read_book
from .styles import read_styles

_STRINGS: Final = "xl/sharedStrings.xml"
_EMPTY_CELLS: Final = 8_000_000
_EMPTY_PART: Final = 8
"""What is built in memory has a place for each cell from the first to the last. So many are always
built, and beyond that so many for each cell that isn't empty."""

_KNOWN_ERRORS: Final = frozenset(
    {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"}
)
"""Errors that the library reads a sheet with."""


class SheetRows:
    """
    The rows of a sheet that have a cell, from the first column that has one.

    Args:
        sheet: What the library gives of the sheet.
        found: What else is known of it.

    Attributes:
        place: What the number of a record counts.
        warnings: What a reader of the sheet may not see, a sentence each.
    """

    def __init__(self, sheet: Any, found: Findings) -> None:
        self.place = "row"
        self.warnings = _warn(found)
        self._sheet = sheet
        self._found = found
        self._areas = sort_areas(found)
        start, end = sheet.start, sheet.end
        self._first = found.first_column
        # Cells without a value, as formulas may be, are not among those that the library counts.
        self._before = start[1] + 1 - self._first if start else 0
        self._after = found.last_column - (end[1] + 1 if end else self._first - 1)
        if found.cells:
            self._check_columns()

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the records from the beginning. Rows without any cell are no records.

        Raises:
            InputError: Another table begins further down.
        """
        if not self._found.cells:
            return
        merged = MergedCells(self._areas) if self._areas else None
        below = _Below()
        odd_rows, first = self._found.odd, self._first
        for row, values in enumerate(self._values(), 1):
            odd = odd_rows.get(row)
            if odd is None and values.count("") == len(values):
                below.skip()
                continue
            cells: list[Cell] = [
                value
                if (kind := type(value)) is str or kind is bool
                else take_cell(value, row, column)
                for column, value in enumerate(values, first)
            ]
            for column, oddity in (odd or {}).items():
                at = column - first
                cells[at] = take_odd_cell(values[at], oddity, row, column)
            if merged is not None:
                for cell, at in merged.find_odd(row, cells, first):
                    cells[at] = cell
            if below.is_awake:
                below.check(row, cells, first)
            yield row, cells

    def _values(self) -> Iterator[list[Any]]:
        """Yield what the library gives of each row from the first on, as wide as the sheet is."""
        rows = 0
        before, after = [""] * self._before, [""] * self._after
        if before or after:
            for rows, values in enumerate(self._sheet.iter_rows(), 1):  # noqa: B007  # it is counted
                yield [*before, *values, *after]
        elif self._sheet.end:
            rows = self._sheet.end[0] + 1
            yield from self._sheet.iter_rows()
        width = self._found.last_column - self._first + 1
        for _ in range(rows, self._found.last_row):
            yield [""] * width

    def _check_columns(self) -> None:
        """
        Refuse a second table beside the first.

        Raises:
            InputError: A column is empty from the header on, and there is one after it that isn't.
        """
        rows = (values for values in self._values() if values.count("") < len(values))
        header = next(rows, [])
        names = [n for n, value in enumerate(header) if value != ""]
        gaps = {*range(names[0], names[-1])} - {*names} if names else set()
        for values in rows:
            if not gaps:
                return
            gaps = {n for n in gaps if values[n] == ""}
        if gaps:
            gap = min(gaps)
            after = next(n for n in names if n > gap)
            column = column_letters(self._first + gap)
            row = self._found.first_row
            raise InputError(
                f"column {column} is empty, and {cell_name(row, self._first + after)} begins "
                f"another table; move it to a sheet of its own, or delete column {column}",
                line=row,
            )


class _Below:
    """
    Whether what follows an empty row is a second table.

    Attributes:
        is_awake: Whether the next row is to be looked at.
    """

    def __init__(self) -> None:
        self.is_awake = True
        self._header: Sequence[Cell] | None = None
        self._sample: Sequence[Cell] | None = None
        self._is_after_gap = False

    def skip(self) -> None:
        """Go past an empty row."""
        self.is_awake = self._is_after_gap = True

    def check(self, row: int, cells: Sequence[Cell], first: int) -> None:
        """
        Look at a row.

        Raises:
            InputError: It is the header of another table.
        """
        if self._header is None:
            self._header = cells
        elif self._sample is None:
            self._sample = cells
        elif self._is_after_gap and self._is_header(cells):
            at = next(n for n, cell in enumerate(cells) if cell != "")
            name = cell_name(row, first + at)
            raise InputError(
                f"{name} ({cells[at]!r}) begins another table below an empty row; move it to a "
                "sheet of its own",
                line=row,
            )
        self._is_after_gap = False
        self.is_awake = self._sample is None

    def _is_header(self, cells: Sequence[Cell]) -> bool:
        """Tell whether a row names columns: it is all words, where the table has figures."""
        filled = [(n, cell) for n, cell in enumerate(cells) if cell != ""]
        if len(filled) < 2 or not all(_is_word(cell) for _, cell in filled):  # noqa: PLR2004
            return False
        sample = self._sample or ()
        return any(sample[n] != "" and not _is_word(sample[n]) for n, _ in filled)


def _is_word(cell: Cell) -> bool:
    return isinstance(cell, str) and not any(char.isdigit() for char in cell)


def open_workbook(file: IO[bytes], name: str, *, sheet: str | None, say: Say) -> SheetRows:
    """
    Open a sheet of a workbook.

    Args:
        file: The workbook; it can be sought, and isn't needed afterwards.
        name: What it is called in messages.
        sheet: The name of the sheet; by default the only one that is visible and not empty.
        say: Names an argument in a message.

    Raises:
        UsageError: The packages of the extra ``excel`` are not installed.
        InputError: It is no workbook that can be read, or its sheet is no table.
    """
    calamine = load_extra("python_calamine", "excel", name)
    package = Package(file)
    book = read_book(package)
    chosen = find_sheet(package, book.sheets, sheet, say)
    pieces = package.read_pieces(chosen.part)
    styles = read_styles(package)
    found = scan_sheet(chosen.part, pieces, styles, is_stale=book.is_stale)
    _check_extent(found)
    package.check(_STRINGS)
    return SheetRows(_load(calamine, file, chosen, found), found)


def _load(calamine: Any, file: IO[bytes], sheet: Sheet, found: Findings) -> Any:
    """
    Return what the library gives of a sheet.

    Raises:
        InputError: It can't read it.
    """
    file.seek(0)
    try:
        return calamine.CalamineWorkbook.from_filelike(file).get_sheet_by_name(sheet.name)
    except (calamine.CalamineError, OSError, zipfile.BadZipFile) as error:
        for row, cells in found.odd.items():
            for column, oddity in cells.items():
                if (
                    isinstance(oddity, str)
                    and oddity.startswith("#")
                    and oddity not in _KNOWN_ERRORS
                ):
                    text = f"{cell_name(row, column)} holds {oddity}; correct the formula"
                    raise InputError(text, line=row) from None
        raise InputError(
            f"the sheet {sheet.name!r} can't be read ({error}); open the workbook and save it again"
        ) from None


def _check_extent(found: Findings) -> None:
    """
    Refuse a sheet with cells far from its table, before memory is taken for all between them.

    Raises:
        InputError: It names the area.
    """
    if found.size > max(_EMPTY_CELLS, _EMPTY_PART * found.cells):
        first = cell_name(found.first_row, found.first_column)
        last = cell_name(found.last_row, found.last_column)
        raise InputError(
            f"the sheet goes from {first} to {last}, and nearly all of it is empty; "
            "delete the rows and columns that are far from the table"
        )


def _warn(found: Findings) -> Sequence[str]:
    warnings = []
    if found.hidden_rows:
        more = f" and {found.hidden_rows - 1} more are" if found.hidden_rows > 1 else " is"
        warnings.append(f"row {found.hidden_row}{more} hidden; hidden rows are sent as all others")
    for first, last in found.hidden_columns:
        left, right = max(first, found.first_column), min(last, found.last_column)
        if found.cells and left <= right:
            names = " to ".join(dict.fromkeys(map(column_letters, (left, right))))
            verb = "is" if left == right else "are"
            warnings.append(f"column {names} {verb} hidden; hidden columns are read as all others")
    return warnings
