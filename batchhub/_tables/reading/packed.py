"""Compressed bytes, unpacked as they are read: gzip and zstd, known by their first bytes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import IO, Any, Final, TypeAlias, cast

from batchhub._tables.formats import Compression, load_extra
from batchhub.errors import InputError, UsageError

Read: TypeAlias = Callable[[int], bytes]
"""Returns the next bytes, at most as many as asked for; none at the end."""

MARK_BYTES: Final = 4
"""How many first bytes show a compression."""

NAMES: Final = {Compression.GZIP: "gzip", Compression.ZSTD: "zstd"}
"""What a compression is called in messages."""

# What follows in a file that zstd's own tools write in parallel begins with a frame to be skipped.
_MAGIC: Final = (
    (b"\x1f\x8b", Compression.GZIP),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD),
    *((bytes([0x50 + n]) + b"\x2a\x4d\x18", Compression.ZSTD) for n in range(16)),
)

_STEP_BYTES: Final = 1024
"""How much zstd data is unpacked at once. Every 4 bytes may hold 128 KiB: 32 MiB at most."""


def find_compression(head: bytes) -> Compression | None:
    """Return the compression that the first bytes show; `None` if they show none."""
    return next((found for magic, found in _MAGIC if head.startswith(magic)), None)


def unpack_as(compression: Compression, read: Read) -> Read:
    """
    Return what reads the unpacked bytes, in as little memory as may be.

    Raises:
        InputError: The package for it is missing; or, when it is read: the data is broken or ends
            too early.
    """
    return _unpack_gzip(read) if compression is Compression.GZIP else _unpack_zstd(read)


def _unpack_gzip(read: Read) -> Read:
    packed = gzip.GzipFile(fileobj=cast("IO[bytes]", _Readable(read)), mode="rb")

    def read_unpacked(most: int) -> bytes:
        try:
            return packed.read1(most)
        except EOFError:
            raise _cut_off(Compression.GZIP) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise _broken(Compression.GZIP, str(error).rpartition(": ")[2]) from None

    return read_unpacked


class _Readable:
    """As much of a file as `gzip.GzipFile` asks for."""

    def __init__(self, read: Read) -> None:
        self.read = read


def _unpack_zstd(read: Read) -> Read:
    try:
        zstandard = load_extra("zstandard", "zstd", "reading zstd")
    except UsageError as error:
        raise InputError(str(error)) from None
    return _ZstdReader(read, zstandard).read


class _ZstdReader:
    """
    Unpacks frames, one after another.

    The package's own reader takes a frame that ends too early for a whole one.
    """

    def __init__(self, read: Read, zstandard: Any) -> None:
        self._read = read
        self._zstandard = zstandard
        self._packed = b""
        self._unpacked = b""
        self._frame: Any = None

    def read(self, most: int) -> bytes:
        while not self._unpacked:
            if not self._packed and not (chunk := self._read(most)):
                if self._frame is not None:
                    raise _cut_off(Compression.ZSTD)
                return b""
            self._packed = self._packed or chunk
            self._unpack()
        found, self._unpacked = self._unpacked[:most], self._unpacked[most:]
        return found

    def _unpack(self) -> None:
        """Unpack a little more."""
        step, self._packed = self._packed[:_STEP_BYTES], self._packed[_STEP_BYTES:]
        if self._frame is None:
            self._frame = self._zstandard.ZstdDecompressor().decompressobj()
        try:
            self._unpacked = self._frame.decompress(step)
        except self._zstandard.ZstdError as error:
            raise _broken(Compression.ZSTD, str(error).rpartition(": ")[2]) from None
        if self._frame.eof:
            self._packed = self._frame.unused_data + self._packed
            self._frame = None


def _cut_off(compression: Compression) -> InputError:
    return InputError(f"the {NAMES[compression]} data ends too early; is the file complete?")


def _broken(compression: Compression, reason: str) -> InputError:
    return InputError(f"the {NAMES[compression]} data is broken ({reason}); pack it again")
