"""Workbooks as they are written, for results and for rows that were set aside."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any, Final

from batchhub._base.show import count, number
from batchhub.errors import UsageError

from .formats import load_extra

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from batchhub.models.rows import OddCell

MOST_ROWS: Final = 1_048_576
"""Rows of a sheet, its header included."""

MOST_COLUMNS: Final = 16_384
"""Columns of a sheet."""

MOST_CHARS: Final = 32_767
"""Characters of a cell, as UTF-16 counts them."""

_TOO_WIDE: Final = f"a sheet has room for {MOST_COLUMNS:,} columns; name a .csv"
_CUT: Final = " … (cut off)"
_MOST_DIGITS: Final = 15
_EXACT: Final = 10**_MOST_DIGITS
_MOST_PLACES: Final = 50
_SHOWN_IN_FULL: Final = 10**11
"""From here on Excel shows a number as 1.0E+11, unless its format says otherwise."""

_MADE: Final = datetime(1980, 1, 1)  # noqa: DTZ001  # the same rows are the same file
_FIRST_DAY: Final = date(1900, 3, 1)
"""Before it, Excel counts a day that there never was."""

_DAY: Final = "yyyy-mm-dd"
_MOMENT: Final = 'yyyy-mm-dd hh:mm:ss" UTC"'
_LOCAL: Final = "yyyy-mm-dd hh:mm:ss"
_WHOLE: Final = "0"
_NO_VALUE: Final = "#N/A"
_SHORT: Final = MOST_CHARS // 2
_LOOKED_AT: Final = frozenset({"", "<"})
_MEASURED_ROWS: Final = 200
_USUAL_WIDTH: Final = 13
_MOST_OF_A_FORMAT: Final = 30
_WIDTHS: Final = range(9, 61)


def load_writer(name: str) -> Any:
    """
    Import what writes workbooks.

    Args:
        name: The file that is to be written, for the message.

    Raises:
        UsageError: It is not installed.
    """
    return load_extra("xlsxwriter", "excel", name)


class Book:
    """
    A workbook that is written row by row and takes the memory of one row.

    Its bytes depend on its content alone. Text is always text, never a formula.

    Args:
        file: Where it goes when it ends.
        name: The file's name, for messages.
        is_strict: Whether what a workbook can't hold is an error. If not, a sheet that is full goes
            on in another, and a text that is too long is cut; `notes` says so.

    Raises:
        UsageError: What writes workbooks is not installed.
        OSError: There is no room for what is kept on disk meanwhile.
    """

    def __init__(self, file: IO[bytes], name: str, *, is_strict: bool = False) -> None:
        self.is_strict = is_strict
        self._writer = load_writer(name)
        self._folder = TemporaryDirectory(prefix="batchhub-")
        self._target = _Target(file)
        options = {"constant_memory": True, "tmpdir": self._folder.name}
        self._book = self._writer.Workbook(self._target, options)
        self._book.use_zip64()
        self._book.set_properties({"created": _MADE})
        self._formats: dict[str, Any] = {}
        self._heading = self._book.add_format({"bold": True})
        self._tables: list[SheetTable] = []
        self._cut = 0
        self._first_cut = ""

    def add_table(self, name: str, header: Sequence[str]) -> SheetTable:
        """
        Add a table on a sheet of its own.

        Args:
            name: The sheet's name.
            header: The names of its columns.

        Raises:
            UsageError: They are more than a sheet has.
        """
        if len(header) > MOST_COLUMNS:
            self.drop()
            raise UsageError(_TOO_WIDE)
        table = SheetTable(self, name, header)
        self._tables.append(table)
        return table

    def end(self) -> None:
        """
        Write the workbook; the file stays open.

        Raises:
            OSError: It can't be written.
        """
        try:
            for table in self._tables:
                table.end()
            self._book.close()
        except self._writer.exceptions.FileCreateError as error:
            raise error.args[0] from None
        finally:
            self.drop()

    def drop(self) -> None:
        """Leave nothing behind of what was not written. After `end` it does nothing."""
        self._target.is_dropped = True
        for sheet in self._book.worksheets():
            with suppress(OSError):  # what a full disk did not take
                sheet.row_data_fh.close()
        self._folder.cleanup()

    def notes(self) -> Iterator[str]:
        """Yield what is in the workbook otherwise than it was given, a sentence each."""
        for table in self._tables:
            if table.sheets > 1:
                yield (
                    f"a sheet holds {number(MOST_ROWS - 1)} rows below its header: {table.name} "
                    f"takes {table.sheets} sheets, the last of them {table.title}"
                )
        if self._cut:
            yield (
                f"{count(self._cut, 'cell')} can't hold all of a text, which has more than "
                f"{number(MOST_CHARS)} characters: cut off, first in {self._first_cut}"
            )

    def open_sheet(self, name: str, header: Sequence[str]) -> Any:
        """Return a new sheet of the library's, with its header."""
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(header):
            self.write_text(sheet, 0, column, title, self._heading)
        return sheet

    def find_format(self, code: str) -> Any:
        """Return the format with a code, such as ``0.00``."""
        if code not in self._formats:
            self._formats[code] = self._book.add_format({"num_format": code})
        return self._formats[code]

    def write_text(self, sheet: Any, row: int, column: int, text: str, format: Any = None) -> None:
        """
        Write a text, whatever it looks like.

        Raises:
            UsageError: It is too long, and the workbook is strict.
        """
        if not text.isascii():
            # No surrogate alone can be written down.
            text = text.encode("utf-8", "backslashreplace").decode()
        if len(text) > _SHORT and len(text.encode("utf-16-le")) // 2 > MOST_CHARS:
            if self.is_strict:
                raise UsageError("a cell of a workbook can't hold all of a text; name a .csv")
            self._cut += 1
            self._first_cut = self._first_cut or f"row {row + 1} of {sheet.get_name()}"
            text = _cut_off(text)
        if text.startswith("<r>") and text.endswith("</r>"):
            # The library takes such a text for one of its own, with fonts in it; so it is made one.
            last = [] if format is None else [format]
            sheet.write_rich_string(row, column, "<", text[1:4], text[4:], *last)
        else:
            sheet.write_string(row, column, text, format)


