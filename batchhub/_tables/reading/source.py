"""Bytes from a file, a pipe or a stream, unpacked if they are gzip; bounded in memory."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from batchhub.errors import InputError, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STDIN: Final = "-"
"""The name that stands for standard input."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""The longest line, record or array. Without a bound, a file without line breaks fills memory."""

CHUNK_BYTES: Final = 128 * 1024
"""How much is read, and how much is unpacked, at once."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_STDIN_FD: Final = 0


def too_long(line: int, hint: str = "") -> InputError:
    """Make the error for a line or record that has no end within the bound."""
    return InputError(f"longer than {MAX_BYTES >> 20} MiB{hint}", line=line)


def open_file(name: str) -> tuple[str, IO[bytes], bool]:
    """
    Open a file, or standard input.

    Returns:
        What it is called in messages, the stream, and whether it is a file whose name says
        something about what is in it.

    Raises:
        UsageError: There is no such file, or it can't be read.
    """
    if name == STDIN:
        return "standard input", os.fdopen(_STDIN_FD, "rb", buffering=0, closefd=False), False
    path = Path(name)
    try:
        if path.is_dir():
            raise UsageError(f"{name} is a folder; name a file with items")
        stream = path.open("rb", buffering=0)
        return name, stream, stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError as error:
        raise UsageError(f"can't read {name}: {error.strerror}") from None


class Source(io.RawIOBase):
    """
    Bytes that can be looked at before they are read.

    Args:
        read: Returns the next bytes, at most as many as asked for; none at the end.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._ahead = memoryview(b"")

    def readable(self) -> bool:
        return True

    def look_ahead(self, is_enough: Callable[[bytes], bool]) -> bytes:
        """Return the first bytes, as many as it takes; they are read again afterwards."""
        head = bytes(self._ahead)
        while not is_enough(head) and (chunk := self._read(CHUNK_BYTES)):
            head += chunk
        self._ahead = memoryview(head)
        return head

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer)
        if not self._ahead:
            self._ahead = memoryview(self._read(min(len(target), CHUNK_BYTES)))
        taken, self._ahead = self._ahead[: len(target)], self._ahead[len(target) :]
        target[: len(taken)] = taken
        return len(taken)


def unpack(stream: IO[bytes], *, must_be_gzip: bool, pause: Callable[[], None]) -> Source:
    """
    Return the bytes of a stream, unpacked if they begin as gzip does.

    Args:
        stream: The stream, read as it comes.
        must_be_gzip: Whether anything else is an error.
        pause: Called before each read, which may take long.

    Raises:
        InputError: It is no gzip data; or, when it is read: it can't be read, or the gzip data is
            broken or ends too early.
    """

    def read(most: int) -> bytes:
        pause()
        try:
            return stream.read(most)
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror}") from error

    def read_packed(most: int) -> bytes:
        pause()
        try:
            return packed.read1(most)
        except EOFError:
            raise InputError("the gzip data ends too early; is the file complete?") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            reason = str(error).rpartition(": ")[2]
            raise InputError(f"the gzip data is broken ({reason}); pack it again") from None

    source = Source(read)
    head = source.look_ahead(lambda head: len(head) >= len(_GZIP_MAGIC))
    if head.startswith(_GZIP_MAGIC):
        packed = gzip.GzipFile(fileobj=source, mode="rb")
        return Source(read_packed)
    if must_be_gzip and head:
        raise InputError("its name ends in .gz, but it is no gzip file; unpack or rename it")
    return source
