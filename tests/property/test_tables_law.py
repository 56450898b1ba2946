"""What is sent is what the table says: each cell as an independent reading has it, or no row."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import openpyxl
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import open_items
from support.vendor import ScriptedAdapter

from batchhub.adapter import Kind
from batchhub.errors import InputError

COLUMNS = ("sku", "price", "stock", "enabled", "size", "note")
GROUPERS = {"point": ", '\u00a0", "comma": ". '\u00a0"}
MARKS = {"point": ".", "comma": ","}


class Shop(ScriptedAdapter):
    """An adapter that knows four of the fields."""

    kinds: ClassVar[Mapping[str, Kind]] = {
        "sku": Kind.TEXT,
        "price": Kind.NUMBER,
        "stock": Kind.INTEGER,
        "enabled": Kind.FLAG,
    }


def parse(cell: str, notation: str) -> Decimal | None:
    """Return the number a cell is, worked out by cutting it at its marks; `None` if it is none."""
    bare = cell.strip()
    digits = bare[1:] if bare[:1] in {"-", "+"} else bare
    whole, mark, fraction = digits.partition(MARKS[notation])
    if (mark and not is_digits(fraction)) or not (whole or fraction):
        return None
    for grouper in GROUPERS[notation]:
        first, *rest = whole.split(grouper)
        are_groups = all(len(each) == 3 and is_digits(each) for each in rest)
        if rest and are_groups and is_digits(first) and len(first) < 4 and first[0] != "0":
            whole = first + "".join(rest)
            break
    if whole and not is_digits(whole):
        return None
    sign = -1 if bare.startswith("-") else 1
    return sign * Decimal(f"{whole or '0'}.{fraction or '0'}")


def is_digits(text: str) -> bool:
    """Whether a text is digits, and not none."""
    return text != "" and set(text) <= set("0123456789")


def is_plain(cell: str) -> bool:
    """Whether a cell is a number as JSON has it, without an exponent."""
    digits = cell.removeprefix("-")
    whole, mark, fraction = digits.partition(".")
    is_whole = is_digits(whole) and (whole == "0" or whole[0] != "0")
    return is_whole and (not mark or is_digits(fraction))


def find_notation(cells: Sequence[str]) -> str | None:
    """Return the notation that the figures of a file have; `None` if none or both fit."""
    read = [(parse(cell, "point"), parse(cell, "comma")) for cell in cells]
    shows = {
        name
        for point, comma in read
        for name, one, other in (("point", point, comma), ("comma", comma, point))
        if one is not None and other is None
    }
    if len(shows) == 1:
        return next(iter(shows))
    either = any(None not in pair and pair[0] != pair[1] for pair in read)
    return None if shows or either else "point"


def shows_notation(cells: Sequence[str]) -> bool:
    """Whether any figure would be another one, or none, in the other notation."""
    return any(parse(cell, "point") != parse(cell, "comma") for cell in cells)


FIGURES = st.one_of(
    st.sampled_from(
        [
            "9.90",
            "9,90",
            "1.234",
            "1,234",
            "1.234,50",
            "1,234.50",
            "1 234,5",
            "0",
            "-7",
            "007",
            "+3",
        ]
    ),
    st.from_regex(r"-?[0-9]{1,4}([.,][0-9]{1,3})?", fullmatch=True),
)
ODD = st.sampled_from(["", " ", "N/A", "$5", "1.2.3", "-", "9,-", "x", "5 kg", "1,2,3", "12 34"])
TEXTS = st.sampled_from(["", "a", " b ", "007", "219E01", "true", "1,5", "\u00e7ay", "5", "2.50"])
FLAGS = st.sampled_from(["true", "FALSE", " True ", "", "yes", "0"])
SIZES = st.one_of(st.sampled_from(["1", "2.5", "0", "-3", "1.234"]), TEXTS)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """Draw rows; most figures of a file are in one notation."""
    figures = draw(
        st.sampled_from(
            [
                st.sampled_from(["9.90", "1,234.50", "12", "0.5", "1.234"]),
                st.sampled_from(["9,90", "1.234,50", "12", "0,5", "1.234"]),
                FIGURES,
            ]
        )
    )
    row = st.tuples(
        TEXTS.map(lambda text: text or "A"),
        figures | ODD,
        st.sampled_from(["1", "12", "3.0", "4,0", "2.5", "", "1.000"]),
        FLAGS,
        SIZES,
        TEXTS,
    )
    return [list(each) for each in draw(st.lists(row, min_size=1, max_size=6))]


def write_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Write a table; its cells hold no tab and no quote."""
    return "".join("\t".join(row) + "\n" for row in [COLUMNS, *rows]).encode()