class SheetTable:
    """
    A table of a workbook: a frozen header, filters, and columns as wide as their cells.

    Attributes:
        name: The name of its sheet.
        sheets: How many sheets it takes.
        title: The name of the last of them.
    """

    def __init__(self, book: Book, name: str, header: Sequence[str]) -> None:
        self.name = name
        self.sheets = 0
        self._book = book
        self._header = header
        self._widths = [len(title) + 3 for title in header]  # with the button of the filter
        self._open()

    def add(self, cells: Sequence[Any]) -> None:
        """
        Write a row, in columns by the type of each cell; `None` and the empty text leave it empty.

        A number that Excel would round, such as a long id, is text.

        Raises:
            UsageError: There is no room for it, and the workbook is strict.
        """
        if len(cells) > MOST_COLUMNS:
            raise UsageError(_TOO_WIDE)
        if self._row >= MOST_ROWS:
            self._go_on()
        if self._row <= _MEASURED_ROWS:
            self._measure(cells)
        row, write_string = self._row, self._sheet.write_string
        for column, cell in enumerate(cells):
            kind = type(cell)
            if kind is str:
                # What follows is for very few texts, and takes a third of the time of all.
                if cell.isascii() and len(cell) <= _SHORT and cell[:1] not in _LOOKED_AT:
                    write_string(row, column, cell)
                elif cell:
                    self._write_text(column, cell)
            elif cell is not None:
                write = _WRITERS.get(kind) or _find_writer(cell)
                write(self, column, cell)
        self._row += 1

    def end(self) -> None:
        """Finish the sheet, now that all its rows are known."""
        sheet, last = self._sheet, max(len(self._header) - 1, 0)
        sheet.autofilter(0, 0, self._row - 1, last)
        # Ids are text on purpose; Excel need not mark each of them.
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{self._row}"})
        for column, width in enumerate(self._widths):
            sheet.set_column(column, column, min(max(width, _WIDTHS.start), _WIDTHS.stop))

    def _open(self) -> None:
        self.sheets += 1
        self.title = self.name if self.sheets == 1 else f"{self.name} {self.sheets}"
        self._sheet = self._book.open_sheet(self.title, self._header)
        self._row = 1

    def _go_on(self) -> None:
        if self._book.is_strict:
            raise UsageError(f"a sheet has room for {MOST_ROWS:,} rows; name a .csv")
        self.end()
        self._open()

    def _measure(self, cells: Sequence[Any]) -> None:
        widths = self._widths
        widths += [0] * (len(cells) - len(widths))
        for n, cell in enumerate(cells):
            widths[n] = max(widths[n], _width_of(cell))

    def _write_text(self, column: int, text: str) -> None:
        self._book.write_text(self._sheet, self._row, column, text)

    def _write_bool(self, column: int, value: bool) -> None:
        self._sheet.write_boolean(self._row, column, value)

    def _write_int(self, column: int, value: int) -> None:
        if not -_EXACT < value < _EXACT:
            self._write_text(column, str(value))
        elif -_SHOWN_IN_FULL < value < _SHOWN_IN_FULL:
            self._sheet.write_number(self._row, column, value)
        else:
            self._sheet.write_number(self._row, column, value, self._book.find_format(_WHOLE))

    def _write_decimal(self, column: int, value: Decimal) -> None:
        nearest = float(value) if value.is_finite() else 0.0
        digits = len(value.normalize().as_tuple().digits)
        if digits <= _MOST_DIGITS and Decimal(repr(nearest)) == value:
            self._write_float(column, nearest)
        else:
            is_short = abs(value.adjusted()) <= _MOST_PLACES
            self._write_text(column, format(value, "f") if is_short else str(value))

    def _write_float(self, column: int, value: float, format: Any = None) -> None:
        at = self._row, column
        if value - value != 0:  # neither NaN nor an infinity is a number of a sheet
            self._write_text(column, str(value))
        elif float(f"{value:.16G}") == value:
            self._sheet.write_number(*at, value, format)
        else:  # the library would write 16 of its 17 digits
            self._sheet.write_formula(*at, f"={value!r}", format, value)

    def _write_moment(self, column: int, value: datetime) -> None:
        if value.date() <= _FIRST_DAY:
            self._write_text(column, value.isoformat())
            return
        plain = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        code = _LOCAL if value.tzinfo is None else _MOMENT
        self._sheet.write_datetime(self._row, column, plain, self._book.find_format(code))

    def _write_day(self, column: int, value: date) -> None:
        if value < _FIRST_DAY:
            self._write_text(column, value.isoformat())
            return
        self._sheet.write_datetime(self._row, column, value, self._book.find_format(_DAY))

    def write_odd(self, column: int, cell: OddCell) -> None:
        """Write a cell that was odd as it was: its text, its number and format, or its error."""
        if cell.text is not None:
            self._write_text(column, cell.text)
            return
        held = cell.held if cell.number is None else cell.number
        if held is not None:
            format = self._book.find_format(cell.format) if cell.format else None
            self._write_float(column, float(held), format)
            return
        error = cell.error or _NO_VALUE  # a row without a value would not be refused again
        self._sheet.write_formula(self._row, column, f"={error}", None, error)


