"""Bytes as they come: from a file, a pipe or standard input, unpacked if they are gzip."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final, TypeVar

from batchhub.errors import InputError

T = TypeVar("T")

STDIN_FD: Final = 0
"""The descriptor of standard input."""

CHUNK_BYTES: Final = 128 * 1024
"""How much is read, and how much is unpacked, at once."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_WITH_GZIP_HEADER: Final = 31


async def read_chunks(descriptor: int) -> AsyncIterator[bytes]:
    """
    Yield what a descriptor gives, as it comes: a pipe nobody writes to can still be interrupted.

    Raises:
        InputError: It can't be read.
    """
    while True:
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                chunk = os.read(descriptor, CHUNK_BYTES)
                await asyncio.sleep(0)
            else:
                chunk = await _in_thread(lambda: os.read(descriptor, CHUNK_BYTES))
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror}") from error
        if not chunk:
            return
        yield chunk


async def unpack(
    chunks: AsyncIterator[bytes], *, must_be_gzip: bool = False
) -> AsyncIterator[bytes]:
    """
    Yield bytes as they are, or unpacked where they begin as gzip does.

    However little a file unpacks from, no more than `CHUNK_BYTES` are held at once.

    Args:
        chunks: The bytes.
        must_be_gzip: Whether anything but gzip is an error.

    Raises:
        InputError: The gzip data is broken, or ends too early.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= len(_GZIP_MAGIC):
            break
    if head.startswith(_GZIP_MAGIC):
        async for chunk in _gunzip(head, chunks):
            yield chunk
        return
    if must_be_gzip and head:
        raise InputError("it is named .gz and is no gzip file; unpack it, or name it by its form")
    if head:
        yield head
    async for chunk in chunks:
        yield chunk


async def _gunzip(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacker, packed = _new_unpacker(), head
    while True:
        while packed:
            if unpacker.eof:  # gzip files may be joined, and padded with zeros
                packed = packed.lstrip(b"\0")
                if not packed:
                    break
                unpacker = _new_unpacker()
            try:
                plain = unpacker.decompress(packed, CHUNK_BYTES)
            except zlib.error as error:
                reason = str(error).rpartition(": ")[2]
                raise InputError(f"the gzip data is broken ({reason}); pack it anew") from None
            packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if plain:
                yield plain
                await asyncio.sleep(0)
        try:
            packed = await anext(chunks)
        except StopAsyncIteration:
            break
    if not unpacker.eof:
        raise InputError("the gzip data ends too early; is the file complete?")


def _new_unpacker() -> zlib._Decompress:
    return zlib.decompressobj(_WITH_GZIP_HEADER)


async def _in_thread(work: Callable[[], T]) -> T:
    """
    Do what may block for ever in a thread that keeps no process alive.

    Raises:
        OSError: From `work`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(result: T | None, error: OSError | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # `None` only with an error

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except OSError as failure:
            error = failure
        with suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="batchhub-input", daemon=True).start()
    return await future
