"""What a cell becomes by what its field takes, and what the columns nobody knows are."""

from __future__ import annotations

import tracemalloc
import weakref
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import pytest
from support.tables import open_items
from support.vendor import ScriptedAdapter

from batchhub.adapter import Kind
from batchhub.errors import InputError
from batchhub.tables import Survey


class Shop(ScriptedAdapter):
    """An adapter that knows its fields."""

    kinds: ClassVar[Mapping[str, Kind]] = {
        "sku": Kind.TEXT,
        "price": Kind.NUMBER,
        "stock": Kind.INTEGER,
        "weight": Kind.NUMBER_AS_TEXT,
        "enabled": Kind.FLAG,
    }


class Named(Shop):
    """An adapter whose items are named by a field."""

    key_field: ClassVar[str | None] = "sku"


class ByRow(ScriptedAdapter):
    """An adapter whose fields depend on the item."""

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """A thing's size is a number, and anything else's is text."""
        del operation
        return _THINGS if item.get("of") == "thing" else _OTHERS


class ByPresence(ScriptedAdapter):
    """An adapter that asks what an item has."""

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """A size is a number if anything says of what."""
        del operation
        return _THINGS if "of" in item else _OTHERS


_THINGS = {"size": Kind.NUMBER}
_OTHERS = {"size": Kind.TEXT}


class Read:
    """What became of a table."""

    def __init__(
        self, folder: Path, table: str, adapter: type[ScriptedAdapter] = Shop, **options: Any
    ) -> None:
        path = folder / "items.csv"
        path.write_bytes(table.encode())
        self.refused: list[str] = []
        with open_items(path, **options) as reader:
            reader.on_refused = lambda error: self.refused.append(reader.locate(error))
            reader.fit(adapter, "work")
            self.items = list(reader)
        assert reader.survey is not None
        self.survey: Survey = reader.survey
        self.omitted = reader.omitted


def test_an_item_is_asked_about_without_its_empty_cells(tmp_path: Path) -> None:
    """As it will be: what is left out says nothing of the other fields."""
    read = Read(tmp_path, "of,size\n,007\nx,7\n", ByPresence)

    assert read.items == [{"size": "007"}, {"of": "x", "size": 7}]


def test_an_id_has_no_blanks_around_it(tmp_path: Path) -> None:
    """A text has them: nobody knows that they are not meant."""
    read = Read(tmp_path, "id,sku\n 7 ,a \n")

    assert read.items == [{"id": "7", "sku": "a "}]


@pytest.mark.parametrize("rows", [3, 511, 512, 513, 514, 1025])
def test_a_total_is_found_among_the_last_rows(tmp_path: Path, rows: int) -> None:
    """However long the table is, also if a row follows."""
    lines = [f"a{n},{n}" for n in range(1, rows)]
    read = Read(tmp_path, "\n".join(["sku,stock", *lines, "Total,7", "a0,1"]) + "\n")

    assert read.survey.warnings == (
        f"line {rows + 1} looks like a total row ('Total'); leave it out",
    )


