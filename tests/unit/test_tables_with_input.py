"""The rows of an input with their results: each as it was, in its order, in every format."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tables import open_items, open_results

from batchhub import ItemResult, ItemState
from batchhub._tables.reading.marks import LINE, MISSING, OUTCOME, REASON, TEXT
from batchhub.errors import UsageError
from batchhub.models.rows import Cell, Cells, InputHead, InputRow, InputRows, OddCell
from batchhub.tables import write_results

HEADER = ("sku", "name", "price")
DONE = ItemResult(id="a", state=ItemState.SUCCEEDED, code=200, vendor_ref="B7")
GONE = ItemResult(id="b", state=ItemState.FAILED, code=404, message="no such thing")
ADDED_DONE = ["succeeded", "200", "", "B7"]
ADDED_GONE = ["failed", "404", "no such thing", ""]
ADDED_REFUSED = ["rejected", "", "column 'price': no number", ""]
ADDED_PENDING = ["pending", "", "", ""]

What = tuple[Cells, "ItemResult | str | None"]


def rows_of(*rows: What, head: InputHead | None = None, **about: Any) -> InputRows:
    """Make the rows of an input: their cells, and a result, why they were refused, or neither."""
    found = head or InputHead(**{"name": "in.csv", "format": "csv", "columns": HEADER, **about})

    async def read() -> AsyncIterator[InputRow]:
        for n, (cells, what) in enumerate(rows, 1):
            reason = what if isinstance(what, str) else None
            result = what if isinstance(what, ItemResult) else None
            yield InputRow(row=n, line=n + 1, cells=cells, reason=reason, result=result)

    return InputRows(found, read)


ROWS: list[What] = [
    (["007", "Screw; long", "9.90"], DONE),
    (["8", 'a "b"\nc', "9,9O"], "column 'price': no number"),
    (["9", "=1+1", "-5"], GONE),
    (["10", "", "1"], None),
]


def read_csv(data: bytes, encoding: str = "utf-8", delimiter: str = ",") -> list[list[str]]:
    """Return the rows of CSV."""
    text = io.StringIO(data.decode(encoding), newline="")
    return [*csv.reader(text, delimiter=delimiter)]


def contents(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


async def export(out: Path, rows: InputRows, **said: Any) -> bytes:
    """Write rows and return the bytes of the file."""
    await write_results(rows, out, **said)
    return contents(out)


async def test_every_row_is_there_as_it_was_with_what_became_of_it(tmp_path: Path) -> None:
    """In the order of the input: those that failed, were refused, or have no result yet, too."""
    found = read_csv(await export(tmp_path / "r.csv", rows_of(*ROWS)))
    added = [ADDED_DONE, ADDED_REFUSED, ADDED_GONE, ADDED_PENDING]
    assert found == [
        [*HEADER, *OUTCOME],
        *[[*map(str, cells), *more] for (cells, _), more in zip(ROWS, added, strict=True)],
    ]


@pytest.mark.parametrize(
    ("delimiter", "encoding", "has_bom", "start"),
    [
        (";", "utf-8", True, b"\xef\xbb\xbfsku;name"),
        (";", "utf-8", False, b"sku;name"),
        ("\t", "cp1252", False, b"sku\tname"),
        (",", "utf-16", True, "\ufeffs".encode("utf-16-le")),
    ],
)
async def test_csv_is_written_as_the_input_was(
    tmp_path: Path, delimiter: str, encoding: str, has_bom: bool, start: bytes
) -> None:
    """Its delimiter, encoding and byte order mark; what the encoding lacks is in escapes."""
    failed = ItemResult(id="b", state=ItemState.FAILED, message="größer als 5 €, \u0416")
    rows = rows_of(
        (["1", "größer", "5"], failed), delimiter=delimiter, encoding=encoding, has_bom=has_bom
    )
    data = await export(tmp_path / "r.csv", rows)
    assert data.startswith(start)
    assert data.count(start[:2]) == 1
    _, row = read_csv(data, "utf-8-sig" if encoding == "utf-8" else encoding, delimiter)
    message = "größer als 5 €, \\u0416" if encoding == "cp1252" else "größer als 5 €, \u0416"
    assert row == ["1", "größer", "5", "failed", "", message, ""]


async def test_the_name_says_what_separates_tabs_from_commas(tmp_path: Path) -> None:
    """A .tsv has tabs whatever the input had; a .csv of a .tsv has commas."""
    rows = rows_of(*ROWS, delimiter=";")
    assert (await export(tmp_path / "r.tsv", rows)).startswith(b"sku\tname\tprice\tbatchhub_state")
    rows = rows_of(*ROWS, format="tsv", delimiter="\t")
    assert (await export(tmp_path / "r.csv", rows)).startswith(b"sku,name,price,batchhub_state")
    assert gzip.decompress(await export(tmp_path / "r.csv.gz", rows)).startswith(b"sku,name")


async def test_what_an_earlier_run_added_is_replaced(tmp_path: Path) -> None:
    """Wherever its columns are, also those of a file of rows that were set aside."""
    header = ("batchhub_message", "sku", LINE, REASON, "batchhub_state", "batchhub_code", "price")
    rows = rows_of((["old", "7", "3", "why", "failed", "404", "9"], DONE), columns=header)
    found = read_csv(await export(tmp_path / "r.csv", rows))
    assert found == [["sku", "price", *OUTCOME], ["7", "9", *ADDED_DONE]]
    old = {"sku": "7", "batchhub_state": "failed", "batchhub_vendor_ref": "A1", REASON: "why"}
    line = await export(tmp_path / "r.jsonl", rows_of((old, DONE), format="jsonl", columns=None))
    assert [*json.loads(line)] == ["sku", *OUTCOME]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "Screw"], ["1", "Screw", MISSING]),
        (["1", "Screw", "9", "90"], ["1", "Screw", "9,90"]),
        (["1", "Screw", "9", "", ""], ["1", "Screw", "9"]),
        ([], [MISSING] * 3),
    ],
)
async def test_a_row_with_other_cells_than_columns_keeps_them(
    tmp_path: Path, cells: list[str], expected: list[str]
) -> None:
    """What was added stands in its columns all the same; a missing cell does not look empty."""
    data = await export(tmp_path / "r.csv", rows_of((cells, "3 columns wanted")))
    assert read_csv(data)[1] == [*expected, "rejected", "", "3 columns wanted", ""]


async def test_only_the_vendors_words_are_kept_from_being_formulas(tmp_path: Path) -> None:
    """The user's own cells stay what they are; figures and phone numbers run nothing."""
    words = {
        "=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0",
        "@SUM(A1)": "'@SUM(A1)",
        "+1+cmd|x": "'+1+cmd|x",
        "-WEBSERVICE(A1)": "'-WEBSERVICE(A1)",
        "\t=1": "'\t=1",
        "+49 (170) 123-45": "+49 (170) 123-45",
        "-5.00": "-5.00",
        "-": "-",
        "a=b": "a=b",
        "": "",
    }
    results = [
        ItemResult(id="=1", state=ItemState.FAILED, message=text, vendor_ref=text) for text in words
    ]
    rows = rows_of(*[(["=1+1", "@", "-x"], result) for result in results])
    found = read_csv(await export(tmp_path / "r.csv", rows))[1:]
    assert found == [["=1+1", "@", "-x", "failed", "", safe, safe] for safe in words.values()]
    await write_results(results, tmp_path / "r.csv", fields=["id", "message", "vendor_ref"])
    plain = read_csv((tmp_path / "r.csv").read_bytes())[1:]
    assert plain == [["=1", safe, safe] for safe in words.values()]


