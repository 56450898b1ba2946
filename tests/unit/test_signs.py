"""Signs that a sheet is broken: what is one, and what is none."""

# ruff: noqa: RUF001
from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub._tables.reading.mojibake import find_original
from batchhub._tables.reading.signs import (
    all_end_in_zero,
    explain_title,
    find_sign,
    find_signs,
    looks_like_data,
    looks_like_title,
    looks_like_total,
    looks_shortened,
    name_invisible,
)

# Codes that a spreadsheet shortened.


@pytest.mark.parametrize(
    "cell",
    [
        "8.69E+12",
        "1,23E+12",
        "1.23E+12",
        "9E+12",
        "1.23457E+15",
        "-1,5E+20",
        "8,69E+012",
        "1.2e+16",
    ],
)
def test_a_code_that_was_shortened(cell: str) -> None:
    """With a point or a comma, as Excel, LibreOffice and programs write it."""
    assert looks_shortened(cell)
    assert looks_shortened(f" {cell} ")
    assert str(find_sign(cell)).startswith(f"{cell!r} looks like a long number that a spreadsheet")


@pytest.mark.parametrize(
    "cell",
    [
        "219E01",
        "1e5",
        "1E3",
        "1E+5",
        "A+",
        "+49 30 1",
        "1.2.3E+12",
        "E+12",
        "8.69E-12",
        "",
        "1E+1234",
    ],
)
def test_a_code_that_only_looks_like_it(cell: str) -> None:
    """What spreadsheets don't write is a code."""
    assert not looks_shortened(cell)
    assert find_sign(cell) is None


# Read in a wrong encoding.

WORDS: Final = [
    "Çay bardağı",
    "İnce Şişe",
    "Müller & Söhne",
    "Größe",
    "crème brûlée",
    "Œuvre à l’été",
    "Łódź żółta",
    "Příliš žluťoučký",
    "Prix – 5 €",
    "naïve café",
    "São João",
]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1254", "cp1250"])
@pytest.mark.parametrize("text", WORDS)
@pytest.mark.parametrize("times", [1, 2])
def test_what_was_read_wrongly_is_found(text: str, encoding: str, times: int) -> None:
    """Once or twice, in any of the encodings programs take."""
    broken = text
    for _ in range(times):
        broken = "".join(
            bytes([byte]).decode(encoding, "replace").replace("\ufffd", chr(byte))
            for byte in broken.encode()
        )
    assert find_original(broken) is not None
    if encoding != "cp1250" or times == 1:
        assert find_original(broken) == text


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("Ã‡ay bardaÄŸÄ±", "Çay bardağı"),
        ("Ãƒâ€¡ay", "Çay"),
        ("РџСЂРёРІРµС‚ РјРёСЂ", "Привет мир"),
        ("Î‘Î¸Î®Î½Î±", "Αθήνα"),
        ("ä¸­æ–‡", "中文"),
        ("M├╝ller", "Müller"),
        ("itâ€™s â‚¬ 5", "it’s € 5"),
        ("MÃ¼ller und Söhne", "Müller und Söhne"),
    ],
)
def test_what_it_should_read_is_said(broken: str, text: str) -> None:
    """Also where a part only was read wrongly."""
    found = str(find_sign(broken))
    assert found.startswith(f"{broken!r} should probably read {text!r}: it was opened in a wrong")


ALPHABETS: Final = {
    "German": "äöüßÄÖÜ",
    "Turkish": "çğıöşüÇĞİÖŞÜâî",
    "French": "àâæçéèêëîïôœùûÿÀÂÇÉÈÊËÎÏÔŒÙÛ",
    "Polish": "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ",
    "Czech": "áčďéěíňóřšťúůýžÁČĎÉĚÍŇŘŠŤŮŽ",
    "Finnish": "åäöÅÄÖæøÆØ",
    "Portuguese": "ãõçáéíóúâêôàÃÕÇÁÉÍÓÚÂÊÔÀ",
    "Hungarian": "áéíóöőúüűÁÉÍÓÖŐÚÜŰ",
    "Romanian": "ăâîșțĂÂÎȘȚ",
    "Russian": "абвдеёжзийклрстуфхцъыьэюяАБВГДЕЁРСТЮЯ",
    "Ukrainian": "іїєґІЇЄҐабвнорстРСД",
    "Greek": "αβγδεζηκλμνςστυφχψωάέήίόύώΑΒΓΔΣ",
}
SIGNS: Final = "…®™©–—“”„‘’«»°²³½£±·•"


@pytest.mark.parametrize("language", ALPHABETS)
def test_what_people_write_is_no_sign(language: str) -> None:
    """Letters in any order, and words in capitals before a quote or a sign, are as they are."""
    letters = ALPHABETS[language]
    for pair in map("".join, product(letters, repeat=2)):
        assert find_sign(f"Ab{pair}c") is None
        assert find_sign(f"AB{pair}") is None
    for letter, sign in product(letters, SIGNS):
        word = f"AB{letter}" if letter.isupper() else f"ab{letter}"
        for text in (f"{word}{sign}", f"{sign}{word}", f"{word}{sign}{sign}", f"“{word}{sign}”"):
            assert find_sign(text) is None


def test_characters_that_were_lost() -> None:
    """What was lost can't be told; question marks may have been typed."""
    assert "holds U+FFFD: characters were lost" in str(find_sign("bardak \ufffd\ufffd"))
    assert find_sign("really??? ok") is None


