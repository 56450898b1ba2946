"""Excel in: files that are none, sheets that are no table, and what is too large."""

from __future__ import annotations

import datetime
import io
import random
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, Final, TypeGuard

import openpyxl
import pytest
import xlsxwriter
from support.workbooks import (
    cell,
    make_parts,
    make_workbook,
    open_sheet,
    pack,
    read_cells,
    row,
    sheet,
    text,
)

from batchhub._tables.reading.excel import package, workbook
from batchhub._tables.reading.rows import Cell, OddCell
from batchhub.errors import InputError, UsageError

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TABLE: Final = sheet(row(1, text("A1", "price")), row(2, cell("A2", "9.9")))


def refusal(file: IO[bytes], name: str | None = None) -> str:
    """Return why a workbook is refused: in one line."""
    with pytest.raises(InputError) as caught:
        [*open_sheet(file, name)]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def is_odd(found: Cell) -> TypeGuard[OddCell]:
    """Tell whether a cell is odd."""
    return isinstance(found, OddCell)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no Excel workbook"),
        (b"price,sku\n", "no Excel workbook"),
        (b"PK\x03\x04 and no more", "broken or not complete"),
        (OLE + bytes(4096), "an old Excel (.xls)"),
        (OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes, reason: str) -> None:
    """It is said what it is, and what to do."""
    assert reason in refusal(io.BytesIO(content))


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("xl/workbook.bin", ".xlsb"),
        ("content.xml", ".ods"),
        ("Index/Document.iwa", "Numbers"),
        ("word/document.xml", "Word"),
        ("readme.txt", "no xl/workbook.xml"),
    ],
)
def test_other_archives_are_refused(part: str, reason: str) -> None:
    """They are known by what is in them."""
    assert reason in refusal(pack({part: "x"}))


def test_a_broken_workbook_is_refused() -> None:
    """The parts of it are no XML."""
    parts = {"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}

    assert "broken" in refusal(pack(parts))


@pytest.mark.parametrize("part", ["xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"])
def test_a_missing_part_is_named(part: str) -> None:
    """A workbook without one can't be read."""
    parts = make_parts(TABLE)
    del parts[part]

    assert part in refusal(pack(parts))


def test_styles_and_shared_strings_may_be_missing() -> None:
    """A workbook needs neither."""
    parts = make_parts(TABLE)
    del parts["xl/styles.xml"], parts["xl/sharedStrings.xml"]

    assert [*read_cells(pack(parts))] == [1, 2]


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "garbage",
        TABLE[:-40],
        "<!DOCTYPE x [<!ENTITY a 'b'>]>" + TABLE.partition("?>")[2],
        TABLE.replace('version="1.0"', 'version="1.0" encoding="ISO-8859-1"'),
        TABLE.replace("A2", "a2"),
        TABLE.replace("A2", "XFE2"),
        TABLE.replace("A2", "A1048577"),
        TABLE.replace("<v>9.9</v>", "<v>9.9"),
        TABLE.replace('r="2"', 'r="two"'),
    ],
)
def test_a_broken_sheet_is_refused(xml: str) -> None:
    """In one line, whichever of the two that read it finds it."""
    assert "save" in (found := refusal(make_workbook(xml))) or "broken" in found


def test_a_workbook_cut_anywhere_is_refused_in_one_line() -> None:
    """Or read, where what is cut off is nothing."""
    whole = make_workbook(TABLE)
    content = whole.read() if whole.seek(0) == 0 else b""
    for end in range(0, len(content) - 1, 7):
        refusal(io.BytesIO(content[:end]))


def test_a_workbook_with_broken_bytes_is_refused_in_one_line_or_read() -> None:
    """Nothing else comes out of it."""
    whole = make_workbook(TABLE)
    whole.seek(0)
    content = whole.read()
    chance, reasons = random.Random(7), set()
    for _ in range(300):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 6)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            [*open_sheet(io.BytesIO(bytes(broken)))]
        except InputError as error:
            reasons.add(str(error))
    assert not [reason for reason in reasons if "\n" in reason]


