"""The body of an answer: read and decompressed within one limit, and complete."""

from __future__ import annotations

import zlib
from typing import Final

import aiohttp

_ANY_HEADER: Final = zlib.MAX_WBITS | 32
_NO_HEADER: Final = -zlib.MAX_WBITS
_ZLIB_METHOD: Final = 8
_GZIP_FIRST_BYTE: Final = 0x1F


class BodyTooLargeError(Exception):
    """The body is larger than the limit; it was not read to its end."""


class BodyBrokenError(Exception):
    """The body is complete but can't be decompressed."""


async def read_body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
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


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    declared_bytes = response.content_length
    if declared_bytes is not None and declared_bytes > max_bytes and response.method != "HEAD":
        raise BodyTooLargeError
    inflater = _make_inflater(response.headers.get("Content-Encoding", ""), max_bytes)
    parts: list[bytes] = []
    size_bytes = 0
    async for chunk in response.content.iter_any():
        part = chunk if inflater is None else inflater.feed(chunk)
        size_bytes += len(part)
        if size_bytes > max_bytes:
            raise BodyTooLargeError
        parts.append(part)
    if inflater is not None:
        inflater.close()
    return b"".join(parts)


def _make_inflater(encoding: str, max_bytes: int) -> _Inflater | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return _Inflater(max_bytes)
        case _:
            raise BodyBrokenError("it is compressed in a way that was not asked for")


class _Inflater:
    """Decompresses gzip (also of several members), zlib and raw deflate, within a limit."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> bytes:
        """
        Decompress the next bytes.

        Raises:
            BodyTooLargeError: The bytes so far are more than the limit.
            BodyBrokenError: They are damaged.
        """
        parts: list[bytes] = []
        while data:
            if self._stream is None:
                self._stream = zlib.decompressobj(_window_bits(data[0]))
            try:
                part = self._stream.decompress(data, self._left_bytes + 1)
            except zlib.error as error:
                raise BodyBrokenError("its compression is damaged") from error
            self._left_bytes -= len(part)
            if self._left_bytes < 0:
                raise BodyTooLargeError
            parts.append(part)
            data = self._stream.unused_data
            if self._stream.eof:
                self._stream = None
        return b"".join(parts)

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
