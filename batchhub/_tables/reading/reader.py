"""The items of one source, whatever its form."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from batchhub.adapter import Adapter
from batchhub.cli.shell.options import Reading
from batchhub.errors import InputError, UsageError

from .chunks import STDIN_FD, read_chunks, unpack
from .fit import find_delimiter, make_fit
from .forms import GZIP_ENDING, Form, delimiter_by_name, find_form, tell_form
from .mapping import ObjectRow
from .objects import Found, read_array, read_objects
from .records import RecordReader
from .table import read_table
from .text import UTF8, decode, find_encoding

_UNSENT: Final = "nothing was sent"
_NAMES: Final = {Form.JSONL: "JSON Lines", Form.JSON: "a JSON array"}


class ItemReader:
    """
    The items of one source, read once by ``async for``.

    Args:
        name: What to call the source in messages.
        descriptor: Where its bytes come from.
        form: What they are; `None` if the first character is to tell.
        reading: What the user said of it.

    Attributes:
        name: What to call the source in messages.
        line: Where the item that was yielded last began, from 1; 0 before the first.
        place: What `line` counts: ``line``, or in an array ``element``.
        on_refused: Told of what is no item, in place of raising it; reading goes on behind it.
        is_cut_off: Whether reading ended early, because nothing could be told apart any more.

    Raises:
        UsageError: An option makes no sense, or not for this form.
    """

    def __init__(
        self,
        name: str,
        descriptor: int,
        form: Form | None = None,
        reading: Reading | None = None,
    ) -> None:
        self.name = name
        self.line = 0
        self.place = "line"
        self.on_refused: Callable[[InputError], None] | None = None
        self.is_cut_off = False
        self._reading = reading or Reading()
        self._descriptor = descriptor
        self._form = find_form(self._reading.format) or form
        self._delimiter = find_delimiter(self._reading.delimiter) or delimiter_by_name(name)
        self._encoding = find_encoding(self._reading.encoding or UTF8)
        self._fit = make_fit(self._reading, None, "")
        self._has_begun = False
        self._is_table = False
        if self._form is not None:
            self._check_options(self._form)

    def __enter__(self) -> ItemReader:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; standard input is left open."""
        if self._descriptor != STDIN_FD:
            os.close(self._descriptor)

    def fit(self, adapter: type[Adapter[Any]], operation: str) -> None:
        """
        Read for an adapter: what is text to it stays text, and rows are mapped as it says.

        Raises:
            UsageError: A template is broken, or the adapter takes no mapping.
        """
        self._fit = make_fit(self._reading, adapter, operation)

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """
        Yield the items.

        Raises:
            InputError: Something is no item, or can't be read; it says which.
        """
        self._has_begun = True
        try:
            async for line, found in self._read():
                self.line = line
                if not isinstance(found, InputError):
                    yield found
                elif self.on_refused is None:
                    raise found
                else:
                    self.on_refused(found)
        except InputError as error:
            if self.on_refused is None:
                raise
            self.is_cut_off = True
            self.on_refused(error)

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

    def _hint(self, error: InputError) -> str:
        """Name the way out where not even the first row of a table is one of the vendor's items."""
        is_first_row = self._is_table and error.position == 1
        return "; --map makes items of rows" if is_first_row and self._fit.wants_map else ""

    def explain(self, error: InputError) -> UsageError:
        """Say of an error that came up while the items were taken which line it was in."""
        if not self._has_begun:
            return error
        text = self.locate(error)
        end = "" if text.endswith(_UNSENT) else f"; {_UNSENT}"
        return UsageError(f"{self.name}: {text}{end}")

    async def _read(self) -> AsyncIterator[Found]:
        is_gzip = self.name.lower().endswith(GZIP_ENDING)
        chunks, form = unpack(read_chunks(self._descriptor), must_be_gzip=is_gzip), self._form
        if form is None:
            form, chunks = await tell_form(chunks)
            self._check_options(form)
        self._is_table = form is Form.CSV
        if form is Form.CSV:
            records = RecordReader(decode(chunks, self._encoding), self._delimiter)
            found = read_table(records, self._fit)
        elif form is Form.JSON:
            self.place = "element"
            found = read_array(chunks, self._make_item)
        else:
            found = read_objects(chunks, self._make_item)
        async for each in found:
            yield each

    def _make_item(self, value: dict[str, Any]) -> dict[str, Any]:
        maker = self._fit.row_maker
        return value if maker is None else maker.make(ObjectRow(value))

    def _check_options(self, form: Form) -> None:
        """Refuse what is said of CSV and would silently do nothing."""
        if form is Form.CSV:
            return
        reading = self._reading
        said = {
            "--delimiter": reading.delimiter,
            "--encoding": reading.encoding,
            "--decimal-comma": reading.decimal_comma,
            "--no-infer": reading.no_infer,
            "--text": reading.text,
        }
        for option, value in said.items():
            if value:
                raise InputError(f"{option} is for CSV, and this is {_NAMES[form]}")
