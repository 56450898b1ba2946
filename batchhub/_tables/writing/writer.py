"""From what the user said of an export to results that are written."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import IO, Any, Final

from attrs import evolve, frozen

from batchhub._base.threads import in_thread
from batchhub._tables.formats import (
    PLAIN_ENDINGS,
    Format,
    Say,
    compression_of,
    ending_of,
    get_format,
    in_python,
    parse_format,
)
from batchhub._tables.reading.marks import OUTCOME
from batchhub._tables.workbook import load_writer
from batchhub.adapter import Adapter
from batchhub.errors import UsageError
from batchhub.models import ItemResult
from batchhub.models.rows import InputHead, InputRow, InputRows, PlainRows

from .columns import Table, make_table, parse_fields
from .dialect import Dialect, find_dialect, for_excel
from .explode import Explode
from .layout import Layout
from .lines import Csv, Encoder, JsonArray, JsonLines, encode_result, make_cells, make_encode
from .parquet import Parquet, load_arrow
from .place import Place
from .row_files import RowSheets, make_row_cells, make_row_encode
from .row_parquet import RowParquet
from .sheets import Sheets
from .survey import Kind, look_at
from .types import load_type, members_of

_LINES: Final = frozenset({Format.JSONL, Format.JSON})
_IN_WHOLE: Final = {Format.PARQUET: "Parquet", Format.XLSX: "a workbook"}
"""Formats that are no text, and compressed in themselves."""


@frozen(kw_only=True)
class Written:
    """
    What was written.

    Attributes:
        count: How many results, or rows.
        warnings: What could not be written as it was to be, a sentence each: bodies that are not
            of the type asked for, fields that no result has.
    """

    count: int
    warnings: tuple[str, ...] = ()


class ResultsWriter:
    """
    Writes results to one place. Made before a job is, it finds mistakes before anything is sent.

    Attributes:
        name: Where they go, for messages: the path, or ``standard output``.
        needs_adapter: Whether `fit` is needed before anything can be written.

    Args:
        target: A path, ``-`` for standard output, or a stream of bytes.
        format: The format's name; by default the path's ending says it.
        fields: The columns; by default the six keys of every result.
        as_type: What bodies of items that succeeded are read as; a name is one of the adapter's
            types.
        excel_csv: Whether CSV is written as Excel opens it by a double click: with a byte order
            mark, and the separator and decimal mark of the locale.
        explode: The path of a list in bodies, for a row for each of its elements.
        say: Names an argument in a message.

    Raises:
        UsageError: There can be no such file, format or field, or a package for it is missing.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | IO[bytes],
        *,
        format: str | None = None,
        fields: Iterable[str] = (),
        as_type: type[Any] | str | None = None,
        excel_csv: bool = False,
        explode: str | None = None,
        say: Say = in_python,
    ) -> None:
        self._say = say
        self._place = Place(target)
        self.name = self._place.name
        self._format = parse_format(format, say) or self._format_by_name()
        self._check_format()
        self._is_for_excel = excel_csv
        if excel_csv and self._format is not Format.CSV:
            raise UsageError(f"{say('excel_csv')} is for csv, and {self.name} is {self._format}")
        self._fields = parse_fields(fields, say)
        self._as_type = as_type
        self._explode = None if explode is None else Explode(explode, say)
        self.needs_adapter = isinstance(as_type, str)
        self._table: Table | None = None
        is_lines = self._format in _LINES
        if as_type is not None and is_lines and not self._fields:
            raise UsageError(
                f"{say('as_type')} makes columns, and {self._format} has a vendor's body as it "
                f"came; choose columns with {say('fields')}, or write csv, parquet or xlsx"
            )
        if as_type is None and (self._fields or not is_lines):
            self._table = self._lay_out()
        elif as_type is not None and not isinstance(as_type, str):
            self._make_table(as_type)

    @property
    def file(self) -> Path | None:
        """The file that results go to, without links; `None` for a pipe, a device or a stream."""
        return self._place.file

    def is_file(self, file: str | os.PathLike[str]) -> bool:
        """Whether results go to this very file, whatever it is called, such as by a link."""
        return self._place.is_at(file)

    def fit(self, adapter: type[Adapter[Any]]) -> None:
        """
        Make the columns by the type that the adapter reads bodies as.

        Args:
            adapter: The adapter's class.

        Raises:
            UsageError: It has no such type, or the type no such field.
            AdapterError: The type does not load.
        """
        if isinstance(self._as_type, str):
            self._make_table(load_type(adapter, self._as_type), self._as_type)

    def _make_table(self, type_: Any, name: str = "") -> None:
        if not members_of(type_):
            raise UsageError(
                f"{self._say('as_type')} is a msgspec.Struct, an attrs class, a dataclass or a "
                f"TypedDict, not {type_!r}"
            )
        name = name or type_.__name__
        self._table = self._lay_out(type_, name)

    def _lay_out(self, type_: Any = None, name: str = "") -> Table:
        if self._explode is not None:
            return self._explode.make_table(self._fields, type_, name)
        return make_table(self._fields, say=self._say, type_=type_, type_name=name)

    def spare(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """
        Refuse to write over files that are needed, such as the items, the settings, the store.

        Raises:
            UsageError: The results would go to one of them.
        """
        self._place.spare(files)

    async def write(
        self,
        results: AsyncIterable[ItemResult] | Iterable[ItemResult] | InputRows | PlainRows,
        *,
        on_complete: Callable[[Path], Awaitable[None]] | None = None,
    ) -> Written:
        """
        Write all results, or all rows with their results.

        Args:
            results: The results, read once; or the rows of an input, as `BatchJob.rows` gives them.
            on_complete: Called with the complete file before it takes its place; what it raises
                prevents that.

        Raises:
            OSError: They can't be written; a file is left as it was.
            UsageError: The type is named, and `fit` was not called. Or columns were chosen, and
                there are rows. Or these are no results.
        """
        make: Callable[[IO[bytes]], Encoder[Any]] = self._make_encoder
        if not isinstance(results, AsyncIterable | Iterable):
            if inspect.iscoroutine(results):
                results.close()
            raise UsageError(
                "what is written is job.results(), or job.rows() once it is awaited, not "
                f"{type(results).__name__}"
            )
        head = getattr(results, "head", None)
        if isinstance(head, InputHead):
            self.check_rows()
            make = await self._plan_rows(results, head)
        elif self.needs_adapter and self._table is None:
            raise UsageError(f"{self._say('as_type')} is a name; give the adapter it belongs to")
        count = 0
        opened = self._place.open()
        try:
            encoder = make(opened.stream)
            try:
                async for result in iterate(results):
                    for each in self._explode.split(result) if self._explode else (result,):
                        encoder.add(each)
                    count += 1
                # Packing it all, and the disk, take a while, in which others go on.
                await in_thread(encoder.end)
            except BaseException:
                encoder.drop()
                raise
            complete = await in_thread(opened.finish)
            if complete is not None and on_complete is not None:
                await on_complete(complete)
            opened.name()
        finally:
            opened.drop()
        found = () if self._table is None else self._table.warnings()
        lists = () if self._explode is None else self._explode.warnings()
        return Written(count=count, warnings=(*lists, *found, *encoder.notes()))

    def check_rows(self) -> None:
        """
        Look whether rows can be written.

        Raises:
            UsageError: Columns were chosen, which results have.
        """
        chosen = {"fields": self._fields, "as_type": self._as_type, "explode": self._explode}
        for name, is_given in chosen.items():
            if is_given:
                raise UsageError(
                    f"{self._say(name)} is for results alone; rows have the columns of the input"
                )

    def _format_by_name(self) -> Format:
        # A pipe or device is not named by who writes to it.
        if not self._place.is_file or ending_of(self.name) in PLAIN_ENDINGS:
            return Format.JSONL
        return get_format(self.name, self._say)

    def _check_format(self) -> None:
        if self._format not in _IN_WHOLE:
            return
        if self._format is Format.PARQUET:
            load_arrow(what=self.name)
        else:
            load_writer(self.name)
        what = _IN_WHOLE[self._format]
        if self._place.is_terminal:
            raise UsageError(f"{what} is not for a terminal; name a file")
        compression = compression_of(self.name) if self._place.is_file else None
        if compression is not None:
            plain = self.name[: -len(compression)]
            raise UsageError(f"{self.name}: {what} is compressed in itself; name it {plain}")

    def _make_encoder(self, stream: IO[bytes]) -> Encoder[ItemResult]:
        table = self._table
        if table is None or self._format in _LINES:
            encode = encode_result if table is None else make_encode(table)
            lines = JsonArray if self._format is Format.JSON else JsonLines
            return lines(stream, encode)
        if self._format is Format.PARQUET:
            return Parquet(stream, table)
        if self._format is Format.XLSX:
            return Sheets(stream, table, self.name)
        dialect = self._find_dialect()
        return Csv(stream, table.names, make_cells(table, dialect), dialect)

    async def _plan_rows(
        self, rows: AsyncIterable[Any] | Iterable[Any], head: InputHead
    ) -> Callable[[IO[bytes]], Encoder[InputRow]]:
        """Look at the rows, as far as their columns must be known before the first is written."""
        layout, kinds = Layout(head), list[Kind]()
        if self._format not in _LINES:
            is_typed = self._format is Format.PARQUET
            layout, kinds = await look_at(iterate(rows), head, names_kinds=is_typed)

        def make(stream: IO[bytes]) -> Encoder[InputRow]:
            if self._format in _LINES:
                lines = JsonArray if self._format is Format.JSON else JsonLines
                return lines(stream, make_row_encode(layout))
            if self._format is Format.PARQUET:
                return RowParquet(stream, layout, kinds)
            if self._format is Format.XLSX:
                return RowSheets(stream, layout, self.name)
            dialect = self._find_dialect(head)
            cells = make_row_cells(layout, dialect)
            return Csv(stream, [*layout.names, *OUTCOME], cells, dialect)

        return make

    def _find_dialect(self, head: InputHead | None = None) -> Dialect:
        found = Dialect() if head is None else find_dialect(head)
        if self._format is Format.TSV:
            return evolve(found, delimiter="\t")
        if head is not None and head.format == Format.TSV:
            found = evolve(found, delimiter=",")
        return for_excel(found.delimiter) if self._is_for_excel else found


async def iterate(results: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    """Yield what there is, of both kinds of iterables."""
    if isinstance(results, AsyncIterable):
        async for result in results:
            yield result
    else:
        for result in results:
            yield result