def test_a_sign_is_said_once_with_a_count(tmp_path: Path) -> None:
    """The first cell of a column stands for the others."""
    read = Read(tmp_path, "sku,stock\nx,1\n8.69E+12,1\n8.70E+12,1\n8.71E+12,1\n")

    (warning,) = read.survey.warnings
    assert warning.startswith("column 'sku', line 3, and 2 more cells of it: '8.69E+12'")


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("sku", "219E01", "219E01"),
        ("sku", "007", "007"),
        ("sku", "true", "true"),
        ("sku", " a ", " a "),
        ("price", "9.90", Decimal("9.90")),
        ("price", " 9.90\u00a0", Decimal("9.90")),
        ("price", "-0", 0),
        ("price", "+5", 5),
        ("price", ".5", Decimal("0.5")),
        ("price", "1,234.56", Decimal("1234.56")),
        ("price", "1 234.56", Decimal("1234.56")),
        ("price", "1\u202f234\u202f567.8", Decimal("1234567.8")),
        ("price", "1'234.56", Decimal("1234.56")),
        ("price", "0007.5", Decimal("7.5")),
        ("price", "1.0E-7", Decimal("1.0E-7")),
        ("price", "1E3", 1000),
        ("price", "1.5E+3", 1500),
        ("price", "9007199254740993", 9007199254740993),
        ("stock", "12.0", 12),
        ("stock", "1,200,000", 1200000),
        ("weight", "1.50", Decimal("1.50")),
        ("enabled", "TRUE", True),
        ("enabled", " false", False),
    ],
)
def test_a_field_takes_its_own_kind(tmp_path: Path, column: str, cell: str, value: object) -> None:
    """A text keeps every character, a number all its digits."""
    (item,) = Read(tmp_path, f'x\t{column}\na\t"{cell}"\n', delimiter="tab").items
    assert item == {"x": "a", column: value}
    assert type(item[column]) is type(value)
    assert str(item[column]) == str(value)


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("price", "$9.90", "'$9.90' is not a number; write the digits alone"),
        ("price", "9.90 \u20ac", "'9.90 \u20ac' is not a number; write the digits alone"),
        ("price", "USD 5", "'USD 5' is not a number; write the digits alone"),
        ("price", "12.5%", "'12.5%' is not a number; write the digits alone"),
        ("price", "N/A", "'N/A' is not a number"),
        ("price", "9,-", "'9,-' is not a number"),
        ("price", "1.2.3", "'1.2.3' is not a number"),
        ("price", "12 34", "'12 34' is not a number"),
        ("price", "8.69E+12", "'8.69E+12' looks "),
        ("price", "1e9999", "'1e9999' is not a number"),
        ("price", "1e400", "'1e400' is too large or too small for a number"),
        ("price", "1e-400", "'1e-400' is too large or too small for a number"),
        ("price", "\u0661", "'\u0661' is not a number; write it in the digits 0 to 9"),
        ("price", "9.90\u00a0\u20ac", "'9.90\\xa0\u20ac' is not a number; write the digits alone"),
        ("price", "5\u200b", "'5\\u200b' is not a number: it holds U+200B (zero width space)"),
        ("price", "true", "'true' is not a number"),
        ("stock", "2.5", "'2.5' is not a whole number"),
        ("weight", "heavy", "'heavy' is not a number"),
        ("enabled", "yes", "'yes' is not true or false"),
        ("enabled", "1", "'1' is not true or false"),
    ],
)
def test_what_a_field_does_not_take_is_refused_by_line(
    tmp_path: Path, column: str, cell: str, why: str
) -> None:
    """Nothing goes out as text that is to be a number, and no message offers that."""
    read = Read(tmp_path, f'x\t{column}\na\t"{cell}"\nb\t\n', delimiter="tab")
    (refused,) = read.refused
    assert refused.startswith(f"line 2: column '{column}': {why}")
    assert "--text" not in refused
    assert read.items == [{"x": "b"}]


@pytest.mark.parametrize(("bad", "good"), [(6, 5), (2000, 0), (7, 6), (5, 0), (6, 6)])
def test_a_column_that_is_wrong_as_a_whole_is_said(tmp_path: Path, bad: int, good: int) -> None:
    """A currency in every row is no slip of a row; the rows are refused none the less."""
    table = "sku;price\n" + "A;1.234,50 \u20ac\n" * bad + "B;9,90\n" * good
    read = Read(tmp_path, table)
    assert len(read.refused) == bad
    expected = f"column 'price': {bad:,} of {bad + good:,} cells are not numbers, such as '1.234,50"
    assert [each.startswith(expected) for each in read.survey.warnings] == (
        [True] if bad > 5 and bad > good else []
    )


def test_a_code_that_a_spreadsheet_shortened_names_nothing(tmp_path: Path) -> None:
    """Its digits are lost: in the field that names an item the row is refused, else it is said."""
    read = Read(tmp_path, "sku,title\n8.69E+12,a\nB,1.23E+12\n", Named)
    assert [item["sku"] for item in read.items] == ["B"]
    (refused,) = read.refused
    assert refused.startswith("line 2: column 'sku': '8.69E+12' looks like a long number that a ")
    assert any("column 'title', line 3: '1.23E+12'" in each for each in read.survey.warnings)