class _Target:
    """
    Where the library writes to; what it leaves open after an error can't write there any more.

    It is no stream of `io`: those are closed when they are collected, before what writes to them.

    Attributes:
        is_dropped: Whether nothing is written any more.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.is_dropped = False
        self._file = file

    def seekable(self) -> bool:
        """Whether `seek` works."""
        return not self.is_dropped and self._file.seekable()

    def tell(self) -> int:
        """Return the place that is written to."""
        return 0 if self.is_dropped else self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to another place."""
        return 0 if self.is_dropped else self._file.seek(offset, whence)

    def write(self, data: ReadableBuffer) -> int:
        """Write some bytes."""
        piece = bytes(data)
        if not self.is_dropped:
            self._file.write(piece)
        return len(piece)

    def flush(self) -> None:
        """Leave that to whoever opened the file."""


def _find_writer(cell: Any) -> Callable[[SheetTable, int, Any], None]:
    """Return what writes a cell of a class that comes from another, or that is odd."""
    for kind, write in _WRITERS.items():
        if isinstance(cell, kind):
            return write
    return SheetTable.write_odd


def _width_of(cell: Any) -> int:
    """Return how many characters a cell shows, and some room; a number that lacks it is all #."""
    if cell is None:
        return 0
    if isinstance(cell, datetime):
        return len(_MOMENT)
    if isinstance(cell, str | int | float | Decimal):
        return len(str(cell)) + 3
    code: str = getattr(cell, "format", None) or ""
    # A date takes about as much as its format, without what that says of negative numbers.
    return max(_USUAL_WIDTH, min(len(code.partition(";")[0]) + 3, _MOST_OF_A_FORMAT))


def _cut_off(text: str) -> str:
    units = text.encode("utf-16-le")[: 2 * (MOST_CHARS - len(_CUT))]
    return units.decode("utf-16-le", "ignore") + _CUT


# In this order: true is an int as well, and a moment a date.
_WRITERS: Final[dict[type[Any], Callable[[Any, int, Any], None]]] = {
    str: SheetTable._write_text,  # noqa: SLF001
    bool: SheetTable._write_bool,  # noqa: SLF001
    int: SheetTable._write_int,  # noqa: SLF001
    float: SheetTable._write_float,  # noqa: SLF001
    Decimal: SheetTable._write_decimal,  # noqa: SLF001
    datetime: SheetTable._write_moment,  # noqa: SLF001
    date: SheetTable._write_day,  # noqa: SLF001
}