async def test_text_of_a_body_is_no_formula_either_and_numbers_stay(tmp_path: Path) -> None:
    """Chosen fields of a vendor's answer are the vendor's words; a negative number is a number."""
    body = b'{"name":"=1+1","price":-5.5,"n":-3,"tags":["=a","b"],"o":{"=":1}}'
    results = [ItemResult(id="1", state=ItemState.SUCCEEDED, raw=body)]
    await write_results(results, tmp_path / "r.csv", fields=["name", "price", "n", "tags", "o"])
    row = read_csv((tmp_path / "r.csv").read_bytes())[1]
    assert row == ["'=1+1", "-5.5", "-3", "'=a;b", '{"=":1}']


JSON_ROWS: list[What] = [
    ({"sku": "007", "price": Decimal("9.90"), "tags": ["a", "b"]}, DONE),
    ({"sku": "8", "stock": 12345678901234567890, "price": 1}, GONE),
    (b'{"sku": \xff', "line holds no JSON object"),
]


async def test_objects_get_four_more_keys(tmp_path: Path) -> None:
    """Behind their own, digit for digit; a line that is no object keeps its text."""
    rows = rows_of(*JSON_ROWS, format="jsonl", columns=None)
    data = await export(tmp_path / "r.jsonl", rows)
    first, second, third = map(json.loads, data.splitlines())
    assert data.startswith(b'{"sku":"007","price":9.90,"tags":["a","b"],"batchhub_state":')
    assert list(first.items())[3:] == [*zip(OUTCOME, ["succeeded", 200, None, "B7"], strict=True)]
    assert second["stock"] == 12345678901234567890
    assert third == {
        TEXT: '{"sku": \udcff',
        **dict(zip(OUTCOME, ["rejected", None, "line holds no JSON object", None], strict=True)),
    }
    array = json.loads(await export(tmp_path / "r.json", rows))
    assert array == [first, second, third]
    assert json.loads(await export(tmp_path / "r.json", rows_of())) == []


