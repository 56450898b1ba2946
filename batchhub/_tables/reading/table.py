"""CSV to items: any encoding, its records, its header, its rows as they are or mapped."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Final

from batchhub._tables.formats import Say, suggest
from batchhub.errors import InputError, UsageError

from . import source as _source
from .encodings import UTF8
from .mapping import Field, Row, make_item, make_paths, take_column
from .objects import Found
from .settings import ReadSettings

_SEPARATORS: Final = (",", ";", "\t", "|")
"""What may separate the cells of a table that doesn't say."""

Record = tuple[int, list[str]]
"""The line a record begins in, from 1, and its cells."""

_NAMED: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_SEPARATOR_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
_BOM: Final = "\ufeff"
_HINT: Final = "sep="
_SWALLOWED: Final = "; is a quote not closed?"

# Decoding goes on after bytes that are no text, so that all rows before them are read: such bytes
# become characters that no text has.
_KEEP_BYTES: Final = "surrogateescape"
_FIRST_BYTE: Final = 0xDC00
_NO_TEXT: Final = re.compile("[\0\udc80-\udcff]")


def find_delimiter(name: str, say: Say) -> str:
    """
    Return the character that a delimiter's name stands for.

    Raises:
        UsageError: It can't separate cells.
    """
    found = _NAMED.get(name.lower(), name)
    if len(found) != 1 or found in '"\r\n\0 ':
        raise UsageError(f"{say('delimiter')} is one character or the word tab, not {name!r}")
    return found


class _Records:
    """
    The records of one table. Blank lines are no records.

    Args:
        stream: The table.
        encoding: Its encoding.
        delimiter: What separates its cells; `None` to detect it in the first line.
        say: Names an argument in a message.

    Attributes:
        delimiter: What separates its cells, once the first record is read.
    """

    def __init__(self, stream: IO[bytes], encoding: str, delimiter: str | None, say: Say) -> None:
        self.delimiter = delimiter
        # With `newline=""` lines end at LF, CR or both, and keep their ends.
        self._text = io.TextIOWrapper(stream, encoding, errors=_KEEP_BYTES, newline="")
        self._encoding = encoding
        self._say = say
        self._count = 0
        self._size = 0
        self._first = 1

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the records.

        Raises:
            InputError: A byte is no text, a quote is not closed or in a wrong place, or a record
                is too long.
        """
        # The module's own limit, for all tables of the process; ours is that of the lines.
        csv.field_size_limit(max(csv.field_size_limit(), _source.MAX_BYTES + 1))
        lines = self._read_lines()
        try:
            first = self._read_first(lines)
            for cells in csv.reader(
                chain(first, lines), delimiter=self.delimiter or ",", strict=True
            ):
                if cells:
                    yield self._first, cells
                self._begin_record()
        except csv.Error as error:
            raise InputError(_explain(error), line=self._first) from None
        except UnicodeError:
            named = f"{self._encoding}; is the {self._say('encoding')} right?"
            raise InputError(f"can't be read as {named}") from None

    def _begin_record(self) -> None:
        """Take the next line for the first one of a record."""
        self._first = self._count + 1
        self._size = 0

    def _read_first(self, lines: Iterator[str]) -> list[str]:
        """
        Go to the first line that is not blank, past a ``sep=;``, and see what separates cells.

        Returns:
            What is to be read again.
        """
        for line in lines:
            bare = line.rstrip("\r\n")
            is_hint = bare.lower().startswith(_HINT) and len(bare) == len(_HINT) + 1
            if bare.strip() and not is_hint:
                unquoted = "".join(bare.split('"')[::2])
                self.delimiter = self.delimiter or max(_SEPARATORS, key=unquoted.count)
                return [line]
            self._begin_record()
            if is_hint:
                self.delimiter = self.delimiter or bare[-1]
                break
        return []

    def _read_lines(self) -> Iterator[str]:
        """Yield the lines with their ends."""
        readline, most = self._text.readline, _source.MAX_BYTES
        while line := readline(most + 1):
            self._count += 1
            self._size += len(line)
            if self._size > most:
                raise _source.too_long(self._first, _SWALLOWED)
            if self._count == 1:
                line = line.removeprefix(_BOM)
            if ("\0" in line or not line.isascii()) and (found := _NO_TEXT.search(line)):
                raise InputError(self._no_text(found[0]), line=self._count)
            yield line

    def _no_text(self, char: str) -> str:
        """Say what is wrong with a byte that is no text."""
        say, is_utf8 = self._say, self._encoding == UTF8
        what = f"the byte 0x{ord(char) - _FIRST_BYTE:02x} is no {self._encoding.upper()}"
        if char == "\0":
            what = "holds a NUL byte, which no text has"
        if not is_utf8:
            return f"{what}; is the {say('encoding')} right?"
        named = f"{say(encoding='windows-1252')} or {say(encoding='utf-16')}"
        return f'{what}; save the file as "CSV UTF-8", or name its encoding, as in {named}'


def _explain(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote that opens in this record is never closed"
    if "expected after" in str(error):
        return 'text after the closing quote of a cell; a quote inside a quoted cell is written ""'
    return f"not valid CSV: {error}"


def read_table(
    stream: IO[bytes], encoding: str, delimiter: str | None, settings: ReadSettings
) -> Iterator[Found]:
    """
    Yield what each row holds; its place is the line it begins in.

    Rows that have only empty cells, as spreadsheets leave them, hold nothing.

    Raises:
        InputError: The header is wrong, or what follows can't be read.
    """
    records = _Records(stream, encoding, delimiter, settings.say)
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
