"""Files: what was uploaded, and what can be downloaded."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Final, Literal

from aiohttp import web
from attrs import field, frozen

from .kept import Kept
from .state import SandboxState

Packing = Literal["plain", "gzip", "encoded"]
"""How a file is sent: as it is; as a gzip file; or with the header Content-Encoding: gzip."""

Content = bytes | Callable[[], Iterable[bytes]]
"""Bytes, or what makes them anew for each download: a file larger than the memory."""

_GZIP: Final = 31  # zlib's number for gzip's own header and trailer


@frozen(kw_only=True)
class StoredFile:
    """
    A file.

    Attributes:
        id: Its name.
        content: What is in it, unpacked.
        content_type: Its media type, as it is sent.
        packing: How it is sent.
    """

    id: str
    content: Content = field(repr=False)
    content_type: str = "application/octet-stream"
    packing: Packing = "plain"

    def read(self) -> bytes:
        """Return what is in it, whole and unpacked."""
        return self.content if isinstance(self.content, bytes) else b"".join(self.content())

    def to_response(self) -> web.Response:
        """Return the answer to a download."""
        headers = {"Content-Type": self.content_type}
        if self.packing == "encoded":
            headers["Content-Encoding"] = "gzip"
        if not isinstance(self.content, bytes):
            return web.Response(body=self._stream(self.content()), headers=headers)
        is_plain = self.packing == "plain"
        body = self.content if is_plain else gzip.compress(self.content, mtime=0)
        return web.Response(body=body, headers=headers)

    async def _stream(self, pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
        for piece in pieces if self.packing == "plain" else _pack(pieces):
            yield piece


class FileStore:
    """
    Files by id.

    Args:
        sandbox: Whose files they are.
        kept_s: For how many seconds a file is kept.
        gone_status: The HTTP status for one that is kept no longer.
    """

    def __init__(
        self, sandbox: SandboxState, *, kept_s: float = math.inf, gone_status: int = 404
    ) -> None:
        self._sandbox = sandbox
        self._gone_status = gone_status
        self._files: Kept[StoredFile] = Kept(sandbox, kept_s)

    def __iter__(self) -> Iterator[StoredFile]:
        """Yield the files that are kept, the oldest first."""
        return iter(self._files.values())

    def put(
        self,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        packing: Packing = "plain",
        file_id: str | None = None,
    ) -> StoredFile:
        """
        Keep a file from now on; one with the same id is replaced.

        Args:
            content: What is in it, unpacked.
            content_type: Its media type.
            packing: How it is sent.
            file_id: Its name; made by default.
        """
        file = StoredFile(
            id=file_id or self._sandbox.make_id(),
            content=content,
            content_type=content_type,
            packing=packing,
        )
        self._files.put(file.id, file)
        return file

    def find(self, file_id: str) -> StoredFile | None:
        """Return the file of an id, if it is kept."""
        return self._files.find(file_id)

    def get(self, file_id: str) -> StoredFile:
        """
        Return the file of an id.

        Raises:
            AnswerError: 404, there is none; or `gone_status`, it is kept no longer.
        """
        file = self._files.find(file_id)
        if file is None:
            raise self._sandbox.refuse(self._gone_status if self._files.had(file_id) else 404)
        return file


def _pack(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=_GZIP)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
