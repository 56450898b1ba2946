"""Forms: ``multipart/form-data``, read strictly, and ``application/x-www-form-urlencoded``."""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final
from urllib.parse import parse_qsl

from attrs import field, frozen

_END: Final = b"--"
_LINE: Final = b"\r\n"
_DISPOSITION: Final = b"content-disposition:"
_QUOTED: Final = re.compile(rb';\s*(filename|name)="(.*?)"(?=\s*(?:;|$))', re.IGNORECASE)


class FormError(ValueError):
    """A body is not the form that its type says; says why."""


@frozen(kw_only=True)
class Part:
    """
    One part of a form.

    Attributes:
        name: Its name.
        content: Its bytes.
        filename: The name of the file, if it is one.
        content_type: Its media type as it came, if it has one.
    """

    name: str
    content: bytes = field(repr=False)
    filename: str | None = None
    content_type: str | None = None


@frozen
class Form:
    """
    A form.

    Attributes:
        parts: Its parts, in the order they came.
    """

    parts: tuple[Part, ...] = ()

    @property
    def fields(self) -> dict[str, str]:
        """The parts that are no files, as text; of a repeated name the last."""
        return {
            part.name: part.content.decode("utf-8", "replace")
            for part in self.parts
            if part.filename is None
        }

    @property
    def files(self) -> dict[str, Part]:
        """The parts that are files, by their names; of a repeated name the last."""
        return {part.name: part for part in self.parts if part.filename is not None}


def read_form(content_type: str, body: bytes) -> Form | None:
    """
    Read a form.

    Args:
        content_type: The header of the request.
        body: The body, whole.

    Returns:
        The form; `None` if the type is no form's.

    Raises:
        FormError: The body is not the form that the type says.
    """
    header = Message()
    header["Content-Type"] = content_type or "application/octet-stream"
    match header.get_content_type():
        case "multipart/form-data":
            boundary = header.get_param("boundary")
            if not isinstance(boundary, str) or not boundary:
                raise FormError("The boundary is missing")
            return Form(_read_parts(boundary, body))
        case "application/x-www-form-urlencoded":
            return Form(_read_pairs(body))
    return None


def _read_parts(boundary: str, body: bytes) -> tuple[Part, ...]:
    # What comes before the first boundary and after the last one is to be ignored (RFC 2046).
    delimiter = _LINE + _END + boundary.encode()
    _, *pieces = (_LINE + body).split(delimiter)
    end = next((n for n, piece in enumerate(pieces) if piece.startswith(_END)), None)
    if end is None:
        raise FormError("The form breaks off: its last boundary is missing")
    return tuple(_read_part(piece) for piece in pieces[:end])


def _read_part(piece: bytes) -> Part:
    padding, _, rest = piece.partition(_LINE)
    head, blank, content = (_LINE + rest).partition(_LINE * 2)
    if padding.strip() or not blank:
        raise FormError("A part of the form has no headers")
    headers = BytesHeaderParser().parsebytes(head.removeprefix(_LINE) + _LINE * 2)
    names = _read_names(head)
    name = names.get("name") or headers.get_param("name", header="Content-Disposition")
    if headers.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise FormError("A part of the form has no name")
    return Part(
        name=name,
        content=content,
        filename=names.get("filename", headers.get_filename()),
        content_type=headers.get("Content-Type"),
    )


def _read_names(head: bytes) -> dict[str, str]:
    """Read quoted names as browsers write them: UTF-8, and three characters percent-encoded."""
    lines = (line for line in head.split(_LINE) if line.lower().startswith(_DISPOSITION))
    found: dict[str, str] = {}
    for line in lines:
        for key, value in _QUOTED.findall(line):
            text = value.decode("utf-8", "replace")
            if '"' in text:  # older clients escape it
                text = re.sub(r"\\(.)", r"\1", text)
            text = text.replace("%22", '"')
            found[key.decode().lower()] = text.replace("%0D", "\r").replace("%0A", "\n")
    return found


def _read_pairs(body: bytes) -> tuple[Part, ...]:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except ValueError:
        raise FormError("The body is not a form") from None
    return tuple(Part(name=name, content=value.encode()) for name, value in pairs)
