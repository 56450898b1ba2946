"""Writing results: JSON Lines, in the order of the items, to a file or standard output."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from batchhub.errors import UsageError
from batchhub.models import ItemResult
from batchhub.wire import dumps

from ._console import OutputClosedError, OutputError, write_bytes

STDOUT: Final = "-"
"""The name that stands for standard output."""

_CHUNK_BYTES: Final = 64 * 1024


class ResultsWriter:
    """
    Where results go.

    A file is written beside its place and moved there when it is whole, so that
    nobody finds half of one. Pipes and devices are written to as they are.

    Args:
        out: A path, or ``-`` for standard output.

    Raises:
        UsageError: There can be no such file.
    """

    def __init__(self, out: str) -> None:
        self.name = "standard output" if out == STDOUT else out
        self._path = None if out == STDOUT else Path(out)
        if self._path is not None:
            _check_place(self._path)

    async def write(self, results: AsyncIterator[ItemResult]) -> int:
        """
        Write all results.

        Returns:
            How many were written; fewer than there are if the reader of a pipe went away.

        Raises:
            OutputError: They can't be written.
        """
        if self._path is None:
            return await _write_stdout(results)
        try:
            if self._path.exists() and not stat.S_ISREG(self._path.stat().st_mode):
                with self._path.open("wb") as file:
                    return await _write_file(file, results)
            return await _replace(self._path.resolve(), results)
        except OSError as error:
            raise OutputError(f"can't write results to {self.name}: {error.strerror}") from error


def _check_place(path: Path) -> None:
    try:
        folder = path.resolve().parent
        if path.is_dir():
            raise UsageError(f"can't write results to {path}: it is a folder")
        if not folder.is_dir():
            raise UsageError(f"can't write results to {path}: there is no folder {folder}")
        if not os.access(path if path.exists() else folder, os.W_OK):
            raise UsageError(f"can't write results to {path}: permission denied")
    except OSError as error:
        raise UsageError(f"can't write results to {path}: {error.strerror}") from None


async def _replace(path: Path, results: AsyncIterator[ItemResult]) -> int:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            written = await _write_file(file, results)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink()
    return written


async def _write_file(file: BinaryIO, results: AsyncIterator[ItemResult]) -> int:
    written = 0
    async for result in results:
        file.write(dumps(result) + b"\n")
        written += 1
    return written


async def _write_stdout(results: AsyncIterator[ItemResult]) -> int:
    """Write in chunks, each as soon as it is full; stop when nobody reads any more."""
    written, waiting, size = 0, list[bytes](), 0
    with suppress(OutputClosedError):
        async for result in results:
            waiting.append(dumps(result) + b"\n")
            size += len(waiting[-1])
            if size >= _CHUNK_BYTES:
                write_bytes(waiting)
                written, waiting, size = written + len(waiting), [], 0
        write_bytes(waiting)
        written += len(waiting)
    return written