async def test_objects_as_a_table_have_all_keys_as_columns(tmp_path: Path) -> None:
    """In the order they are first met; lists and objects as in other tables."""
    rows = rows_of(*JSON_ROWS, format="jsonl", columns=None)
    header, *found = read_csv(await export(tmp_path / "r.csv", rows))
    assert header == ["sku", "price", "tags", "stock", TEXT, *OUTCOME]
    assert found[0][:5] == ["007", "9.90", "a;b", "", ""]
    assert found[1][:5] == ["8", "1", "", "12345678901234567890", ""]
    assert found[2][:5] == ["", "", "", "", '{"sku": \\udcff']


async def test_a_table_as_objects_has_its_columns_as_keys(tmp_path: Path) -> None:
    """Text as text, numbers of a workbook as numbers; each name once, and none empty."""
    head = InputHead(
        name="in.xlsx", format="xlsx", columns=("sku", "", "sku_", " sku "), place="row"
    )
    odd = OddCell("B2", "shows a percentage", held=Decimal("0.19"), format="0%")
    row: list[Cell] = ["007", odd, Decimal("9.5"), True]
    data = await export(tmp_path / "r.jsonl", rows_of((row, None), head=head))
    assert data.startswith(b'{"sku":"007","column_2":0.19,"sku_":9.5,"sku__":true,"batchhub_state"')


WORKBOOK = InputHead(
    name="in.xlsx", format="xlsx", columns=("sku", "stock", "vat", "sum"), place="row"
)
SHEET_ROWS: list[What] = [
    (["007", 12, OddCell("C2", "", held=Decimal("0.19"), format="0%"), Decimal("9.99")], DONE),
    (["8", 7, OddCell("C3", "", number=7, format="00000"), ""], GONE),
    (["9", 3, OddCell("C4", "", error="#DIV/0!"), True], "C4 holds #DIV/0!"),
]


