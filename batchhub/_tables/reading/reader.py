"""The items of one source, whatever its format."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import IO, Any, Final, cast

from attrs import evolve

from batchhub._tables.formats import (
    READABLE,
    Compression,
    Format,
    compression_of,
    endings,
    format_of,
    parse_format,
)
from batchhub._tables.wording import Say, in_python
from batchhub.adapter import Adapter
from batchhub.errors import InputError, UsageError

from . import source as _source
from .background import in_background
from .mapping import ObjectRow
from .objects import BOM, Found, read_array, read_objects
from .records import UTF8, UTF16_BOMS, Records, find_delimiter, find_encoding
from .settings import TableSettings, parse_assignments
from .table import read_table

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
        *,
        adapter: type[Adapter[Any]] | None = None,
        operation: str | None = None,
        map: str | None = None,
        set: Mapping[str, str] | Iterable[str] = (),
        id: str | None = None,
        format: str | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        decimal: str = ".",
        infer: bool = True,
        text: Iterable[str] = (),
        on_refused: Callable[[InputError], None] | None = None,
        say: Say = in_python,
    ) -> None:
        self.line = 0
        self.place = "line"
        self.on_refused = on_refused
        self.is_cut_off = False
        self._say = say
        self._format = parse_format(format, say, READABLE)
        self._delimiter = find_delimiter(delimiter, say)
        self._encoding = find_encoding(encoding or UTF8, say)
        self._settings = TableSettings(
            map=map,
            set=parse_assignments(set, say),
            id=id,
            decimal=decimal,
            infer=infer,
            text=(text,) if isinstance(text, str) else tuple(text),
            say=say,
        )
        self._for_tables = {
            say("delimiter"): delimiter is not None,
            say("encoding"): encoding is not None,
            say("decimal", ","): decimal != ".",
            say("infer", "False"): not infer,
            say("text"): bool(self._settings.text),
        }
        self._has_begun = False
        self._is_table = False
        if adapter is not None:
            self.fit(adapter, operation or next(iter(adapter.operations)))
        self._open(source)

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
        self._has_begun = True
        try:
            for line, found in self._read(lambda: None):
                if (item := self._take(line, found)) is not None:
                    yield item
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
        self._has_begun = True
        try:
            async with aclosing(in_background(self._read)) as values:
                async for line, found in values:
                    if (item := self._take(line, found)) is not None:
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
        return f"{place} {number}{name}: {error.reason}{self._hint(error)}"

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

    def _hint(self, error: InputError) -> str:
        """Name the way out where not even the first row of a table is one of the vendor's items."""
        is_first_row = self._is_table and error.position == 1
        if not (is_first_row and self._settings.wants_map):
            return ""
        return f"; {self._say('map')} makes items of rows"

    def _take(self, line: int, found: dict[str, Any] | InputError) -> dict[str, Any] | None:
        self.line = line
        if not isinstance(found, InputError):
            return found
        if self.on_refused is None:
            raise found
        self.on_refused(found)
        return None

    def _cut_off(self, error: InputError) -> None:
        if self.on_refused is None:
            raise error
        self.is_cut_off = True
        self.on_refused(error)

    def _open(self, source: str | os.PathLike[str] | IO[bytes]) -> None:
        self._is_ours = isinstance(source, str | os.PathLike)
        if not isinstance(source, str | os.PathLike):
            self.name = str(getattr(source, "name", "the stream"))
            self._stream, is_named = source, False
        else:
            path = os.fspath(source)
            self.name = "standard input" if path == _source.STDIN else path
            self._stream, is_named = _source.open_file(path)
        self.is_terminal = self._is_ours and not is_named and self._stream.isatty()
        try:
            if self._format is None and is_named:
                self._format = self._format_by_name()
            if self._delimiter is None and format_of(self.name) is Format.TSV:
                self._delimiter = "\t"
            if self._format is not None:
                self._check_options(self._format)
        except UsageError:
            self.close()
            raise

    def _format_by_name(self) -> Format:
        found = format_of(self.name)
        if found in READABLE and compression_of(self.name) is not Compression.ZSTD:
            return found
        raise UsageError(
            f"{self.name}: the format is named by the ending, one of {endings(READABLE)}, also "
            f"with {Compression.GZIP} behind it; or say {self._say('format')} {', '.join(READABLE)}"
        )

    def _read(self, pause: Callable[[], None]) -> Iterator[Found]:
        is_gzip = compression_of(self.name) is Compression.GZIP
        source = _source.unpack(self._stream, must_be_gzip=is_gzip, pause=pause)
        format = self._format
        if format is None:
            format = _detect_format(source)
            self._check_options(format)
        self._is_table = format in _TABLES
        stream = cast("IO[bytes]", io.BufferedReader(source, _source.CHUNK_BYTES))
        if self._is_table:
            delimiter = self._delimiter or ("\t" if format is Format.TSV else None)
            records = Records(stream, self._encoding, delimiter, say=self._say)
            return read_table(records, self._settings)
        make = partial(_make_item, self._settings)
        if format is Format.JSON:
            self.place = "element"
            return read_array(stream, make, say=self._say)
        return read_objects(stream, make, say=self._say)

    def _check_options(self, format: Format) -> None:
        """Refuse what is said of CSV and would silently do nothing."""
        if format in _TABLES:
            return
        for option, is_said in self._for_tables.items():
            if is_said:
                raise InputError(f"{option} is for CSV, and this is {_NAMES[format]}")


def _make_item(settings: TableSettings, value: dict[str, Any]) -> dict[str, Any]:
    return value if settings.row_maker is None else settings.row_maker.make(ObjectRow(value))


def _detect_format(source: _source.Source) -> Format:
    """
    Find the format by the first character that is no space.

    Raises:
        InputError: There are 64 MiB of blanks.
    """

    def is_enough(head: bytes) -> bool:
        if len(head) > _source.MAX_BYTES:
            raise InputError(f"begins with {_source.MAX_BYTES >> 20} MiB of blanks")
        return bool(head.removeprefix(BOM).strip()) and not BOM.startswith(head)

    head = source.look_ahead(is_enough)
    if head.startswith(UTF16_BOMS):
        return Format.CSV
    first = head.removeprefix(BOM).lstrip()[:1]
    return _FIRST.get(first, Format.CSV if first else Format.JSONL)
