"""Copies on disk of what can't be read twice, in files without a name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from typing import IO, Final

from batchhub.errors import InputError

_GIB: Final = 1 << 30


def spool(chunks: Iterable[bytes], *, most: int | None = None) -> IO[bytes]:
    """
    Write bytes to a temporary file that has no name, so that nothing is left after a kill.

    It lies in ``TMPDIR``, else in the system's folder for such files; only its owner may read it.

    Args:
        chunks: The bytes.
        most: How many bytes there may be.

    Returns:
        The file, at its beginning. It takes its space until it is closed.

    Raises:
        InputError: There are more, or they can't be written.
    """
    file = _open()
    try:
        for chunk in chunks:
            _write(file, chunk)
            _check_size(file.tell(), most)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _open() -> IO[bytes]:
    try:
        # Without a buffer nothing is left to be written when it is closed on a full disk.
        return tempfile.TemporaryFile(buffering=0, prefix="batchhub-")
    except OSError as error:
        raise _no_room(error) from None


def _write(file: IO[bytes], chunk: bytes) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise _no_room(error) from None


def _check_size(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise InputError(f"it is larger than {_name_size(most)}; split it")


def _no_room(error: OSError) -> InputError:
    folder = tempfile.tempdir or os.environ.get("TMPDIR", "the folder for temporary files")
    reason = error.strerror or str(error)
    return InputError(
        f"no copy of it can be written in {folder}: {reason}; "
        "set TMPDIR to a folder with room for it, or save the input as a file and name that"
    )


def _name_size(size: int) -> str:
    return f"{size // _GIB} GiB" if size >= _GIB else f"{size >> 20} MiB"
