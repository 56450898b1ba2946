"""Where results go: a file that appears when it is complete, a pipe or device, a stream."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, Final, cast

from batchhub._tables.formats import name_of
from batchhub._tables.packing import Pack, find_packing
from batchhub.errors import UsageError

STDOUT: Final = "-"
"""The name that stands for standard output."""

_MODE: Final = 0o666
_DESCRIPTORS: Final = ("/dev/std", "/dev/fd/", "/proc/self/fd/")


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
        if path is None or _is_descriptor(path):
            return False
        return not path.exists() or stat.S_ISREG(path.stat().st_mode)

    @property
    def file(self) -> Path | None:
        """The file, without links; `None` if it is none."""
        return self._path.resolve() if self._path is not None and self.is_file else None

    def is_at(self, file: str | os.PathLike[str]) -> bool:
        """Whether it is this very file, whatever that is called, such as by a link."""
        target = self.file
        return target is not None and _is_same(Path(file), target)

    def spare(self, files: Iterable[str | os.PathLike[str]]) -> None:
        """
        Refuse to take the place of one of these files, whatever it is called, such as by a link.

        Raises:
            UsageError: It would.
        """
        if any(map(self.is_at, files)):
            raise UsageError(
                f"can't write results to {self.name}: it is a file this command reads from"
            )

    def open(self) -> Opened:
        """
        Open it.

        Raises:
            OSError: It can't be written.
        """
        if self._stream is not None:
            return Opened(self._stream)
        if self._path is None:
            raise AssertionError("a place is a path or a stream")
        if not self.is_file:
            return Opened(self._path.open("wb"), self._pack)
        path = self._path.resolve()
        return Opened(_open_beside(path), self._pack, path)


class Opened:
    """
    A place that is written to. Follow the last write by `finish` and `name`, and then `drop`.

    Attributes:
        stream: What is written to.

    Args:
        file: A file of its own, or a stream of somebody else's.
        pack: What compresses into the file; `None` for a stream, which stays open.
        path: Where the file will be; `None` if it is there already.
    """

    def __init__(self, file: IO[bytes], pack: Pack | None = None, path: Path | None = None) -> None:
        self._file = file
        self._is_ours = pack is not None
        self._path = path
        self._packing = ExitStack()
        self.stream = file if pack is None else self._packing.enter_context(pack(file))

    def finish(self) -> Path | None:
        """
        Write what was held back; return the file if it is complete and has no name yet.

        Raises:
            OSError: It can't be written.
        """
        self._packing.close()
        self._file.flush()
        if self._path is None:
            return None
        os.fsync(self._file.fileno())
        return Path(self._file.name)

    def name(self) -> None:
        """
        Give the file its name, in the place of what had it.

        Raises:
            OSError: It can't have it.
        """
        if self._is_ours:
            self._file.close()
        if self._path is not None:
            Path(self._file.name).replace(self._path)

    def drop(self) -> None:
        """Leave no file without a name behind."""
        if not self._is_ours:
            return
        with suppress(Exception):  # what compresses can't write the end of what broke off
            self._packing.close()
        with suppress(OSError):
            self._file.close()
        if self._path is not None:
            with suppress(OSError):
                Path(self._file.name).unlink(missing_ok=True)


def _is_same(one: Path, other: Path) -> bool:
    """Whether two names are of one file: by links of both kinds, or letters that don't matter."""
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except OSError:
        return False


def _is_descriptor(path: Path) -> bool:
    """Whether it is a name for what is open already, such as ``/dev/stdout``."""
    return str(path).startswith(_DESCRIPTORS)


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


def _open_beside(path: Path) -> IO[bytes]:
    """Open a new file beside a place."""
    # A name of its own: one by the process is another's, too, where containers share a folder.
    beside = path.with_name(f".batchhub-{token_hex(8)}.part")
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _MODE
    # Never readable by more people than the file is that it replaces, not even meanwhile.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    if path.exists():
        os.fchmod(descriptor, mode)
    os.close(descriptor)
    return beside.open("r+b")
