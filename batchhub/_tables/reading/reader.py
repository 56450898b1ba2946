"""The items of one source, whatever its format."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import IO, Any, Final, cast

from attrs import evolve

from batchhub._tables.formats import (
    READABLE,
    Compression,
    Format,
    compression_of,
    format_of,
    get_format,
    name_of,
    parse_format,
)
from batchhub.adapter import Adapter
from batchhub.errors import InputError, UsageError

from . import source as _source
from .background import in_background
from .encodings import MARK_BYTES, UTF16_BOMS, choose_encoding, find_encoding
from .mapping import Row, make_item
from .objects import BOM, Found, read_array, read_objects
from .settings import ReadSettings
from .table import find_delimiter, read_table

_UNSENT: Final = "nothing was sent"
_TABLES: Final = frozenset({Format.CSV, Format.TSV})
_NAMES: Final = {Format.JSONL: "JSON Lines", Format.JSON: "a JSON array"}
_FIRST: Final = {b"[": Format.JSON, b"{": Format.JSONL}


class ItemReader:
    """
    The items of one file, pipe or stream, read once by ``async for`` or ``for``.

    Made by `batchhub.tables.read_items`. The file is opened at once, and closed when it has been
    read to its end, when reading breaks off, or by ``with``.

    Attributes:
        name: What the source is called in messages: its path, or ``standard input``.
        line: Where the item begins that was yielded last, from 1; 0 before the first.
        place: What `line` counts: ``line``, or in a JSON array ``element``.
        on_refused: Called with what is wrong with a row that is no item, in place of raising it;
            reading goes on with the next row.
        is_cut_off: Whether reading ended early, because nothing more could be made out.
        is_terminal: Whether somebody has to type the items.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        settings: ReadSettings,
        on_refused: Callable[[InputError], None] | None = None,
    ) -> None:
        self.line = 0
        self.place = "line"
        self.on_refused = on_refused
        self.is_cut_off = False
        self._settings = settings
        say = settings.say
        self._format = parse_format(settings.format, say, READABLE)
        delimiter = settings.delimiter
        self._delimiter = None if delimiter is None else find_delimiter(delimiter, say)
        named = settings.encoding
        self._encoding = None if named is None else find_encoding(named, say)
        self._has_begun = False
        self._is_ours = isinstance(source, str | os.PathLike)
        if isinstance(source, str | os.PathLike):
            self.name, self._stream, is_named = _source.open_file(os.fspath(source))
        else:
            self.name, self._stream, is_named = name_of(source), source, False
        self.is_terminal = self._is_ours and not is_named and self._stream.isatty()
        try:
            self._find_format(is_named=is_named)
        except UsageError:
            self.close()
            raise

    def __enter__(self) -> ItemReader:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; standard input and streams of others are left open."""
        self.close()

    def close(self) -> None:
        """Close the file; standard input and streams of others are left open."""
        if self._is_ours:
            self._stream.close()

    def fit(self, adapter: type[Adapter[Any]], operation: str) -> None:
        """
        Read for an adapter: what is text to it stays text, and rows are mapped as it says.

        Args:
            adapter: The adapter's class.
            operation: The kind of batch.

        Raises:
            UsageError: A template is broken, or the adapter takes no mapping.
        """
        self._settings = evolve(self._settings, adapter=adapter, operation=operation)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """
        Yield the items; reading blocks.

        Raises:
            InputError: Something is no item, or can't be read; it names the line.
        """
        try:
            for found in self._read(lambda: None):
                yield from self._take(found)
        except InputError as error:
            self._cut_off(error)
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """
        Yield the items, read in a thread.

        Raises:
            InputError: Something is no item, or can't be read; it names the line.
        """
        try:
            async with aclosing(in_background(self._read)) as values:
                async for found in values:
                    for item in self._take(found):
                        yield item
        except InputError as error:
            self._cut_off(error)
        finally:
            self.close()

    def find_place(self, error: InputError) -> tuple[str, int | None]:
        """Return what is counted, and where an error is that came up while items were taken."""
        if error.position is not None:
            return self.place, self.line
        return "line", error.line

    def locate(self, error: InputError) -> str:
        """Write where an error is that came up while the items were taken, and what it is."""
        place, number = self.find_place(error)
        if not number:
            return str(error)
        name = "" if error.item_id is None else f" (id {error.item_id!r})"
        hint = ""
        # Not even the first row of a table is one of the vendor's items.
        if error.position == 1 and self._format in _TABLES and self._settings.wants_map:
            hint = f"; {self._settings.say('map')} makes items of rows"
        return f"{place} {number}{name}: {error.reason}{hint}"

    def explain(self, error: InputError) -> UsageError:
        """
        Return an error that came up while the items were taken with the file and line it is in.

        Args:
            error: What `BatchHub.submit` or `BatchHub.plan` raised.
        """
        if not self._has_begun:
            return error
        text = self.locate(error)
        end = "" if text.endswith(_UNSENT) else f"; {_UNSENT}"
        return UsageError(f"{self.name}: {text}{end}")

    def _take(self, found: Found) -> Iterator[dict[str, Any]]:
        """Yield an item; of what is none raise or report the error."""
        self.line, item = found
        if not isinstance(item, InputError):
            yield item
        elif self.on_refused is None:
            raise item
        else:
            self.on_refused(item)

    def _cut_off(self, error: InputError) -> None:
        if self.on_refused is None:
            raise error
        self.is_cut_off = True
        self.on_refused(error)

    def _find_format(self, *, is_named: bool) -> None:
        """Find the format by the name, unless it was said; a pipe's is found when it is read."""
        found = format_of(self.name)
        if self._format is None and is_named:
            if compression_of(self.name) is Compression.ZSTD:
                raise UsageError(f"{self.name}: items may be compressed with gzip (.gz) only")
            self._format = get_format(self.name, self._settings.say, READABLE)
        if self._delimiter is None and Format.TSV in {found, self._format}:
            self._delimiter = "\t"
        if self._format is not None:
            self._check_options(self._format)

    def _read(self, pause: Callable[[], None]) -> Iterator[Found]:
        if self._has_begun:
            raise UsageError(f"{self.name}: its items have been read; open it again")
        self._has_begun = True
        is_gzip = compression_of(self.name) is Compression.GZIP
        source = _source.unpack(self._stream, must_be_gzip=is_gzip, pause=pause)
        if self._format is None:
            self._format = _detect_format(source)
            self._check_options(self._format)
        is_table = self._format in _TABLES
        head = source.look_ahead(lambda head: len(head) >= MARK_BYTES) if is_table else b""
        stream = cast("IO[bytes]", io.BufferedReader(source, _source.CHUNK_BYTES))
        say = self._settings.say
        if is_table:
            encoding = choose_encoding(head, self._encoding, say)
            return read_table(stream, encoding, self._delimiter, self._settings)
        if self._format is Format.JSON:
            self.place = "element"
            return read_array(stream, self._make_item, say=say)
        return read_objects(stream, self._make_item, say=say)

    def _make_item(self, value: dict[str, Any]) -> dict[str, Any]:
        fields = self._settings.fields
        return value if fields is None else make_item(fields, Row(value))

    def _check_options(self, format: Format) -> None:
        """Refuse what is said of CSV and would silently do nothing."""
        settings, say = self._settings, self._settings.say
        options = {
            say("delimiter"): settings.delimiter,
            say("encoding"): settings.encoding,
            say("decimal"): settings.decimal != ".",
            say(infer=False): not settings.infer,
            say("text"): settings.text,
        }
        for option, is_said in options.items():
            if is_said and format not in _TABLES:
                raise InputError(f"{option} is for CSV, and this is {_NAMES[format]}")


def _detect_format(source: _source.Source) -> Format:
    """Find the format by the first character that is no space."""

    def is_enough(head: bytes) -> bool:
        is_found = bool(head.removeprefix(BOM).strip()) and not BOM.startswith(head)
        return is_found or len(head) > _source.MAX_BYTES

    head = source.look_ahead(is_enough)
    if head.startswith(UTF16_BOMS):
        return Format.CSV
    first = head.removeprefix(BOM).lstrip()[:1]
    return _FIRST.get(first, Format.CSV if first else Format.JSONL)