def read(content: bytes) -> tuple[dict[int, Any], dict[int, str]]:
    """Read a table: its items and what was refused, each by its row."""
    items: dict[int, Any] = {}
    refused: dict[int, str] = {}
    stream = io.BytesIO(content)
    with open_items(stream, format="xlsx" if content[:2] == b"PK" else "tsv") as reader:
        reader.on_refused = lambda error: refused.update({reader.row: error.reason})
        reader.fit(Shop, "work")
        for item in reader:
            items[reader.row] = item
    return items, refused


@settings(deadline=None, max_examples=150)
@given(rows=tables())
def test_a_cell_is_sent_as_an_independent_reading_has_it(rows: list[list[str]]) -> None:
    """Number by number in the file's one notation, text by character, or the row is refused."""
    notation = find_notation([cell for row in rows for cell in row[1:3]])
    try:
        items, refused = read(write_csv(rows))
    except InputError:
        assert notation is None
        return
    assert notation is not None
    shown = shows_notation([cell for row in rows for cell in row[1:3]])
    columns = list(zip(*rows, strict=True))
    assert items.keys() | refused.keys() == set(range(1, len(rows) + 1))
    for number, row in enumerate(rows, 1):
        expected = {
            name: value
            for name, cell, column in zip(COLUMNS, row, columns, strict=True)
            if (value := expect(name, cell, column, notation, shown)) is not None
        }
        if REFUSED in expected.values():
            assert number in refused
        else:
            assert items[number] == expected


REFUSED = object()


def expect(name: str, cell: str, column: Sequence[str], notation: str, shown: bool) -> object:
    """Return what is to be sent for a cell: `None` if nothing, `REFUSED` if its row can't go."""
    if name == "sku":
        return cell
    if name in {"price", "stock"}:
        return expect_number(cell, notation, is_whole=name == "stock")
    flag = {"true": True, "false": False, "": None}.get(cell.strip().lower(), REFUSED)
    if name == "enabled":
        return flag
    filled = [each for each in column if each.strip()]
    if filled and all(each.strip().lower() in {"true", "false"} for each in filled):
        return flag
    points = [each for each in filled if "." in each]
    is_sure = not points or (notation == "point" and shown)
    is_sure |= not shown and any(parse(each, "comma") is None for each in points)
    if filled and all(is_plain(each) for each in filled) and is_sure:
        return Decimal(cell) if cell.strip() else None
    return cell or None


def expect_number(cell: str, notation: str, *, is_whole: bool) -> object:
    """Return the number that is to be sent for a cell."""
    if not cell.strip():
        return None
    number = parse(cell, notation)
    is_right = number is not None and (not is_whole or number == int(number))
    return number if is_right else REFUSED


VALUES = st.one_of(
    st.integers(-(10**14), 10**14),
    st.decimals(-(10**6), 10**6, places=2, allow_nan=False).map(float),
    st.booleans(),
    st.sampled_from(["a", "007", " b ", "9,90", "1e3", "\u00e7ay"]),
    st.none(),
)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES, VALUES, VALUES, VALUES), min_size=1, max_size=5)
)
def test_a_workbook_is_sent_as_openpyxl_reads_it(rows: list[tuple[Any, ...]]) -> None:
    """A number cell is its number, a text cell its text, or the row is refused."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([str(row[0] or "A"), *row[1:]])
    stream = io.BytesIO()
    book.save(stream)
    try:
        items, refused = read(stream.getvalue())
    except InputError:
        return
    found = openpyxl.load_workbook(io.BytesIO(stream.getvalue())).active
    assert found is not None
    values = list(found.iter_rows(min_row=2, values_only=True))
    assert items.keys() | refused.keys() == set(range(1, len(rows) + 1))
    for number, item in items.items():
        for name, value in zip(COLUMNS, values[number - 1], strict=True):
            check_value(name, item.get(name), value)


def check_value(name: str, sent: Any, value: Any) -> None:
    """Compare what is sent for a cell with what the workbook holds."""
    if sent is None:
        assert value is None
    elif isinstance(sent, str):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        assert sent == (format(Decimal(repr(value)), "f") if is_number else value) or (
            is_number and Decimal(sent) == Decimal(repr(value))
        )
    elif isinstance(sent, bool):
        assert sent is value or str(value).strip().lower() == str(sent).lower()
    else:
        text = str(value) if isinstance(value, str) else repr(value)
        assert sent == Decimal(text.replace(",", "."))
        assert not isinstance(value, bool)
