"""From the rows of a table to items, in two passes: the survey, then the items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from batchhub.errors import InputError

from .cells import read_table_cells
from .columns import Columns, read_header
from .making import Maker
from .marks import Marks
from .objects import Found
from .rows import BrokenCells, Cell, Record, Rows
from .settings import ReadSettings
from .survey import Survey, Surveyor, check_names
from .table_signs import hint_header

_SEPARATOR_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab"}


class Table:
    """
    One table, whatever file it is from.

    Args:
        rows: Its rows.
        settings: What the user and the adapter say.

    Attributes:
        header: The names of its columns, as they are written; empty before it was looked at.
        survey: What is known of it; `None` before all of it was looked at.
        omitted: How many empty cells were left out so far, by the name of the value.
    """

    def __init__(self, rows: Rows, settings: ReadSettings) -> None:
        self.header: Sequence[str] = ()
        self.survey: Survey | None = None
        self.omitted: dict[str, int] = {}
        self._rows = rows
        self._settings = settings

    def look(self) -> Maker | None:
        """
        Look at all of it, and return what makes its items; `None` if it has no header.

        Raises:
            InputError: The header is wrong, the figures contradict each other, or it can't be read.
        """
        records = iter(self._rows)
        header = _find_header(records)
        if header is None:
            return None
        line, cells = header
        self.header = [str(cell) for cell in cells]
        following = _find_header(records)
        hint = hint_header(header, following, self._rows.place)
        try:
            index = getattr(self._rows, "index", ())  # only a frame has one
            columns = Columns(read_header(cells), self._settings, index)
        except InputError as error:
            raise InputError(f"{error.reason}{hint}", line=line, place=self._rows.place) from None
        records = chain([] if following is None else [following], records)
        surveyor = Surveyor(columns, self._settings, self._rows.place)
        try:
            surveyor.look(check_names(columns, self._whole_rows(records), self._rows.place))
            maker = Maker(
                columns, self._settings, read_table_cells(surveyor.decide()), surveyor.whole()
            )
        except InputError as error:
            reason = f"{error.reason}{hint}" if error.line is None else error.reason
            raise InputError(reason, line=error.line or line, place=self._rows.place) from None
        self.survey, self.omitted = surveyor.report(self._rows.warnings), maker.omitted
        return maker

    def read(self, maker: Maker) -> Iterator[Found]:
        """
        Yield what each row holds; its place is the line it begins in.

        Rows that have only empty or blank cells, as spreadsheets leave them, hold nothing.

        Raises:
            InputError: What follows can't be read.
        """
        records = iter(self._rows)
        if _find_header(records) is None:
            return
        marks = Marks.find(self.header)
        for line, cells in records:
            try:
                whole = self._check_count(cells)
                if whole is None:
                    continue
                if marks is not None:
                    marks.check(whole)
                yield line, maker.make(whole), cells
            except InputError as error:
                yield line, InputError(error.reason, line=line, place=self._rows.place), cells

    def _whole_rows(self, records: Iterator[Record]) -> Iterator[Record]:
        """Yield rows that have a cell for each column, and something in one of them."""
        for line, cells in records:
            try:
                whole = self._check_count(cells)
            except InputError:
                continue  # refused when the items are read
            if whole is not None:
                yield line, whole

    def _check_count(self, cells: Sequence[Cell]) -> Sequence[Cell] | None:
        """
        Return a cell for each column; `None` if all are blank.

        Raises:
            InputError: There are more cells than columns, or fewer; it counts both. Or the row is
                written wrongly.
        """
        if type(cells) is BrokenCells:
            raise InputError(cells.reason)
        if _is_blank(cells):
            return None
        wanted = len(self.header)
        if len(cells) == wanted:
            return cells
        if self._rows.place == "row" and len(cells) < wanted:
            return [*cells, *[""] * (wanted - len(cells))]
        if all(cell == "" for cell in cells[wanted:]) and len(cells) > wanted:
            return cells[:wanted]
        found, delimiter = len(cells), getattr(self._rows, "delimiter", None) or ""
        word = _SEPARATOR_NAMES.get(delimiter, repr(delimiter))
        hint = f"a {word} inside a cell needs quotes around the cell"
        raise InputError(
            f"the row has {found} cell{'s' * (found != 1)}, the header {wanted} "
            f"column{'s' * (wanted != 1)}; {hint if found > wanted else 'is one missing?'}"
        )


def _find_header(records: Iterator[Record]) -> Record | None:
    """Go past blank rows to the header."""
    return next((record for record in records if not _is_blank(record[1])), None)


def _is_blank(cells: Sequence[Cell]) -> bool:
    """Return whether all cells are empty, or hold only blanks, which nobody sees."""
    first = next(filter(None, cells), "")  # of nearly all rows it shows that they are not
    if not isinstance(first, str) or (first and not first.isspace()):
        return False
    return all(isinstance(cell, str) and not cell.strip() for cell in cells)
