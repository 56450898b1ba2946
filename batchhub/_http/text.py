"""An answer's text as UTF-8, whatever it came in, where that can be known for certain."""

from __future__ import annotations

import codecs
import re
from typing import Final

_USUAL: Final = frozenset({b"{", b"[", b'{"', b"{}", b"{\n", b"{\r", b"{ "}) | frozenset(
    b"[" + each for each in (b"]", b"{", b"[", b'"', b"\n", b"\r", b" ")
)
"""What nearly all answers begin with; no file, no page, no other encoding does."""

_SMALL_BYTES: Final = 64 * 1024

_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.ASCII | re.IGNORECASE)
_CHARACTER_SET: Final = re.compile(
    r"(iso8859-\d+|cp\d+|utf-(16|32)(-[lb]e)?|koi8-[a-z]|mac-[a-z]+|gb2312|gbk|gb18030|big5"
    r"|shift_jis|euc_[a-z]+|tis-620|ascii|utf-8)"
)
"""Python's names of encodings that are of characters and nothing else."""

_SUPERSETS: Final = {"iso8859-1": "cp1252", "iso8859-9": "cp1254"}
"""What is meant by a name on the web. Source: WHATWG Encoding Standard, names and labels."""

_TEXT_BEGINS: Final = re.compile(r'\s*[{\["<]')
_BYTES_BEGIN: Final = re.compile(rb'\s*[{\["<]')


def is_usual(body: bytes) -> bool:
    """Return whether there is nothing to be looked at: a little JSON of ASCII."""
    return body[:2] in _USUAL and len(body) <= _SMALL_BYTES and body.isascii()


def needs_look(body: bytes, content_type: str) -> bool:
    """Return whether there may be something to be changed, without looking at all of a body."""
    return body[:2] not in _USUAL or find_charset(content_type) not in {None, "utf-8"}


def to_utf8(body: bytes, content_type: str) -> tuple[bytes, str | None]:
    """
    Return JSON or a page as UTF-8 without a byte order mark, and what was odd about it.

    Anything else comes back as it is, such as a file or a text that has another encoding than it
    says.
    """
    if body.startswith(codecs.BOM_UTF8):  # what is behind it may be broken, and repaired
        is_text = _BYTES_BEGIN.match(body, len(codecs.BOM_UTF8)) is not None
        return (body[len(codecs.BOM_UTF8) :], _marked("UTF-8")) if is_text else (body, None)
    for mark, name in _MARKS:
        if body.startswith(mark):
            text = _decode(body[len(mark) :], name)
            return (body, None) if text is None else (text.encode(), _marked(name.upper()[:6]))
    if body.isascii() and b"\0" not in body[:4]:
        return body, None
    charset = find_charset(content_type)
    if charset in {None, "utf-8"} or _is_utf8(body):
        return body, None  # JSON is UTF-8, and what is valid UTF-8 is hardly ever anything else
    for name in filter(None, (_SUPERSETS.get(charset or ""), charset)):
        text = _decode(body, name)
        if text is not None:
            return text.encode(), f"text that is not UTF-8; read as {charset}, as it says"
    return body, None


def find_charset(content_type: str) -> str | None:
    """Return the encoding that a ``Content-Type`` names, by Python's name; `None` for none."""
    found = _CHARSET.search(content_type)
    if found is None:
        return None
    try:
        name = codecs.lookup(found[1]).name
    except LookupError:
        return None
    return name if _CHARACTER_SET.fullmatch(name) else None


def is_charset(name: str) -> bool:
    """Return whether a name is that of an encoding of characters."""
    return find_charset(f";charset={name}") is not None


def _marked(name: str) -> str:
    return f"a byte order mark ({name})"


def _decode(body: bytes, name: str) -> str | None:
    """Decode a body; `None` if it is not of this encoding, or neither JSON nor a page."""
    try:
        text = body.decode(name)
    except UnicodeDecodeError:
        return None
    return text if _TEXT_BEGINS.match(text) else None


def _is_utf8(body: bytes) -> bool:
    if b"\0" in body[:4]:  # as UTF-16 and UTF-32 have it, and JSON never
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
