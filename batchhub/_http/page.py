"""Pages: what firewalls, proxies and sign-in gates answer in place of the vendor."""

from __future__ import annotations

import html
import re
from typing import Final

from batchhub._base.json import loads

_MARKUP: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body|h1|title)\b", re.IGNORECASE)
_BEFORE_MARKUP: Final = b"\xef\xbb\xbf \t\r\n"
_TITLE: Final = re.compile(r"<title[^>]*>([^<]{1,300})", re.IGNORECASE)
_HEAD_BYTES: Final = 4096


def is_page(body: bytes, content_type: str) -> bool:
    """Return whether an answer is a page of HTML, made for people."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"text/html", "application/xhtml+xml"}:
        return bool(body.strip()) and not _is_json(body)  # some vendors call their JSON so
    return _MARKUP.match(body[:_HEAD_BYTES].lstrip(_BEFORE_MARKUP)) is not None


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
    """Return the title of a page; `None` if it has none."""
    found = _TITLE.search(body[:_HEAD_BYTES].decode("utf-8", "replace"))
    return html.unescape(found[1]).strip() or None if found else None


def _is_json(body: bytes) -> bool:
    try:
        loads(body)
    except ValueError:
        return False
    return True
