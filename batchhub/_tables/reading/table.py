"""From the records of a table to items: its header, its rows as they are or mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from batchhub._tables.wording import suggest
from batchhub.errors import InputError, UsageError

from .mapping import Field, Row, make_item, make_paths, take_column
from .objects import Found
from .records import Records
from .settings import ReadSettings

_SEPARATOR_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab"}


def read_table(records: Records, settings: ReadSettings) -> Iterator[Found]:
    """
    Yield what each row holds; its place is the line it begins in.

    Rows that have only empty cells, as spreadsheets leave them, hold nothing.

    Raises:
        InputError: The header is wrong, or what follows can't be read.
    """
    names: list[str] | None = None
    fields: Sequence[Field] = ()
    for line, cells in records:
        if names is None:
            if any(cell.strip() for cell in cells):
                try:
                    names = _read_header(cells)
                    fields = _make_fields(names, settings)
                except UsageError as error:
                    raise InputError(str(error), line=line) from None
        elif any(cells):
            try:
                _check_count(len(cells), len(names), records.delimiter or "")
                row = Row(dict(zip(names, cells, strict=True)), settings.read_column)
                yield line, make_item(fields, row)
            except InputError as error:
                yield line, InputError(error.reason, line=line)


def _read_header(cells: Sequence[str]) -> list[str]:
    """
    Return the names of the columns.

    Raises:
        InputError: A column has no name, or two have the same one.
    """
    names = [name.strip() for name in cells]
    for n, name in enumerate(names):
        if not name:
            raise InputError(f"column {n + 1} of the header has no name")
        if name in names[:n]:
            first = names.index(name) + 1
            raise InputError(f"the columns {first} and {n + 1} are both named {name!r}")
    return names


def _make_fields(names: Sequence[str], settings: ReadSettings) -> Sequence[Field]:
    """
    Return what becomes of the columns.

    Raises:
        UsageError: One that is asked for is missing, or they can't all be keys of an item.
    """
    asked: list[tuple[Sequence[str], str]] = [(settings.text, settings.say("text"))]
    asked += [(field.columns, field.asked_by) for field in settings.fields or () if field.asked_by]
    for columns, asked_by in asked:
        for name in columns:
            if name not in names:
                raise InputError(f"{asked_by}: there is no column {name!r}{suggest(name, names)}")
    if settings.fields is not None:
        return settings.fields
    pairs = zip(make_paths(names), names, strict=True)
    return [take_column(path, name, is_text=settings.is_text(path)) for path, name in pairs]


def _check_count(found: int, wanted: int, delimiter: str) -> None:
    """
    Refuse a row that has more cells than there are columns, or fewer.

    Raises:
        InputError: It counts both.
    """
    if found == wanted:
        return
    word = _SEPARATOR_NAMES.get(delimiter, repr(delimiter))
    hint = f"a {word} inside a cell needs quotes around the cell"
    raise InputError(
        f"the row has {found} cell{'s' * (found != 1)}, the header {wanted} "
        f"column{'s' * (wanted != 1)}; {hint if found > wanted else 'is one missing?'}"
    )
