"""A large answer on disk: written as it comes, read line by line, gone when nobody holds it."""

from __future__ import annotations

import codecs
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Self

import aiohttp

from batchhub._base.threads import in_thread
from batchhub._base.waits import note_oddity
from batchhub.errors import AdapterError

from .body import (
    GZIP,
    PIECE_BYTES,
    Answer,
    BodyTooLargeError,
    Decoder,
    Inflater,
    watch,
)


class DiskError(Exception):
    """A file can't be written or read; says why."""


class LineTooLongError(Exception):
    """A line is longer than the limit."""


class Spool:
    """
    The body of one answer, in a file that has no name and that nobody else can read.

    At most about one megabyte of it is in memory at any time, and no disk or decompression holds up
    the event loop.

    Args:
        max_bytes: The most bytes it may have, decompressed.
        max_line_bytes: The most bytes of a line.
        unpacks: Whether a gzip file is decompressed, whatever the headers say.
        head_bytes: How much of its beginning is kept in memory for a record of it.

    Attributes:
        size_bytes: How large it is.
        head: Its beginning, if that is kept.
    """

    def __init__(
        self, *, max_bytes: int, max_line_bytes: int, unpacks: bool, head_bytes: int = 0
    ) -> None:
        self.size_bytes = 0
        self.head = bytearray()
        self._head_bytes = head_bytes
        self._max_bytes = max_bytes
        self._max_line_bytes = max_line_bytes
        self._unpacks = unpacks
        self._file: IO[bytes] | None = None
        self._coding = Decoder("", max_bytes)
        self._packed: Inflater | None = None
        self._has_begun = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            await in_thread(self._file.close)

    async def fill(self, response: Answer) -> None:
        """
        Write the body of an answer, from the beginning.

        Raises:
            BodyTooLargeError: It is larger than the limit.
            BodyBrokenError: Its compression is unknown, damaged or incomplete.
            aiohttp.ClientError: It is incomplete.
            DiskError: The disk is full.
        """
        watch(response)
        await in_thread(self._restart, response.headers.get("Content-Encoding", ""))
        waiting: list[bytes] = []
        size_bytes = 0
        try:
            async for chunk in response.content.iter_any():
                waiting.append(chunk)
                size_bytes += len(chunk)
                if size_bytes >= PIECE_BYTES:
                    await in_thread(self._write, b"".join(waiting))
                    waiting.clear()
                    size_bytes = 0
        except RuntimeError as error:  # raised by aiohttp when the connection is already closed
            raise aiohttp.ClientPayloadError("the connection is closed") from error
        await in_thread(self._write, b"".join(waiting))
        await in_thread(self._finish)

    async def pieces(self) -> AsyncIterator[bytes]:
        """
        Yield it in pieces, cut anywhere.

        Raises:
            DiskError: The file can't be read.
        """
        offset = 0
        while piece := await in_thread(self._read, offset):
            offset += len(piece)
            yield piece

    async def lines(self, clean: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
        r"""
        Yield the lines, without their ``\n`` or ``\r\n``; the last one also if it has none.

        A byte order mark before the first one is left out.

        Args:
            clean: Blanks secrets in whole lines.

        Raises:
            LineTooLongError: A line is longer than the limit.
            DiskError: The file can't be read.
        """
        rest, is_first = b"", True
        async for piece in self.pieces():
            if is_first and piece.startswith(codecs.BOM_UTF8):
                piece = piece[len(codecs.BOM_UTF8) :]  # noqa: PLW2901  # the rest of it
                note_oddity("a byte order mark (UTF-8)")
            is_first = False
            whole, newline, tail = piece.rpartition(b"\n")
            if newline:
                for line in clean(rest + whole).split(b"\n"):
                    yield self._line(line)
                rest = tail
            else:
                rest += piece
            if len(rest) > self._max_line_bytes:
                raise LineTooLongError
        if rest:
            yield self._line(clean(rest))

    def _line(self, line: bytes) -> bytes:
        if len(line) > self._max_line_bytes:
            raise LineTooLongError
        return line.removesuffix(b"\r")

    # In a thread.

    def _opened(self) -> IO[bytes]:
        if self._file is None or self._file.closed:
            raise AdapterError("a download is read after its `async with` has ended")
        return self._file

    def _restart(self, encoding: str) -> None:
        with _name_trouble():
            if self._file is None:
                # 0600, as every file that it makes; without a name, so that a kill leaves nothing.
                self._file = tempfile.TemporaryFile(prefix="batchhub-")  # noqa: SIM115  # closed at the end
            self._file.seek(0)
            self._file.truncate()
        self.size_bytes = 0
        self.head.clear()
        self._coding = Decoder(encoding, self._max_bytes)
        self._packed = None
        self._has_begun = False

    def _write(self, data: bytes) -> None:
        for part in self._coding.feed(data):
            self._unpack(part)

    def _unpack(self, data: bytes) -> None:
        if data and not self._has_begun:
            self._has_begun = True
            if self._unpacks and data.startswith(GZIP):
                self._packed = Inflater(self._max_bytes)
        self._keep((data,) if self._packed is None else self._packed.feed(data))

    def _keep(self, parts: Iterable[bytes]) -> None:
        for part in parts:
            self.size_bytes += len(part)
            if self.size_bytes > self._max_bytes:
                raise BodyTooLargeError
            if (room := self._head_bytes - len(self.head)) > 0:
                self.head += part[:room]
            with _name_trouble():
                self._opened().write(part)

    def _finish(self) -> None:
        self._coding.close()
        if self._packed is not None:
            self._packed.close()

    def _read(self, offset: int) -> bytes:
        with _name_trouble():
            self._opened().seek(offset)
            return self._opened().read(PIECE_BYTES)


@contextmanager
def _name_trouble() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(error.strerror or str(error)) from None
