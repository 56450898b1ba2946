"""Bodies of requests other than JSON: forms, and files that are uploaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from uuid import uuid4

from attrs import field, frozen

from batchhub.errors import AdapterError, InputError

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]
"""Names and values; as pairs where a name comes more than once."""

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")
_TYPE: Final = re.compile(r"[!-~][ -~]*")


@frozen(kw_only=True)
class Form:
    """
    A form, percent-encoded: ``application/x-www-form-urlencoded``.

    Attributes:
        fields: Its names and values.
    """

    fields: Pairs = field(repr=lambda fields: f"<{len(fields)} fields>")

    @property
    def content_type(self) -> str:
        """What it is sent as."""
        return "application/x-www-form-urlencoded"

    def encode(self) -> bytes:
        """
        Return it as it is sent.

        Raises:
            AdapterError: A name or value is no text.
        """
        try:
            return urlencode(list(_pairs(self.fields))).encode()
        except UnicodeEncodeError:
            raise AdapterError("a form has a text that no encoding can carry") from None


@frozen(kw_only=True)
class FilePart:
    """
    A file in a `Multipart`.

    Attributes:
        name: The name of the field.
        content: What is in it; a path is read from disk while it is sent, never at once.
        filename: The name of the file.
        content_type: What it is.
    """

    name: str
    content: bytes | Path = field(
        repr=lambda content: (
            f"<{len(content)} bytes>" if isinstance(content, bytes) else repr(content)
        )
    )
    filename: str
    content_type: str = "application/octet-stream"


@frozen(kw_only=True)
class Multipart:
    """
    Fields and files: ``multipart/form-data``, as browsers send it.

    The fields go first, then the files, each in order. In names a quote, a carriage return and a
    newline are sent as ``%22``, ``%0D`` and ``%0A``, all else as UTF-8; values go as they are.

    Attributes:
        fields: Names and values.
        files: The files.
    """

    fields: Pairs = field(factory=dict, repr=lambda fields: f"<{len(fields)} fields>")
    files: Sequence[FilePart] = ()
    boundary: str = field(factory=lambda: f"batchhub-{uuid4().hex}", init=False, repr=False)

    @property
    def content_type(self) -> str:
        """What it is sent as."""
        return f"multipart/form-data; boundary={self.boundary}"

    def parts(self) -> Iterator[bytes | Path]:
        """
        Yield what is sent, one after the other: bytes as they are, and files on disk.

        Raises:
            AdapterError: A name or value is no text, or one that no header can carry.
        """
        for name, value in _pairs(self.fields):
            yield self._head(name)
            yield _encode(value)
            yield b"\r\n"
        for each in self.files:
            if not isinstance(each, FilePart) or not isinstance(each.content, bytes | Path):
                raise AdapterError("a file of a multipart body is no FilePart of bytes or a path")
            yield self._head(each.name, each)
            yield each.content
            yield b"\r\n"
        yield f"--{self.boundary}--\r\n".encode()

    def _head(self, name: str, file: FilePart | None = None) -> bytes:
        lines = [f"--{self.boundary}", f'Content-Disposition: form-data; name="{_quote(name)}"']
        if file is not None:
            if not _TYPE.fullmatch(file.content_type):
                raise AdapterError(f"{file.content_type!r} is no content type")
            lines[1] += f'; filename="{_quote(file.filename)}"'
            lines.append(f"Content-Type: {file.content_type}")
        return _encode("\r\n".join(lines) + "\r\n\r\n")


@frozen(kw_only=True)
class DiskPart:
    """
    A part of a body that is on disk.

    Attributes:
        path: Where.
        size_bytes: How many of its bytes are sent: those that it had when the body was made.
    """

    path: Path
    size_bytes: int


@frozen(kw_only=True)
class FilesBody:
    """
    A body that is partly read from disk while it is sent.

    Attributes:
        parts: What is sent, one after the other.
    """

    parts: tuple[bytes | DiskPart, ...] = field(repr=False)

    @property
    def size_bytes(self) -> int:
        """How many bytes that is."""
        return sum(len(p) if isinstance(p, bytes) else p.size_bytes for p in self.parts)


def prepare(body: Form | Multipart) -> bytes | FilesBody:
    """
    Return a body as it is sent; what is on disk stays there.

    Raises:
        AdapterError: It can't be sent.
        InputError: A file can't be read.
    """
    if isinstance(body, Form):
        return body.encode()
    parts = [part if isinstance(part, bytes) else _measure(part) for part in body.parts()]
    if all(isinstance(part, bytes) for part in parts):
        return b"".join(part for part in parts if isinstance(part, bytes))
    return FilesBody(parts=tuple(parts))


def _measure(path: Path) -> DiskPart:
    try:
        with path.open("rb") as file:
            return DiskPart(path=path, size_bytes=file.seek(0, 2))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}") from None


def _pairs(fields: Pairs) -> Iterator[tuple[str, str]]:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            kind = type(value if isinstance(name, str) else name).__name__
            raise AdapterError(f"a field of a form is no text but {kind}")
        yield name, value


def _quote(name: str) -> str:
    if not isinstance(name, str) or _CONTROL.search(name):
        raise AdapterError("a name in a multipart body is no text, or has a control character")
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise AdapterError("a multipart body has a text that no encoding can carry") from None
