"""The body of an answer: read and decompressed within one limit, and complete."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, Protocol

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError

from batchhub._base.threads import in_thread
from batchhub._base.waits import note_oddity

from .text import is_charset

_LARGE_BYTES: Final = 2 * 1024 * 1024

PIECE_BYTES: Final = 256 * 1024
"""How much of a large body is in memory at once."""

GZIP: Final = b"\x1f\x8b"
"""What a gzip file begins with."""

_ANY_HEADER: Final = zlib.MAX_WBITS | 32
_NO_HEADER: Final = -zlib.MAX_WBITS
_ZLIB_METHOD: Final = 8
_GZIP_FIRST_BYTE: Final = 0x1F


_PACKED: Final = frozenset({"gzip", "x-gzip", "deflate"})
"""The codings that are asked for, and read."""

_NO_CODINGS: Final = frozenset({"none", "binary", "8bit", "7bit", "plain", "text", "json", "utf"})
"""What some servers call a body that is not compressed, besides its encoding."""

_MOST_CODINGS: Final = 4
_LONGEST_NAME: Final = 40
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_JSON_BEGINS: Final = b"{["
"""What JSON begins with, and nothing that is called gzip does; streams of other codings may."""


class BodyTooLargeError(Exception):
    """The body is larger than the limit; it was not read to its end."""


class BodyBrokenError(Exception):
    """The body is complete but can't be decompressed."""


