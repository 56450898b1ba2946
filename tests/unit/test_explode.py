"""A row for each element of a list in the body, in every format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict

import attrs
import msgspec
import pyarrow.parquet as pq
import pytest
from python_calamine import load_workbook
from support.tables import open_results
from typer.testing import CliRunner

from batchhub import ItemResult, ItemState
from batchhub.cli.app import app
from batchhub.errors import UsageError
from batchhub.models.rows import InputHead, InputRow, InputRows
from batchhub.tables import write_results
from batchhub_ecwid import EcwidAdapter, Order, OrderSearch

ORDER = {
    "id": "X1",
    "total": 9.90,
    "createDate": "2024-09-04 07:22:09 +0000",
    "items": [
        {"id": 1, "sku": "a", "price": 2.10, "taxes": [{"name": "VAT"}, {"name": "Eco"}]},
        {"id": 2, "sku": "b", "quantity": 3, "taxes": []},
    ],
}
EMPTY = {"id": "X2", "total": 0, "items": []}
PAGE = {"total": 2, "items": [ORDER, EMPTY]}


def done(number: int, body: Any) -> ItemResult:
    """Make a result with a body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ItemResult(id=f"{number}", state=ItemState.SUCCEEDED, code=200, raw=raw)


FAILED = ItemResult(
    id="9", state=ItemState.FAILED, code=404, message="gone", raw=b'{"items": [1, 2]}'
)
ROWS = [done(1, ORDER), done(2, EMPTY), FAILED]


def contents(path: Path) -> str:
    """Return what is in a file."""
    return path.read_text()