def test_a_column_nobody_knows_is_typed_as_a_whole(tmp_path: Path) -> None:
    """One cell that is no plain number makes all of them text; true and false likewise."""
    table = "a,b,c,d\n1,1,true,true\n2.50,1E2,false,no\n,,,\n3,3,TRUE,\n"
    assert Read(tmp_path, table).items == [
        {"a": 1, "b": "1", "c": True, "d": "true"},
        {"a": Decimal("2.50"), "b": "1E2", "c": False, "d": "no"},
        {"a": 3, "b": "3", "c": True},
    ]


@pytest.mark.parametrize("cell", ["007", "1E2", "9,90", "+1", "1 000", "0x1", "1_0", "."])
def test_only_plain_numbers_make_a_column_one_of_numbers(tmp_path: Path, cell: str) -> None:
    """A leading zero, an exponent or a comma may be a code's."""
    assert [item["x"] for item in Read(tmp_path, f"x;y\n5;-\n{cell};-\n").items] == ["5", cell]


@pytest.mark.parametrize(
    ("cells", "line"),
    [(["1", "2", "x", "3"], 4), (["9,90", "4,50", "1"], 2), (["1"] * 600 + ["n/a"], 602)],
)
def test_few_cells_that_make_text_of_a_column_are_named(
    tmp_path: Path, cells: list[str], line: int
) -> None:
    """A warning says which line it is, and what reads it otherwise."""
    (warning,) = Read(tmp_path, "".join(f"{cell};\n" for cell in ["size", *cells])).survey.warnings
    assert warning == (
        f"column 'size' is sent as text, since line {line} has '{cells[line - 2]}'; "
        "--number size makes it one of numbers"
    )


@pytest.mark.parametrize(
    "cells",
    [["x", "y", "1"], ["007", "008"], ["a"], ["1", "2"], [""], [*["1"] * 20, *["x"] * 6]],
)
def test_a_column_of_text_is_no_reason_to_warn(tmp_path: Path, cells: list[str]) -> None:
    """Most columns of text hold some numbers."""
    assert not Read(tmp_path, "".join(f"{cell},\n" for cell in ["x", *cells])).survey.warnings


@pytest.mark.parametrize(
    ("prices", "value"),
    [(["9.90"], Decimal("1.234")), (["9,90"], "1.234"), (["5"], "1.234"), (["1.234"], None)],
)
def test_what_may_be_a_thousand_is_no_number_by_itself(
    tmp_path: Path, prices: list[str], value: object
) -> None:
    """A point in a file of decimal commas, or in one that shows nothing, decides for text."""
    table = "price;size\n" + "".join(f"{price};1.234\n" for price in prices)
    if value is None:
        with pytest.raises(InputError, match="name it by --decimal point or --decimal comma"):
            Read(tmp_path, table)
        return
    read = Read(tmp_path, table)
    assert read.items[0]["size"] == value
    assert len(read.survey.warnings) == isinstance(value, str)
    sure = Read(tmp_path, "price;size\n5;1.234\n5;0.5\n")
    assert [item["size"] for item in sure.items] == [Decimal("1.234"), Decimal("0.5")]


def test_the_user_decides_where_nobody_knows(tmp_path: Path) -> None:
    """`--number` refuses what is none, `--text` keeps what is one."""
    table = "a;b\n1;2\nx;3\n4,5;007\n"
    read = Read(tmp_path, table, number=["a"], text=["b"])
    assert read.items == [{"a": 1, "b": "2"}, {"a": Decimal("4.5"), "b": "007"}]
    assert read.refused == ["line 3: column 'a': 'x' is not a number"]
    columns = {each.name: (each.kind, each.by) for each in read.survey.columns}
    assert columns == {"a": (Kind.NUMBER, "user"), "b": (Kind.TEXT, "user")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": ["price"]}, "line 1: --text price: price must be a number"),
        ({"text": ["enabled"]}, "line 1: --text enabled: enabled must be true or false"),
        ({"number": ["sku"]}, "line 1: --number sku: sku is text"),
        ({"number": ["nope"]}, "line 1: --number: there is no column 'nope'"),
        ({"empty": ["price=text"]}, "line 1: --empty price=text: price is not a text field"),
        ({"empty": ["nope=omit"]}, "line 1: --empty nope=omit: there is no field 'nope'"),
    ],
)
def test_what_contradicts_the_vendor_is_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """The adapter knows better than the user what its fields take."""
    with pytest.raises(InputError) as caught:
        Read(tmp_path, "sku,price,enabled\nA,1,true\n", **options)
    assert str(caught.value).startswith(message)


