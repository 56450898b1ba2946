"""Files that are compressed as they are written, as the endings of their names say."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Final, cast

from .formats import Compression, compression_of, load_extra

Pack = Callable[[IO[bytes]], AbstractContextManager[IO[bytes]]]
"""Opens what compresses into a file; the file is complete when this is left, and stays open."""

_LEVEL: Final = 6


def find_packing(name: str) -> Pack:
    """
    Return what compresses into a file of this name. The same bytes always give the same file.

    Raises:
        UsageError: A package for it is not installed.
    """
    compression = compression_of(name)
    if compression is Compression.GZIP:
        return _gzip
    return _plain if compression is None else _find_zstd(name)


@contextmanager
def _plain(file: IO[bytes]) -> Iterator[IO[bytes]]:
    yield file


@contextmanager
def _gzip(file: IO[bytes]) -> Iterator[IO[bytes]]:
    # Neither name nor time in it.
    with gzip.GzipFile(
        filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0
    ) as packed:
        yield cast("IO[bytes]", packed)


def _find_zstd(name: str) -> Pack:
    zstd = load_extra("zstandard", "zstd", name)

    @contextmanager
    def pack(file: IO[bytes]) -> Iterator[IO[bytes]]:
        packer = zstd.ZstdCompressor(write_checksum=True)
        with packer.stream_writer(file, closefd=False) as packed:
            yield packed

    return pack
