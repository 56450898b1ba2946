"""The records of CSV: any encoding, what separates the cells, quotes and line breaks in them."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from batchhub._tables.formats import Say
from batchhub.errors import InputError, UsageError

from . import source as _source
from .encodings import explain_bytes, explain_wrong, propose
from .rows import BrokenCells, Record

if TYPE_CHECKING:
    from _csv import Reader as _CsvReader

_SEPARATORS: Final = (",", ";", "\t", "|")
"""What may separate the cells of a table that doesn't say."""

_NAMED: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_BOM: Final = "\ufeff"
_HINT: Final = "sep="
_SWALLOWED: Final = "; is a quote not closed?"
_ENDS: Final = ("\n", "\r")

_STRAY: Final = 'text after the closing quote of a cell; a quote inside a quoted cell is written ""'
_LAST_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?\Z")

_KEEP_BYTES: Final = "surrogateescape"
_MOST_LINES: Final = 100_000
_MOST_BYTES: Final = 4096
"""How much is looked at to find the encoding, once a line is no text."""

_NO_TEXT: Final = re.compile("[\0\udc80-\udcff]")
_CONTROLS: Final = re.compile("[\x80-\x9f]")
"""Letters in one encoding that are control characters in another, which no table has."""


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


class CsvRows:
    """
    The records of one table in CSV. Blank lines are no records.

    Args:
        open: Opens the table, unpacked, at its beginning.
        encoding: Its encoding.
        delimiter: What separates its cells; `None` to detect it in the first line.
        say: Names an argument in a message.

    Attributes:
        place: What the number of a record counts.
        delimiter: What separates its cells, once the first record is read.
        encoding: Its encoding.
    """

    place = "line"
    warnings: Sequence[str] = ()

    def __init__(
        self, open: Callable[[], io.RawIOBase], encoding: str, delimiter: str | None, say: Say
    ) -> None:
        self.delimiter = delimiter
        self.encoding = encoding
        self._open = open
        self._say = say
        self._begun = 1
        self._chunk: io.StringIO | None = None

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the records, each with the line it begins in.

        Raises:
            InputError: A byte is no text, a quote is not closed or in a wrong place, or a record
                is too long.
        """
        # The module's own limit, for all tables of the process; ours is that of the lines.
        csv.field_size_limit(max(csv.field_size_limit(), _source.MAX_BYTES + 1))
        self._begun, self._has_ended, self._width = 1, True, 0
        lines = chain.from_iterable(self._cut())
        try:
            skipped, first = self._read_first(lines)
            reader = csv.reader(chain(first, lines), delimiter=self.delimiter or ",", strict=True)
            self._begun = skipped + 1
            while True:
                try:
                    yield from self._read_records(reader, skipped)
                except csv.Error as error:
                    is_one_line = skipped + reader.line_num == self._begun
                    yield self._begun, self._read_broken(error, is_one_line=is_one_line)
                    self._begun += 1
                else:
                    return
        except UnicodeError:
            raise self._find_no_text() from None

    def _read_records(self, reader: _CsvReader, skipped: int) -> Iterator[Record]:
        for cells in reader:
            if cells:
                self._has_ended = True
                self._width = self._width or len(cells)
                yield self._begun, cells
            self._begun = skipped + reader.line_num + 1

    def _read_broken(self, error: csv.Error, *, is_one_line: bool) -> BrokenCells:
        """
        Return the cells of a record with a quote in a wrong place.

        It is refused alone only where it has an end and all its cells if each quote that no cell
        ends with is part of a text: else nobody knows where the next one begins.

        Raises:
            InputError: Nothing behind it can be read.
        """
        why = _explain(error)
        if is_one_line and why == _STRAY and self._width and self._chunk is not None:
            text = self._chunk.getvalue()[: self._chunk.tell()]
            line = _LAST_LINE.search(text)
            cells = _split_loosely(line[0].rstrip("\r\n"), self.delimiter or ",") if line else None
            if cells is not None and len(cells) == self._width:
                self._has_ended = True
                return BrokenCells(cells, why)
        raise InputError(why, line=self._begun) from None

    def _read_first(self, lines: Iterator[str]) -> tuple[int, list[str]]:
        """
        Go to the first line that is not blank, past a ``sep=;``, and see what separates cells.

        Returns:
            How many lines it went past, and what is to be read again.
        """
        for number, line in enumerate(lines):
            bare = line.rstrip("\r\n")
            is_hint = bare.lower().startswith(_HINT) and len(bare) == len(_HINT) + 1
            if bare.strip() and not is_hint:
                unquoted = "".join(bare.split('"')[::2])
                self.delimiter = self.delimiter or max(_SEPARATORS, key=unquoted.count)
                return number, [line]
            if is_hint:
                self.delimiter = self.delimiter or bare[-1]
                return number + 1, []
        return 0, []

    def _cut(self) -> Iterator[io.StringIO]:
        """
        Yield the lines with their ends, a chunk's worth at a time.

        With `newline=""` lines end at LF, CR or both, and keep their ends.
        """
        rest, size = list[str](), 0
        for text in self._decode():
            if self._has_ended:
                self._has_ended, size = False, 0
            size += len(text)
            if size > _source.MAX_BYTES:
                raise _source.too_long(self._begun, _SWALLOWED)
            # A CR at the end may be half of a CRLF.
            end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1
            if rest and rest[-1].endswith("\r"):
                end = max(end, 1 if text.startswith("\n") else 0)
            if end:
                self._chunk = io.StringIO("".join([*rest, text[:end]]), newline="")
                yield self._chunk
                rest = []
            if end < len(text):
                rest.append(text[end:])
        if rest:
            self._chunk = io.StringIO("".join(rest), newline="")
            yield self._chunk

    def _decode(self) -> Iterator[str]:
        """Yield the text; raises `UnicodeError` if bytes are none."""
        stream = self._open()
        decoder = codecs.getincrementaldecoder(self.encoding)()
        is_first, is_named = True, not self.encoding.startswith("utf")
        while chunk := stream.read(_source.CHUNK_BYTES):
            text = decoder.decode(chunk)
            if "\0" in text or (is_named and _CONTROLS.search(text)):
                raise UnicodeError
            if is_first and text:
                text, is_first = text.removeprefix(_BOM), False
            yield text
        yield decoder.decode(b"", final=True)

    def _find_no_text(self) -> InputError:
        """Look for the first line with a byte that is no text, and say what is wrong with it."""
        named = f"{self.encoding}; is the {self._say('encoding')} right?"
        stream = io.BufferedReader(self._open(), _source.CHUNK_BYTES)
        try:
            text = io.TextIOWrapper(stream, self.encoding, errors=_KEEP_BYTES, newline="")
            for number, line in enumerate(text, 1):
                if _NO_TEXT.search(line):
                    return InputError(self._no_text(line, text), line=number)
                if wrong := explain_wrong(line, self.encoding, self._say):
                    return InputError(wrong, line=number)
        except UnicodeError:
            pass
        return InputError(f"can't be read as {named}")

    def _no_text(self, line: str, rest: Iterable[str]) -> str:
        """Say what is wrong with a line that has a byte that is no text; others show more."""
        kept = line.encode(self.encoding, _KEEP_BYTES)
        if "\0" in line:
            is_utf16 = bool(propose(kept))
            return self._explain(kept) if is_utf16 else "holds a NUL byte, which no text has"
        for other in islice(rest, _MOST_LINES):
            if "\0" not in other and _NO_TEXT.search(other):
                kept += other.encode(self.encoding, _KEEP_BYTES)
            if len(kept) > _MOST_BYTES:
                break
        return self._explain(kept[:_MOST_BYTES])

    def _explain(self, lines: bytes) -> str:
        return explain_bytes(lines, self.encoding, self._say)


def _explain(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quote that opens in this record is never closed"
    if "expected after" in str(error):
        return _STRAY
    return f"not valid CSV: {error}"


def _split_loosely(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of a line with quotes that are part of a text; `None` if one is open."""
    closed = re.escape(delimiter)
    # Possessive: two quotes are never taken for two that are part of the text.
    quoted = rf'"((?:[^"]+|""|"(?!{closed}|$))*+)"'
    cell = re.compile(rf'(?:{quoted}|(?!")([^{closed}]*))(?:{closed}|$)')
    cells, at = [], 0
    while at <= len(line):
        found = cell.match(line, at)
        if found is None:
            return None
        cells.append(found[2] if found[1] is None else found[1].replace('""', '"'))
        if found.end() == len(line) and not found[0].endswith(delimiter):
            return cells
        at = found.end()
    return [*cells, ""]