async def test_a_workbook_keeps_what_its_cells_are(tmp_path: Path) -> None:
    """Numbers, formats, errors, true and false; a second sheet has what is to be corrected."""
    out = tmp_path / "r.xlsx"
    await write_results(rows_of(*SHEET_ROWS, head=WORKBOOK), out)
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["Results", "Failures"]
    header, *found = ([cell.value for cell in row] for row in book["Results"].iter_rows())
    assert header == ["sku", "stock", "vat", "sum", *OUTCOME]
    assert found == [
        ["007", 12, 0.19, 9.99, "succeeded", 200, None, "B7"],
        ["8", 7, 7, None, "failed", 404, "no such thing", None],
        ["9", 3, "=#DIV/0!", True, "rejected", None, "C4 holds #DIV/0!", None],
    ]
    assert [book["Results"][name].number_format for name in ("C2", "C3")] == ["0%", "00000"]
    failures = [[cell.value for cell in row] for row in book["Failures"].iter_rows()]
    assert failures == [
        [LINE, *OUTCOME[:3], "sku", "stock", "vat", "sum"],
        [3, "failed", 404, "no such thing", "8", 7, 7, None],
        [4, "rejected", None, "C4 holds #DIV/0!", "9", 3, "=#DIV/0!", True],
    ]
    assert book["Failures"]["G2"].number_format == "00000"


@pytest.mark.parametrize(
    ("held", "code", "shown"),
    [
        ("46356", "dd.mm.yyyy", "2026-11-30"),
        ("46356.34375", "DD.MM.YYYY HH:MM", "2026-11-30T08:15:00"),
        ("46356.3437615741", "yyyy-mm-dd hh:mm:ss", "2026-11-30T08:15:01"),
        ("0.34375", "h:mm", "08:15:00"),
        ("1", "yyyy-mm-dd", "1900-01-01"),
        ("59", "yyyy-mm-dd", "1900-02-28"),
        ("60", "yyyy-mm-dd", 60),
        ("61", "yyyy-mm-dd", "1900-03-01"),
        ("2958465", "yyyy-mm-dd", "9999-12-31"),
        ("1.5", "[h]:mm:ss", Decimal("1.5")),
        ("0.19", "0%", Decimal("0.19")),
    ],
)
async def test_a_date_of_a_workbook_is_one_elsewhere_too(
    tmp_path: Path, held: str, code: str, shown: object
) -> None:
    """The days since 1900 say nothing to anybody; a span of time is no date."""
    head = InputHead(name="in.xlsx", format="xlsx", columns=("when",), place="row")
    cell = OddCell("A2", "holds a date", held=Decimal(held), format=code)
    rows = rows_of(([cell], DONE), head=head)
    (found,) = json.loads(await export(tmp_path / "r.json", rows), parse_float=Decimal)
    assert found["when"] == shown
    assert read_csv(await export(tmp_path / "r.csv", rows))[1][0] == str(shown)


async def test_a_date_has_room(tmp_path: Path) -> None:
    """What does not fit into its column is shown as nothing but #."""
    head = InputHead(name="in.xlsx", format="xlsx", columns=("when", "sum"), place="row")
    when = OddCell("A2", "holds a date", held=Decimal("46356.3"), format="dd.mm.yyyy hh:mm:ss")
    euros = '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-'
    paid = OddCell("B2", "shows €", number=Decimal("9.9"), format=euros)
    out = tmp_path / "r.xlsx"
    await write_results(rows_of(([when, paid], DONE), head=head), out)
    columns = openpyxl.load_workbook(out)["Results"].column_dimensions
    assert columns["A"].width > len("30.11.2026 08:15:00") + 2
    assert columns["B"].width < 31


async def test_a_long_number_of_a_workbook_is_written_again(tmp_path: Path) -> None:
    """It was refused if its column is used; in any other it is there as it was."""
    head = InputHead(name="in.xlsx", format="xlsx", columns=("sku",), place="row")
    cell = OddCell("A2", "holds a number of 16 or more digits", held=1234567890123450)
    out = tmp_path / "r.xlsx"
    await write_results(rows_of(([cell], DONE), head=head), out)
    assert openpyxl.load_workbook(out)["Results"]["A2"].value == 1234567890123450
    data = await export(tmp_path / "r.jsonl", rows_of(([cell], DONE), head=head))
    assert data.startswith(b'{"sku":1234567890123450,')


async def test_csv_of_a_workbook_has_its_numbers(tmp_path: Path) -> None:
    """As text can have them, without their formats."""
    found = read_csv(await export(tmp_path / "r.csv", rows_of(*SHEET_ROWS, head=WORKBOOK)))
    assert [row[:4] for row in found[1:]] == [
        ["007", "12", "0.19", "9.99"],
        ["8", "7", "7", ""],
        ["9", "3", "#DIV/0!", "true"],
    ]


