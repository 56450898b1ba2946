"""Excel in, against an independent reading: openpyxl's, cell by cell."""

from __future__ import annotations

import datetime
import io
from decimal import Context, Decimal
from typing import Any, Final

import openpyxl
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from support.workbooks import open_sheet

from batchhub._tables.reading.rows import OddCell
from batchhub.errors import InputError

PLAIN: Final = ("General", "0", "0.00", "#,##0.00", "@", "[Red]0.0")
SAME_NUMBER: Final = ("00000", '0.00" kg"', "0.00E+00", "# ?/?", '#,##0 "€"')
OTHER_NUMBER: Final = ("0%", "0.0,", ";;;")
FIFTEEN: Final = Context(prec=15)

TEXTS = st.text(max_size=12).filter(
    # What a workbook can't hold, or openpyxl makes a formula or an error of; a blank at an end is
    # kept by both only where the file says so, which openpyxl does.
    lambda text: (
        not ILLEGAL_CHARACTERS_RE.search(text)
        and not text.startswith(("=", "#"))
        and "\r" not in text
        and "_x" not in text
        and text.isprintable()
    )
)
NUMBERS = (
    st.integers(-(10**16), 10**16)
    | st.decimals(-(10**7), 10**7, places=3, allow_nan=False).map(float)
    | st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False)
)
DATES = st.dates(datetime.date(1950, 1, 1), datetime.date(2100, 1, 1))
VALUES = st.none() | TEXTS | NUMBERS | st.booleans() | DATES
CELLS = st.tuples(VALUES, st.sampled_from((*PLAIN, *SAME_NUMBER, *OTHER_NUMBER)))
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6)
)
CORNERS = st.tuples(st.integers(1, 5), st.integers(1, 30))


def write(table: list[list[tuple[Any, str]]], left: int, top: int) -> io.BytesIO:
    """Write a table with a header into a sheet, with its corner somewhere."""
    book = openpyxl.Workbook()
    page: Any = book.active
    width = len(table[0]) if table else 1
    for column in range(width):
        page.cell(top, left + column, f"column {column}")
    for down, row in enumerate(table, top + 1):
        for across, (value, code) in enumerate(row, left):
            cell = page.cell(down, across, value)
            if not isinstance(value, datetime.date):
                cell.number_format = code
    packed = io.BytesIO()
    book.save(packed)
    packed.seek(0)
    return packed


def is_meant(found: Any, cell: Any) -> bool:
    """Tell whether what was read is what openpyxl reads, or is odd where that is odd."""
    value, code = cell.value, cell.number_format
    if value is None or isinstance(value, bool | datetime.date):
        odd = isinstance(found, OddCell) and found.number is None and found.held is not None
        return (
            odd if isinstance(value, datetime.date) else found == ("" if value is None else value)
        )
    if isinstance(value, str):
        shown_otherwise = code == ";;;" and value
        return isinstance(found, OddCell) if shown_otherwise else found == value
    number = FIFTEEN.create_decimal(value)
    if isinstance(found, OddCell):
        if abs(value) >= 10**15 or code in OTHER_NUMBER:
            return found.number is None
        return code in SAME_NUMBER and found.number == number
    is_shown = code in PLAIN or (code == "00000" and len(str(abs(round(value)))) > 4)
    return abs(value) < 10**15 and is_shown and Decimal(found) == number


@given(table=TABLES, corner=CORNERS)
def test_what_is_read_is_what_openpyxl_reads(
    table: list[list[tuple[Any, str]]], corner: tuple[int, int]
) -> None:
    """Each cell, in its place, or it is odd and named."""
    left, top = corner
    packed = write(table, left, top)
    page: Any = openpyxl.load_workbook(packed).active
    try:
        found = dict(open_sheet(packed))
    except InputError as error:
        if "another table" not in str(error):
            raise
        return

    for row in page.iter_rows():
        cells = found.get(row[0].row)
        if cells is None:
            assert all(cell.value in {None, ""} for cell in row)
            continue
        for cell in row[left - 1 :]:
            value = cells[cell.column - left] if cell.column - left < len(cells) else ""
            assert is_meant(value, cell), (cell, cell.value, cell.number_format, value)
            assert not isinstance(value, OddCell) or value.name == cell.coordinate