def test_fields_may_differ_from_row_to_row(tmp_path: Path) -> None:
    """Each row is read by what its own item's fields take."""
    table = "of,size\nthing,5\nother,5\nother,XL\nthing,XL\nthing,6.5\n"
    read = Read(tmp_path, table, ByRow)
    assert [item["size"] for item in read.items] == [5, "5", "XL", Decimal("6.5")]
    assert read.refused == ["line 5: column 'size': 'XL' is not a number"]
    assert {each.name: each.kind for each in read.survey.columns} == {
        "of": Kind.TEXT,
        "size": None,
    }


class Anew(dict[str, Kind]):
    """A mapping that somebody may ask of whether it is still there."""


@pytest.mark.parametrize("is_equal", [True, False])
def test_fields_may_be_made_anew_for_each_row(tmp_path: Path, *, is_equal: bool) -> None:
    """What an adapter makes for a row does not stay for all rows that follow."""
    made: list[weakref.ref[Anew]] = []
    most = 0

    class EachAnew(ScriptedAdapter):
        @classmethod
        def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
            del operation
            nonlocal most
            kinds = Anew(size=Kind.NUMBER, **{"" if is_equal else item["of"]: Kind.TEXT})
            made.append(weakref.ref(kinds))
            if len(made) % 500 == 0:
                most = max(most, sum(each() is not None for each in made))
            return kinds

    rows = 1500
    table = "of,size,sold\n" + "".join(f"x{n},{n}.5,{n}\n" for n in range(rows))
    read = Read(tmp_path, table, EachAnew)
    assert [item["size"] for item in read.items] == [Decimal(f"{n}.5") for n in range(rows)]
    assert [item["sold"] for item in read.items] == list(range(rows))
    assert [each.kind for each in read.survey.columns] == [Kind.TEXT, Kind.NUMBER, Kind.NUMBER]
    assert most < rows
    assert (most < 100) is is_equal


def test_long_cells_are_not_held_together(tmp_path: Path) -> None:
    """A table takes little memory when all of it is looked at, however long its rows are."""
    rows, length = 24, 2 << 20
    (tmp_path / "items.csv").write_text("sku,note\n" + f"A,{'x' * length}\n" * rows)
    tracemalloc.start()
    try:
        with open_items(tmp_path / "items.csv") as reader:
            assert sum(len(item["note"]) for item in reader) == rows * length
        assert tracemalloc.get_traced_memory()[1] < rows * length
    finally:
        tracemalloc.stop()


def test_a_table_may_be_wide(tmp_path: Path) -> None:
    """Twice the columns take twice the time: here some seconds, and no hours."""
    columns = 20_000
    header = ",".join(f"c{n}" for n in range(columns))
    read = Read(tmp_path, f"{header}\n{','.join('1' * columns)}\n")
    assert read.items == [{f"c{n}": 1 for n in range(columns)}]
    assert {each.kind for each in read.survey.columns} == {Kind.NUMBER}


@pytest.mark.parametrize(
    ("template", "price", "found"),
    [
        ("{a}.{b}", "9.90", [Decimal("1.250")]),
        ("{a},{b}", "9,90", [Decimal("1.250")]),
        ("{a}{b}", "9,90", [1250]),
        ("{a}.{b}", "9,90", []),
        ("{a},{b}", "9.90", []),
    ],
)
def test_a_template_may_write_the_mark_of_a_figure(
    tmp_path: Path, template: str, price: str, found: list[Any]
) -> None:
    """Its fraction is where the template says; no template writes a mark between thousands."""
    table = f"a;b;c\n1;250;{price}\n"
    read = Read(tmp_path, table, set=[f"weight={template}", "price={c}"])
    assert [item["weight"] for item in read.items] == found
    assert [text.endswith("the template and the file differ") for text in read.refused] == (
        [] if found else [True]
    )