async def test_a_workbook_of_csv_has_text_as_it_is(tmp_path: Path) -> None:
    """Zeros at the front stay, and nothing becomes a date or a formula."""
    out = tmp_path / "r.xlsx"
    await write_results(rows_of((["007", "=1+1", "1-2"], DONE)), out)
    row = openpyxl.load_workbook(out)["Results"][2]
    assert [(cell.value, cell.data_type) for cell in row[:3]] == [
        ("007", "s"),
        ("=1+1", "s"),
        ("1-2", "s"),
    ]


async def test_the_failures_can_be_corrected_and_read_again(tmp_path: Path) -> None:
    """What was added is no part of an item, on either sheet, in a workbook and in CSV."""
    out = tmp_path / "r.xlsx"
    await write_results(rows_of(*ROWS), out)
    with open_items(out, sheet="Failures") as items:
        assert [*items] == [
            {"sku": "8", "name": 'a "b"\nc', "price": "9,9O"},
            {"sku": "9", "name": "=1+1", "price": "-5"},
        ]
    await write_results(rows_of(*ROWS), tmp_path / "r.csv")
    with open_items(tmp_path / "r.csv") as items:
        assert [[*item] for item in items] == [[*HEADER], [*HEADER], [*HEADER], ["sku", "price"]]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, None], pa.int64(), [1, 2, None]),
        ([1, Decimal("2.5")], pa.float64(), [1.0, 2.5]),
        ([True, None], pa.bool_(), [True, None]),
        (["a", ""], pa.string(), ["a", ""]),
        ([1, "a"], pa.string(), ["1", "a"]),
        ([True, 1], pa.string(), ["true", "1"]),
        ([2**63, 1], pa.string(), ["9223372036854775808", "1"]),
        ([2**53 + 1, Decimal("0.5")], pa.string(), ["9007199254740993", "0.5"]),
        ([Decimal("0.1234567890123456789")], pa.string(), ["0.1234567890123456789"]),
        ([Decimal("1E+400")], pa.string(), ["1E+400"]),
        ([[1, 2], {"a": 1}], pa.string(), ["[1,2]", '{"a":1}']),
        ([None], pa.string(), [None]),
        (["a\ud800"], pa.string(), ["a\\ud800"]),
    ],
)
async def test_a_column_of_parquet_is_of_one_type_without_a_digit_less(
    tmp_path: Path, values: Sequence[Any], kind: Any, expected: Sequence[Any]
) -> None:
    """Numbers where all are and a double holds them; else the text they were."""
    rows = rows_of(*[({"v": value}, DONE) for value in values], format="jsonl", columns=None)
    await write_results(rows, tmp_path / "r.parquet")
    table = pq.read_table(tmp_path / "r.parquet")
    assert table.schema.names == ["v", *OUTCOME]
    assert table.schema.field("v").type == kind
    assert table.column("v").to_pylist() == expected
    assert table.schema.field("batchhub_code").type == pa.int64()


