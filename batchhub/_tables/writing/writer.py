"""From what the user said of an export to results that are written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from batchhub.adapter import Adapter
from batchhub.cli.screen.console import OutputClosedError, OutputError, say_warning
from batchhub.cli.shell.options import Writing
from batchhub.errors import UsageError
from batchhub.models import ItemResult

from .columns import Table, make_table, parse_fields
from .forms import Form, check_packing, find_form, form_by_name
from .lines import Csv, JsonArray, JsonLines
from .parquet import Parquet, guess_kinds, load_arrow
from .place import STDOUT, Place
from .types import load_type

Results = Callable[[], AsyncIterator[ItemResult]]
"""Begins to read the results, from the first one."""


class Encoder(Protocol):
    """What writes results in one form."""

    def add(self, result: ItemResult) -> None:
        """Write a result."""

    def end(self) -> None:
        """Write what comes at the end."""

    def drop(self) -> None:
        """Write nothing more, as it will not be whole."""


class ResultsWriter:
    """
    Writes results as the user said.

    Attributes:
        name: Where they go, for messages.
        needs_adapter: Whether `fit` is needed before anything can be written.

    Args:
        writing: What the user said.

    Raises:
        UsageError: There can be no such file, form or field, or a package for it is missing.
    """

    def __init__(self, writing: Writing) -> None:
        out = STDOUT if writing.out is None else writing.out
        self._place = Place(out)
        self.name = self._place.name
        self._form = find_form(writing.form, writing.form_option)
        if self._form is None:
            # A pipe or device is not named by who writes to it.
            by_name = self._place.is_file
            self._form = form_by_name(out, writing.form_option) if by_name else Form.JSONL
        if self._place.is_file:
            check_packing(out, self._form)
        if self._form is Form.PARQUET:
            load_arrow(self.name)
            if self._place.is_terminal:
                raise UsageError("Parquet is not for a terminal; name a file with --out")
        self._fields = parse_fields(writing.fields or ())
        self._type_name = writing.as_
        self.needs_adapter = writing.as_ is not None
        self._table: Table | None = None
        is_lines = self._form in {Form.JSONL, Form.JSON}
        if self.needs_adapter and is_lines and not self._fields:
            raise UsageError(
                f"--as makes columns, and {self._form} has a vendor's body as it came; name what "
                "you want with --fields, or write csv or parquet"
            )
        if not self.needs_adapter and (self._fields or not is_lines):
            self._table = make_table(self._fields)

    def fit(self, adapter: type[Adapter[Any]]) -> None:
        """
        Make the columns by the type that the adapter reads bodies as.

        Raises:
            UsageError: It has no such type, or the type no such field.
            AdapterError: The type does not load.
        """
        if self._type_name is not None:
            kind = load_type(adapter, self._type_name)
            self._table = make_table(self._fields, kind, self._type_name)

    def spare(self, files: Iterable[Path]) -> None:
        """
        Refuse to write over files that are needed: the items, the settings, the store.

        Raises:
            UsageError: The results would go to one of them.
        """
        self._place.spare(files)

    async def write(self, results: Results) -> int:
        """
        Write all results, and warn of what could not be written as it was to be.

        Args:
            results: Begins to read them; called twice where the kind of a column has to be
                told by its values.

        Returns:
            How many there were, or were written before the reader of a pipe went away.

        Raises:
            OutputError: They can't be written.
        """
        table = self._table
        if self._form is Form.PARQUET and table is not None and table.is_open:
            await guess_kinds(table, results())
        try:
            written = await self._write(results())
        except OSError as error:
            why = error.strerror or str(error)
            raise OutputError(f"can't write results to {self.name}: {why}") from error
        for line in () if table is None else table.tell():
            say_warning(line)
        return written

    async def _write(self, results: AsyncIterator[ItemResult]) -> int:
        written = 0
        with suppress(OutputClosedError), self._place.open() as stream:
            encoder = self._make_encoder(stream)
            try:
                async for result in results:
                    encoder.add(result)
                    written += 1
                encoder.end()
            except BaseException:
                encoder.drop()
                raise
        return written

    def _make_encoder(self, stream: IO[bytes]) -> Encoder:
        if self._form is Form.JSON:
            return JsonArray(stream, self._table)
        if self._form is Form.JSONL or self._table is None:
            return JsonLines(stream, self._table)
        if self._form is Form.PARQUET:
            return Parquet(stream, self._table)
        return Csv(stream, self._table, "\t" if self._form is Form.TSV else ",")
