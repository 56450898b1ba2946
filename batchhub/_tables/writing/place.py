"""Where results go: a file that appears when it is whole, a pipe or device, standard output."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from batchhub.cli.screen.console import write_bytes
from batchhub.errors import UsageError

from .extras import load_extra
from .forms import Packing, find_packing

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT: Final = "-"
"""The name that stands for standard output."""

_CHUNK_BYTES: Final = 64 * 1024


class Place:
    """
    A place for results.

    A file is written beside its place and moved there when it is whole, so that nobody finds
    half of one. Pipes and devices are written to as they are.

    Attributes:
        name: What to call it in messages.
        is_terminal: Whether somebody looks at it as it is written.

    Args:
        out: A path, or ``-`` for standard output.

    Raises:
        UsageError: There can be no such file, or what packs it is not installed.
    """

    def __init__(self, out: str) -> None:
        self.name = "standard output" if out == STDOUT else out
        self.is_terminal = out == STDOUT and sys.stdout is not None and sys.stdout.isatty()
        self._path = None if out == STDOUT else Path(out)
        self._packing = None if out == STDOUT else find_packing(out)
        self._zstd: Any = None
        if self._path is not None:
            _check(self._path)
        if self._packing is Packing.ZSTD:
            self._zstd = load_extra("zstandard", "zstd", out)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, there or not there yet; not a pipe, a device or standard output."""
        path = self._path
        return path is not None and (not path.exists() or stat.S_ISREG(path.stat().st_mode))

    def spare(self, files: Iterable[Path]) -> None:
        """
        Refuse to take the place of one of these files.

        Raises:
            UsageError: It would.
        """
        if not self.is_file or self._path is None:
            return
        target = self._path.resolve()
        for file in files:
            if file.resolve() == target:
                raise UsageError(
                    f"can't write results to {self.name}: it is a file this command reads from"
                )

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """
        Open it; what is written is there when this is left without an error.

        Raises:
            OSError: It can't be written.
            OutputError: Standard output can't be written.
            OutputClosedError: The reader of standard output has gone away.
        """
        if self._path is None:
            with _Stdout() as stream:
                yield cast("IO[bytes]", stream)
                stream.send()
        elif self.is_file:
            with _beside(self._path.resolve()) as file, self._packed(file) as packed:
                yield packed
        else:
            with self._path.open("wb") as file, self._packed(file) as packed:
                yield packed

    @contextmanager
    def _packed(self, file: IO[bytes]) -> Iterator[IO[bytes]]:
        if self._packing is Packing.GZIP:
            # Neither name nor time in it: the same results are the same file.
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        elif self._packing is Packing.ZSTD:
            packer = self._zstd.ZstdCompressor(write_checksum=True)
            with packer.stream_writer(file, closefd=False) as packed:
                yield packed
        else:
            yield file


class _Stdout(io.RawIOBase):
    """Standard output as a file: sent in chunks, each as soon as it is full."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        self._waiting.append(bytes(data))
        size = len(self._waiting[-1])
        self._size += size
        if self._size >= _CHUNK_BYTES:
            self.send()
        return size

    def send(self) -> None:
        """Send what waits, if anybody reads it."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        write_bytes(waiting)


def _check(path: Path) -> None:
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


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            shutil.copymode(path, beside)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink()
