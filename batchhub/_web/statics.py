"""
The files a browser needs besides the pages: read once, and kept by browsers for a year.

Each one's address has a hash of what is in it, so that a newer version is another address.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

FOLDER: Final = Path(__file__).parent / "static"

SCRIPTS: Final = (
    "vendor/htmx-2.0.11.min.js",
    "vendor/htmx-ext-sse-2.2.4.min.js",
    "vendor/idiomorph-ext-0.8.0.min.js",
    "live.js",
)
"""The scripts of every page, in their order."""

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HASH_DIGITS: Final = 12


@frozen(kw_only=True)
class StaticFile:
    """
    One file.

    Attributes:
        name: Its path below the folder.
        digest: What tells it from every other version of it.
        content_type: What it is.
        plain: What is in it.
        packed: The same, compressed by gzip.
    """

    name: str
    digest: str
    content_type: str
    plain: bytes
    packed: bytes

    @property
    def path(self) -> str:
        """Where it is on the server."""
        return f"/static/{self.digest}/{self.name}"


class Statics:
    """
    All files below a folder that a browser may have.

    Args:
        folder: The folder; what is neither a style, a script nor a drawing is left out.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {file.name: file for file in _read(folder)}

    def __iter__(self) -> Iterator[StaticFile]:
        """Go through all of them."""
        return iter(self._files.values())

    def get(self, name: str) -> StaticFile:
        """
        Return a file.

        Raises:
            LookupError: There is none of that name.
        """
        return self._files[name]

    def find(self, digest: str, name: str) -> StaticFile | None:
        """Return a file as a browser asks for it; `None` if there is none, or another version."""
        file = self._files.get(name)
        return file if file is not None and file.digest == digest else None


def _read(folder: Path) -> Iterator[StaticFile]:
    for path in sorted(folder.rglob("*")):
        content_type = _TYPES.get(path.suffix)
        if content_type is None or not path.is_file():
            continue
        plain = path.read_bytes()
        yield StaticFile(
            name=path.relative_to(folder).as_posix(),
            digest=hashlib.sha256(plain).hexdigest()[:_HASH_DIGITS],
            content_type=content_type,
            plain=plain,
            packed=gzip.compress(plain, 9, mtime=0),
        )
