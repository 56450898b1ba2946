"""Which encodings are proposed for a line that can't be read, and how it reads in them."""

# ruff: noqa: RUF001
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub._tables.formats import in_python
from batchhub._tables.reading.encodings import (
    explain_bytes,
    explain_wrong,
    find_encoding,
    propose,
)


@pytest.mark.parametrize(
    ("cell", "encoding"),
    [
        ("Çay bardağı İnce Şişe", "windows-1254"),
        ("Kırmızı ışık", "windows-1254"),
        ("Größe XL", "windows-1252"),
        ("Kaffee „groß“ – 5 €", "windows-1252"),
        ("crème brûlée", "windows-1252"),
        ("5 €", "windows-1252"),
        ("Ürün", "windows-1252"),  # the same in windows-1254
        ("Þórður", "windows-1252"),
        ("ÜBERGRÖSSE", "windows-1252"),
        ("Piñata niño", "windows-1252"),
        ("Łódź żółta", "windows-1250"),
        ("Łódź żółta", "iso-8859-2"),
        ("Příliš žluťoučký", "windows-1250"),
        ("árvíztűrő tükörfúrógép", "windows-1250"),
        ("Привет мир", "windows-1251"),
        ("Привет мир", "koi8-r"),
        ("Αθήνα", "windows-1253"),
        ("Größe", "cp850"),
        ("Schöne Grüße", "mac_roman"),
        ("商品中文名称", "gb18030"),
        ("カタカナ商品", "shift_jis"),
    ],
)
def test_the_right_encoding_comes_first(cell: str, encoding: str) -> None:
    """With the cell as it reads in it, wherever in the line it stands."""
    for before, after in [("1;9.90;", "\r\n"), ("", ";2;x\n"), ('"a";"', '"')]:
        found = propose(f"{before}{cell}{after}".encode(encoding))
        assert found[0] == (encoding, cell)
        assert len(found) <= 3
        assert len({shown for _, shown in found}) == len(found)


@pytest.mark.parametrize("text", ["Ağır", "İçecek", "ŞİŞE", "Yağmurluk", "Işık", "çay kaşığı", "ğ"])
def test_turkish_comes_with_the_one_it_is_taken_for(text: str) -> None:
    """The usual advice would corrupt each name; both readings are there to be compared."""
    found = propose(f"1;{text}".encode("windows-1254"))
    assert found[0] == ("windows-1254", text)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_utf_16_without_a_mark(encoding: str, end: str) -> None:
    """Its first line says in which order the bytes are; cut at a line feed it is one byte odd."""
    line = f"sku;größe{end}".encode(encoding)
    cut = line[: line.index(b"\n") + 1] if end else line
    assert propose(cut) == [(encoding, "sku;größe")]


def test_what_no_encoding_reads() -> None:
    """Bytes that are no text in any encoding are not shown as one."""
    assert propose(b"PK\x03\x04\0\0\x9f\x01\x02") == []
    assert propose(b"\x81\x8d\x8f\x01") == []
    assert (
        explain_bytes(b"\x01\xff", "utf-8", in_python) == 'not UTF-8; save the file as "CSV UTF-8"'
    )


def test_a_long_cell_is_cut() -> None:
    """What is odd is shown, with some of what is around it."""
    [(_, shown), *_] = propose(b"x" * 40 + b" word " * 40 + "Größe".encode("cp1252") + b" w" * 90)
    assert shown.startswith("Größe w w")
    assert len(shown) <= 60
    [(_, shown), *_] = propose("Größe".encode("cp1252") + b"x" * 400)
    assert shown.startswith("Größexxx")
    assert len(shown) <= 60


@given(st.binary(max_size=80))
def test_any_bytes_can_be_looked_at(line: bytes) -> None:
    """There is a proposal or none, never an error, and it can be named."""
    for encoding, shown in propose(line):
        assert find_encoding(encoding, in_python)
        assert "\0" not in shown
    assert explain_bytes(line, "utf-8", in_python)
    assert explain_bytes(line, "cp1252", in_python)


def test_the_message_has_all_readings() -> None:
    """And the option that takes the first of them."""
    line = "1;9.90;Çay bardağı İnce Şişe\n".encode("windows-1254")
    assert explain_bytes(line, "utf-8", in_python) == (
        "not UTF-8; as windows-1254 it reads 'Çay bardağı İnce Şişe', as windows-1252 "
        "'Çay bardaðý Ýnce Þiþe'; name it by encoding='windows-1254'"
    )


def test_a_line_decoded_with_its_bytes_kept() -> None:
    """What ``surrogateescape`` made of a line gives the same."""
    line = "1;Çay bardağı".encode("windows-1254")
    kept = line.decode("utf-8", "surrogateescape")
    assert kept.encode("utf-8", "surrogateescape") == line


@pytest.mark.parametrize(
    ("line", "encoding", "message"),
    [
        ("Çay", "cp1252", "not windows-1252 but UTF-8; leave encoding out"),
        ("Größe", "iso8859-1", "not ISO8859-1 but UTF-8; leave encoding out"),
    ],
)
def test_an_encoding_that_is_not_needed(line: str, encoding: str, message: str) -> None:
    """A file that is UTF-8 needs none to be named."""
    assert explain_bytes(line.encode(), encoding, in_python) == message


def test_an_encoding_that_is_wrong() -> None:
    """A letter that became a control character shows it; what reads well does not."""
    line = "Preis 5 €".encode("windows-1252").decode("iso-8859-1")
    assert explain_wrong(line, "iso8859-1", in_python) == (
        "not ISO8859-1; as windows-1252 it reads 'Preis 5 €'; name it by encoding='windows-1252'"
    )
    assert explain_wrong("Çay bardağı", "cp1254", in_python) is None
    assert explain_wrong("plain\x07", "cp1254", in_python) is None
    assert explain_wrong("Gr\x9aße", "utf-8", in_python) is None
