"""From the records of a table to items: its header, its rows as they are or mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from batchhub._tables.wording import Say
from batchhub.errors import InputError, UsageError

from .cells import CellReader, keep_text
from .mapping import ID, Path, RowMaker, is_text, make_paths, suggest
from .objects import Found
from .records import SEPARATORS, Records
from .settings import TableSettings

MakeItem = Callable[[Sequence[str]], dict[str, Any]]
"""Makes an item of a row's cells."""

_ALL_SEPARATORS: Final = (*SEPARATORS, "|")


def read_table(records: Records, settings: TableSettings) -> Iterator[Found]:
    """
    Yield what each row holds; its place is the line it begins in.

    Rows that have only empty cells, as spreadsheets leave them, hold nothing.

    Raises:
        InputError: The header is wrong, or what follows can't be read.
    """
    columns: _Columns | None = None
    for line, cells in records:
        delimiter = records.delimiter or ""
        if columns is None:
            if any(cell.strip() for cell in cells):
                columns = _Columns(cells, line, settings.say)
                other = columns.find_other_separator(delimiter)
                try:
                    make = _choose(columns, settings)
                except InputError:
                    if other is not None:
                        raise columns.wrong_separator(other) from None
                    raise
                if settings.names_columns:  # the one there is has been named as it is
                    other = None
        elif any(cells):
            if other is not None and any(other in cell for cell in cells):
                raise columns.wrong_separator(other)
            other = None  # the first row decides
            try:
                columns.check_cells(cells, delimiter)
                yield line, make(cells)
            except InputError as error:
                yield line, InputError(error.reason, line=line)


class _Columns:
    """
    The columns of one table, by name.

    Attributes:
        names: Their names, in order.
        line: The line the header begins in.

    Raises:
        InputError: A column has no name, or two have the same one.
    """

    def __init__(self, header: Sequence[str], line: int, say: Say) -> None:
        self.names = [name.strip() for name in header]
        self.line = line
        self._say = say
        seen: dict[str, int] = {}
        for number, name in enumerate(self.names, 1):
            if not name:
                raise InputError(f"column {number} of the header has no name", line=line)
            if name in seen:
                reason = f"the columns {seen[name]} and {number} are both named {name!r}"
                raise InputError(reason, line=line)
            seen[name] = number

    def check_known(self, names: Iterable[str], asked_by: str) -> None:
        """
        Refuse a column that doesn't exist.

        Raises:
            InputError: It names the columns there are, and the nearest.
        """
        for name in names:
            if name not in self.names:
                raise InputError(
                    f"{asked_by}: there is no column {name!r}{suggest(name, self.names)}",
                    line=self.line,
                )

    def check_cells(self, cells: Sequence[str], delimiter: str) -> None:
        """
        Refuse a row that has more cells than there are columns, or fewer.

        Raises:
            InputError: It counts both.
        """
        found, wanted = len(cells), len(self.names)
        if found == wanted:
            return
        many = found > wanted
        word = {",": "comma", ";": "semicolon", "\t": "tab"}.get(delimiter, repr(delimiter))
        hint = f"a {word} inside a cell needs quotes around the cell" if many else "is one missing?"
        cells_text = f"{found} cell{'s' * (found != 1)}"
        columns_text = f"{wanted} column{'s' * (wanted != 1)}"
        raise InputError(f"the row has {cells_text}, the header {columns_text}; {hint}")

    def find_other_separator(self, delimiter: str) -> str | None:
        """Return what seems to separate the cells of a header that is one column by `delimiter`."""
        if len(self.names) != 1:
            return None
        name = self.names[0]
        found = max((each for each in _ALL_SEPARATORS if each != delimiter), key=name.count)
        return found if found in name else None

    def wrong_separator(self, other: str) -> InputError:
        """Make the error for a table that is separated by something else."""
        said = self._say("delimiter", "tab" if other == "\t" else other)
        reason = f"the header is one column, {self.names[0][:60]!r}; say {said}"
        return InputError(reason, line=self.line)

    def make_paths(self) -> list[Path]:
        """
        Return where each column goes in an item: `body.price` is `price` in `body`.

        Raises:
            InputError: A name has an empty part, or names a value and what holds it are both there.
        """
        try:
            return make_paths(self.names)
        except UsageError as error:
            raise InputError(str(error), line=self.line) from None


def _choose(columns: _Columns, settings: TableSettings) -> MakeItem:
    """Choose how rows become items."""
    columns.check_known(settings.text, settings.say("text"))
    maker = settings.row_maker
    return _as_they_are(columns, settings) if maker is None else _mapped(columns, settings, maker)


def _as_they_are(columns: _Columns, settings: TableSettings) -> MakeItem:
    """A column is a key, with dots for what is nested."""
    text_keys = {ID, *settings.text_keys}
    read = settings.make_cell_reader()
    plan = [
        (
            name,
            path[:-1],
            path[-1],
            keep_text if name in settings.text or is_text(path, text_keys) else read,
        )
        for name, path in zip(columns.names, columns.make_paths(), strict=True)
    ]

    def make(cells: Sequence[str]) -> dict[str, Any]:
        item: dict[str, Any] = {}
        for (name, holders, key, read_cell), cell in zip(plan, cells, strict=True):
            if not cell:
                continue
            try:
                value = read_cell(cell)
            except ValueError as error:
                raise _refuse(name, error, settings.say) from None
            holder = item
            for part in holders:
                holder = holder.setdefault(part, {})
            holder[key] = value
        return item

    return make


def _mapped(columns: _Columns, settings: TableSettings, maker: RowMaker) -> MakeItem:
    """Columns are what templates name."""
    for field in maker.fields:
        columns.check_known(field.template.columns, field.asked_by)
    text, read = {ID, *settings.text}, settings.make_cell_reader()
    readers = {name: keep_text if name in text else read for name in columns.names}
    return lambda cells: maker.make(
        _TableRow(dict(zip(columns.names, cells, strict=True)), readers, settings.say)
    )


class _TableRow:
    """A row's cells by their columns."""

    def __init__(
        self, cells: Mapping[str, str], readers: Mapping[str, CellReader], say: Say
    ) -> None:
        self._cells = cells
        self._readers = readers
        self._say = say

    def value(self, column: str) -> Any:
        """Return what a cell means."""
        cell = self.text(column)
        try:
            return self._readers[column](cell)
        except ValueError as error:
            raise _refuse(column, error, self._say) from None

    def text(self, column: str) -> str:
        """Return a cell as it is written."""
        cell = self._cells[column]
        if not cell:
            raise InputError(f"column {column!r} is empty")
        return cell

    def find_id(self) -> str | None:
        """Return the cell of the column ``id``."""
        return self._cells.get(ID) or None


def _refuse(column: str, error: ValueError, say: Say) -> InputError:
    """Make the error for a cell that can't be read."""
    reason = f"column {column!r}: {error}, or keep the column as text by {say('text', column)}"
    return InputError(reason)
