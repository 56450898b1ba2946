"""Encodings of tables: those that can be named, that first bytes show, that a line may have."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Final

from batchhub._tables.formats import Say
from batchhub.errors import InputError, UsageError

from .plausible import rate

UTF8: Final = "utf-8"
"""The encoding of a table that is not said to have another."""

UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How UTF-16 begins."""

MARK_BYTES: Final = 4
"""How many bytes of a table may say which encoding it has."""

_BOMS: Final = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins in the same way
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NEED_BOM: Final = frozenset({"utf-16", "utf-32"})

_NO_TABLES: Final = frozenset(
    {"idna", "punycode", "charmap", "undefined", "unicode_escape", "raw_unicode_escape"}
)
"""Codecs of Python's that encode text, but not that of files."""

_CANDIDATES: Final = (
    "windows-1252",
    "windows-1254",
    "windows-1250",
    "windows-1251",
    "windows-1253",
    "windows-1257",
    "windows-1255",
    "windows-1256",
    "iso-8859-9",
    "iso-8859-2",
    "koi8-r",
    "cp850",
    "cp852",
    "mac_roman",
    "shift_jis",
    "gb18030",
    "euc-kr",
    "big5",
)
"""What is proposed, the more common ones first; of those that read a line alike the first."""

_STRICTER: Final = {"gb18030": "gb2312"}
"""What is tried: the whole of it reads nearly any bytes as rare Chinese."""

_WITH_ASCII: Final = 0.7
"""How much bytes count of which each second one may be ASCII: ``Ürün`` is not two of Chinese."""

_COMMON: Final = 4
_MOST_PROPOSED: Final = 3
_TOO_FAR: Final = 0.5
_ALIKE: Final = 0.1
_SHOWN_BYTES: Final = 60
_CUTS: Final = re.compile(rb"[,;\t|\"\r\n]+")
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_NO_TEXT: Final = re.compile("[\0-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff]")
_READABLE: Final = re.compile(r"[ -~\t\r\n]")


def has_bom(head: bytes) -> bool:
    """Whether the first bytes of a table are a byte order mark."""
    return any(head.startswith(bom) for bom, _ in _BOMS)


