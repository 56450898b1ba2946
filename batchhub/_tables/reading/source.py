"""Bytes from a file, a pipe or a stream, unpacked, and again if wanted; bounded in memory."""

from __future__ import annotations

import io
import os
import select
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from batchhub._tables.formats import Compression, compression_of, name_of
from batchhub.errors import InputError, UsageError

from .file_kinds import HEAD_BYTES, FileKind, find_kind, look_inside
from .packed import MARK_BYTES, NAMES, find_compression, unpack_as
from .spool import spool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STDIN: Final = "-"
"""The name that stands for standard input."""

MAX_BYTES: Final = 64 * 1024 * 1024
"""The longest line, record or array. Without a bound, a file without line breaks fills memory."""

CHUNK_BYTES: Final = 128 * 1024
"""How much is read, and how much is unpacked, at once."""

MAX_FILE_BYTES: Final = 1 << 30
"""The largest file that is copied to disk to be read at any place, as a workbook is; unpacked."""

_STDIN_FD: Final = 0
_STDIN_PATHS: Final = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_NAMELESS: Final = ("/dev/fd/", "/proc/")
_BOM: Final = b"\xef\xbb\xbf"
_JSON: Final = (b"{", b"[")
_CHANGED: Final = "it changed while it was read; run the command again"


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
    try:
        if name == STDIN or name in _STDIN_PATHS:
            called = "standard input" if name == STDIN else name
            return called, os.fdopen(_STDIN_FD, "rb", buffering=0, closefd=False), False
        path = Path(name)
        if path.is_dir():
            raise UsageError(f"{name} is a folder; name a file with items")
        stream = path.open("rb", buffering=0)
    except OSError as error:
        raise UsageError(f"can't read {name}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"can't read {name!r}: {error}") from None
    is_regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    return name, stream, is_regular and not name.startswith(_NAMELESS)


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


class Origin:
    """
    Where items come from: a file, a pipe or a stream, unpacked, whose bytes can be read again.

    A file is read again from where it began. What has no such place (a pipe, a terminal) is read
    once, unless `keep` has copied it to disk. Only what was opened last may be read.

    Args:
        source: A path, ``-`` for standard input, or a stream of bytes.

    Attributes:
        name: What it is called in messages: its path, or ``standard input``.
        is_file: Whether it is a regular file, whose name says something about what is in it.
        is_terminal: Whether somebody has to type the items.

    Raises:
        UsageError: There is no such file, it can't be read, or it is no stream of bytes.
    """

    def __init__(self, source: str | os.PathLike[str] | IO[bytes]) -> None:
        self._is_ours = isinstance(source, str | os.PathLike)
        if isinstance(source, str | os.PathLike):
            self.name, self._stream, self.is_file = open_file(os.fsdecode(source))
        else:
            if not hasattr(source, "read"):
                raise UsageError(
                    f"what is read is a path, a stream of bytes or a frame, not "
                    f"{type(source).__name__}{_hint(source)}"
                )
            self.name, self._stream, self.is_file = name_of(source), source, False
        self.is_terminal = self._is_ours and not self.is_file and self._stream.isatty()
        self._spools: list[IO[bytes]] = []
        self._start = _find_start(self._stream)
        self._stamp: tuple[int, int] | None = None
        self._passes = 0
        self._pause: Callable[[], None] = lambda: None
        self._head: bytes | None = None
        self._kind: FileKind | None = None
        self._is_packed = False
        # What has been looked at, and where it can't be read again, the bytes that took.
        self._looked_at: Source | None = None
        self._taken: list[bytes] | None = []
        self._taken_bytes = 0

    def close(self) -> None:
        """Close the file and the copies; standard input and streams of others are left open."""
        for file in self._spools:
            file.close()
        if self._is_ours:
            self._stream.close()

    @property
    def kind(self) -> FileKind:
        """
        What it is, whatever its name says. Reads as `look` does, and of a zip the whole.

        Raises:
            InputError: It can't be read.
        """
        if self._kind is None:
            self._kind = find_kind(self.look(self._pause))
            if self._kind in {FileKind.ZIP, FileKind.OLD_WORKBOOK}:
                self._kind = look_inside(self._kind, self.file(self._pause))
        return self._kind

    def look(self, pause: Callable[[], None]) -> bytes:
        """
        Return the first bytes, unpacked: 4 KiB or more, all there are, or JSON's first ones.

        They are read again afterwards.

        Args:
            pause: Called before each read, which may take long.

        Raises:
            InputError: It can't be read; it is compressed, and the data is broken, was compressed
                twice, or the package for it is missing; or it is not, and its name says so.
        """
        self._pause = pause
        if self._head is None:
            self._looked_at = self._begin()
            self._head = self._looked_at.look_ahead(_is_enough)
        return self._head

    def keep(self, pause: Callable[[], None], *, most: int | None = None) -> None:
        """
        Make sure that it can be read again: copy to disk what else can't.

        Args:
            pause: Called before each read, which may take long.
            most: How many bytes may be copied.

        Raises:
            InputError: It can't be read, or copied.
        """
        self._pause = pause
        if self._start is not None:
            return
        if self._taken is None:
            raise UsageError(f"{self.name}: its items have been read; open it again")
        self._looked_at = None
        self._stream, former = spool(self._read_all(self._taken), most=most), self._stream
        self._spools.append(self._stream)
        if self._is_ours:
            former.close()
        self._start, self._taken = 0, None

    def open(self, pause: Callable[[], None]) -> Source:
        """
        Return the unpacked bytes from the beginning.

        Args:
            pause: Called before each read, which may take long.

        Raises:
            InputError: As `look` raises it; or it has changed since it was first read. That is
                found at the end, too, when it is read again.
            UsageError: It has been read, can't be read again and was not kept.
        """
        self._pause = pause
        self.look(pause)
        source, self._looked_at = self._looked_at, None
        if source is None:
            source = self._begin()
        self._taken = None
        return source

    def file(self, pause: Callable[[], None]) -> IO[bytes]:
        """
        Return a file of the unpacked bytes that can be read at any place, at its beginning.

        It is closed by `close`. A copy on disk is made where that is needed.

        Args:
            pause: Called before each read, which may take long.

        Raises:
            InputError: As `look` raises it; or it is larger than `MAX_FILE_BYTES`, or can't be
                copied.
        """
        self.look(pause)
        self.keep(pause, most=MAX_FILE_BYTES)
        if self._is_packed or self._start != 0:
            source = self.open(pause)
            copy = spool(iter(lambda: source.read(CHUNK_BYTES), b""), most=MAX_FILE_BYTES)
            self._spools.append(copy)
            return copy
        self._looked_at = None
        self._rewind()
        return self._stream

    def stat(self) -> os.stat_result | None:
        """Return what the system says of the file; `None` if it is no file of the system's."""
        try:
            return os.fstat(self._stream.fileno())
        except (OSError, AttributeError):
            return None

    def check(self) -> None:
        """
        Make sure that the file is as it was when it was first read.

        Raises:
            InputError: It is not.
        """
        if self._stamp is not None and _find_stamp(self._stream) != self._stamp:
            raise InputError(_CHANGED)

    def _begin(self) -> Source:
        """Return the unpacked bytes from the beginning, once more."""
        self._rewind()
        source = Source(self._read)
        mark = source.look_ahead(lambda head: len(head) >= MARK_BYTES)
        found, named = find_compression(mark), compression_of(self.name)
        self._is_packed = found is not None
        if found is None:
            if named is not None and mark:
                raise InputError(
                    f"its name ends in {named}, but it is no {NAMES[named]} file; "
                    "unpack or rename it"
                )
            return source
        unpacked = Source(self._pausing(unpack_as(found, source.read)))
        self._refuse_twice(found, unpacked)
        return unpacked

    def _refuse_twice(self, outer: Compression, unpacked: Source) -> None:
        mark = unpacked.look_ahead(lambda head: len(head) >= MARK_BYTES)
        inner = find_compression(mark)
        if inner is not None:
            raise InputError(
                f"it was compressed twice ({NAMES[inner]} in {NAMES[outer]}); unpack it once"
            )

    def _rewind(self) -> None:
        self._passes += 1
        if self._passes == 1:
            self._stamp = _find_stamp(self._stream)
            return
        if self._start is None:
            raise UsageError(f"{self.name}: its items have been read; open it again")
        self.check()
        try:
            self._stream.seek(self._start)
        except OSError as error:
            raise InputError(f"can't be read again: {error.strerror or error}") from error

    def _read(self, most: int) -> bytes:
        """Read what comes next, as much as there is."""
        self._pause()
        try:
            chunk = self._stream.read(most)
            while chunk is None:  # nobody waits in a stream that doesn't block
                select.select([self._stream], [], [])
                chunk = self._stream.read(most)
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror or error}") from error
        except (TypeError, ValueError) as error:
            raise InputError(f"can't be read: {error}") from error
        if isinstance(chunk, str):
            raise InputError("can't be read: it gives text; open it in binary mode")
        if self._start is None and self._taken is not None:
            self._take(self._taken, chunk)
        if not chunk and self._passes > 1:
            self.check()
        return chunk

    def _take(self, taken: list[bytes], chunk: bytes) -> None:
        """Hold on to what is read to be looked at."""
        taken.append(chunk)
        self._taken_bytes += len(chunk)
        if self._taken_bytes > 2 * MAX_BYTES:
            raise InputError(f"its first {MAX_BYTES >> 19} MiB hold nothing")

    def _read_all(self, taken: list[bytes]) -> Iterator[bytes]:
        """Yield what has been read so far, and all that follows."""
        self._taken = None
        yield from taken
        while chunk := self._read(CHUNK_BYTES):
            yield chunk

    def _pausing(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Return what pauses before each read; little data may unpack to very much."""

        def read_on(most: int) -> bytes:
            self._pause()
            return read(most)

        return read_on


def _hint(given: object) -> str:
    """Return what to do with something that can't be read; the end of a message."""
    if isinstance(given, bytes | bytearray):
        return "; io.BytesIO makes a stream of them"
    return "; hand over items to submit as they are" if isinstance(given, list) else ""


def _find_start(stream: IO[bytes]) -> int | None:
    """Return where a stream is now, if it can be read again from there."""
    try:
        return stream.tell() if stream.seekable() and _has_places(stream) else None
    except (AttributeError, OSError, ValueError):
        return None


def _has_places(stream: IO[bytes]) -> bool:
    """Return whether what is behind a stream stays: some devices can be sought in, and don't."""
    try:
        return not stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):
        return True


def _find_stamp(stream: IO[bytes]) -> tuple[int, int] | None:
    """Return the size and the time of the last change of a regular file; `None` of all else."""
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _is_enough(head: bytes) -> bool:
    """Return whether the first bytes show what is in a file."""
    text = head.removeprefix(_BOM).lstrip()
    if text.startswith(_JSON) or len(head) > MAX_BYTES:
        return True
    return len(head) >= HEAD_BYTES and bool(text)
