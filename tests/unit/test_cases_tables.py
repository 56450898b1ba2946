"""Tables as people export them: each cell becomes what its field takes, or its row is refused."""

# ruff: noqa: RUF001  # as people write them

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.cases import Desk, priced


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A folder with settings."""
    return Desk(tmp_path, monkeypatch)


def either(cell: str, point: str, comma: str) -> str:
    """Return how both numbers are named that a cell may hold."""
    return f"{cell!r} is {point} with a decimal point, {comma} with a decimal comma"


# Notation: case 2.


@pytest.mark.parametrize(
    ("table", "columns", "line", "said"),
    [
        ("price;product_id\n1.234;7\n", (), 2, either("1.234", "1.234", "1234")),
        ("product_id;price\n7;1,234\n", (), 2, either("1,234", "1234", "1.234")),
        ("Nr;Preis\n1;5\n2;2.500\n3;1.234\n", ("Nr", "Preis"), 3, either("2.500", "2.500", "2500")),
        ("kod\tfiyat\n1\t-1.999\n", ("kod", "fiyat"), 2, either("-1.999", "-1.999", "-1999")),
        ("réf|prix\n1|12\n2|999,000\n", ("réf", "prix"), 3, either("999,000", "999000", "999.000")),
    ],
)
def test_figures_that_may_be_either_are_refused_with_both(
    desk: Desk, table: str, columns: tuple[str, ...], line: int, said: str
) -> None:
    """Nothing else in the file shows the notation; `--decimal` says it."""
    done = desk.dry_run("p.csv", table, *priced(*columns))
    assert done.error.startswith(f"line {line}: column {(columns or ('', 'price'))[1]!r}: {said}")
    assert "--decimal point or --decimal comma" in done.error
    for notation in ("point", "comma"):
        again = desk.dry_run("p.csv", table, *priced(*columns), "--decimal", notation, "--json")
        assert again.code == 0
        assert again.plan["decimal"] == notation


@pytest.mark.parametrize(
    ("deciding", "price"),
    [("2001;9,90", 1234), ("2001;9.90", 1.234), ("2001;1.234.567", 1234), ("2001;,5", 1234)],
)
@pytest.mark.parametrize("piped", [False, True])
def test_the_last_line_may_decide(desk: Desk, deciding: str, price: float, piped: bool) -> None:
    """One figure that can be written in one notation only, in line 2,001 or in a pipe."""
    rows = "".join(f"{n};7\n" for n in range(2, 2_000))
    text = f"product_id;price\n1;1.234\n{rows if not piped else ''}{deciding}\n"
    name = desk.write("p.csv", text)
    call = ("submit", "-" if piped else name, "--account", "shop", *priced(), "--dry-run", "--json")
    done = desk.call(*call, stdin=text.encode() if piped else None)
    assert done.code == 0, done.err
    assert done.sample["body"]["price"] == price


@pytest.mark.parametrize(
    ("rows", "first", "second"),
    [
        ("1;9.90\n2;4,50\n", ("line 2", "9.90"), ("line 3", "4,50")),
        ("1;1.234,50\n2;1,234.50\n", ("line 2", "1.234,50"), ("line 3", "1,234.50")),
        ("1;5\n2;0,5\n3;0.5\n", ("line 3", "0,5"), ("line 4", "0.5")),
    ],
)
def test_two_notations_in_a_file_are_refused(
    desk: Desk, rows: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    """Both cells are named; the notation that is said refuses the rows of the other."""
    done = desk.dry_run("p.csv", "product_id;price\n" + rows, *priced())
    for line, cell in (first, second):
        assert line in done.error
        assert f" has {cell!r}" in done.error
    again = desk.dry_run("p.csv", "product_id;price\n" + rows, *priced(), "--decimal", "comma")
    assert len(again.refused) == 1
    assert again.refused[0].endswith("is not a number with a decimal comma")


# What is text stays text, what is unknown is typed as a whole: case 3.


@pytest.mark.parametrize(
    ("operation", "table", "sent"),
    [
        (
            ("--account", "supplier", "--operation", "product-upsert", "--option", "data_type=P"),
            "data.sku,data.name,data.size,data.gtin\nA-1,219E01,1E2,true\n",
            {
                "dataType": "P",
                "data": {"sku": "A-1", "name": "219E01", "size": "1E2", "gtin": "true"},
            },
        ),
        (
            ("--account", "supplier", "--operation", "product-upsert", "--option", "data_type=P"),
            "data.sku;data.gtin;data.color\n0123;08690000000001;007\n0124;8690000000002;1\n",
            {
                "dataType": "P",
                "data": {"sku": "0123", "gtin": "08690000000001", "color": "007"},
            },
        ),
        (
            (
                *("--map", "PUT /products/{product_id}", "--set", "name={name}"),
                *("--set", "subtitle={subtitle}", "--set", "ribbon.text={ribbon.text}"),
            ),
            "product_id,name,subtitle,ribbon.text\n1,1984,true,007\n",
            {"name": "1984", "subtitle": "true", "ribbon": {"text": "007"}},
        ),
        (
            ("--map", "PUT /products/{no}", "--set", "name={名前}", "--set", "sku={品番}"),
            "no,名前,品番\n1,１２３,0012\n",
            {"name": "１２３", "sku": "0012"},
        ),
        (
            ("--map", "PUT /products/{id}", "--set", "name={Ürün adı}", "--set", "sku={Kod}"),
            "id;Ürün adı;Kod\n1;3,5 Volt;1E5\n",
            {"name": "3,5 Volt", "sku": "1E5"},
        ),
    ],
)
def test_text_keeps_every_character(
    desk: Desk, operation: tuple[str, ...], table: str, sent: dict[str, Any]
) -> None:
    """Codes that look like figures, flags and years, in fields of text and in unknown columns."""
    done = desk.dry_run("t.csv", table, *operation, "--json")
    assert done.code == 0, done.err
    assert done.sample.get("body", done.sample) == sent


def test_one_cell_in_the_last_line_makes_a_column_text(desk: Desk) -> None:
    """A column nobody knows has one kind, and the cell that decided is named."""
    rows = "".join(f"{n},{n}\n" for n in range(1, 2_000))
    text = f"product_id,brand\n{rows}2000,219E01\n"
    said = ("--map", "PUT /products/{product_id}", "--set", "brand={brand}", "--json")
    done = desk.dry_run("t.csv", text, *said)
    assert done.sample["body"] == {"brand": "1"}
    (warning,) = done.plan["warnings"]
    assert warning == (
        "column 'brand' is sent as text, since line 2001 has '219E01'; "
        "--number brand makes it one of numbers"
    )
    asked = desk.dry_run("t.csv", text, *said, "--number", "brand")
    assert (asked.code, asked.sample["body"]) == (0, {"brand": 1})


# A number field takes a number: case 4.

NO_NUMBERS = (
    *("$9.90", "€4.50", "9.90 €", "USD 5", "5 TL", "₺12", "9.90 USD", "free", "to be discussed"),
    *("N/A", "-", "#REF!", "5.", "٣٫٥", "１２", "1_000", "0x10", "(5.00)", "50%", "- 5", "'9.90"),
    *("NaN", "Infinity", "null", "TRUE", "5-", "−5", "9..90", "9.90."),
    *("9,90 zł", "CHF 5.00", "5.00 kr.", "¥1200", "1200円", "9’90 Fr.", "ca. 5", "5/6", "1e400"),
    *("k. A.", "auf Anfrage", "yok", "sur demande", "0,0,0", "1 2", "2026-11-30", "12:30", "½"),
)


@pytest.mark.parametrize("cell", NO_NUMBERS)
def test_a_price_that_is_no_number_is_refused(desk: Desk, cell: str) -> None:
    """By its line and its column; the message shows the cell, and never offers to send a text."""
    done = desk.dry_run("p.csv", f'product_id;price\n1;9.90\n2;"{cell}"\n', *priced())
    assert done.code == 2
    (said,) = done.refused or [done.error]
    assert "line 3" in said
    assert cell in said
    assert "--text" not in said


@pytest.mark.parametrize(
    ("cell", "price"),
    [
        ("+5", 5),
        (".99", 0.99),
        ("007.50", 7.5),
        ("5 000", 5000),
        ("00", 0),
        ("-0", 0),
        ("1e3", 1000),
        ("2’345.60", 2345.6),
        ("1 234 567.89", 1234567.89),
        ("1\u202f234.5", 1234.5),
    ],
)
def test_a_figure_as_people_write_it_is_sent_as_its_number(
    desk: Desk, cell: str, price: float
) -> None:
    """With a sign, with leading zeros, with thousands apart as in France or in Switzerland."""
    done = desk.dry_run("p.csv", f"product_id;price\n1;{cell}\n2;0.5\n", *priced(), "--json")
    assert done.code == 0, done.err
    assert done.sample["body"] == {"price": price}


def test_a_german_price_list_is_refused_by_line(desk: Desk) -> None:
    """Those that are figures with a decimal comma would go."""
    cells = ["19,90 €", "k. A.", "EUR 9,90", "12,5%", "9,-", "9,90", "1e3", "WAHR", '"9,90 "']
    rows = "".join(f"{n};{cell}\n" for n, cell in enumerate(cells, 1))
    said = priced("Artikel-Nr.", "Preis")
    done = desk.dry_run("preise.csv", "Artikel-Nr.;Preis\n" + rows, *said)
    lines = [int(line.split(":")[0].removeprefix("line ")) for line in done.refused]
    assert lines == [2, 3, 4, 5, 6, 9]
    assert all("column 'Preis': " in line and " is not a number" in line for line in done.refused)


def test_the_column_of_a_price_can_not_be_made_text(desk: Desk) -> None:
    """The field must be a number, whatever the user says of the column."""
    table = "product_id,price,name\n1,9.90,x\n"
    done = desk.dry_run("p.csv", table, *priced(), "--text", "price")
    assert done.error.startswith("line 1: --text price: price must be a number")
    fine = desk.dry_run("p.csv", table, *priced(), "--set", "name={name}", "--text", "name")
    assert fine.code == 0


@pytest.mark.parametrize(
    ("price", "said"),
    [("9,90", "body.price must be a number, not '9,90'"), ("$5", "not '$5'"), (" 5", "not ' 5'")],
)
def test_in_json_a_text_is_a_number_only_if_it_is_plain(desk: Desk, price: str, said: str) -> None:
    """A text that is a plain number is sent as that number, digit by digit."""
    rows = f'{{"product_id":1,"price":"19.90"}}\n{{"product_id":2,"price":"{price}"}}\n'
    done = desk.dry_run("p.jsonl", rows, *priced())
    (found,) = done.refused
    assert found.startswith("line 2 (id '2'): ")
    assert said in found
    assert '"price":19.90}' in done.out[2]


# Items without an effect: case 7.


@pytest.mark.parametrize(
    ("operation", "table", "line"),
    [
        ("receive-price", "barcode,price\n8690000000001,5\n8690000000003,\n", 3),
        ("receive-price", "sku;price;listPrice\nA;5;9\nB; ;\nC;4;\n", 3),
        ("receive-stock", "barcode\tquantity\n1\t\n2\t3\n", 2),
    ],
)
def test_an_item_that_changes_nothing_is_refused(
    desk: Desk, operation: str, table: str, line: int
) -> None:
    """A row whose cells are empty names a product, and says nothing of it."""
    done = desk.dry_run("t.csv", table, "--account", "supplier", "--operation", operation)
    (said,) = done.refused
    assert said.startswith(f"line {line} (id ")
    assert said.endswith("the item only names a product, and changes nothing")


# Two writes to one thing: case 10.


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("product_id,price\n1,9.90\n2,5\n1,19.90\n", (2, 4)),
        ("product_id;price\n7;1\n\n\n8;2\n7;3\n", (2, 6)),
        ("product_id,price\n" + "".join(f"{n % 600},1\n" for n in range(601)), (2, 602)),
    ],
)
def test_two_rows_for_one_product_are_said(desk: Desk, table: str, lines: tuple[int, int]) -> None:
    """With their lines; refused where the vendor runs the items in any order."""
    options = ("--map", "PUT /products/{product_id}", "--set", "price={price}")
    done = desk.dry_run("p.csv", table, *options)
    assert done.code == 0
    (said,) = (line for line in done.err if line.startswith("warning: "))
    assert "the last one counts" in said
    assert f"lines {lines[0]} and {lines[1]}" in said
    refused = desk.dry_run("p.csv", table, *options, "--option", "allow_parallel_mode=true")
    (found,) = refused.refused
    assert found.startswith(f"line {lines[1]} (id ")
    assert f"line {lines[0]}" in found


# Sheets that show that they are broken.


@pytest.mark.parametrize("code", ["1.23E+12", "8.69E+12", "8,69E+12", "4.00638E+12"])
def test_a_code_that_a_spreadsheet_shortened_is_said(desk: Desk, code: str) -> None:
    """Refused where it names the product, else there is a warning; 219E01 is a code."""
    table = f"sku;price\n{code};5\n219E01;7\n0001E0;8\n1E3;9\n00123;11\n"
    done = desk.dry_run("p.csv", table, *priced("sku"))
    assert done.refused == [done.refused[0]]
    assert done.refused[0].startswith(f"line 2: column 'sku': {code!r} looks like a long num")
    named = ("--map", "POST /products", "--set", "sku={sku}", "--set", "price={price}")
    done = desk.dry_run("p.csv", table, *named)
    assert done.code == 0
    assert done.err[0].startswith(f"warning: column 'sku', line 2: {code!r} looks like a long num")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("product_id;price;name\n1;9.90;Çay bardağı İnce Şişe\n", "windows-1254"),
        ("product_id;price;name\n1;9.90;Größe für Bäder\n", "windows-1252"),
        ("product_id;price;name\n1;9.90;Zażółć gęślą jaźń\n", "windows-1250"),
        ("product_id;price;name\n1;9.90;日本語の商品名テスト\n", "shift_jis"),
        ("product_id;price;name\n1;9.90;Красная кружка\n", "windows-1251"),
    ],
)
def test_a_table_that_is_no_utf8_is_shown_as_it_reads(desk: Desk, text: str, encoding: str) -> None:
    """The encoding that is proposed shows the names as they are, and reads them so."""
    name = text.strip().rpartition(";")[2]
    done = desk.dry_run("p.csv", text.encode(encoding), *priced(), "--set", "name={name}")
    assert done.error.startswith("line 2: not UTF-8; ")
    assert name in done.error
    said = ("--set", "name={name}", "--encoding", encoding, "--json")
    assert desk.dry_run("p.csv", text.encode(encoding), *priced(), *said).sample["body"] == {
        "price": 9.9,
        "name": name,
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("product_id,price,\n1,9.90,\n2,5,\n", None),
        ("product_id;price;;;\n1;9,90;;;\n2;5;;;\n", None),
        ("product_id,,price\n1,,9.90\n", None),
        ("product_id,price,\n1,9.90,\n2,5,x\n", "column 3 of the header has no name, and line 3"),
        ("Preisliste 2026;\n;\nproduct_id;price\n1;5\n", "line 1 reads 'Preisliste 2026'; is the"),
        ("product_id,price,price\n1,9.90,8\n", "the columns 2 and 3 are both named 'price'"),
        ("Product_ID, Price\n1,9.90\n", "no column 'product_id'; did you mean 'Product_ID'?"),
        ("1,9.90\n2,5\n", "is the header missing?"),
    ],
)
def test_a_header_is_taken_as_it_is_meant(desk: Desk, table: str, said: str | None) -> None:
    """A column without a name and without a cell is none; what is no header is said."""
    done = desk.dry_run("p.csv", table, *priced())
    assert done.code == (0 if said is None else 2), done.err
    assert said is None or said in done.error


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("3\u200b", "U+200B (zero width space)"),
        ("\ufeff3", "U+FEFF (byte order mark)"),
        ("A\xa01", "U+00A0 (no-break space)"),
        ("SKU\u00ad7", "U+00AD (soft hyphen)"),
    ],
)
def test_a_character_that_shows_nothing_is_named(desk: Desk, cell: str, said: str) -> None:
    """In what names a product and in a figure; blanks around them are no part of them."""
    table = f"product_id,price\n\xa02,9.90\xa0\n{cell},5\n4,\u200b8\n"
    done = desk.dry_run("p.csv", table, *priced())
    in_path, in_figure = done.refused
    assert in_path.startswith("line 3: column 'product_id': ")
    assert said in in_path
    assert in_figure.startswith("line 4: column 'price': ")
    assert "U+200B (zero width space)" in in_figure


# Sparse columns with --set.


@pytest.mark.parametrize(
    ("said", "bodies"),
    [
        ((), [{"price": 9.9}, {"compareToPrice": 12}]),
        (("--empty", "null"), [{"price": 9.9, "compareToPrice": None}]),
        (("--empty", "compareToPrice=null"), [{"price": 9.9, "compareToPrice": None}]),
    ],
)
def test_an_empty_cell_is_left_out_or_what_is_said(
    desk: Desk, said: tuple[str, ...], bodies: list[dict[str, Any]]
) -> None:
    """What is left out is counted, by what is set."""
    more = ("--set", "compareToPrice={compareToPrice}", *said)
    rows = ["1,9.90,\n", "2,,12\n"]
    for body, row in zip(bodies, rows, strict=False):
        done = desk.dry_run("p.csv", "product_id,price,compareToPrice\n" + row, *priced(), *more)
        assert done.code == 0, done.err
        left_out = [line for line in done.err if line.startswith("empty cells left out: 1 of ")]
        assert len(left_out) == (2 - len(body))
        told = desk.call(
            "submit", "p.csv", "--account", "shop", *priced(), *more, "--dry-run", "--json"
        )
        assert told.sample["body"] == body


def test_cells_of_a_row_that_is_refused_are_not_left_out(desk: Desk) -> None:
    """Only those of rows that would go are counted."""
    table = "product_id,price,compareToPrice\n1,9.90,\n2,,\n3,x,\n4,,12\n"
    done = desk.dry_run("p.csv", table, *priced(), "--set", "compareToPrice={compareToPrice}")
    assert done.refused[0] == (
        "line 3: all cells that would change something are empty: price, compareToPrice"
    )
    assert done.refused[1].startswith("line 4: column 'price': 'x' is not a number")
    assert "empty cells left out: 1 of compareToPrice, 1 of price" in done.err


# The options of tables, from a pipe.


def test_the_options_of_tables_hold_for_a_pipe(desk: Desk) -> None:
    """`--number`, `--text`, `--empty` and `--decimal`, of a table that can be read once."""
    text = b"sku;price;width;note\n007;1.234;1,5;\n008;5;2;x\n"
    call = ("submit", "-", "--account", "supplier", "--operation", "product-upsert", "--dry-run")
    said = ("--option", "data_type=P", "--decimal", "comma", "--number", "width")
    refused = desk.call(*call, *said, "--text", "price", stdin=text)
    assert refused.error.startswith("line 1: --text price: price must be a number")
    done = desk.call(*call, *said, "--text", "sku", "--empty", "note=text", "--json", stdin=text)
    assert done.sample["data"] == {"sku": "007", "price": 1234, "width": 1.5, "note": ""}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("--text", "nam"), "--text: there is no column 'nam'; did you mean 'name'?"),
        (("--number", "name", "--text", "name"), "--number name and --text name contradict"),
        (("--number", "name"), "--number name: name is text"),
        (("--empty", "blank"), "--empty"),
        (("--empty", "prize=null"), "prize"),
        (("--empty", "price=text"), "price"),
        (("--sheet", "Preise"), "--sheet is for workbooks, and this is CSV"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    desk: Desk, said: tuple[str, ...], message: str
) -> None:
    """In one line that names it."""
    done = desk.dry_run(
        "p.csv", "product_id,price,name\n1,5,x\n", *priced(), "--set", "name={name}", *said
    )
    assert done.code == 2
    assert message in done.err[-1]
    assert not done.out