def find_encoding(name: str, say: Say) -> str:
    """
    Return an encoding's own name.

    Raises:
        UsageError: There is no such encoding of text.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # some codecs are none of text
    except (LookupError, ValueError):
        found = None
    if found is None or found.replace("-", "_") in _NO_TABLES:
        raise UsageError(
            f"{say('encoding')}: there is no encoding {name!r} for files; some there are: "
            "windows-1252, windows-1254, utf-16"
        )
    return found


def choose_encoding(head: bytes, named: str | None, say: Say) -> str:
    """
    Return the encoding of a table: the one that is named, or the one its first bytes show.

    Args:
        head: Its first `MARK_BYTES` bytes at least, or all.
        named: The encoding's own name, if one was named.
        say: Names an argument in a message.

    Raises:
        InputError: The two contradict each other, or neither says in which order the bytes are.
    """
    shown = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    if named is None:
        return UTF8 if shown is None else shown.removesuffix("-le").removesuffix("-be")
    if shown is None:
        if named in _NEED_BOM and head:
            names = f"{say(encoding=f'{named}-le')} or {say(encoding=f'{named}-be')}"
            raise InputError(f"has no mark for the order of bytes in {named}; name {names}")
    elif not shown.startswith(named.removesuffix("-sig")):
        option = say("encoding")
        text = f"begins as {shown.upper()} does, and not as {named}; leave {option} out"
        raise InputError(text)
    return named


def propose(line: bytes) -> Sequence[tuple[str, str]]:
    """
    Propose encodings for lines that can't be read, the most plausible one first.

    Args:
        line: A line, or several: what one has in common in two encodings, another may show.

    Returns:
        At most three encodings, each with what the cell that shows the difference best reads in
        it. No two read alike. None if no encoding makes a text of the line.
    """
    if b"\0" in line:
        return _propose_utf16(line)
    cell = max(_CUTS.split(line), key=_count_differences)
    high = len(_HIGH.findall(line))
    rated: dict[str, tuple[float, str]] = {}
    for encoding, text in _read_as(_CANDIDATES, line):
        for _, shown in _read_as((encoding,), _cut(cell)):
            if shown not in rated or rate(text) > rated[shown][0] + _ALIKE:
                most = high * _WITH_ASCII if encoding in {"shift_jis", "big5"} else 2 * high
                rated[shown] = (min(rate(text), most), encoding)
    if not rated:
        return []
    best = max(rating for rating, _ in rated.values())
    found = sorted(rated.items(), key=lambda each: -each[1][0])[:_MOST_PROPOSED]
    return [
        (encoding, shown)
        for shown, (rating, encoding) in found
        if rating >= min(best, best * _TOO_FAR - _ALIKE)
    ]


def explain_bytes(line: bytes, encoding: str, say: Say) -> str:
    """
    Say that lines can't be read in an encoding, how they read in others, and what to do.

    Args:
        line: A line, or several, as they are in the file: of what was decoded with
            ``surrogateescape``, what encoding it in the same way gives.
        encoding: The encoding's own name.
        say: Names an argument in a message.
    """
    what = f"not {encoding.upper().replace('CP125', 'windows-125')}"
    if encoding != UTF8 and _is_utf8(line):
        return f"{what} but UTF-8; leave {say('encoding')} out"
    found = [each for each in propose(line) if find_encoding(each[0], say) != encoding]
    if not found:
        hint = "" if encoding == UTF8 else f", or name its {say('encoding')}"
        return f'{what}; save the file as "CSV UTF-8"{hint}'
    (first, shown), *others = found
    also = "".join(f", as {name} {text!r}" for name, text in others)
    return f"{what}; as {first} it reads {shown!r}{also}; name it by {say(encoding=first)}"


def explain_wrong(line: str, encoding: str, say: Say) -> str | None:
    """
    Say that a line was probably decoded in a wrong encoding; `None` if nothing shows that.

    Control characters show it, which are letters in another encoding.

    Args:
        line: The line, decoded.
        encoding: The encoding's own name.
        say: Names an argument in a message.
    """
    if line.isascii() or encoding == UTF8 or not _NO_TEXT.search(line):
        return None
    return explain_bytes(line.encode(encoding, "replace"), encoding, say)


def _propose_utf16(line: bytes) -> Sequence[tuple[str, str]]:
    """Propose the order of bytes of a first line, if it reads as text in it."""
    encoding = "utf-16-be" if line.startswith(b"\0") else "utf-16-le"
    text = line[: len(line) // 2 * 2].decode(encoding, "replace").rstrip("\r\n\u0a00\u0d00")
    share = len(_READABLE.findall(text)) / max(len(text), 1)
    return [(encoding, text[: _SHOWN_BYTES // 2])] if share > _TOO_FAR else []


def _read_as(encodings: Sequence[str], line: bytes) -> Iterator[tuple[str, str]]:
    """Yield a line in those encodings in which it is a text."""
    for encoding in encodings:
        try:
            text = line.decode(_STRICTER.get(encoding, encoding))
        except UnicodeError:
            continue
        if not _NO_TEXT.search(text):
            yield encoding, text.strip()


def _count_differences(cell: bytes) -> tuple[int, int]:
    """Return how well a cell shows how encodings differ."""
    shown = {text for _, text in _read_as(_CANDIDATES[:_COMMON], cell)}
    return len(shown), len(set(_HIGH.findall(cell)))


def _cut(cell: bytes) -> bytes:
    """Return as much of a cell as is shown: from its beginning, or around what is odd in it."""
    found = _HIGH.search(cell)
    start = found.start() if found and found.start() > _SHOWN_BYTES // 2 else 0
    start = cell.rfind(b" ", 0, start) + 1 if start else 0
    if len(cell) - start <= _SHOWN_BYTES:
        return cell[start:]
    end = cell.rfind(b" ", start, start + _SHOWN_BYTES)
    return cell[start : end if end > start else start + _SHOWN_BYTES]


def _is_utf8(line: bytes) -> bool:
    try:
        return not line.decode().isascii()
    except UnicodeError:
        return False
