"""From the records of a table to items: its header, its rows as they are or mapped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from batchhub._tables.wording import suggest
from batchhub.errors import InputError, UsageError

from .mapping import ID, Field, make_item, make_paths, take_column
from .objects import Found
from .records import SEPARATORS, Records
from .settings import ReadSettings

_ALL_SEPARATORS: Final = (*SEPARATORS, "|")
_SEPARATOR_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab"}


def read_table(records: Records, settings: ReadSettings) -> Iterator[Found]:
    """
    Yield what each row holds; its place is the line it begins in.

    Rows that have only empty cells, as spreadsheets leave them, hold nothing.

    Raises:
        InputError: The header is wrong, or what follows can't be read.
    """
    header: _Header | None = None
    for line, cells in records:
        if header is None:
            if any(cell.strip() for cell in cells):
                header = _Header(cells, line, records.delimiter or "", settings)
        elif any(cells):
            header.check_separator(cells)
            try:
                yield line, header.make_item(cells)
            except InputError as error:
                yield line, InputError(error.reason, line=line)


class _Header:
    """
    The columns of one table, and what their cells become.

    Raises:
        InputError: A column has no name, two have the same one, one that is asked for is missing,
            or they can't all be keys of an item.
    """

    def __init__(
        self, cells: Sequence[str], line: int, delimiter: str, settings: ReadSettings
    ) -> None:
        self._names = [name.strip() for name in cells]
        self._line = line
        self._delimiter = delimiter
        self._settings = settings
        self._other = self._find_other_separator()
        try:
            self._check_names()
            self._fields = self._make_fields()
        except UsageError as error:
            if self._other is not None and len(self._names) == 1:
                raise self._wrong_separator() from None
            raise InputError(str(error), line=line) from None
        if settings.names_columns:  # the one there is has been named as it is
            self._other = None

    def check_separator(self, cells: Sequence[str]) -> None:
        """
        Refuse a table that is separated by something else; its first row decides.

        Raises:
            InputError: The header, and this row, hold another separator.
        """
        if self._other is not None and any(self._other in cell for cell in cells):
            raise self._wrong_separator()
        self._other = None

    def make_item(self, cells: Sequence[str]) -> dict[str, Any]:
        """
        Make an item of a row.

        Raises:
            InputError: It has more cells than there are columns, or fewer; or one is wrong.
        """
        found, wanted = len(cells), len(self._names)
        if found != wanted:
            word = _SEPARATOR_NAMES.get(self._delimiter, repr(self._delimiter))
            hint = f"a {word} inside a cell needs quotes around the cell"
            raise InputError(
                f"the row has {found} cell{'s' * (found != 1)}, the header {wanted} "
                f"column{'s' * (wanted != 1)}; {hint if found > wanted else 'is one missing?'}"
            )
        row = _TableRow(dict(zip(self._names, cells, strict=True)), self._settings)
        return make_item(self._fields, row)

    def _check_names(self) -> None:
        seen: dict[str, int] = {}
        for number, name in enumerate(self._names, 1):
            if not name:
                raise InputError(f"column {number} of the header has no name")
            if name in seen:
                raise InputError(f"the columns {seen[name]} and {number} are both named {name!r}")
            seen[name] = number

    def _make_fields(self) -> Iterable[Field]:
        settings = self._settings
        self._check_known(settings.text, settings.say("text"))
        if settings.fields is None:
            pairs = zip(make_paths(self._names), self._names, strict=True)
            return [take_column(path, name, is_text=settings.is_text(path)) for path, name in pairs]
        for field in settings.fields:
            if field.asked_by:
                self._check_known(field.columns, field.asked_by)
        return settings.fields

    def _check_known(self, names: Iterable[str], asked_by: str) -> None:
        for name in names:
            if name not in self._names:
                hint = suggest(name, self._names)
                raise InputError(f"{asked_by}: there is no column {name!r}{hint}")

    def _find_other_separator(self) -> str | None:
        """Return what seems to separate the cells of a header that is one column."""
        if len(self._names) != 1:
            return None
        name = self._names[0]
        others = [each for each in _ALL_SEPARATORS if each != self._delimiter and each in name]
        return max(others, key=name.count, default=None)

    def _wrong_separator(self) -> InputError:
        said = self._settings.say(delimiter="tab" if self._other == "\t" else self._other)
        reason = f"the header is one column, {self._names[0][:60]!r}; say {said}"
        return InputError(reason, line=self._line)


class _TableRow:
    """A row's cells by their columns."""

    def __init__(self, cells: Mapping[str, str], settings: ReadSettings) -> None:
        self._cells = cells
        self._settings = settings

    def has(self, column: str) -> bool:
        """Whether a cell is not empty."""
        return bool(self._cells.get(column))

    def value(self, column: str) -> Any:
        """Return what a cell means."""
        cell, settings = self.text(column), self._settings
        if column == ID or column in settings.text:
            return cell
        try:
            return settings.read_cell(cell)
        except ValueError as error:
            by = settings.say(text=[column])
            raise InputError(
                f"column {column!r}: {error}, or keep the column as text by {by}"
            ) from None

    def text(self, column: str) -> str:
        """Return a cell as it is written."""
        cell = self._cells[column]
        if not cell:
            raise InputError(f"column {column!r} is empty")
        return cell