async def test_parquet_of_tables_has_their_columns(tmp_path: Path) -> None:
    """CSV is text; a workbook has numbers, and its empty cells are none."""
    await write_results(rows_of(*ROWS), tmp_path / "r.parquet")
    found = pq.read_table(tmp_path / "r.parquet").to_pylist()
    assert found[0]["price"] == "9.90"
    assert found[3] == {
        "sku": "10",
        "name": "",
        "price": "1",
        **dict.fromkeys(OUTCOME),
        "batchhub_state": "pending",
    }
    await write_results(rows_of(*SHEET_ROWS, head=WORKBOOK), tmp_path / "r.parquet")
    columns = pq.read_table(tmp_path / "r.parquet").to_pydict()
    assert columns["stock"] == [12, 7, 3]
    assert columns["vat"] == ["0.19", "7", "#DIV/0!"]
    assert columns["sum"] == ["9.99", None, "true"]
    await write_results(rows_of(), tmp_path / "r.parquet")
    assert pq.read_table(tmp_path / "r.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("environment", "start", "number"),
    [
        ({"LANG": "de_DE.UTF-8"}, "sku;batchhub_state", "1,5"),
        ({"LC_ALL": "C.UTF-8", "LANG": "de_DE"}, "sku,batchhub_state", "1.5"),
        ({"LC_ALL": "", "LC_NUMERIC": "fr_FR@euro"}, "sku;batchhub_state", "1,5"),
        ({"LANG": "de_CH.UTF-8"}, "sku,batchhub_state", "1.5"),
        ({"LANG": "en_US.UTF-8"}, "sku,batchhub_state", "1.5"),
        ({}, "sku,batchhub_state", "1.5"),
    ],
)
async def test_csv_for_excel_is_as_the_locale_has_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    start: str,
    number: str,
) -> None:
    """With a byte order mark; cells apart by a semicolon where numbers have a comma."""
    for name in ("LC_ALL", "LC_NUMERIC", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    rows = rows_of(({"sku": Decimal("1.5")}, None), format="jsonl", columns=None)
    data = await export(tmp_path / "r.csv", rows, excel_csv=True)
    assert data.decode("utf-8").startswith("\ufeff" + start)
    assert data.decode("utf-8").splitlines()[1].startswith(number)
    results = [ItemResult(id="1", state=ItemState.SUCCEEDED, raw=b'{"v":1.5}')]
    await write_results(results, tmp_path / "r.csv", fields=["v"], excel_csv=True)
    assert (tmp_path / "r.csv").read_text("utf-8-sig") == f"v\n{number}\n"


async def test_csv_for_excel_keeps_what_the_input_was_separated_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the locale doesn't say otherwise, as on a server; it is UTF-8 in any case."""
    for name in ("LC_ALL", "LC_NUMERIC", "LANG"):
        monkeypatch.delenv(name, raising=False)
    rows = rows_of((["1", "ä", "2"], DONE), delimiter=";", encoding="cp1252")
    data = await export(tmp_path / "r.csv", rows, excel_csv=True)
    assert data.startswith("\ufeffsku;name;price;".encode())
    assert "1;ä;2;succeeded".encode() in data


def test_what_is_for_csv_only_is_refused_elsewhere(tmp_path: Path) -> None:
    """An option that would do nothing is a mistake."""
    with pytest.raises(UsageError, match=r"--excel-csv is for csv, and .*r\.xlsx is xlsx"):
        open_results(tmp_path / "r.xlsx", excel_csv=True)


async def test_columns_are_not_chosen_of_rows(tmp_path: Path) -> None:
    """Rows have the columns of the input; nothing is written."""
    with pytest.raises(UsageError, match="fields is for results alone; rows have the columns"):
        await write_results(rows_of(*ROWS), tmp_path / "r.csv", fields=["id"])
    assert not (tmp_path / "r.csv").exists()


async def test_names_with_separators_in_them_are_quoted(tmp_path: Path) -> None:
    """So that the header says what separates the cells when the file is read again."""
    rows = rows_of((["1", "2"], DONE), columns=("a;b", "c,d"), delimiter=",")
    data = await export(tmp_path / "r.csv", rows)
    assert data.startswith(b'"a;b","c,d","batchhub_state"')


async def test_what_is_neither_rows_nor_results_is_refused(tmp_path: Path) -> None:
    """Rows that nobody awaited, or the job itself; what is in the place stays as it was."""
    out = tmp_path / "r.csv"
    out.write_text("mine")

    async def rows() -> InputRows:
        return rows_of(*ROWS)

    wrong: list[tuple[Any, str]] = [(rows(), "coroutine"), (object(), "object"), (None, "NoneType")]
    for given, name in wrong:
        with pytest.raises(UsageError) as caught:
            await write_results(given, out)
        assert str(caught.value) == (
            f"what is written is job.results(), or job.rows() once it is awaited, not {name}"
        )
    assert out.read_text() == "mine"