def names_in(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return [each.name for each in folder.iterdir()]


async def explode(path: Path, at: str, *rows: ItemResult, **said: Any) -> tuple[str, list[str]]:
    """Write results with a list taken apart; return the text of the file and the warnings."""
    written = await write_results(rows, path, explode=at, **said)
    assert written.count == len(rows)
    return contents(path), list(written.warnings)


async def test_a_row_for_each_element(tmp_path: Path) -> None:
    """What is not in the list is repeated; an empty list, and what failed, have a row."""
    text, warnings = await explode(
        tmp_path / "r.csv", "items", *ROWS, fields=["id,total,items.sku,items.quantity,message"]
    )
    assert text == (
        "id,total,items.sku,items.quantity,message\n1,9.9,a,,\n1,9.9,b,3,\n2,0,,,\n9,,,,gone\n"
    )
    assert warnings == []


async def test_the_list_stands_as_its_element(tmp_path: Path) -> None:
    """In JSON the body has the element in place of the list, all else in its order and digits."""
    raw = b'{"z": 1.10, "items": [{"n": 12345678901234567890}, null, 3], "a": "\xc3\xa9"}'
    text, _ = await explode(tmp_path / "r.jsonl", "items", done(1, raw), done(2, EMPTY), FAILED)
    bodies = [
        line.partition('"body":')[2].partition(',"vendor_ref"')[0] for line in text.splitlines()
    ]
    assert bodies == [
        '{"z":1.10,"items":{"n":12345678901234567890},"a":"é"}',
        '{"z":1.10,"items":null,"a":"é"}',
        '{"z":1.10,"items":3,"a":"é"}',
        '{"id":"X2","total":0,"items":null}',
        '{"items": [1, 2]}',
    ]


@pytest.mark.parametrize("name", ["r.tsv", "r.json", "r.csv.gz", "r.ndjson"])
async def test_every_format_has_as_many_rows(tmp_path: Path, name: str) -> None:
    """Each format has the rows that CSV has."""
    await open_results(tmp_path / name, explode="items", fields=["items.id"]).write(ROWS)
    read = (tmp_path / name).read_bytes()
    if name.endswith(".gz"):
        assert read[:2] == b"\x1f\x8b"
    elif name == "r.json":
        assert json.loads(read) == [{"items.id": each} for each in (1, 2, None, None)]
    else:
        assert len(read.splitlines()) == (4 if name == "r.ndjson" else 5)


async def test_excel(tmp_path: Path) -> None:
    """A workbook has the rows too, with numbers as numbers; what failed is on its own sheet."""
    path = tmp_path / "r.xlsx"
    await write_results(ROWS, path, explode="items", fields=["id", "items.sku", "items.price"])
    book = load_workbook(path)
    assert book.get_sheet_by_index(0).to_python() == [
        ["id", "items.sku", "items.price"],
        ["1", "a", 2.1],
        ["1", "b", ""],
        ["2", "", ""],
        ["9", "", ""],
    ]
    assert len(book.get_sheet_by_index(1).to_python()) == 2


async def test_a_list_in_a_list(tmp_path: Path) -> None:
    """A list on the way is taken apart as well; each row has the outer element that it is of."""
    text, warnings = await explode(
        tmp_path / "r.csv",
        "items.items",
        done(1, PAGE),
        fields=["total", "items.id", "items.items.sku"],
    )
    assert text == "total,items.id,items.items.sku\n2,X1,a\n2,X1,b\n2,X2,\n"
    assert warnings == []
    text, _ = await explode(
        tmp_path / "t.csv", "items.taxes", done(1, ORDER), fields=["items.sku,items.taxes.name"]
    )
    assert text == "items.sku,items.taxes.name\na,VAT\na,Eco\nb,\n"


async def test_a_body_that_is_a_list(tmp_path: Path) -> None:
    """``body`` takes a body apart that is a list itself."""
    rows = [done(1, [{"sku": "a"}, {"sku": "b"}]), done(2, [])]
    text, warnings = await explode(tmp_path / "r.csv", "body", *rows, fields=["id", "sku", "body"])
    assert text == 'id,sku,body\n1,a,"{""sku"":""a""}"\n1,b,"{""sku"":""b""}"\n2,,\n'
    assert warnings == []


async def test_no_list(tmp_path: Path) -> None:
    """Something other than a list is one row as it is; if no body has one, a warning says so."""
    rows = [done(1, {"items": {"sku": "a"}}), done(2, {"other": 1}), done(3, b"text")]
    text, warnings = await explode(tmp_path / "r.csv", "items", *rows, fields=["id", "items.sku"])
    assert text == "id,items.sku\n1,a\n2,\n3,\n"
    assert warnings == ["no result has a list at 'items'; is the name right?"]
    _, warnings = await explode(tmp_path / "f.csv", "items", FAILED)
    assert warnings == []
    _, warnings = await explode(tmp_path / "e.csv", "items.items", done(1, {"items": []}))
    assert warnings == []


async def test_typed_columns(tmp_path: Path) -> None:
    """With a type, and no fields, an element's fields are columns, typed; times are times."""
    path = tmp_path / "r.parquet"
    written = await write_results(
        [*ROWS, done(4, {"id": 5, "items": "none"})],
        path,
        as_type="order",
        adapter=EcwidAdapter,
        explode="items",
    )
    table = pq.read_table(path)
    assert table.num_rows == 5
    assert "items" not in table.column_names
    rows = table.select(["id", "total", "create_date", "items.sku", "items.price"]).to_pylist()
    made_at = rows[0]["create_date"]
    assert (made_at.isoformat(), made_at) == ("2024-09-04T07:22:09+00:00", rows[1]["create_date"])
    assert [(row["items.sku"], row["items.price"]) for row in rows] == [
        ("a", Decimal("2.1")),
        ("b", None),
        (None, None),
        (None, None),
        (None, None),
    ]
    assert str(table.schema.field("items.price").type) == "decimal128(38, 18)"
    assert json.loads(table["body"][4].as_py()) == {"id": 5, "items": "none"}
    assert len(written.warnings) == 1
    assert "can't be read as order" in written.warnings[0]


async def test_typed_fields(tmp_path: Path) -> None:
    """Chosen fields are of one element: a number, not a list, in Parquet and JSON alike."""
    said: dict[str, Any] = {"as_type": Order, "explode": "items", "fields": ["items.price"]}
    await write_results(ROWS[:1], tmp_path / "r.parquet", **said)
    assert pq.read_table(tmp_path / "r.parquet").to_pylist() == [
        {"items.price": Decimal("2.1")},
        {"items.price": None},
    ]
    await write_results(ROWS[:1], tmp_path / "r.jsonl", **said)
    assert (tmp_path / "r.jsonl").read_text() == '{"items.price":2.1}\n{"items.price":null}\n'


async def test_pages_of_orders(tmp_path: Path) -> None:
    """A page of a search is taken apart into its orders, or into their items."""
    path = tmp_path / "r.parquet"
    said: dict[str, Any] = {"as_type": OrderSearch}
    await write_results([done(1, PAGE)], path, explode="items", **said)
    table = pq.read_table(path)
    assert table["items.id"].to_pylist() == ["X1", "X2"]
    assert str(table.schema.field("items.create_date").type) == "timestamp[us, tz=UTC]"
    await write_results([done(1, PAGE)], path, explode="items.items", **said)
    table = pq.read_table(path)
    assert table["items.items.sku"].to_pylist() == ["a", "b", None]
    assert table["items.id"].to_pylist() == ["X1", "X1", "X2"]


@attrs.frozen
class _Line:
    sku: str
    message: str = ""


@attrs.frozen
class _Attrs:
    id: str
    items: list[_Line]


@dataclasses.dataclass(frozen=True)
class _Dataclass:
    id: str
    items: tuple[_Line, ...] | None = None


class _Camel(msgspec.Struct, rename="camel", frozen=True):
    id: str
    line_items: list[_Line]


class _Dict(TypedDict):
    id: str
    items: list[_Line]


@pytest.mark.parametrize("type_", [_Attrs, _Dataclass, _Dict], ids=lambda each: each.__name__)
async def test_types_of_any_library(tmp_path: Path, type_: Any) -> None:
    """The list may be in an attrs class, a dataclass or a `TypedDict`."""
    text, warnings = await explode(
        tmp_path / "r.csv",
        "items",
        done(1, {"id": "X", "items": [{"sku": "a", "message": "m"}, {"sku": "b"}]}),
        done(2, {"id": "Y", "items": []}),
        as_type=type_,
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    found = [[row[name] for name in ("body.id", "items.sku", "items.message")] for row in rows]
    assert found == [["X", "a", "m"], ["X", "b", ""], ["Y", "", ""]]
    assert warnings == []


@pytest.mark.parametrize("name", ["line_items", "lineItems", "body.line_items"])
async def test_either_name(tmp_path: Path, name: str) -> None:
    """With a type, the list may be named as in Python or as in JSON."""
    body = {"id": "X", "lineItems": [{"sku": "a"}, {"sku": "b"}]}
    said: dict[str, Any] = {"as_type": _Camel, "fields": ["lineItems.sku"]}
    text, _ = await explode(tmp_path / "r.csv", name, done(1, body), **said)
    assert text == "lineItems.sku\na\nb\n"


@pytest.mark.parametrize(
    ("at", "said", "message"),
    [
        ("", {}, "explode takes the name of one list, such as items, not ''"),
        ("a,b", {}, "explode takes the name of one list, such as items, not 'a,b'"),
        ("items.", {}, "explode takes the name of one list, such as items, not 'items.'"),
        ("id", {}, "explode: id is no list; write body.id for a list of that name in the body"),
        ("total", {"as_type": Order}, "explode: total is no list in Order"),
        (
            "itemss",
            {"as_type": Order},
            "explode: Order has no list 'itemss', in 'itemss'; did you mean 'items'?",
        ),
    ],
    ids=["empty", "two", "dot", "own", "no-list", "misspelt"],
)
async def test_what_is_no_list(tmp_path: Path, at: str, said: Any, message: str) -> None:
    """A path that can't be one is refused before anything is written."""
    with pytest.raises(UsageError) as raised:
        await explode(tmp_path / "r.csv", at, **said)
    assert str(raised.value).partition(" known:")[0] == message
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("slots", [False, True], ids=["dict", "slots"])
async def test_attrs_classes_of_either_kind(tmp_path: Path, slots: bool) -> None:
    """An attrs class keeps its elements with slots and without."""
    made = attrs.make_class("Made", {"items": attrs.field(type=list[int])}, slots=slots)
    body = {"items": [1, 2]}
    text, _ = await explode(
        tmp_path / "r.csv", "items", done(1, body), as_type=made, fields=["items"]
    )
    assert text == "items\n1\n2\n"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` refuses the option without a file, and names it as the command does."""
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(app, ["run", "i.jsonl", "--account", "a", "--explode", "items"])
    assert run.exit_code == 2
    assert "--explode needs --out, which names the file for the results" in run.output
    wrong = ["run", "i.jsonl", "--account", "a", "--explode", "id", "--out", "r.csv"]
    run = CliRunner().invoke(app, wrong)
    assert run.exit_code == 2
    assert "--explode: id is no list; write body.id for a list of that name" in run.output


async def _no_rows() -> AsyncIterator[InputRow]:
    none: list[InputRow] = []
    for row in none:
        yield row


async def test_rows_of_the_input(tmp_path: Path) -> None:
    """Rows of an input have a row each already: no list in an answer multiplies them."""
    head = InputHead(
        name="i.csv",
        format="csv",
        columns=("id",),
        delimiter=",",
        encoding="utf-8",
        has_bom=False,
        place="line",
    )
    with pytest.raises(UsageError) as raised:
        await write_results(InputRows(head, _no_rows), tmp_path / "r.csv", explode="items")
    assert str(raised.value) == "explode is for results alone; rows have the columns of the input"
    assert names_in(tmp_path) == []