def test_what_a_workbook_shows_may_be_meant_where_nobody_knows_the_field(tmp_path: Path) -> None:
    """A postal code that is shown as 00123 is not 123, unless the user says so."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["sku", "zip"], ["A", 12345], ["B", 123]):
        sheet.append(row)
    for n in (2, 3):
        sheet.cell(n, 2).number_format = "00000"
    book.save(tmp_path / "items.xlsx")
    refused: list[InputError] = []
    with open_items(tmp_path / "items.xlsx") as reader:
        reader.on_refused = refused.append
        assert list(reader) == [{"sku": "A", "zip": 12345}]
    assert [each.reason.partition(";")[0] for each in refused] == [
        "column 'zip': B3 holds 123 and shows 00123"
    ]
    with open_items(tmp_path / "items.xlsx", number=["zip"]) as reader:
        assert [item["zip"] for item in reader] == [12345, 123]


@pytest.mark.parametrize("blank", [",", " ,", "\t, ", "\u00a0,\u3000"])
def test_a_row_of_blanks_is_none(tmp_path: Path, blank: str) -> None:
    """Nobody sees that there is anything in it, so it is no item of blanks."""
    read = Read(tmp_path, f"sku,name\nA,x\n{blank}\nB,y\n")
    assert read.items == [{"sku": "A", "name": "x"}, {"sku": "B", "name": "y"}]
    assert (read.refused, read.survey.rows) == ([], 2)


def test_how_each_column_is_read_is_known(tmp_path: Path) -> None:
    """Where it goes, what it is, and who says so; a column that is not used says nothing."""
    read = Read(
        tmp_path,
        "nr,price,note\n7,2.50,x\n",
        set=["sku={nr}", "price={price}", "title=No. {nr}"],
    )
    assert [(c.name, c.fields, c.kind, c.by) for c in read.survey.columns] == [
        ("nr", ("sku", "title"), Kind.TEXT, "adapter"),
        ("price", ("price",), Kind.NUMBER, "adapter"),
        ("note", (), None, "adapter"),
    ]
    assert (read.survey.notation, read.survey.rows) == ("point", 1)


def test_what_a_workbook_hides_is_said(tmp_path: Path) -> None:
    """Its hidden rows are sent as all others; the survey warns of them."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["sku", "price"], ["A", 1], ["B", 2]):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    book.save(tmp_path / "items.xlsx")
    with open_items(tmp_path / "items.xlsx") as reader:
        reader.fit(Shop, "work")
        assert list(reader) == [{"sku": "A", "price": 1}, {"sku": "B", "price": 2}]
        assert (reader.place, reader.line, reader.row) == ("row", 3, 2)
    assert reader.survey is not None
    (warning,) = reader.survey.warnings
    assert warning.startswith("row 3 is hidden")


def test_what_is_wrong_with_a_sheet_itself_is_placed_by_row(tmp_path: Path) -> None:
    """A sheet has rows, and nobody looks for its lines."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["sku", "price", None, "code"], ["A", 1, None, "x"]):
        sheet.append(row)
    book.save(tmp_path / "items.xlsx")
    with open_items(tmp_path / "items.xlsx") as reader:
        reader.fit(Shop, "work")
        with pytest.raises(InputError, match="begins another table") as caught:
            list(reader)
        assert reader.locate(caught.value).startswith("row 1: ")


def test_an_empty_workbook_is_said_to_be_empty(tmp_path: Path) -> None:
    """It is no text that could be named otherwise."""
    (tmp_path / "items.xlsx").touch()
    with open_items(tmp_path / "items.xlsx") as reader:
        reader.fit(Shop, "work")
        with pytest.raises(InputError, match="the file is empty"):
            list(reader)