# Characters that show nothing.


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("9.90\xa0", "U+00A0 (no-break space)"),
        ("\u200b8", "U+200B (zero width space)"),
        ("a\ufeffb", "U+FEFF (byte order mark)"),
        ("so\xadft", "U+00AD (soft hyphen)"),
        ("\u200e12", "U+200E (left-to-right mark)"),
        ("1\u202f234", "U+202F (narrow no-break space)"),
        ("a\0", "U+0000 (NUL)"),
        ("a\x07", "U+0007 (a control character)"),
        ("a\x9d", "U+009D (a control character)"),
        ("\ud83d", "U+D83D (half of a character)"),
        ("a\u2028b", "U+2028 (line separator)"),
        ("\u3164", "U+3164 (hangul filler)"),
    ],
)
def test_what_shows_nothing_is_named(text: str, name: str) -> None:
    """By number and name, so that it can be looked for."""
    assert name_invisible(text) == f"holds {name}"


@pytest.mark.parametrize("text", ["", "a b", "a\tb", "a\r\nb", "Çay", "„5 €“", "日本", "😀"])
def test_what_shows_something_is_not_named(text: str) -> None:
    """Line breaks and tabs neither: a cell may have them."""
    assert name_invisible(text) is None


@pytest.mark.parametrize(
    "cell",
    [
        "4\u200b8",
        "A-1\xa0",
        "\u200eAB 12 x",
        "\ufeffsku",
        "a b\x00c d",
        "x \ud800 y",
        "\xa012",
        "a\tb\x07",
    ],
)
def test_what_nobody_means_is_a_sign(cell: str) -> None:
    """At an end, in a code, or a control character anywhere."""
    assert str(find_sign(cell)).startswith(f"{cell!r} holds U+")
    assert str(find_sign(cell)).endswith("); delete it")


@pytest.mark.parametrize(
    "cell",
    [
        "Prix : 5\xa0€",
        "10\xa0kg Sack",
        "Donau\xaddampf schiff",
        "می\u200cخواهم",
        "👨\u200d👩\u200d👧",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "two\nlines",
        "a\tb",
    ],
)
def test_what_is_meant_is_no_sign(cell: str) -> None:
    """Inside a text it may be meant: typography, Persian, families."""
    assert find_sign(cell) is None


# Many cells at once.

ODD: Final = [
    "8.69E+12",
    "Ã‡ay",
    "A\u200b",
    "x\ufffd",
    "C++",
    "Çay",
    "2\n",
    "",
    5,
    True,
    Decimal(1),
]


@given(st.lists(st.sampled_from(["A-1", *ODD]) | st.text(max_size=5), max_size=30))
def test_many_cells_have_the_signs_of_each(cells: list[Any]) -> None:
    """Looking at many cells at once finds what looking at each finds."""
    each = ((n, find_sign(cell)) for n, cell in enumerate(cells) if isinstance(cell, str))
    assert list(find_signs(cells)) == [(n, sign) for n, sign in each if sign is not None]


# Rows.


@pytest.mark.parametrize(
    "cells",
    [
        ["Total", "", "", "1234.50"],
        ["", "", "Summe:", "1.234,50 €"],
        ["Genel  Toplam", "", "12"],
        ["ИТОГО", "", "5"],
        ["合计", "", "99"],
        ["SUBTOTAL", "3", "14.70"],
        ["", "Gesamt", ""],
        ["Total", 3, Decimal("14.7")],
    ],
)
def test_a_row_of_totals(cells: list[Any]) -> None:
    """A cell says so, and nothing else does but figures."""
    assert looks_like_total(cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["Total", "Motor oil 5W-30", "", "39.90"],
        ["A-1", "Total", "5", "39.90"],
        ["Totally", "", "", "1"],
        ["1", "", "", "5"],
        ["", "", ""],
        ["T-1", "Summe", "x", ""],
    ],
)
def test_a_row_of_something_else(cells: list[Any]) -> None:
    """Somebody may sell what is called so."""
    assert not looks_like_total(cells)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["12.0", "7.0"], True),
        (["12.0", "", "100234.0"], True),
        (["12,0"], True),
        (["12.0", "7.5"], False),
        (["12.0", "7"], False),
        (["v1.0"], False),
        (["", ""], False),
        ([], False),
    ],
)
def test_ids_that_became_numbers(cells: list[str], expected: bool) -> None:
    """Only where every cell ends so."""
    assert all_end_in_zero(cells) is expected


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (["Price list 2026"], ["sku", "price"], True),
        (["Price list 2026", "", ""], ["sku", "price", ""], True),
        (["", "Stand: 1.1.2026", ""], ["1", "2", "3"], True),
        (["sku", "price"], ["A-1", "5"], False),
        (["sku"], ["A-1"], False),
        (["", ""], ["A-1", "5"], False),
    ],
)
def test_a_title_above_the_header(header: list[str], row: list[str], expected: bool) -> None:
    """One cell above rows of several."""
    assert looks_like_title(header, row) is expected


def test_a_title_is_asked_about() -> None:
    """The words show which line is meant."""
    text = explain_title(["", " Price list 2026 ", ""], "line", 1)
    assert text == (
        "line 1 reads 'Price list 2026'; is the header further down? then delete the rows above it"
    )


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["1", "9.90"], True),
        (["1", "", "1.234,50"], True),
        ([1, Decimal(5)], True),
        (["sku", "2026"], False),
        (["", ""], False),
    ],
)
def test_a_header_that_is_data(header: list[Any], expected: bool) -> None:
    """Where all its cells are figures."""
    assert looks_like_data(header) is expected
