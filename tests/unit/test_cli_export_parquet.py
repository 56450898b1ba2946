"""Typed columns: Parquet and CSV of what an adapter reads bodies as, and of plain JSON."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from support.vendor import ScriptedAdapter

from batchhub import ItemResult, ItemState
from batchhub._settings.registry import Registry
from batchhub._tables.writing import ResultsWriter
from batchhub._tables.writing.arrow import Layouts, UnfitError
from batchhub._tables.writing.columns import make_table
from batchhub._tables.writing.guess import Guess
from batchhub._tables.writing.kinds import bare, find_kind
from batchhub._tables.writing.parquet import Parquet
from batchhub._tables.writing.types import load_type
from batchhub.cli.shell.options import Export
from batchhub.errors import AdapterError, NotKnownError, UsageError
from batchhub.wire import read_time


class Colour(StrEnum):
    """A word of a closed list."""

    RED = "red"


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A line of a thing."""

    sku: str | None = None
    unit_price: Decimal | None = None


class Thing(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the scripted vendor answers, with every kind of field."""

    id: str | None = None
    total: Decimal | None = None
    made_at: str | None = None
    is_paid: bool | None = None
    number: int | None = None
    share: float | None = None
    lines: tuple[Line, ...] | None = None
    one_or_many: Line | tuple[Line, ...] | None = None
    tags: tuple[str, ...] | None = None
    texts: Mapping[str, str] | None = None
    anything: Any = None

    @property
    def made_at_time(self) -> datetime | None:
        """The text beside it, read."""
        return read_time(self.made_at)


@frozen(kw_only=True)
class Closed:
    """A thing of which all fields are known."""

    colour: Colour
    day: date | None = None
    next: Closed | None = None


THING = {
    "id": "T1",
    "total": 9.90,
    "madeAt": "2026-11-20T10:00:00+02:00",
    "isPaid": True,
    "number": 7,
    "share": 0.5,
    "lines": [{"sku": "a", "unitPrice": 1.25, "new": 1}, {"sku": "b"}],
    "oneOrMany": {"sku": "c"},
    "tags": ["x", "y"],
    "texts": {"en": "hi"},
    "anything": [1, {"a": None}],
    "unheard": {"of": True},
}


def result(item_id: str, body: Any, state: ItemState = ItemState.SUCCEEDED) -> ItemResult:
    """Make the result of an item."""
    return ItemResult(id=item_id, state=state, code=200, raw=json.dumps(body).encode())


GOOD = result("1", THING)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the export goes; the scripted adapter reads bodies as things."""
    types = {"Thing": f"{__name__}:Thing", "closed": f"{__name__}:Closed"}
    monkeypatch.setattr(ScriptedAdapter, "types", types)
    return tmp_path / "r.parquet"


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a file of Parquet."""
    return pq.ParquetFile(io.BytesIO(path.read_bytes()))


async def export(out: Path, rows: Iterable[ItemResult], **said: Any) -> pa.Table:
    """Write results, and read them again as a table."""

    async def read() -> AsyncIterator[ItemResult]:
        for row in rows:
            yield row

    writer = ResultsWriter(Export(out=str(out), **said))
    if writer.needs_adapter:
        writer.fit(ScriptedAdapter)
    await writer.write(read)
    return open_parquet(out).read() if out.suffix == ".parquet" else None


async def test_without_a_type_there_are_six_columns(out: Path) -> None:
    """The keys of every result, the body as JSON text; nothing at all is a file of no rows."""
    table = await export(out, [GOOD, result("2", None, ItemState.UNKNOWN)])
    names = ["id", "state", "code", "message", "vendor_ref", "body"]
    assert table.schema.names == names
    assert table.schema.field("code").type == pa.int64()
    assert json.loads(table["body"][0].as_py()) == THING
    assert table["state"].to_pylist() == ["succeeded", "unknown"]
    assert (await export(out, [])).schema.names == names


async def test_a_type_makes_columns(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each field is a column of its type; a text beside a property that reads it is a time."""
    table = await export(out, [GOOD], as_="thing")
    money, text = pa.decimal128(38, 18), pa.string()
    line = pa.struct([("sku", text), ("unit_price", money)])
    lines = pa.list_(pa.field("element", line))
    found = {field.name: field.type for field in table.schema}
    assert list(found)[:7] == ["id", "state", "code", "message", "vendor_ref", "body", "body.id"]
    assert {name: found[name] for name in list(found)[6:]} == {
        "body.id": text,
        "total": money,
        "made_at": pa.timestamp("us", tz="UTC"),
        "is_paid": pa.bool_(),
        "number": pa.int64(),
        "share": pa.float64(),
        "lines": lines,
        "one_or_many": lines,
        "tags": pa.list_(pa.field("element", text)),
        "texts": text,
        "anything": text,
    }
    (row,) = table.to_pylist()
    assert (row["id"], row["body.id"], row["body"]) == ("1", "T1", None)
    assert (row["total"], row["is_paid"], row["number"], row["share"]) == (
        *(Decimal("9.9"), True, 7, 0.5),
    )
    assert row["made_at"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert row["lines"] == [
        {"sku": "a", "unit_price": Decimal("1.25")},
        {"sku": "b", "unit_price": None},
    ]
    assert row["one_or_many"] == [{"sku": "c", "unit_price": None}]
    assert (row["tags"], row["texts"]) == (["x", "y"], '{"en":"hi"}')
    assert row["anything"] == '[1,{"a":null}]'
    assert capsys.readouterr().err == ""


async def test_what_is_no_such_type_is_left_as_it_came(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A body that can't be read keeps its place as JSON; of successes the first is told."""
    rows = [
        result("bad", {"total": "much"}, ItemState.FAILED),
        result("worse", {"id": "x", "number": "seven"}),
        result("none", [1]),
        GOOD,
    ]
    table = await export(out, rows, as_="thing")
    assert table["body"].to_pylist() == [
        *('{"total":"much"}', '{"id":"x","number":"seven"}', "[1]", None),
    ]
    assert table["total"].to_pylist() == [None, None, None, Decimal("9.9")]
    assert table["state"].to_pylist() == ["failed", "succeeded", "succeeded", "succeeded"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: 2 results succeeded with a body that can't be read as thing;")
    assert "first item 'worse': " in line
    assert "$.number" in line


async def test_fields_go_by_both_names(out: Path) -> None:
    """Names in Python and on the wire mean the same; a column has the name that was asked for."""
    fields = ["id,total,made_at,madeAt,lines.unitPrice,lines.unit_price,body.id"]
    table = await export(out, [GOOD], as_="thing", fields=fields)
    assert table.schema.names == fields[0].split(",")
    assert table.schema.field("lines.unitPrice").type == pa.list_(
        pa.field("element", pa.decimal128(38, 18))
    )
    (row,) = table.to_pylist()
    assert row["made_at"] == row["madeAt"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert row["lines.unitPrice"] == row["lines.unit_price"] == [Decimal("1.25"), None]
    assert (row["id"], row["body.id"]) == ("1", "T1")


async def test_typed_csv_and_lines_have_every_digit(out: Path) -> None:
    """Exact numbers stay exact, times are in UTC, lists are joined, objects are JSON."""
    body = {"total": 1, "madeAt": "2026-11-20T10:00:00+02:00", "tags": ["x", "y"], "lines": [{}]}
    raw = json.dumps(body).replace("1,", "12345678901234567890.123456789,", 1).encode()
    row = ItemResult(id="1", state=ItemState.SUCCEEDED, raw=raw)
    fields = ["total,made_at,tags,lines"]
    csv, lines = out.with_suffix(".csv"), out.with_suffix(".jsonl")
    await export(csv, [row], as_="thing", fields=fields)
    await export(lines, [row], as_="thing", fields=fields)
    assert csv.read_text().splitlines()[1] == (
        "12345678901234567890.123456789,2026-11-20T08:00:00.000Z,x;y,[{}]"
    )
    assert lines.read_bytes().startswith(b'{"total":12345678901234567890.123456789,"made_at":"')


async def test_a_text_that_is_no_time_leaves_its_column_empty(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An offset is not guessed: the time is empty with a warning, and CSV has the text."""
    row = result("1", {"madeAt": "Dec 12, 2017 8:00:00 PM"})
    table = await export(out, [row], as_="thing")
    assert table["made_at"].to_pylist() == [None]
    assert "first made_at of item '1'" in capsys.readouterr().err
    csv = out.with_suffix(".csv")
    await export(csv, [row], as_="thing", fields=["made_at"])
    assert csv.read_text().splitlines()[1] == '"Dec 12, 2017 8:00:00 PM"'


async def test_values_that_do_not_fit_are_told(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number too large for its column is left out of it, alone, and the first is named."""
    rows = [
        result("big", {**THING, "number": 2**70, "lines": [{"sku": "a", "unitPrice": 10**30}]}),
        result("fine", {"total": 0.1234567890123456789}),
    ]
    table = await export(out, rows, as_="thing")
    assert table["number"].to_pylist() == [None, None]
    assert table["lines"][0].as_py() == [{"sku": "a", "unit_price": None}]
    assert table["id"].to_pylist() == ["big", "fine"]
    assert capsys.readouterr().err == (
        "warning: 2 values did not fit the column and are empty; first number of item 'big'\n"
    )


async def test_a_closed_type_knows_its_fields(out: Path) -> None:
    """A field that can't be is refused at once, with names like it; a class in itself is JSON."""
    with pytest.raises(UsageError, match=r"Closed has no field 'color'.*did you mean colour\?"):
        await export(out, [], as_="closed", fields=["color"])
    with pytest.raises(UsageError, match=r"nothing in 'colour\.name' that could be called"):
        await export(out, [], as_="closed", fields=["colour.name"])
    body = {"colour": "red", "next": {"colour": "red", "next": {"colour": "red"}}}
    (row,) = (await export(out, [result("1", body)], as_="closed")).to_pylist()
    assert row["colour"] == "red"
    assert row["next"]["colour"] == "red"
    assert json.loads(row["next"]["next"])["colour"] == "red"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere:Thing", "does not load: ModuleNotFoundError"),
        (f"{__name__}:nothing", "does not load: AttributeError"),
        ("json:dumps", "json:dumps is no struct or attrs class"),
    ],
)
def test_a_type_that_does_not_load_is_the_adapters(
    out: Path, monkeypatch: pytest.MonkeyPatch, place: str, message: str
) -> None:
    """It is told in one line, with the adapter's name; an unknown one with those there are."""
    monkeypatch.setattr(ScriptedAdapter, "types", {"thing": place})
    with pytest.raises(AdapterError, match=f"type 'thing' of adapter 'scripted'.*{message}"):
        ResultsWriter(Export(out=str(out), as_="thing")).fit(ScriptedAdapter)
    with pytest.raises(NotKnownError, match="no type named 'thin'; known: thing"):
        ResultsWriter(Export(out=str(out), as_="thin")).fit(ScriptedAdapter)


def test_every_type_of_an_installed_adapter_makes_columns() -> None:
    """What an adapter names is there, and each of its fields has a place in Arrow."""
    registry = Registry()
    for adapter in map(registry.get, registry.names):
        for name in adapter.types:
            table = make_table([], load_type(adapter, name), name)
            kinds = [column.kind for column in table.columns]
            assert all(Layouts(pa, lambda: None).make(kind).type for kind in kinds)


# What only the values tell.


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([None, 1, 2], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([True, None], pa.bool_()),
        (["a", "b"], pa.string()),
        ([1, "a"], pa.string()),
        ([True, 1], pa.string()),
        ([2**70, 1], pa.string()),
        ([{"a": 1}], pa.string()),
        ([[1, None], [2]], pa.list_(pa.field("element", pa.int64()))),
        ([[1], ["a"]], pa.string()),
        ([[1], 1], pa.string()),
        ([[]], pa.list_(pa.field("element", pa.string()))),
        ([], pa.string()),
    ],
)
async def test_plain_fields_have_the_kind_that_holds_them_all(
    out: Path, values: list[Any], kind: pa.DataType
) -> None:
    """Of plain JSON all values are looked at first; nothing is lost, whatever comes last."""
    rows = [result(str(n), {"f": value}) for n, value in enumerate(values)]
    table = await export(out, rows, fields=["id,f"])
    assert table.schema.field("f").type == kind
    text = kind == pa.string()
    assert table["f"].to_pylist() == [
        json.dumps(value, separators=(",", ":"))
        if text and value is not None and not isinstance(value, str)
        else value
        for value in values
    ]


_plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.lists(_plain | st.lists(_plain, max_size=3), max_size=4))
def test_the_kind_does_not_depend_on_the_order(values: list[Any]) -> None:
    """However the values come, the column is of one kind."""

    def guess(seen: Iterable[Any]) -> Any:
        made = Guess()
        for value in seen:
            made.see(value)
        return made.kind

    assert guess(values) == guess(reversed(values))


def test_types_are_looked_through() -> None:
    """That something may be absent, or one or many, makes no other column."""
    assert bare(int | None) is int
    assert bare(int | tuple[int, ...] | None) == tuple[int, ...]
    assert bare(int | str) is Any
    assert find_kind(Thing, ("lines", "0", "unit_price"), "") is Decimal
    assert find_kind(Thing, ("texts", "en"), "") is str
    assert find_kind(Thing, ("anything", "a"), "") is None


# Where it goes.


async def test_a_large_export_is_written_in_groups(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are packed as they come and written when there are enough of them."""
    monkeypatch.setattr("batchhub._tables.writing.parquet._GROUP_ROWS", 1000)
    await export(out, (result(str(n), {}) for n in range(2300)), fields=["id"])
    file = open_parquet(out)
    groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [1000, 1000, 300]
    assert file.read()["id"].to_pylist() == [str(n) for n in range(2300)]


def test_what_breaks_off_does_not_look_whole() -> None:
    """When results can't be read to their end, what a pipe got is no file that can be read."""
    stream = io.BytesIO()
    parquet = Parquet(stream, make_table(["id"]))
    parquet.add(GOOD)
    parquet.drop()
    assert stream.getvalue() in {b"", b"PAR1"}


async def test_a_pipe_takes_parquet_and_a_terminal_does_not(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output gets the same bytes as a file, unless somebody looks at it."""

    async def read() -> AsyncIterator[ItemResult]:
        yield GOOD

    await ResultsWriter(Export(form="parquet")).write(read)
    assert pq.read_table(io.BytesIO(capfdbinary.readouterr().out))["id"].to_pylist() == ["1"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(UsageError, match="Parquet is not for a terminal"):
        ResultsWriter(Export(form="parquet"))


@given(
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14))])),
    st.decimals(allow_nan=False, allow_infinity=False),
)
def test_no_value_of_its_type_breaks_an_export(moment: datetime, number: Decimal) -> None:
    """Any time and any exact number is held, or said not to be."""
    layouts = Layouts(pa, lambda: None)
    for kind, value in ((datetime, moment), (Decimal, number)):
        layout = layouts.make(kind)
        try:
            made = pa.array([layout.convert(value)], type=layout.type)
        except UnfitError:
            continue
        assert made[0].as_py() == value or kind is Decimal
