"""Excel in: what a cell holds is what is read, under its own name."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal
from typing import Any

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

from batchhub._tables.reading.rows import Cell, OddCell


def only_cell(xml: str, **said: Any) -> Cell:
    """Return the cell A2 below a header."""
    book = make_workbook(sheet(row(1, text("A1", "price")), row(2, xml)), **said)
    return read_cells(book)[2][0]


def odd_cell(xml: str, **said: Any) -> OddCell:
    """Return the cell A2, which is odd."""
    found = only_cell(xml, **said)
    assert isinstance(found, OddCell)
    return found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("7", 7),
        ("7.0", 7),
        ("-0", 0),
        ("9.9", Decimal("9.9")),
        ("19.990000000000002", Decimal("19.99")),
        ("0.30000000000000004", Decimal("0.3")),
        ("9.899999999999999", Decimal("9.9")),
        ("2.9999999999999996", 3),
        ("9.987", Decimal("9.987")),
        ("1.0E-2", Decimal("0.01")),
        ("8690000000001", 8690000000001),
        ("999999999999999", 999999999999999),
        ("-12.5", Decimal("-12.5")),
    ],
)
def test_a_number_has_the_digits_that_excel_keeps(written: str, meant: Cell) -> None:
    """Fifteen, without the noise of binary fractions; a whole number has no point."""
    found = only_cell(cell("A2", written))

    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize("written", ["1000000000000000", "8.69E+15", "1e999", "-1E+300", "NaN"])
def test_a_number_of_sixteen_digits_is_odd(written: str) -> None:
    """Excel has lost what came after the fifteenth."""
    found = odd_cell(cell("A2", written))

    assert found.number is None
    assert "16 or more digits" in found.reason


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1234567890123456", 1234567890123456),
        ("1.23456789012345E+19", 12345678901234500000),
        ("NaN", None),
    ],
)
@pytest.mark.parametrize("style", [0, 1])
def test_what_is_behind_a_long_number_is_kept(written: str, kept: int | None, style: int) -> None:
    """It is never sent, but a workbook that is written has it again."""
    found = odd_cell(cell("A2", written, style=style), formats=["00000"])

    assert (found.number, found.held) == (None, kept)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (7, '"$"#,##0.00_);("$"#,##0.00)'),
        (9, "0%"),
        (10, "0.00%"),
        (44, '_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)'),
        (46, "[h]:mm:ss"),
    ],
)
def test_a_format_that_no_workbook_spells_out_has_its_decimals(number: int, code: str) -> None:
    """Written again with the others, 7.25% would be shown as 7%, and 9.90 as 10."""
    parts = make_parts(
        sheet(row(1, text("A1", "price")), row(2, cell("A2", 0.0725, style=1))), formats=["0%"]
    )
    styles = str(parts["xl/styles.xml"])
    styles = styles.replace('xf numFmtId="164"', f'xf numFmtId="{number}"')
    found = read_cells(pack({**parts, "xl/styles.xml": styles}))[2][0]

    assert isinstance(found, OddCell)
    assert found.format == code


@pytest.mark.parametrize(
    ("xml", "meant"),
    [
        (text("A2", "007"), "007"),
        (text("A2", "1E2"), "1E2"),
        (cell("A2", 1, kind="b"), True),
        (cell("A2", 0, kind="b"), False),
        (cell("A2", "9,90", kind="str", inner="<f>A1</f>"), "9,90"),
        (cell("A2", 3, kind="s"), "a\nb"),
        (cell("A2", 0, kind="s"), "rich text"),
        (cell("A2", 1, kind="s"), "東京"),
        (cell("A2", 2, kind="s"), "a\rb"),
        (cell("A2", 4, kind="s"), "a_x000D_b"),
        (cell("A2", 5, kind="s"), " a "),
    ],
)
def test_text_stays_as_it_is(xml: str, meant: Cell) -> None:
    """Runs are joined, what is said of how to speak is left out, and escapes are read."""
    strings = (
        "<si><r><t xml:space='preserve'>rich </t></r><r><t>text</t></r></si>"
        '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si>'
        "<si><t>a_x000D_b</t></si><si><t>a&#10;b</t></si><si><t>a_x005F_x000D_b</t></si>"
        '<si><t xml:space="preserve"> a </t></si>'
    )
    found = only_cell(xml, strings=strings)

    assert found == meant
    assert type(found) is type(meant)


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A", "#REF!", "#VALUE!", "#NAME?"])
def test_an_error_is_odd(error: str) -> None:
    """The cell, the error and what to do are named."""
    found = odd_cell(cell("A2", error, kind="e"))

    assert found == OddCell("A2", f"holds {error}; correct the formula", error=error)


@pytest.mark.parametrize("inner", ["<f>B2*2</f>", "<f>B2*2</f><v></v>", "<f>B2*2</f><v/>"])
def test_a_formula_without_a_value_is_odd(inner: str) -> None:
    """As libraries write it: nobody has worked it out."""
    found = odd_cell(cell("A2", inner=inner))

    assert "a formula whose value is not in the file" in found.reason


@pytest.mark.parametrize(
    "xml",
    [
        cell("A2", inner="<f>B2*2</f><v>0</v>"),
        cell("A2", kind="str", inner="<f>B2&amp;1</f><v>x</v>"),
        cell("A2", kind="b", inner="<f>B2=1</f><v>1</v>"),
    ],
)
def test_a_formula_that_is_to_be_worked_out_anew_is_odd(xml: str) -> None:
    """As libraries write it that know no value: the one in the file is a guess, and is there."""
    found = odd_cell(xml, calculation='<calcPr fullCalcOnLoad="1"/>')

    assert "holds a formula whose value is out of date" in found.reason


def test_a_formula_with_a_value_is_its_value() -> None:
    """Text may be empty."""
    book = make_workbook(
        sheet(
            row(1, text("A1", "a"), text("B1", "b"), text("C1", "c")),
            row(
                2,
                cell("A2", "9.9", inner="<f>1</f>"),
                cell("B2", "", kind="str", inner='<f>""</f>'),
                cell("C2", 1, kind="b", inner="<f>TRUE()</f>"),
            ),
        )
    )

    assert read_cells(book)[2] == [Decimal("9.9"), "", True]


def test_formulas_of_a_workbook_nobody_has_worked_out_are_odd() -> None:
    """XlsxWriter writes 0 as the value of every formula, and asks for it to be worked out."""
    packed = io.BytesIO()
    book = xlsxwriter.Workbook(packed)
    page = book.add_worksheet()
    page.write_row(0, 0, ["price", "stock"])
    page.write_formula(1, 0, "=9.9*2")
    page.write_number(1, 1, 7)
    book.close()

    found = read_cells(packed)[2]

    assert isinstance(found[0], OddCell)
    assert found[1] == 7


@pytest.mark.parametrize(
    "value",
    [
        datetime.date(2026, 3, 1),
        datetime.datetime(2026, 3, 1, 12, 30),  # noqa: DTZ001  # a sheet knows no zone
        datetime.time(12, 30),
        datetime.timedelta(hours=30),
    ],
)
def test_dates_and_times_are_odd(value: object) -> None:
    """No vendor writes them as a sheet shows them."""
    packed = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["when"])
    book.active.append([value])
    book.save(packed)

    found = read_cells(packed)[2][0]

    assert isinstance(found, OddCell)
    assert found.number is None
    assert "holds a date or a time" in found.reason


@pytest.mark.parametrize(
    ("code", "value", "reason", "number"),
    [
        ("00000", 123, "holds 123 and shows 00123", 123),
        ("000-00-0000", 123456789, 'shows "--" as well', 123456789),
        ("0%", 0.125, "shows a percentage", None),
        ("0.0%", 0.125, "shows a percentage", None),
        ('0.00" kg"', 9.9, 'shows "kg" as well', Decimal("9.9")),
        ('#,##0.00\\ "€"', 9.9, 'shows "€" as well', Decimal("9.9")),
        ("[$₺-41F]#,##0.00", 9.9, 'shows "₺" as well', Decimal("9.9")),
        ("# ?/?", 0.5, "shows it otherwise", Decimal("0.5")),
        ("0.00E+00", 8690000000001, "shows it otherwise", 8690000000001),
        ("0.0,", 1200, "shows thousands of it", None),
        ("yyyy\\-mm\\-dd", 45000, "holds a date", None),
        ("[h]:mm", 1.5, "holds a date or a time", None),
        (";;;", 5, "shows nothing", None),
        ("0;-0;;@", 0, "shows nothing", None),
        ('0;-0;"free"', 0, "shows free", None),
        ('0;-0;"-"', 0, "shows -", 0),
        ('0;-0;"\u2013"', 0, "shows \u2013", 0),
        ('_-* #,##0.00\\ _€_-;\\-* #,##0.00\\ _€_-;_-* "-"??\\ _€_-;_-@_-', 0, '"-"', 0),
        ("0.00;(0.00)", -5, 'shows "()" as well', -5),
        ("[>=100]0;[<100]0.0%", 5, "shows a percentage", None),
        ("[>=100]0", 5, "shows no number", None),
    ],
)
def test_a_number_that_is_shown_otherwise_is_odd(
    code: str, value: float, reason: str, number: Decimal | int | None
) -> None:
    """A field for numbers may take it where the number itself is certain."""
    found = odd_cell(cell("A2", value, style=1), formats=[code])

    assert reason in found.reason
    assert found.number == number


@pytest.mark.parametrize("days", ["0", "0.5", "1", "1.25", "59", "61.25", "46082"])
def test_what_is_behind_a_date_is_kept(days: str) -> None:
    """Excel counts a 29 February 1900; a date set aside before it is the same date."""
    found = odd_cell(cell("A2", days, style=1), formats=["yyyy-mm-dd"])

    assert found.held == Decimal(days)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("General", 9.9),
        ("0", 7),
        ("0.00", 9.9),
        ("#,##0.00", 1234.5),
        ("[Red]0.00", 9.9),
        ("@", 7),
        ("0.00_);(0.00)", 9.9),
        ("0.00;-0.00", -9.9),
        ("#,##0.00;[Red]-#,##0.00", -9.9),
        ('_-* #,##0.00\\ _€_-;\\-* #,##0.00\\ _€_-;_-* "-"??\\ _€_-;_-@_-', 9.9),
        ("00000", 12345),
        ("[>=100]0;[<100]0.0%", 500),
        ("0.##", 9.9),
        ("", 9.9),
    ],
)
def test_a_number_that_is_shown_as_it_is_is_one(code: str, value: float) -> None:
    """Colors, decimals and separators of thousands change nothing."""
    found = only_cell(cell("A2", value, style=1), formats=[code])

    assert found == Decimal(str(value))


@pytest.mark.parametrize(
    ("code", "is_odd"), [("@", False), ('@" kg"', True), (";;;", True), ("0.00", False)]
)
def test_text_that_is_shown_otherwise_is_odd(code: str, is_odd: bool) -> None:
    """A format may add to text as well."""
    xml = cell("A2", kind="inlineStr", style=1, inner="<is><t>x</t></is>")
    odd = cell("A2", "x", kind="str", style=1)
    for each in (odd, xml):
        found = only_cell(each, formats=[code])
        assert isinstance(found, OddCell) is is_odd, each


def test_rows_have_the_numbers_of_the_sheet() -> None:
    """Empty rows and columns before the table, and between its rows, are none of it."""
    book = make_workbook(
        sheet(
            row(3, text("C3", "price"), text("D3", "sku")),
            row(4, cell("C4", "#N/A", kind="e"), text("D4", "a")),
            row(9, cell("C9", 1), text("D9", "b")),
        )
    )

    assert read_cells(book) == {
        3: ["price", "sku"],
        4: [OddCell("C4", "holds #N/A; correct the formula", error="#N/A"), "a"],
        9: [1, "b"],
    }


def test_rows_can_be_read_twice() -> None:
    """The second time as the first, even if that one was left early."""
    book = make_workbook(sheet(row(1, text("A1", "price")), row(2, cell("A2", 1))))
    rows = open_sheet(book)
    book.close()

    next(iter(rows))

    assert [*rows] == [*rows] == [(1, ["price"]), (2, [1])]
    assert rows.place == "row"
