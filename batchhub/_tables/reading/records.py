"""CSV to records: any encoding, each record with the line it begins in."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO, Final

from batchhub._tables.wording import Say
from batchhub.errors import InputError, UsageError

from . import source as _source

UTF8: Final = "utf-8"
"""The encoding of a table that is not said to have another."""

UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How UTF-16 begins."""

SEPARATORS: Final = (",", ";", "\t")
"""What may separate the cells of a table that doesn't say."""

Record = tuple[int, list[str]]
"""The line a record begins in, from 1, and its cells."""

_NAMED: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_BOM: Final = "\ufeff"
_HINT: Final = "sep="
_SWALLOWED: Final = "; is a quote not closed?"

# Decoding goes on after bytes that are no text, so that all rows before them are read: such bytes
# become characters that no text has, which `_Lines` looks for.
_KEEP_BYTES: Final = "batchhub.keep_bytes"
_FIRST_BYTE: Final = 0xDC00
_NO_TEXT: Final = re.compile("[\0\udc00-\udcff]")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(_FIRST_BYTE + b) for b in error.object[error.start : error.end]), error.end


codecs.register_error(_KEEP_BYTES, _keep_bytes)


def find_encoding(name: str, say: Say) -> str:
    """
    Return an encoding's own name.

    Raises:
        UsageError: There is no such encoding of text.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # some codecs are none of text
    except (LookupError, ValueError):
        raise UsageError(
            f"{say('encoding')}: Python knows no encoding {name!r}; windows-1252, windows-1254 and "
            "utf-16 are some it knows"
        ) from None
    return found


def find_delimiter(name: str | None, say: Say) -> str | None:
    """
    Return the character that a delimiter's name stands for.

    Raises:
        UsageError: It can't separate cells.
    """
    if name is None:
        return None
    found = _NAMED.get(name.lower(), name)
    if len(found) != 1 or found in '"\r\n\0 ':
        raise UsageError(f"{say('delimiter')} is one character or the word tab, not {name!r}")
    return found


class Records:
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

    def __init__(
        self, stream: IO[bytes], encoding: str, delimiter: str | None, *, say: Say
    ) -> None:
        self.delimiter = delimiter
        self._lines = _Lines(stream, encoding, say)

    def __iter__(self) -> Iterator[Record]:
        """
        Yield the records.

        Raises:
            InputError: A byte is no text, a quote is not closed or in a wrong place, or a record
                is too long.
        """
        lines = self._lines
        texts = lines.read()
        first = self._read_first(texts)
        if first is None:
            return
        # The module's own limit, for all tables of the process; ours is that of `_Lines`.
        csv.field_size_limit(max(csv.field_size_limit(), _source.MAX_BYTES + 1))
        reader = csv.reader(chain(first, texts), delimiter=self.delimiter or ",", strict=True)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _broken(error, lines.first) from None
            if cells:
                yield lines.first, cells
            lines.begin_record()

    def _read_first(self, texts: Iterator[str]) -> list[str] | None:
        """
        Go to the first line that is not blank, past a ``sep=;``, and see what separates cells.

        Returns:
            What is to be read again; `None` if all lines are blank.
        """
        for line in texts:
            bare = line.rstrip("\r\n")
            if bare.lower().startswith(_HINT) and len(bare) == len(_HINT) + 1:
                self.delimiter = self.delimiter or bare[-1]
                self._lines.begin_record()
                return []
            if line.strip():
                if self.delimiter is None:
                    unquoted = "".join(bare.split('"')[::2])
                    self.delimiter = max(SEPARATORS, key=unquoted.count)
                return [line]
            self._lines.begin_record()
        return None


class _Lines:
    """
    The lines of a text, with their ends, counted.

    Attributes:
        first: The line in which the record begins that is being read, from 1.
    """

    def __init__(self, stream: IO[bytes], encoding: str, say: Say) -> None:
        # With `newline=""` lines end at LF, CR or both, and keep their ends.
        self._text = io.TextIOWrapper(stream, encoding, errors=_KEEP_BYTES, newline="")
        self._encoding = encoding
        self._say = say
        self._count = 0
        self._size = 0
        self.first = 1

    def begin_record(self) -> None:
        """Take the next line for the first one of a record."""
        self.first = self._count + 1
        self._size = 0

    def read(self) -> Iterator[str]:
        """
        Yield the lines.

        Raises:
            InputError: A byte is no text, or the record is too long.
        """
        readline, most = self._text.readline, _source.MAX_BYTES
        while line := readline(most + 1):
            self._count += 1
            self._size += len(line)
            if self._size > most:
                raise _source.too_long(self.first, _SWALLOWED)
            if self._count == 1:
                line = line.removeprefix(_BOM)
            if "\0" in line or not line.isascii():
                self._refuse_bytes(line)
            yield line

    def _refuse_bytes(self, line: str) -> None:
        found = _NO_TEXT.search(line)
        if found is None:
            return
        advice = (
            f'save the file as "CSV UTF-8", or name its encoding, as in '
            f"{self._say('encoding', 'windows-1252')}"
            if self._encoding == UTF8
            else f"is the {self._say('encoding')} right?"
        )
        name = "UTF-8" if self._encoding == UTF8 else self._encoding
        reason = f"the byte 0x{ord(found[0]) - _FIRST_BYTE:02x} is no {name}; {advice}"
        if found[0] == "\0":
            reason = (
                "holds a NUL byte, which no text has; save the file as CSV UTF-8, "
                f"or name its encoding, as in {self._say('encoding', 'utf-16')}"
            )
        elif self._count == 1 and self._encoding == UTF8 and _begins_as_utf16(line):
            reason = f"the file is UTF-16; say {self._say('encoding', 'utf-16')}"
        raise InputError(reason, line=self._count)


def _begins_as_utf16(line: str) -> bool:
    return line.startswith(tuple("".join(chr(_FIRST_BYTE + b) for b in bom) for bom in UTF16_BOMS))


def _broken(error: csv.Error, line: int) -> InputError:
    if "unexpected end" in str(error):
        return InputError("a quote that opens in this record is never closed", line=line)
    if "expected after" in str(error):
        return InputError(
            'text after the closing quote of a cell; a quote inside a quoted cell is written ""',
            line=line,
        )
    return InputError(f"not valid CSV: {error}", line=line)
