"""Pages: what firewalls, proxies and sign-in gates answer in place of the vendor."""

from __future__ import annotations

import html
import re
from typing import Final

from batchhub._base.json import loads

_MARKUP: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|h1|title)\b", re.IGNORECASE)
_BEFORE_MARKUP: Final = b"\xef\xbb\xbf \t\r\n"
_TITLE: Final = re.compile(r"<title\b[^<>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_HEADING: Final = re.compile(r"<h1\b[^<>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_HEAD_BYTES: Final = 4096
_TITLE_BYTES: Final = 64 * 1024
"""How far down a title may stand: behind scripts and styles, of a challenge page for instance."""

_PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})


def is_page(body: bytes, content_type: str) -> bool:
    """Return whether an answer is a page of HTML, made for people."""
    if is_page_type(content_type):
        return bool(body.strip()) and not _is_json(body)  # some vendors call their JSON so
    return _MARKUP.match(_begin(body)) is not None


def is_page_type(content_type: str) -> bool:
    """Return whether a ``Content-Type`` is that of a page."""
    return content_type.partition(";")[0].strip().lower() in _PAGE_TYPES


def begins_as_page(body: bytes, content_type: str) -> bool:
    """Return whether an answer, or the first bytes of one, are those of a page of HTML."""
    begin = _begin(body)
    return begin.startswith(b"<") and (
        is_page_type(content_type) or _MARKUP.match(begin) is not None
    )


def is_foreign(body: bytes, content_type: str, *, is_understood: bool) -> bool:
    """
    Return whether something on the way gave an answer, and not the vendor.

    That is a page, or a text that neither the adapter nor JSON knows. Without a body nothing
    speaks against the vendor.
    """
    if is_page(body, content_type):
        return True
    return bool(body.strip()) and not is_understood and not _is_json(body)


def find_title(body: bytes) -> str | None:
    """Return the title of a page, else its heading; `None` if it has neither."""
    text = body[:_TITLE_BYTES].decode("utf-8", "replace")
    found = _TITLE.search(text) or _HEADING.search(text)
    return " ".join(html.unescape(found[1]).split()) or None if found else None


def _begin(body: bytes) -> bytes:
    return body[:_HEAD_BYTES].lstrip(_BEFORE_MARKUP)


def _is_json(body: bytes) -> bool:
    try:
        loads(body)
    except ValueError:
        return False
    return True
