"""Files that are made once: private, complete, and in nobody's place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from secrets import token_hex
from typing import IO, Final

from batchhub.errors import UsageError

_OWNER_ONLY: Final = 0o600
_PIECE_BYTES: Final = 128 * 1024


def check_new(path: Path) -> None:
    """
    Look whether a file may be made, before anything is done for it.

    Raises:
        UsageError: Something has its name already, or there is no such folder.
    """
    if os.path.lexists(path):
        raise UsageError(f"{path} already exists; it was not changed")
    if not path.parent.is_dir():
        raise UsageError(f"can't write {path}: there is no folder {path.parent}")


def write_new(path: Path, text: str) -> None:
    """
    Create a file with mode 0600, complete or not at all.

    Raises:
        UsageError: Something has its name already, or it can't be written.
    """
    check_new(path)
    new = NewFile(path)
    try:
        new.open().write(text.encode())
        new.name()
    except FileExistsError:
        raise UsageError(f"{path} already exists; it was not changed") from None
    except OSError as error:
        raise UsageError(f"can't write {path}: {error.strerror}") from None
    finally:
        new.drop()


class NewFile:
    """
    A file that is written beside its place and gets its name when it is complete.

    A process that is killed meanwhile leaves no half of it under that name.

    Args:
        path: The name.
        mode: Who may use it, apart from what the umask takes away.
    """

    def __init__(self, path: Path, mode: int = _OWNER_ONLY) -> None:
        self.path = path
        self._mode = mode
        self._beside = path.with_name(f".batchhub-{token_hex(8)}.part")
        self._file: IO[bytes] | None = None

    def open(self) -> IO[bytes]:
        """
        Open it for writing.

        Raises:
            OSError: It can't be written.
        """
        number = os.open(self._beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, self._mode)
        self._file = os.fdopen(number, "w+b")
        return self._file

    def name(self) -> None:
        """
        Give it its name, now that it is complete. The same file may have it already.

        Raises:
            FileExistsError: Something else has it.
            OSError: It can't be written.
        """
        assert self._file is not None  # noqa: S101  # opened before
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        try:
            _name(self._beside, self.path)
        except FileExistsError:
            if not self._is_there():
                raise
        with suppress(OSError):
            self._beside.unlink()
        with suppress(OSError):  # such as a system that opens no folders
            _sync_folder(self.path.parent)

    def drop(self) -> None:
        """Delete what was written, if it has no name, and close it."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what a full disk did not take
                file.close()
            with suppress(OSError):
                self._beside.unlink()

    def _is_there(self) -> bool:
        """Whether what has the name has the same bytes."""
        try:
            if not self.path.is_file():  # to open a pipe would wait
                return False
            with self._beside.open("rb") as ours, self.path.open("rb") as theirs:
                pieces = zip_longest(_pieces(ours), _pieces(theirs))
                return all(one == other for one, other in pieces)
        except OSError:
            return False


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _name(beside: Path, path: Path) -> None:
    """
    Give a complete file its name, unless another has it by now.

    Raises:
        FileExistsError: Another has.
    """
    try:
        os.link(beside, path)  # other than a rename, it takes nobody's place
    except FileExistsError:
        raise
    except OSError:  # such as a file system without links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        beside.replace(path)
