"""Reading and writing tables as the command does: its messages name its options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

import pytest

from batchhub._tables.reading import ReadSettings
from batchhub._tables.reading import source as _source
from batchhub.cli.shell.files import as_option
from batchhub.tables import ItemReader, ResultsWriter


def open_items(source: str | Path | IO[bytes], **options: Any) -> ItemReader:
    """Open a source of items."""
    return ItemReader(source, ReadSettings(say=as_option, **options))


def open_results(target: str | Path | IO[bytes], **options: Any) -> ResultsWriter:
    """Make what writes results."""
    return ResultsWriter(target, say=as_option, **options)


def open_pipe(content: bytes) -> IO[bytes]:
    """Make a pipe that has some bytes in it, and no more will come."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return open_descriptor(reading)


def open_descriptor(descriptor: int) -> IO[bytes]:
    """Make a stream of a descriptor, which gives what there is."""
    return open(descriptor, "rb", buffering=0)


def read_by(patch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    """Have sources read so many bytes at once."""
    patch.setattr(_source, "CHUNK_BYTES", chunk_bytes)


def hold_at_most(patch: pytest.MonkeyPatch, most_bytes: int) -> None:
    """Have so many bytes be the longest line, record or array."""
    patch.setattr(_source, "MAX_BYTES", most_bytes)
