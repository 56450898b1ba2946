"""What a file is, whatever its name says: told by its first bytes, and in a zip by its members."""

from __future__ import annotations

import html
import re
import struct
import zipfile
from enum import StrEnum
from typing import IO, Final

HEAD_BYTES: Final = 4096
"""How many first bytes show what a file is."""


class FileKind(StrEnum):
    """What a file is, as a message has it: ``it is a PDF``."""

    TEXT = "text"
    WORKBOOK = "an Excel workbook (.xlsx)"
    MACRO_WORKBOOK = "an Excel workbook with macros (.xlsm)"
    BINARY_WORKBOOK = "a binary Excel workbook (.xlsb)"
    OLD_WORKBOOK = "an old Excel workbook (.xls)"
    LOCKED_WORKBOOK = "an Excel workbook with a password"
    OPEN_DOCUMENT = "an OpenDocument file (.ods)"
    NUMBERS = "a workbook of Apple Numbers"
    DOCUMENT = "a document of Word or PowerPoint"
    ZIP = "a zip archive"
    ARCHIVE = "an archive (tar, 7z, rar, bzip2 or xz)"
    PARQUET = "a Parquet file"
    DATABASE = "an SQLite database"
    PDF = "a PDF"
    IMAGE = "an image"
    HTML = "a page of HTML"
    XML = "an XML file"
    BINARY = "no text (it holds NUL bytes)"


_AS_CSV: Final = "save it as CSV (UTF-8)"
_AS_EXCEL: Final = "save it as .xlsx or as CSV (UTF-8)"
_EXPORT: Final = "export its table as CSV (UTF-8)"
_HINTS: Final = {
    FileKind.LOCKED_WORKBOOK: "take the password off in Excel, and save it",
    FileKind.NUMBERS: "export it as Excel or CSV",
    FileKind.DOCUMENT: _EXPORT,
    FileKind.ZIP: "unpack it, and name the file in it",
    FileKind.ARCHIVE: "unpack it, and name the file in it",
    FileKind.PARQUET: "write it as CSV or JSON Lines",
    FileKind.DATABASE: _EXPORT,
    FileKind.PDF: _EXPORT,
    FileKind.IMAGE: _EXPORT,
    FileKind.HTML: "was a page saved in place of the file? Download it again",
    FileKind.XML: _AS_CSV,
    FileKind.BINARY: _AS_CSV,
}

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_MAGIC: Final = (
    (b"PAR1", FileKind.PARQUET),
    (b"%PDF-", FileKind.PDF),
    (b"SQLite format 3\0", FileKind.DATABASE),
    (b"\x89PNG\r\n", FileKind.IMAGE),
    (b"\xff\xd8\xff", FileKind.IMAGE),
    (b"GIF8", FileKind.IMAGE),
    (b"7z\xbc\xaf\x27\x1c", FileKind.ARCHIVE),
    (b"Rar!\x1a\x07", FileKind.ARCHIVE),
    (b"BZh91AY&SY", FileKind.ARCHIVE),
    (b"\xfd7zXZ\0", FileKind.ARCHIVE),
)
_TAR: Final = b"ustar"
_TAR_AT: Final = 257

