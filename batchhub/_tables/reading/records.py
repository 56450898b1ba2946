"""CSV text to records: streamed, each with the line it begins in."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from typing import Final

from batchhub.errors import InputError

from . import limits as _limits

DELIMITERS: Final = (",", ";", "\t")
"""What may separate the cells of a table that doesn't say."""

Record = tuple[int, list[str]]
"""The line a record begins in, from 1, and its cells."""

_HINT: Final = "sep="
_SWALLOWED: Final = "; is a quote not closed?"


class RecordReader:
    """
    The records of one table. Blank lines are no records.

    Args:
        texts: The table's text, cut anywhere.
        delimiter: What separates its cells; `None` if its first line is to tell.

    Attributes:
        delimiter: What separates its cells, once the first record is read.
    """

    def __init__(self, texts: AsyncIterator[str], delimiter: str | None) -> None:
        self.delimiter = delimiter
        self._texts = texts
        self._line = 1
        """The line that what waits begins in."""
        self._rest = ""
        """What the last parse left: a record whose quote is open."""
        self._has_begun = False

    async def __aiter__(self) -> AsyncIterator[Record]:
        """
        Yield the records.

        Raises:
            InputError: A quote is not closed or wrongly placed, or a record is too long.
        """
        waiting, size, enough, may_end = list[str](), 0, 0, True
        failure: InputError | None = None
        while True:
            try:
                text = await anext(self._texts)
            except StopAsyncIteration:
                break
            except InputError as error:  # what is whole before it counts
                failure = error
                break
            waiting.append(text)
            size += len(text)
            # An open quote only ends with another one; and a record that is not whole yet is
            # looked at again when there is twice as much of it.
            may_end = may_end or '"' in text
            if not may_end and size > _limits.MAX_BYTES:
                raise _limits.too_long(self._line, _SWALLOWED)
            if not may_end or size < enough:
                continue
            rest = "".join(waiting)
            cut = _find_cut(rest)
            for record in self._parse(rest[:cut]):
                yield record
            part = rest[cut:]
            rest = self._rest + part
            if len(rest) > _limits.MAX_BYTES:
                raise _limits.too_long(self._line, _SWALLOWED)
            waiting, size = [rest], len(rest)
            enough = min(2 * size, _limits.MAX_BYTES + 1)
            may_end = not self._rest or '"' in part
        rest = "".join(waiting)
        for record in self._parse(rest if failure is None else rest[: _find_cut(rest)]):
            yield record
        if failure is not None:
            raise failure
        if self._rest:
            raise InputError("a quote that opens in this record is never closed", line=self._line)

    def _parse(self, block: str) -> Iterator[Record]:
        """Yield the records of whole lines; what is left of them is in `_rest`."""
        self._rest = ""
        lines = io.StringIO(block, newline="")
        if not self._has_begun:
            self._begin(lines)
        if self.delimiter is None:
            return
        csv.field_size_limit(_limits.MAX_BYTES + 1)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        first = self._line
        while True:
            line = first + reader.line_num
            start = lines.tell()
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if lines.tell() == len(block) and str(error) == "unexpected end of data":
                    self._line, self._rest = line, block[start:]
                    return
                raise _broken(error, line) from None
            if cells:
                yield line, cells
        self._line = first + reader.line_num

    def _begin(self, lines: io.StringIO) -> None:
        """Go to the first line that is not blank, past a ``sep=;``; it tells the delimiter."""
        line, start = "", 0
        while not line.strip():
            start = lines.tell()
            line = lines.readline()
            if not line:
                return
            self._line += 1
        self._has_begun = True
        bare = line.rstrip("\r\n")
        if bare.lower().startswith(_HINT) and len(bare) == len(_HINT) + 1:
            self.delimiter = self.delimiter or bare[-1]
            return
        self._line -= 1
        lines.seek(start)
        if self.delimiter is None:
            unquoted = "".join(bare.split('"')[::2])
            self.delimiter = max(DELIMITERS, key=unquoted.count)


def _find_cut(text: str) -> int:
    """Return where the last whole line ends; a CR at the very end may be half of a CRLF."""
    return max(text.rfind("\n"), text.rfind("\r", 0, max(len(text) - 1, 0))) + 1


def _broken(error: csv.Error, line: int) -> InputError:
    if "field limit" in str(error):
        return _limits.too_long(line, _SWALLOWED)
    if "expected after" in str(error):
        return InputError(
            'a cell goes on behind its closing quote; a quote inside a quoted cell is written ""',
            line=line,
        )
    return InputError(f"not valid CSV: {error}", line=line)