class Answer(Protocol):
    """What is read of an answer: of one by aiohttp's client, or by the short way."""

    @property
    def method(self) -> str:
        """The request's method."""
        ...

    @property
    def status(self) -> int:
        """Its HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""
        ...

    @property
    def content(self) -> aiohttp.StreamReader:
        """Its body, as it comes."""
        ...

    @property
    def content_length(self) -> int | None:
        """How many bytes the body has by its ``Content-Length``."""
        ...

    @property
    def connection(self) -> Connection | None:
        """What it comes over."""
        ...


async def read_body(response: Answer, max_bytes: int) -> bytes:
    """
    Read and decompress a body of at most `max_bytes`, compressed and decompressed.

    The session must leave decompression to this function: aiohttp's own takes a gzip stream that
    breaks off for a complete one.

    Raises:
        BodyTooLargeError: It is larger. Leaving the response's context closes the connection.
        BodyBrokenError: Its compression is unknown, damaged or incomplete.
        aiohttp.ClientError: It is incomplete.
    """
    try:
        return await _read(response, max_bytes)
    except RuntimeError as error:  # raised by aiohttp when the connection is already closed
        raise aiohttp.ClientPayloadError("the connection is closed") from error


def find_whole(answer: Answer, max_bytes: int) -> bytes | None:
    """
    Return a body that came with its head, as it is; `None` if it has to be read.

    Args:
        answer: The answer.
        max_bytes: The most bytes; one that has more has to be refused.

    Raises:
        aiohttp.ClientError: It is incomplete.
    """
    content = answer.content
    if not content.is_eof() or content.total_bytes > max_bytes:
        return None
    return None if "Content-Encoding" in answer.headers else content.read_nowait()


async def read_beginning(response: Answer, max_bytes: int) -> tuple[bytes, bool]:
    """
    Read and decompress as much of a body as comes, and as may be read.

    Returns:
        The bytes, and whether that is all of it.

    Raises:
        BodyBrokenError: Nothing of it can be decompressed.
    """
    watch(response)
    # A piece more than is kept, so that of a larger one the beginning is known.
    decoder = Decoder(response.headers.get("Content-Encoding", ""), max_bytes + PIECE_BYTES)
    parts: list[bytes] = []
    left_bytes = max_bytes
    try:
        async for chunk in response.content.iter_any():
            for part in decoder.feed(chunk):
                parts.append(part[:left_bytes])
                left_bytes -= len(part)
                if left_bytes < 0:
                    return b"".join(parts), False
        decoder.close()
    except (BodyTooLargeError, aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError):
        return b"".join(parts), False
    except BodyBrokenError:
        if not parts:
            raise
        return b"".join(parts), False
    return b"".join(parts), True


def unpack(body: bytes, max_bytes: int) -> bytes:
    """
    Decompress a gzip file; a body that is none is returned as it is.

    Raises:
        BodyTooLargeError: It is larger than the limit.
        BodyBrokenError: It is damaged or incomplete.
    """
    if not body.startswith(GZIP):
        return body
    inflater = Inflater(max_bytes)
    unpacked = b"".join(inflater.feed(body))
    inflater.close()
    return unpacked


async def _read(response: Answer, max_bytes: int) -> bytes:
    watch(response)
    declared_bytes = response.content_length
    if declared_bytes is not None and declared_bytes > max_bytes and response.method != "HEAD":
        raise BodyTooLargeError
    decoder = Decoder(response.headers.get("Content-Encoding", ""), max_bytes)
    parts: list[bytes] = []
    size_bytes = 0
    async for chunk in response.content.iter_any():
        for part in decoder.feed(chunk):
            size_bytes += len(part)
            if size_bytes > max_bytes:
                raise BodyTooLargeError
            parts.append(part)
    decoder.close()
    if size_bytes > _LARGE_BYTES:
        return await in_thread(b"".join, parts)  # which holds up nobody: it takes 1 ms a megabyte
    return b"".join(parts)


def watch(response: Answer) -> None:
    """Have a body that is about to be read end with its connection; see `end_with_connection`."""
    connection = response.connection
    if connection is not None and connection.protocol is not None:
        connection.protocol.batchhub_body = response.content  # type: ignore[attr-defined]


def end_with_connection(protocol: Any) -> None:
    """
    Have the body that is read end when its connection is closed; once for each connection.

    aiohttp's faster parser closes the connection at a chunk that is broken, and says so to nobody:
    the body would be waited for until the time for the whole exchange is up.
    """
    closed: asyncio.Future[None] | None = getattr(protocol, "closed", None)
    if closed is None:
        return

    def end(closed: asyncio.Future[None]) -> None:
        if not closed.cancelled():
            closed.exception()  # else it would be said that nobody has asked for it
        body: aiohttp.StreamReader | None = getattr(protocol, "batchhub_body", None)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the connection is closed"))

    closed.add_done_callback(end)


class Decoder:
    """
    Undoes what the ``Content-Encoding`` of an answer names, within a limit.

    Args:
        encoding: The header; empty for none.
        max_bytes: The most bytes of the body, after each coding is undone.
    """

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._inflaters: list[Inflater] | None = None if encoding else []
        self._oddity: str | None = None

    def feed(self, data: bytes) -> Iterable[bytes]:
        """
        Return what the next bytes are, in pieces.

        Raises:
            BodyTooLargeError: The bytes so far are more than the limit.
            BodyBrokenError: They are damaged, or compressed in a way that was not asked for.
        """
        if self._inflaters is None:
            if not data:
                return ()
            self._inflaters = self._begin(data)
        parts: Iterable[bytes] = (data,)
        for inflater in self._inflaters:
            parts = chain.from_iterable(map(inflater.feed, parts))
        return parts

    def close(self) -> None:
        """
        Check that all of it is complete, and take note of what was odd; no more bytes come.

        Raises:
            BodyBrokenError: A compressed stream has not ended.
        """
        for inflater in self._inflaters or ():
            inflater.close()
        if self._oddity is not None:
            note_oddity(self._oddity)

    def _begin(self, first: bytes) -> list[Inflater]:
        names = [name.strip().lower() for name in self._encoding.split(",")]
        packed = [name for name in names if not _says_nothing(name)]
        shown = f"Content-Encoding: {self._encoding.strip()[:_LONGEST_NAME]}"
        if packed and _GZIP.issuperset(packed) and first[0] in _JSON_BEGINS:
            self._oddity = f"{shown}, on a body that is not compressed"
            return []
        if any(name not in {"", "identity"} and name not in packed for name in names):
            self._oddity = f"{shown}, which names no compression"
        for name in packed:
            if name not in _PACKED:
                what = f"compressed with {name[:_LONGEST_NAME]!r}, which was not asked for"
                raise BodyBrokenError(f"it is {what}")
        if len(packed) > _MOST_CODINGS:
            raise BodyBrokenError(f"it is compressed {len(packed)} times")
        return [Inflater(self._max_bytes) for _ in packed]


def _says_nothing(name: str) -> bool:
    """Return whether the name of a coding is none of a compression."""
    return name in {"", "identity"} or name in _NO_CODINGS or is_charset(name)


class Inflater:
    """Decompresses gzip (also of several members), zlib and raw deflate, within a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        Decompress the next bytes, a piece of at most 256 KiB at a time.

        Raises:
            BodyTooLargeError: The bytes so far are more than the limit.
            BodyBrokenError: They are damaged.
        """
        part = b""
        # What a full piece left behind comes without any more data.
        while data or len(part) == PIECE_BYTES:
            if self._stream is None:
                self._stream = zlib.decompressobj(_window_bits(data[0]))
            try:
                part = self._stream.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise BodyBrokenError("its compression is damaged") from error
            self._left_bytes -= len(part)
            if self._left_bytes < 0:
                raise BodyTooLargeError
            if part:
                yield part
            data = self._stream.unconsumed_tail
            if self._stream.eof:
                data, part = self._stream.unused_data, b""
                self._stream = None

    def close(self) -> None:
        """
        Check that the stream is complete; no more bytes come.

        Raises:
            BodyBrokenError: The compressed stream has not ended.
        """
        if self._stream is not None:
            raise BodyBrokenError("its compressed stream breaks off")


def _window_bits(first_byte: int) -> int:
    # Some servers send "deflate" without the zlib header the standard asks for.
    has_header = first_byte == _GZIP_FIRST_BYTE or first_byte & 0x0F == _ZLIB_METHOD
    return _ANY_HEADER if has_header else _NO_HEADER