_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_BOMS: Final = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_PAGE: Final = re.compile(
    r"\s*+(?:<!--(?>.*?-->)\s*+|<\?xml[^>]*+>\s*+)*+<(?:!doctype\s+html|html|head|body|table|meta|title|h1)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML: Final = re.compile(r"\s*<(?:\?xml\b|rss\b|feed\b)", re.IGNORECASE)
_TITLE: Final = re.compile(r"<title[^<>]*+>([^<]+)", re.IGNORECASE)
_NO_WORDS: Final = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>?", re.IGNORECASE | re.DOTALL)
_SHOWN_CHARS: Final = 60
_MOST_BYTES: Final = 4 * HEAD_BYTES
"""Within how much of a page its words are looked for."""

_CHUNK_BYTES: Final = 1 << 20
_FEW_NULS: Final = 4
_MANY_NULS: Final = 0.05
_ONE_SIDED: Final = 0.9


def explain_kind(kind: FileKind, head: bytes = b"") -> str:
    """
    Say what a file is that holds no items, and what to do.

    Args:
        kind: What it is.
        head: Its first bytes; the words of a page are in the message.
    """
    words = f" ({_first_words(head)!r})" if kind is FileKind.HTML and _first_words(head) else ""
    return f"it is {kind}{words}; {_HINTS.get(kind, _AS_EXCEL)}"


def find_kind(head: bytes) -> FileKind:
    """
    Return what a file is by its first `HEAD_BYTES` bytes.

    Of a zip and of an old Office file that is not all; `look_inside` says more.
    """
    if head.startswith(_ZIP):
        return FileKind.ZIP
    if head.startswith(_OLE):
        return FileKind.OLD_WORKBOOK
    if head[_TAR_AT:].startswith(_TAR):
        return FileKind.ARCHIVE
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    return found or _find_kind_of_text(head)


def look_inside(kind: FileKind, file: IO[bytes]) -> FileKind:
    """
    Return what a zip or an old Office file is by what is in it.

    Args:
        kind: What `find_kind` found; any other kind is returned as it is.
        file: The file; it can be read at any place.
    """
    if kind is FileKind.ZIP:
        return _find_kind_of_zip(file)
    if kind is FileKind.OLD_WORKBOOK and _holds(file, _ENCRYPTED):
        return FileKind.LOCKED_WORKBOOK
    return kind


def _find_kind_of_text(head: bytes) -> FileKind:
    encoding = next((name for bom, name in _BOMS if head.startswith(bom)), None)
    text = head.decode(encoding or "latin-1", "replace")
    if _PAGE.match(text):
        return FileKind.HTML
    if _XML.match(text):
        return FileKind.XML
    is_marked = encoding is not None and encoding != "utf-8-sig"
    return FileKind.TEXT if is_marked or not _is_binary(head) else FileKind.BINARY


def _is_binary(head: bytes) -> bool:
    """Return whether bytes hold many NULs, and not as UTF-16 and UTF-32 have them."""
    nuls = head.count(0)
    if nuls < _FEW_NULS or nuls < len(head) * _MANY_NULS:
        return False
    one_side = max(head[::2].count(0), head[1::2].count(0))
    in_words = max(head[n::4].count(0) for n in range(4))  # UTF-32 has two or three NULs of four
    is_utf16 = one_side >= nuls * _ONE_SIDED
    is_utf32 = in_words >= len(head) // 4 * _ONE_SIDED and nuls >= len(head) // 2
    return not (is_utf16 or is_utf32)


def _find_kind_of_zip(file: IO[bytes]) -> FileKind:
    try:
        with zipfile.ZipFile(file) as archive:
            names = {name.lstrip("/").lower() for name in archive.namelist()}
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError):
        # Cut off or damaged: who opens it says so.
        names = _names_in_front(file)
    folders = {name.partition("/")[0] for name in names}
    if "mimetype" in names and "content.xml" in names:
        return FileKind.OPEN_DOCUMENT
    if folders & {"word", "ppt"}:
        return FileKind.DOCUMENT
    if "xl/workbook.bin" in names:
        return FileKind.BINARY_WORKBOOK
    if "xl/vbaproject.bin" in names:
        return FileKind.MACRO_WORKBOOK
    if "xl" in folders or "[content_types].xml" in names:
        return FileKind.WORKBOOK
    is_numbers = any(name.endswith(".iwa") for name in names) or "index.zip" in names
    return FileKind.NUMBERS if is_numbers else FileKind.ZIP


def _names_in_front(file: IO[bytes]) -> set[str]:
    """Return the names of the members that begin in the first bytes of a zip."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    found = re.finditer(rb"PK\x03\x04.{22}(..)..", head, re.DOTALL)
    names = (head[each.end() :][: int.from_bytes(each[1], "little")] for each in found)
    return {name.decode("latin-1").lstrip("/").lower() for name in names}


def _holds(file: IO[bytes], wanted: bytes) -> bool:
    """Return whether bytes are anywhere in a file."""
    file.seek(0)
    before = b""
    while chunk := file.read(_CHUNK_BYTES):
        if wanted in before + chunk:
            return True
        before = chunk[-len(wanted) :]
    return False


def _first_words(page: bytes) -> str:
    """Return the title of a page, or else its first words."""
    encoding = next((name for bom, name in _BOMS if page.startswith(bom)), "utf-8")
    text = page[:_MOST_BYTES].decode(encoding, "replace")
    title = _TITLE.search(text)
    words = " ".join(html.unescape(title[1] if title else _NO_WORDS.sub(" ", text)).split())
    is_long = len(words) > _SHOWN_CHARS
    return f"{words[: _SHOWN_CHARS - 1]}…" if is_long else words