# What is large.


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive says how large its parts are."""
    monkeypatch.setattr(package, "MAX_INFLATED_BYTES", 1 << 20)
    parts = make_parts(TABLE) | {"xl/media/image1.png": bytes(1 << 21)}

    assert "when it is unpacked" in refusal(pack(parts))


def test_an_archive_that_says_too_little_is_refused() -> None:
    """A part that is larger than is said isn't unpacked further."""
    parts = make_parts(TABLE) | {"xl/sharedStrings.xml": bytes(1 << 20)}
    packed = pack(parts)
    packed.seek(0)
    size = (1 << 20).to_bytes(4, "little")
    content = packed.read().replace(size, (1 << 10).to_bytes(4, "little"))

    assert "can't be unpacked" in refusal(io.BytesIO(content))


def test_three_cells_at_the_ends_of_a_sheet_fill_no_memory() -> None:
    """The area is refused by its name, whatever the sheet says its size is."""
    far = sheet(
        row(1, text("A1", "price"), text("XFD1", "x")),
        row(1048576, text("A1048576", "y")),
        head='<dimension ref="A1:A1"/>',
    )

    assert "goes from A1 to XFD1048576" in refusal(make_workbook(far))


def test_a_dimension_that_says_too_much_does_no_harm() -> None:
    """As some programs write it: the cells count."""
    found = TABLE.replace("<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>')

    assert [*read_cells(make_workbook(found))] == [1, 2]


def test_cells_with_a_format_and_nothing_in_them_are_none() -> None:
    """As when whole columns are given a color."""
    rows = [row(1, text("A1", "price"), '<c r="XFD1" s="0"/>'), row(2, cell("A2", 1))]
    far = sheet(*rows, row(1048576, '<c r="C1048576" s="0"/>', '<c r="D1048576" />'))

    assert read_cells(make_workbook(far)) == {1: ["price"], 2: [1]}


def test_a_wide_sheet_is_read() -> None:
    """To the last column there is."""
    wide = sheet(row(1, text("A1", "price"), *[text(f"{c}1", c) for c in ("B", "C")]))
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(packed)
    page = book.add_worksheet()
    page.write_row(0, 0, [f"c{n}" for n in range(16384)])
    page.write_row(1, 0, range(16384))
    book.close()

    assert len(read_cells(make_workbook(wide))[1]) == 3
    assert read_cells(packed)[2] == [*range(16384)]


# Sheets.


def many(**states: str) -> IO[bytes]:
    """Make a workbook with two tables and an empty sheet."""
    other = TABLE.replace("9.9", "8")
    return make_workbook({"Prices": TABLE, "Stock": other, "Notes": sheet()}, states=states or None)


def test_of_several_sheets_one_is_to_be_named() -> None:
    """Those that are empty or hidden are not asked for."""
    assert "has several sheets: 'Prices', 'Stock'; " in refusal(many())
    assert "--sheet Prices" in refusal(many())
    assert read_cells(many(Prices="hidden"))[2] == [8]
    assert read_cells(many(Stock="veryHidden"))[2] != [8]


@pytest.mark.parametrize("name", ["Stock", "stock", " STOCK "])
def test_a_sheet_is_found_by_its_name(name: str) -> None:
    """In any case; a hidden one, too."""
    assert read_cells(many(), name)[2] == [8]
    assert read_cells(many(Stock="hidden"), name)[2] == [8]


def test_a_wrong_name_of_a_sheet_is_answered_with_the_nearest() -> None:
    """And all the names."""
    found = refusal(many(), "Pricess")

    assert "no sheet 'Pricess'; did you mean 'Prices'? known: Prices, Stock, Notes" in found


def test_names_that_differ_by_case_are_told_apart() -> None:
    """The exact one is taken, and no other guessed."""
    book = make_workbook({"a": TABLE, "A": TABLE.replace("9.9", "8")})

    assert read_cells(book, "A")[2] == [8]


def test_a_workbook_without_sheets_and_an_empty_one() -> None:
    """The first is refused; an empty sheet has no rows."""
    assert "no sheet" in refusal(make_workbook({}))
    assert read_cells(make_workbook(sheet())) == {}


def test_a_chart_is_no_sheet_to_read() -> None:
    """It isn't asked for, and can't be."""
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(packed)
    page = book.add_worksheet("Data")
    page.write_column(0, 0, ["price", 1, 2])
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=Data!$A$2:$A$3"})
    book.add_chartsheet("Chart").set_chart(chart)
    book.close()

    assert [*read_cells(packed)] == [1, 2, 3]
    assert "has no cells" in refusal(packed, "chart")


# Tables.


def test_merged_cells_in_a_table_are_odd() -> None:
    """All but the first look empty. A title that is merged does no harm, nor empty cells."""
    book = make_workbook(
        sheet(
            row(1, text("A1", "Price list")),
            row(2, text("A2", "sku"), text("B2", "price"), text("C2", "name")),
            row(3, text("A3", "a"), cell("B3", 9), text("C3", "x")),
            row(4, text("A4", "b"), text("C4", "y")),
            row(5, text("A5", "c"), cell("B5", 3), text("C5", "z")),
            tail=(
                '<mergeCells><mergeCell ref="A1:C1"/><mergeCell ref="B3:B4"/>'
                '<mergeCell ref="A7:C9"/></mergeCells>'
            ),
        )
    )

    found = read_cells(book)

    assert found[1] == ["Price list", "", ""]
    assert found[3] == ["a", 9, "x"]
    assert found[5] == ["c", 3, "z"]
    assert isinstance(odd := found[4][1], OddCell)
    assert odd.name == "B4"
    assert "merged into B3:B4, of which only B3 has a value" in odd.reason


def test_merged_cells_that_overlap_are_refused() -> None:
    """Each is as large as the sheet, so that a few would take for ever."""
    areas = '<mergeCell ref="A1:XFD1048576"/>' * 3
    book = TABLE.replace("</worksheet>", f"<mergeCells>{areas}</mergeCells></worksheet>")

    assert "overlap" in refusal(make_workbook(book))


def test_a_table_beside_another_is_refused() -> None:
    """Joined they would be rows that nobody meant."""
    book = make_workbook(
        sheet(
            row(1, text("A1", "sku"), text("B1", "price"), text("D1", "id"), text("E1", "stock")),
            row(2, text("A2", "a"), cell("B2", 9), cell("D2", 7), cell("E2", 3)),
        )
    )

    found = refusal(book)

    assert "column C is empty, and D1 begins another table" in found


def test_a_table_below_another_is_refused() -> None:
    """After an empty row words come where there were figures."""
    book = make_workbook(
        sheet(
            row(1, text("A1", "sku"), text("B1", "price")),
            row(2, text("A2", "a"), cell("B2", 9)),
            row(4, text("A4", "product"), text("B4", "stock")),
            row(5, text("A5", "a"), cell("B5", 3)),
        )
    )

    assert "A4 ('product') begins another table below an empty row" in refusal(book)


def test_an_empty_row_between_rows_does_no_harm() -> None:
    """What follows looks as what came before."""
    book = make_workbook(
        sheet(
            row(1, text("A1", "sku"), text("B1", "price")),
            row(2, text("A2", "a"), cell("B2", 9)),
            row(4, text("A4", "b"), cell("B4", 3)),
        )
    )

    assert [*read_cells(book)] == [1, 2, 4]


def test_hidden_rows_and_columns_count_and_are_said() -> None:
    """So nobody sends what they don't see without a word."""
    book = make_workbook(
        sheet(
            row(1, text("A1", "sku"), text("B1", "price")),
            row(2, text("A2", "a"), cell("B2", 9), more=' hidden="1"'),
            row(3, text("A3", "b"), cell("B3", 9), more=' hidden="true"'),
            head='<cols><col min="2" max="9" hidden="1"/></cols>',
        )
    )
    rows = open_sheet(book)

    assert [number for number, _ in rows] == [1, 2, 3]
    assert [*rows.warnings] == [
        "row 2 and 1 more are hidden; hidden rows are sent as all others",
        "column B is hidden; hidden columns are read as all others",
    ]


# Who wrote it.


def test_a_strict_workbook_is_read() -> None:
    """Its namespaces are others."""
    strict = TABLE.replace("schemas.openxmlformats.org/spreadsheetml/2006", "x")

    assert [*read_cells(make_workbook(strict, is_strict=True))] == [1, 2]


def test_elements_with_a_prefix_are_read() -> None:
    """And oddities found in them."""
    xml = (
        TABLE.partition("?>")[2].replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    )
    xml = xml.replace("xmlns=", "xmlns:x=").replace("<x:v>9.9", "<x:f>1</x:f><x:v>")

    found = read_cells(make_workbook(xml))

    assert isinstance(found[2][0], OddCell)


def test_cells_without_a_name_are_where_they_stand() -> None:
    """As some programs write them."""
    xml = sheet("<row><c t='str'><v>price</v></c></row>", "<row><c/><c t='e'><v>#N/A</v></c></row>")

    found = read_cells(make_workbook(xml))[2]

    assert isinstance(found[1], OddCell)
    assert found[1].name == "B2"


def test_comments_hide_nothing() -> None:
    """What is in a comment is no cell, and what follows is looked at."""
    rows = [row(n, cell(f"A{n}", n)) for n in range(2, 20_000)]
    xml = sheet(
        row(1, text("A1", "price")),
        "<!-- <row><c> -->",
        *rows,
        row(20_000, cell("A20000", "#N/A", kind="e")),
    )

    found = read_cells(make_workbook(xml))

    assert len(found) == 20_000
    assert isinstance(found[20_000][0], OddCell)


def test_a_row_in_a_comment_is_no_row() -> None:
    """Wherever the comment is, and however much it looks like one."""
    rows = [row(n, cell(f"A{n}", n)) for n in range(2, 10_000)]
    rows.insert(9_000, f"<!-- {row(9_002, cell('B9002', 0.5, style=1))} -->")
    book = make_workbook(sheet(row(1, text("A1", "price")), *rows), formats=["0%"])

    assert {len(cells) for _, cells in open_sheet(book)} == {1}


@pytest.mark.parametrize("odd_row", [2, 9_999])
def test_text_that_is_shown_otherwise_is_found_anywhere(odd_row: int) -> None:
    """As a number is, far from where a sheet is read with care."""
    shown = "<is><t>x</t></is>"
    rows = [
        row(n, cell(f"A{n}", kind="inlineStr", style=1 + (n == odd_row), inner=shown))
        for n in range(2, 10_000)
    ]
    formats = ["0.00", '@" kg"']
    book = make_workbook(sheet(row(1, text("A1", "price")), *rows), formats=formats)

    found = [number for number, cells in open_sheet(book) if isinstance(cells[0], OddCell)]

    assert found == [odd_row]


@pytest.mark.parametrize("odd_row", [2, 5_999, 11_999])
def test_an_odd_cell_is_found_anywhere_in_a_long_sheet(odd_row: int) -> None:
    """Most of it is left out of the careful reading."""
    rows = [
        row(n, cell(f"A{n}", n, style=2 if n == odd_row else 1), '<c r="B2" s="2"/>' * (n == 2))
        for n in range(2, 12_000)
    ]
    book = make_workbook(sheet(row(1, text("A1", "price")), *rows), formats=["0.00", "0%"])

    found = [number for number, cells in open_sheet(book) if isinstance(cells[0], OddCell)]

    assert found == [odd_row]


def test_oddities_are_found_whatever_stands_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces of any size, and each under its own name."""
    kinds = {
        "plain": lambda name: cell(name, 7, style=1),
        "empty": lambda name: f'<c r="{name}" s="2"/>',
        "value": lambda name: cell(name, 7, inner="<f>A1</f>"),
        "no text": lambda name: cell(name, "", kind="str", inner="<f>A1</f>"),
        "error": lambda name: cell(name, "#N/A", kind="e"),
        "no value": lambda name: cell(name, inner="<f>A1</f>"),
        "percent": lambda name: cell(name, 7, style=2),
        "zeros": lambda name: cell(name, 7, style=3),
    }
    odd = {"error", "no value", "percent", "zeros"}
    chance = random.Random(11)
    for size in (60, 97, 300, 1000):
        monkeypatch.setattr(package, "PIECE_BYTES", size)
        chosen = {
            n: [chance.choice([*kinds, *["plain"] * 12]) for _ in "ABC"] for n in range(2, 400)
        }
        rows = [
            row(n, *[kinds[kind](f"{c}{n}") for c, kind in zip("ABC", three, strict=True)])
            for n, three in chosen.items()
        ]
        head = row(1, *[text(f"{c}1", c) for c in "ABC"])
        book = make_workbook(sheet(head, *rows), formats=["0.00", "0%", "000"])

        found = {one.name for cells in read_cells(book).values() for one in cells if is_odd(one)}

        assert found == {
            f"{c}{n}"
            for n, three in chosen.items()
            for c, kind in zip("ABC", three, strict=True)
            if kind in odd
        }


@pytest.mark.parametrize("system", [False, True])
def test_dates_are_odd_in_either_system(system: bool) -> None:
    """The one that begins in 1904 as well; what is behind a date is kept."""
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(packed, {"date_1904": system})
    page = book.add_worksheet()
    page.write_string(0, 0, "when")
    page.write_datetime(
        1,
        0,
        datetime.datetime(2026, 3, 1, 12),  # noqa: DTZ001  # a sheet knows no zone
        book.add_format({"num_format": "yyyy-mm-dd"}),
    )
    book.close()

    odd = read_cells(packed)[2][0]

    assert isinstance(odd, OddCell)
    assert (str(odd.held), odd.format) == ("46082.5", "yyyy-mm-dd")


def test_without_its_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)

    with pytest.raises(UsageError, match=r"pip install 'batchhub\[excel\]'"):
        open_sheet(make_workbook(TABLE))


def test_a_macro_workbook_is_read(tmp_path: Path) -> None:
    """Its macros are no part of the sheet."""
    parts = make_parts(TABLE) | {"xl/vbaProject.bin": b"x"}

    assert [*read_cells(pack(parts))] == [1, 2]


def test_a_sheet_the_library_cannot_read_is_refused_by_cell() -> None:
    """It knows not all errors that Excel has."""
    xml = sheet(row(1, text("A1", "price")), row(2, cell("A2", "#SPILL!", kind="e")))

    assert "A2 holds #SPILL!; correct the formula" in refusal(make_workbook(xml))


def test_openpyxl_writes_formulas_without_values() -> None:
    """And so does each program that fills in a sheet."""
    packed = io.BytesIO()
    book = openpyxl.Workbook()
    page: Any = book.active
    page.append(["price", "stock"])
    page.append(["=1+1", 3])
    book.save(packed)

    found = read_cells(packed)[2]

    assert isinstance(found[0], OddCell)
    assert found[1] == 3


def test_an_encrypted_archive_is_refused() -> None:
    """As a zip with a password."""
    packed = make_workbook(TABLE)
    packed.seek(0)
    content = bytearray(packed.read())
    at = content.rfind(b"PK\x01\x02")
    content[at + 8] |= 1

    assert "password" in refusal(io.BytesIO(bytes(content)))


def test_names_of_parts_may_have_another_case() -> None:
    """And backslashes, as some programs write them."""
    parts = make_parts(TABLE)
    parts["xl/Worksheets/Sheet1.xml"] = parts.pop("xl/worksheets/sheet1.xml")

    assert [*read_cells(pack(parts))] == [1, 2]


def test_the_most_that_is_built_grows_with_what_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet may be large, and it may be empty in parts."""
    monkeypatch.setattr(workbook, "_EMPTY_CELLS", 10)
    near = sheet(row(1, text("A1", "a"), text("B1", "b")), row(8, text("A8", "x")))
    far = sheet(row(1, text("A1", "a"), text("B1", "b")), row(99, text("A99", "x")))

    assert [*read_cells(make_workbook(near))] == [1, 8]
    assert "nearly all of it is empty" in refusal(make_workbook(far))


def test_the_archive_is_one_that_zipfile_knows() -> None:
    """Ways to compress that Excel doesn't use are refused in one line."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in make_parts(TABLE).items():
            archive.writestr(name, content)
    assert refusal(packed)
