"""Where results go: a file that appears when it is complete, a pipe or device, a stream."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final, cast

from batchhub._tables.formats import name_of
from batchhub._tables.packing import find_packing
from batchhub.errors import UsageError

STDOUT: Final = "-"
"""The name that stands for standard output."""

_MODE: Final = 0o666


class Place:
    """
    A place for results.

    A file is written beside its place and moved there when it is complete, so that nobody finds
    half of one. Pipes and devices are written to as they are.

    Attributes:
        name: What to call it in messages.
        is_terminal: Whether somebody looks at it as it is written.

    Args:
        target: A path, ``-`` for standard output, or a stream of bytes.

    Raises:
        UsageError: There can be no such file, or what compresses it is not installed.
    """

    def __init__(self, target: str | os.PathLike[str] | IO[bytes]) -> None:
        self._path: Path | None = None
        self._stream: IO[bytes] | None = None
        if not isinstance(target, str | os.PathLike):
            self._stream, self.name = target, name_of(target)
        elif os.fspath(target) == STDOUT:
            self._stream, self.name = cast("IO[bytes]", sys.stdout.buffer), "standard output"
        else:
            self._path, self.name = Path(target), os.fspath(target)
            _check(self._path)
        self.is_terminal = self._stream is not None and self._stream.isatty()
        if self._path is not None:
            self._pack = find_packing(self.name)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, there or not there yet; not a pipe, a device or standard output."""
        path = self._path
        return path is not None and (not path.exists() or stat.S_ISREG(path.stat().st_mode))

    def spare(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """
        Refuse to take the place of one of these files.

        Raises:
            UsageError: It would.
        """
        if not self.is_file or self._path is None:
            return
        target = self._path.resolve()
        for file in files:
            if Path(file).resolve() == target:
                raise UsageError(
                    f"can't write results to {self.name}: it is a file this command reads from"
                )

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """
        Open it; what is written is there when this is left without an error.

        Raises:
            OSError: It can't be written.
        """
        if self._stream is not None:
            yield self._stream
            self._stream.flush()
        elif self._path is None:
            raise AssertionError("a place is a path or a stream")
        elif self.is_file:
            with _beside(self._path.resolve()) as file, self._pack(file) as packed:
                yield packed
        else:
            with self._path.open("wb") as file, self._pack(file) as packed:
                yield packed


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
    with suppress(FileNotFoundError):
        beside.unlink()  # of an earlier process of this number
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _MODE
    try:
        # Never readable by more people than the file is that it replaces, not even meanwhile.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123
            if path.exists():
                os.fchmod(descriptor, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink()
