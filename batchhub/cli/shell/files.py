"""What the command reads items from and writes results to, by `batchhub.tables`."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from batchhub._tables.reading import ReadSettings
from batchhub.cli.screen.console import (
    OutputClosedError,
    OutputError,
    say,
    say_warning,
    write_bytes,
)
from batchhub.cli.screen.harmless import escape_hidden
from batchhub.models import ItemResult
from batchhub.models.rows import InputRows
from batchhub.tables import ItemReader, ResultsWriter

from .job_options import InputOptions, OutputOptions

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT: Final = "-"
"""The name that stands for standard output."""

_CHUNK_BYTES: Final = 64 * 1024
_OPTIONS: Final = {"as_type": "--as"}


def open_items(source: str, reading: InputOptions) -> ItemReader:
    """
    Open a source of items, by the options of the command.

    Raises:
        UsageError: There is no such file, it can't be read, or an option makes no sense for it.
    """
    settings = ReadSettings(
        map=reading.map,
        set=reading.set or (),
        id=reading.id,
        format=reading.format,
        delimiter=reading.delimiter,
        encoding=reading.encoding,
        sheet=reading.sheet,
        decimal=reading.decimal,
        number=reading.number or (),
        text=reading.text or (),
        empty=reading.empty or (),
        say=as_option,
    )
    items = ItemReader(source, settings)
    if items.is_terminal:
        say("reading items from the terminal, as JSON or CSV; Ctrl-D ends them")
    return items


def make_writer(writing: OutputOptions) -> ResultsWriter:
    """
    Make what writes results, by the options of the command.

    Raises:
        UsageError: There can be no such file, format or field, or a package for it is missing.
    """

    def name(argument: str = "", /, **value: Any) -> str:
        return writing.form_option if argument == "format" else as_option(argument, **value)

    out = cast("IO[bytes]", _Stdout()) if writing.out in {None, STDOUT} else writing.out
    return ResultsWriter(
        out or STDOUT,
        format=writing.form,
        fields=writing.fields or (),
        as_type=writing.as_,
        explode=writing.explode,
        excel_csv=writing.excel_csv,
        say=name,
    )


async def write_results(
    writer: ResultsWriter,
    results: AsyncIterable[ItemResult] | InputRows,
    on_complete: Callable[[Path], Awaitable[None]] | None = None,
) -> int:
    """
    Write results, and warn of what could not be written as it was to be.

    Args:
        writer: What writes them.
        results: The results, or the rows of an input with theirs.
        on_complete: Called with the complete file before it takes its place.

    Returns:
        How many there were; 0 if the reader of a pipe went away before the end.

    Raises:
        OutputError: They can't be written.
    """
    try:
        with suppress(OutputClosedError):
            written = await writer.write(results, on_complete=on_complete)
            for line in written.warnings:
                say_warning(line)
            return written.count
    except OSError as error:
        why = error.strerror or str(error)
        raise OutputError(f"can't write results to {writer.name}: {why}") from error
    return 0


def as_option(name: str = "", /, **argument: Any) -> str:
    """Write an argument of `batchhub.tables` as the option it comes from."""
    ((each, value),) = argument.items() or [(name, None)]
    option = _OPTIONS.get(each, f"--{each.replace('_', '-')}")
    if value is None:
        return option
    text = value[0] if isinstance(value, list) else value
    return f"{option} {shlex.quote(text)}"


class _Stdout(io.RawIOBase):
    """Standard output as a file: sent in chunks, each as soon as it is full."""

    name = "standard output"

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return sys.stdout is not None and sys.stdout.isatty()

    def write(self, data: ReadableBuffer) -> int:
        text = bytes(data)
        size = len(text)
        self._waiting.append(escape_hidden(text) if self.isatty() else text)
        self._size += size
        if self._size >= _CHUNK_BYTES:
            self.flush()
        return size

    def flush(self) -> None:
        """Send what waits, if anybody reads it."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        if waiting:
            write_bytes(waiting)
