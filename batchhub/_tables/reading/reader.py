"""The items of one source, whatever its format."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import IO, Any, Final, TypeAlias, cast

from attrs import evolve

from batchhub._base.frames import Frame, is_frame
from batchhub._tables.formats import READABLE, Format, format_of, parse_format
from batchhub.adapter import Adapter
from batchhub.errors import InputError, UsageError
from batchhub.models.rows import InputHead, RowSink

from . import source as _source
from .background import in_background
from .csv_rows import CsvRows, find_delimiter
from .encodings import MARK_BYTES, UTF8, UTF16_BOMS, choose_encoding, find_encoding, has_bom
from .excel import open_workbook
from .file_kinds import FileKind, explain_kind
from .frames import FrameOrigin
from .json_maps import ObjectMaker
from .marks import take_object
from .objects import BOM, Found, MakeItem, read_array, read_objects
from .rejects import Rejects
from .rows import Rows
from .settings import ReadSettings
from .source import Origin
from .survey import Survey
from .table import Table

_UNSENT: Final = "nothing was sent"
_CSV: Final = frozenset({Format.CSV, Format.TSV})
_TABLES: Final = frozenset({*_CSV, Format.XLSX, Format.FRAME})
_NAMES: Final = {
    Format.JSONL: "JSON Lines",
    Format.JSON: "a JSON array",
    Format.CSV: "CSV",
    Format.TSV: "CSV",
    Format.XLSX: "a workbook",
    Format.FRAME: "a frame",
}
_WORKBOOKS: Final = frozenset({FileKind.WORKBOOK, FileKind.MACRO_WORKBOOK})
_FIRST: Final = {b"[": Format.JSON, b"{": Format.JSONL}

_Pause: TypeAlias = Callable[[], None]


class ItemReader:
    """
    The items of one file, pipe, stream or frame, read once by ``async for`` or ``for``.

    Made by `batchhub.tables.read_items`. The file is opened at once, and closed when it has been
    read to its end, when reading breaks off, or by ``with``. A table is looked at as a whole before
    its first item; what can't be read twice, such as standard input, is copied to disk for that.

    Attributes:
        name: What the source is called in messages: its path, or ``standard input``.
        row: The number of the row that the last item was made of, from 1; rows that are no items
            count. 0 before the first.
        line: Where the item begins that was yielded last, from 1; 0 before the first.
        place: What `line` counts: ``line``, ``row`` in a workbook, or in a JSON array ``element``.
        raw: What the last item was made of: the cells of a table, a JSON object, or the bytes of a
            line that holds none.
        header: The names of a table's columns, as they are written.
        head: What is known of the rows as a whole; `None` before the first one.
        survey: How a table is read; `None` before its first item, and of JSON.
        on_refused: Called with what is wrong with a row that is no item, in place of raising it;
            reading goes on with the next row.
        on_end: Called when all rows were read, with how many there were, before the last item is
            the last: what it raises is raised.
        on_survey: Called with how a table is read, before its first item.
        shows_all: Whether what ends reading early is given to `on_refused`, too, as a dry run wants
            it that shows what there is; else it is raised, so that a part is never taken for all.
        is_cut_off: Whether reading ended early so.
        is_terminal: Whether somebody has to type the items.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | IO[bytes] | Frame,
        settings: ReadSettings,
        on_refused: Callable[[InputError], None] | None = None,
    ) -> None:
        self.row = 0
        self.line = 0
        self.place = "line"
        self.raw: Any = None
        self.header: Sequence[str] = ()
        self.head: InputHead | None = None
        self._sink: RowSink | None = None
        self.survey: Survey | None = None
        self.on_refused = on_refused
        self.on_end: Callable[[int], None] | None = None
        self.on_survey: Callable[[Survey], None] | None = None
        self._rejects: Rejects | None = None
        self.shows_all = False
        self.is_cut_off = False
        self._settings = settings
        self._omitted: Mapping[str, int] = {}
        say = settings.say
        self._format = parse_format(settings.format, say, READABLE)
        delimiter = settings.delimiter
        self._delimiter = None if delimiter is None else find_delimiter(delimiter, say)
        named = settings.encoding
        self._encoding = None if named is None else find_encoding(named, say)
        self._has_begun = False
        self._origin = _open(source)
        self.name = self._origin.name
        self.is_terminal = self._origin.is_terminal
        # Now: the folder may be another one when the rows are read.
        self._path = os.path.realpath(self.name) if self._origin.is_file else None
        try:
            self._find_named_format()
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
        self._origin.close()
        if self._rejects is not None:
            self._rejects.abandon()

    def set_aside(self, rejects: Rejects) -> None:
        """
        Set rows aside that can't be sent: those that make no item, and what `reject` is given.

        Args:
            rejects: Where they go. They are there when all rows were read.

        Raises:
            UsageError: They can't be there.
        """
        if isinstance(self._origin, FrameOrigin):
            raise UsageError("rows of a frame are not set aside in a file; take them by on_refused")
        rejects.spare_source(self._origin.stat())
        if self._format is not None:
            rejects.check_fit(self.name, self._format)
        self._rejects = rejects
        self.on_refused = self.reject

    def reject(self, error: InputError) -> None:
        """
        Set the row aside that the last item was made of, since the item can't be sent.

        Args:
            error: What is wrong with it.

        Raises:
            InputError: This very error, if rows are not set aside.
            UsageError: It can't be set aside.
        """
        if self._rejects is None:
            raise error
        self._rejects.add(self.line, self.raw, error.reason)

    def keep_rows(self, sink: RowSink) -> None:
        """
        Hand every row over, those too that make no item.

        Args:
            sink: Takes each row before its item is yielded.
        """
        self._sink = sink

    @property
    def omitted(self) -> Mapping[str, int]:
        """How many empty cells were left out so far, by the name of the value."""
        return dict(self._omitted)

    def fit(self, adapter: type[Adapter[Any]], operation: str, decimal: str | None = None) -> None:
        """
        Read for an adapter: fields are of the kinds it says, and rows are mapped as it says.

        Args:
            adapter: The adapter's class.
            operation: The kind of batch.
            decimal: The notation of figures that the account has, where the user names none.

        Raises:
            UsageError: A template is broken, or the adapter takes no mapping.
        """
        self._settings = evolve(
            self._settings, adapter=adapter, operation=operation, account_decimal=decimal
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """
        Yield the items; reading blocks.

        Raises:
            InputError: Something is no item, or can't be read; it names the line.
        """
        try:
            try:
                for found in self._read(lambda: None):
                    item = self._take(found)
                    if item is not None:
                        yield item
            except InputError as error:
                self._cut_off(error)
            self._end()
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """
        Yield the items, read in a thread.

        Raises:
            InputError: Something is no item, or can't be read; it names the line.
        """
        try:
            try:
                async with aclosing(in_background(self._read)) as batches:
                    async for batch in batches:
                        for found in batch:
                            item = self._take(found)
                            if item is not None:
                                yield item
                        if self._sink is not None:
                            await self._sink.rest()
            except InputError as error:
                self._cut_off(error)
            self._end()
        finally:
            self.close()

    def find_place(self, error: InputError) -> tuple[str, int | None]:
        """Return what is counted, and where an error is that came up while items were taken."""
        if error.position is not None:
            return self.place, self.line
        return "row" if self.place == "row" else "line", error.line

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

    def _take(self, found: Found | Survey) -> dict[str, Any] | None:
        """Return an item; of what is none raise or report the error."""
        if isinstance(found, Survey):
            self._take_survey(found)
            return None
        self.row += 1
        self.line, item, self.raw = found
        if not isinstance(item, InputError):
            if self._sink is not None:
                self._sink.add(self.line, self.raw, None)
            return item
        if self._sink is not None:
            self._sink.add(self.line, self.raw, item.reason)
        if self.on_refused is None:
            raise item
        self.on_refused(item)
        return None

    def _take_survey(self, found: Survey) -> None:
        self.survey = found
        if self.on_survey is not None:
            self.on_survey(found)

    def _end(self) -> None:
        """Put the rows into their place that were set aside, now that nothing more comes."""
        if self._rejects is not None:
            self._rejects.finish(self.row)
        if self.on_end is not None:
            self.on_end(self.row)

    def _cut_off(self, error: InputError) -> None:
        if self.on_refused is None or not self.shows_all or not self.row:
            raise error
        self.is_cut_off = True
        self.on_refused(error)

    def _find_named_format(self) -> None:
        """Find the format by the name, unless it was said; else the first bytes will show it."""
        if isinstance(self._origin, FrameOrigin):
            self._check_options(Format.FRAME)
            self._format = Format.FRAME
            return
        found = format_of(self.name)
        if self._format is None and self._origin.is_file and found in READABLE:
            self._format = found
        if self._delimiter is None and Format.TSV in {found, self._format}:
            self._delimiter = "\t"
        if self._format is not None and self._format not in _TABLES:
            self._check_options(self._format)

    def _read(self, pause: _Pause) -> Iterator[Found | Survey]:
        if self._has_begun:
            raise UsageError(f"{self.name}: its items have been read; open it again")
        self._has_begun = True
        if isinstance(self._origin, FrameOrigin):
            return self._read_table(Format.FRAME, self._origin.rows, b"")
        head = self._origin.look(pause)
        format = self._find_format(self._origin, head)
        self._check_options(format)
        if self._rejects is not None:
            self._rejects.check_fit(self.name, format)
        if format in _TABLES:
            rows = self._open_rows(self._origin, format, head, pause)
            return self._read_table(format, rows, head)
        stream = cast("IO[bytes]", io.BufferedReader(self._origin.open(pause), _source.CHUNK_BYTES))
        make = self._make_object()
        self.head = InputHead(
            name=self.name, format=format.value, has_bom=has_bom(head), path=self._path
        )
        if format is Format.JSON:
            self.place = "element"
            self.head = evolve(self.head, place=self.place)
            return read_array(stream, make, say=self._settings.say)
        return read_objects(stream, make, say=self._settings.say)

    def _read_table(self, format: Format, rows: Rows, head: bytes) -> Iterator[Found | Survey]:
        """Yield how the table is read, then what its rows hold."""
        self.place = rows.place
        table = Table(rows, self._settings)
        maker = table.look()
        self.header, self._omitted = table.header, table.omitted
        self.head = InputHead(
            name=self.name,
            format=format.value,
            columns=tuple(table.header),
            delimiter=getattr(rows, "delimiter", None) or ",",
            encoding=getattr(rows, "encoding", UTF8),
            has_bom=has_bom(head),
            place=rows.place,
            path=self._path,
        )
        if self._rejects is not None:
            self._rejects.begin(
                source=self.name,
                format=format,
                header=table.header,
                delimiter=self.head.delimiter,
                encoding=self.head.encoding,
                has_bom=self.head.has_bom,
            )
        if maker is None or table.survey is None:
            return
        yield table.survey
        yield from table.read(maker)

    def _open_rows(self, origin: Origin, format: Format, head: bytes, pause: _Pause) -> Rows:
        say = self._settings.say
        if format is Format.XLSX:
            self.place = "row"  # also for what is wrong with the sheet itself
            file = origin.file(pause)
            return open_workbook(file, self.name, sheet=self._settings.sheet, say=say)
        encoding = choose_encoding(head[:MARK_BYTES], self._encoding, say)
        origin.keep(pause)
        return CsvRows(lambda: origin.open(pause), encoding, self._delimiter, say)

    def _find_format(self, origin: Origin, head: bytes) -> Format:
        """
        Return the format, which the first bytes show whatever the name says.

        Raises:
            InputError: It is none that holds items.
        """
        kind = origin.kind
        if kind in _WORKBOOKS:
            self._format = Format.XLSX
        elif kind is not FileKind.TEXT:
            raise InputError(explain_kind(kind, head))
        elif self._format is Format.XLSX:
            if not head:
                raise InputError("the file is empty; save the workbook again")
            raise InputError("it is no workbook but text; name it .csv, or save it as .xlsx")
        elif self._format is None:
            self._format = _detect_format(head)
        return self._format

    def _make_object(self) -> MakeItem:
        if self._settings.parts is None:
            return take_object
        maker = ObjectMaker(self._settings)
        self._omitted = maker.omitted
        return lambda value: maker.make(take_object(value))

    def _check_options(self, format: Format) -> None:
        """Refuse what is said of another format and would silently do nothing."""
        settings, say = self._settings, self._settings.say
        is_mapped = settings.parts is not None or settings.map is not None
        options = {
            say("format"): (settings.format, set(Format) - {Format.FRAME}, "files"),
            say("delimiter"): (settings.delimiter, _CSV, "CSV"),
            say("encoding"): (settings.encoding, _CSV, "CSV"),
            say("sheet"): (settings.sheet, frozenset({Format.XLSX}), "workbooks"),
            say("decimal"): (settings.decimal, set(Format) if is_mapped else _TABLES, "tables"),
            say("number"): (settings.number, _TABLES, "tables"),
            say("text"): (settings.text, _TABLES, "tables"),
            say("empty"): (settings.empty, set(Format) if is_mapped else _TABLES, "tables"),
        }
        for option, (is_said, formats, what) in options.items():
            if is_said and format not in formats:
                raise InputError(f"{option} is for {what}, and this is {_NAMES[format]}")


def _open(source: str | os.PathLike[str] | IO[bytes] | Frame) -> Origin | FrameOrigin:
    return FrameOrigin(source) if is_frame(source) else Origin(cast("IO[bytes]", source))


def _detect_format(head: bytes) -> Format:
    """Return the format of text by its first character that is no space."""
    if head.startswith(UTF16_BOMS):
        return Format.CSV
    first = head.removeprefix(BOM).lstrip()[:1]
    return _FIRST.get(first, Format.CSV if first else Format.JSONL)
