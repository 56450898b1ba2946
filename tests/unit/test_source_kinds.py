"""What a file is, whatever its name says."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest
import zstandard
from support.tables import open_pipe

from batchhub._tables.reading.file_kinds import FileKind, explain_kind
from batchhub._tables.reading.source import Origin

TABLE: Final = "sku;price;name\nA-1;9,90;Çay şişe ğ\n"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
WORD: Final = "word/document.xml"


def no_pause() -> None:
    """Go on."""


def zipped(*names: str, first: int = 10) -> bytes:
    """Make a zip with members of so many bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * first)
    return file.getvalue()


def kind_of(source: Any) -> FileKind:
    """Return what a file is."""
    origin = Origin(source)
    try:
        return origin.kind
    finally:
        origin.close()


TYPES: Final = "[Content_Types].xml"
CASES: Final[dict[str, tuple[FileKind, bytes]]] = {
    "csv": (FileKind.TEXT, TABLE.encode()),
    "windows-1254": (FileKind.TEXT, TABLE.encode("windows-1254")),
    "utf-16": (FileKind.TEXT, TABLE.encode("utf-16")),
    "utf-16 without a mark": (FileKind.TEXT, TABLE.encode("utf-16-le")),
    "utf-16-be without a mark": (FileKind.TEXT, TABLE.encode("utf-16-be")),
    "utf-32": (FileKind.TEXT, TABLE.encode("utf-32")),
    "utf-32 without a mark": (FileKind.TEXT, TABLE.encode("utf-32-be")),
    "a NUL in a cell": (FileKind.TEXT, b"a,b\n1,\0\n"),
    "json lines": (FileKind.TEXT, b'\xef\xbb\xbf {"a": 1}\n'),
    "nothing": (FileKind.TEXT, b""),
    "a sign and a letter": (FileKind.TEXT, b"<5kg,price\n"),
    "xlsx": (FileKind.WORKBOOK, zipped(TYPES, "_rels/.rels", "xl/workbook.xml")),
    "xlsx of openpyxl": (FileKind.WORKBOOK, zipped("docProps/app.xml", "xl/workbook.xml", TYPES)),
    "xlsx, large members first": (
        FileKind.WORKBOOK,
        zipped("docProps/app.xml", "xl/workbook.xml", first=50_000),
    ),
    "xlsx cut off": (FileKind.WORKBOOK, zipped(TYPES, "xl/workbook.xml")[:150]),
    "xlsm": (FileKind.MACRO_WORKBOOK, zipped(TYPES, "xl/workbook.xml", "xl/vbaProject.bin")),
    "xlsb": (FileKind.BINARY_WORKBOOK, zipped(TYPES, "xl/workbook.bin")),
    "xls": (FileKind.OLD_WORKBOOK, OLE + "Workbook".encode("utf-16-le") + bytes(2000)),
    "locked": (FileKind.LOCKED_WORKBOOK, OLE + "EncryptedPackage".encode("utf-16-le")),
    "locked, far behind": (
        FileKind.LOCKED_WORKBOOK,
        OLE + bytes((1 << 20) - 520) + "EncryptedPackage".encode("utf-16-le") + bytes(99),
    ),
    "ods": (FileKind.OPEN_DOCUMENT, zipped("mimetype", "content.xml", "styles.xml")),
    "numbers": (FileKind.NUMBERS, zipped("Index/Document.iwa", "preview.jpg")),
    "docx": (FileKind.DOCUMENT, zipped(TYPES, WORD)),
    "pptx": (FileKind.DOCUMENT, zipped(TYPES, "ppt/presentation.xml")),
    "zip": (FileKind.ZIP, zipped("prices.csv")),
    "zip of nothing": (FileKind.ZIP, zipped()),
    "zip cut off": (FileKind.ZIP, zipped("prices.csv")[:35]),
    "parquet": (FileKind.PARQUET, b"PAR1" + bytes(99)),
    "pdf": (FileKind.PDF, b"%PDF-1.7\n"),
    "sqlite": (FileKind.DATABASE, b"SQLite format 3\0" + bytes(99)),
    "png": (FileKind.IMAGE, b"\x89PNG\r\n\x1a\n" + bytes(99)),
    "tar": (FileKind.ARCHIVE, b"t.csv".ljust(257, b"\0") + b"ustar\0" + bytes(249)),
    "bzip2": (FileKind.ARCHIVE, b"BZh91AY&SY" + bytes(99)),
    "page": (FileKind.HTML, b"<!DOCTYPE html><html><body>Sign in to download</body></html>"),
    "page after a comment": (FileKind.HTML, b"\xef\xbb\xbf\n<!-- x -->\n<HTML lang=de>"),
    "page in utf-16": (FileKind.HTML, "<html><title>x".encode("utf-16")),
    "table of a shop as xls": (FileKind.HTML, b"<table border=1><tr><td>sku</td></tr>"),
    "xhtml": (FileKind.HTML, b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">'),
    "xml": (FileKind.XML, b'<?xml version="1.0"?><products>'),
    "binary": (FileKind.BINARY, bytes(range(9)) * 30 + bytes(200)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
def test_a_file_is_what_its_bytes_are(tmp_path: Path, case: str, name: str) -> None:
    """Its name may say anything."""
    kind, content = CASES[case]
    path = tmp_path / name
    path.write_bytes(content)
    assert kind_of(path) is kind


@pytest.mark.parametrize("case", CASES)
def test_a_pipe_is_what_its_bytes_are(case: str) -> None:
    """Compressed and through a pipe, too; and it can be read afterwards."""
    kind, content = CASES[case]
    for pack in (gzip.compress, zstandard.ZstdCompressor().compress):
        assert kind_of(io.BytesIO(pack(content))) is kind
    with open_pipe(content[:60_000]) as pipe:
        origin = Origin(pipe)
        assert origin.kind.name
        origin.keep(no_pause)
        assert io.BufferedReader(origin.open(no_pause)).read() == content[:60_000]
        origin.close()


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"<!DOCTYPE html><html><body>Sign in to download</body></html>", "Sign in to download"),
        (b"<html><head><title>\n Log in &amp; go\n</title><body>x", "Log in & go"),
        (b"<html><style>a {}</style><script>x()</script><h1>Expired</h1>", "Expired"),
        ("<html><title>Anmelden für Händler".encode("utf-16"), "Anmelden für Händler"),
        (b"<html><title>" + b"a" * 90, "a" * 59 + "…"),
    ],
)
def test_the_words_of_a_page_are_said(page: bytes, words: str) -> None:
    """A page that was saved in place of a file says why."""
    text = explain_kind(FileKind.HTML, page)
    assert text.startswith(f"it is a page of HTML ({words!r}); was a page saved in place of")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"<!--a-->" * 10_000 + b"<p>", FileKind.TEXT),
        (b"<!--a--> " * 10_000 + b"<html>", FileKind.HTML),
        (b"<!--" * 20_000, FileKind.TEXT),
        (b"<html>" + b"<title " * 20_000, FileKind.HTML),
        (b"<html>" + b"<script>" * 20_000, FileKind.HTML),
    ],
)
def test_no_page_takes_long(text: bytes, kind: FileKind) -> None:
    """However it is written, it is looked at once."""
    assert kind_of(io.BytesIO(text)) is kind
    assert explain_kind(FileKind.HTML, text).startswith("it is a page of HTML")


@pytest.mark.parametrize("kind", [kind for kind in FileKind if kind is not FileKind.TEXT])
def test_what_to_do_is_said(kind: FileKind) -> None:
    """Each kind that can't be read leads to one that can."""
    assert explain_kind(kind).startswith(f"it is {kind}; ")
