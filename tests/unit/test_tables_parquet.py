"""Typed columns: Parquet and CSV of what an adapter reads bodies as, and of plain JSON."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import open_results
from support.vendor import ScriptedAdapter

from batchhub import ItemResult, ItemState
from batchhub._settings.registry import Registry
from batchhub.errors import AdapterError, NotKnownError, UsageError
from batchhub.tables import Written, write_results

MONEY, TEXT = pa.decimal128(38, 18), pa.string()


class Colour(StrEnum):
    """A word of a closed list."""

    RED = "red"


class Line(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A line of a thing."""

    sku: str | None = None
    unit_price: Decimal | None = None
    made: datetime | None = None
    option: str | int | None = None


class Thing(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the scripted vendor answers, with every kind of field."""

    id: str | None = None
    total: Decimal | None = None
    made_at: str | None = None
    is_paid: bool | None = None
    number: int | None = None
    share: float | None = None
    lines: tuple[Line, ...] | None = None
    one_or_many: str | list[str] | None = None
    tags: tuple[str, ...] | None = None
    texts: Mapping[str, str] | None = None
    anything: Any = None
    things: list[Any] | None = None

    @property
    def made_at_time(self) -> datetime | None:
        """`made_at` as a time."""
        return None if self.made_at is None else datetime.fromisoformat(self.made_at)

    @property
    def sold(self) -> datetime | None:
        """A time that has no field of its own."""
        return self.made_at_time


class Closed(msgspec.Struct):
    """A thing that needs a field, and may hold another of its kind."""

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
    "lines": [{"sku": "a", "unitPrice": 1.25, "new": 1, "option": 7}, {"sku": "b", "option": "x"}],
    "oneOrMany": ["c"],
    "tags": ["x", "y"],
    "texts": {"en": "hi"},
    "anything": [1, {"a": None}],
    "things": [1, "b"],
    "unheard": {"of": True},
}


def result(item_id: str, body: Any, state: ItemState = ItemState.SUCCEEDED) -> ItemResult:
    """Make the result of an item; a body in bytes is left as it is."""
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    return ItemResult(id=item_id, state=state, code=200, raw=raw)


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


async def write(out: Path, rows: Iterable[ItemResult], **said: Any) -> Written:
    """Write results as the command does."""
    writer = open_results(out, **said)
    if writer.needs_adapter:
        writer.fit(ScriptedAdapter)
    return await writer.write(rows)


async def export(out: Path, rows: Iterable[ItemResult], **said: Any) -> pa.Table:
    """Write results, and read them again as a table; nothing is warned of."""
    assert (await write(out, rows, **said)).warnings == ()
    return open_parquet(out).read()


async def test_without_a_type_there_are_six_columns(out: Path) -> None:
    """The keys of every result, the body as JSON text; nothing at all is a file of no rows."""
    table = await export(out, [GOOD, result("2", None, ItemState.UNKNOWN)])
    names = ["id", "state", "code", "message", "vendor_ref", "body"]
    assert table.schema.names == names
    assert table.schema.field("code").type == pa.int64()
    assert json.loads(table["body"][0].as_py()) == THING
    assert table["state"].to_pylist() == ["succeeded", "unknown"]
    assert (await export(out, [])).schema.names == names


async def test_a_type_makes_columns(out: Path) -> None:
    """Each field is a column of its type; what may be anything is JSON text, a text plain."""
    table = await export(out, [GOOD], as_type="thing")
    line = pa.struct([("sku", TEXT), ("unit_price", MONEY), ("made", TEXT), ("option", TEXT)])
    found = {field.name: field.type for field in table.schema}
    assert list(found)[:7] == ["id", "state", "code", "message", "vendor_ref", "body", "body.id"]
    assert {name: found[name] for name in list(found)[6:]} == {
        "body.id": TEXT,
        "total": MONEY,
        "made_at": pa.timestamp("us", tz="UTC"),
        "is_paid": pa.bool_(),
        "number": pa.int64(),
        "share": pa.float64(),
        "lines": pa.list_(pa.field("element", line)),
        "one_or_many": TEXT,
        "tags": pa.list_(pa.field("element", TEXT)),
        "texts": TEXT,
        "anything": TEXT,
        "things": TEXT,
        "sold": pa.timestamp("us", tz="UTC"),
    }
    (row,) = table.to_pylist()
    assert (row["id"], row["body.id"], row["body"]) == ("1", "T1", None)
    assert (row["total"], row["is_paid"], row["number"], row["share"]) == (
        *(Decimal("9.9"), True, 7, 0.5),
    )
    assert row["made_at"] == row["sold"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert row["lines"] == [
        {"sku": "a", "unit_price": Decimal("1.25"), "made": None, "option": "7"},
        {"sku": "b", "unit_price": None, "made": None, "option": "x"},
    ]
    assert (row["one_or_many"], row["tags"], row["texts"]) == ('["c"]', ["x", "y"], '{"en":"hi"}')
    assert (row["anything"], row["things"]) == ('[1,{"a":null}]', '[1,"b"]')


async def test_every_digit_is_kept(out: Path) -> None:
    """Exact numbers, whole numbers above 2**53, nulls and any script come through."""
    rows = [
        result("1", b'{"total":12345678901234567890.123456789012345678,"number":9007199254740993}'),
        result("2", b'{"total":-1E-5,"number":-9223372036854775808,"lines":[]}'),
        result("3", {"total": None, "lines": None, "id": 'Ünïcödé \u2028 😀 \n\t"'}),
        result("4", {}),
        result("5", b'{"lines":[{"unitPrice":0.1},{}],"total":"1.5"}'),
    ]
    table = await export(out, rows, as_type="thing")
    assert table["total"].to_pylist() == [
        *(Decimal("12345678901234567890.123456789012345678"), Decimal("-0.00001")),
        *(None, None, Decimal("1.5")),
    ]
    assert table["number"].to_pylist()[:2] == [9007199254740993, -(2**63)]
    assert table["body.id"][2].as_py() == 'Ünïcödé \u2028 😀 \n\t"'
    assert [None if each is None else len(each) for each in table["lines"].to_pylist()] == [
        *(None, 0, None, None, 2),
    ]
    assert table["lines"][4].as_py()[0]["unit_price"] == Decimal("0.1")


async def test_what_is_no_such_type_is_left_as_it_came(out: Path) -> None:
    """A body that can't be read keeps its place as JSON; of successes the first is named."""
    rows = [
        result("bad", {"total": "much"}, ItemState.FAILED),
        result("worse", {"id": "x", "number": "seven"}),
        result("none", [1]),
        GOOD,
    ]
    written = await write(out, rows, as_type="thing")
    table = open_parquet(out).read()
    assert table["body"].to_pylist() == [
        *('{"total":"much"}', '{"id":"x","number":"seven"}', "[1]", None),
    ]
    assert table["total"].to_pylist() == [None, None, None, Decimal("9.9")]
    assert table["state"].to_pylist() == ["failed", "succeeded", "succeeded", "succeeded"]
    (line,) = written.warnings
    assert line.startswith("2 results succeeded with a body that can't be read as thing;")
    assert "first item 'worse': " in line
    assert "$.number" in line


async def test_numbers_that_no_column_holds_stay_in_the_body(out: Path) -> None:
    """A number that is too large leaves its body as JSON; one with too many digits is rounded."""
    rows = [
        GOOD,
        result("big", {"number": 2**70}),
        result("huge", {"lines": [{"sku": "a", "unitPrice": 10**30}]}),
        result("text", b'{"total":"1e30"}'),
        result("fine", b'{"total":0.12345678901234567891,"share":1.7763568394002505e-15}'),
    ]
    written = await write(out, rows, as_type="thing")
    table = open_parquet(out).read()
    assert table["id"].to_pylist() == ["1", "big", "huge", "text", "fine"]
    assert table["body"].to_pylist()[:2] == [None, f'{{"number":{2**70}}}']
    assert json.loads(table["body"][2].as_py())["lines"][0]["unitPrice"] == 10**30
    assert table["total"].to_pylist() == [
        *(Decimal("9.9"), None, None, None, Decimal("0.123456789012345679")),
    ]
    assert table["share"][4].as_py() == pytest.approx(1.7763568394002505e-15, abs=1e-18)
    (line,) = written.warnings
    assert line.startswith("3 results succeeded with a body that can't be read as thing; first ")


async def test_fields_go_by_both_names(out: Path) -> None:
    """Names in Python and on the wire mean the same; a column has the name that was asked for."""
    fields = ["id,total,made_at,madeAt,lines.unitPrice,lines.unit_price"]
    fields += ["body.id,body.unheard.of,lines,lines.0.option,body"]
    table = await export(out, [GOOD], as_type="thing", fields=fields)
    assert table.schema.names == ",".join(fields).split(",")
    assert table.schema.field("lines.unitPrice").type == pa.list_(pa.field("element", MONEY))
    (row,) = table.to_pylist()
    assert row["made_at"] == row["madeAt"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert row["lines.unitPrice"] == row["lines.unit_price"] == [Decimal("1.25"), None]
    assert (row["id"], row["body.id"], row["body.unheard.of"]) == ("1", "T1", "true")
    assert (row["lines"][0]["unit_price"], row["lines.0.option"]) == (Decimal("1.25"), "7")
    assert json.loads(row["body"]) == THING


async def test_typed_csv_and_lines_have_every_digit(out: Path) -> None:
    """Exact numbers stay exact, times are in UTC, lists are joined, objects are JSON."""
    raw = (
        b'{"total":12345678901234567890.123456789,"madeAt":"2026-11-20T10:00:00+02:00",'
        b'"tags":["x","y"],"lines":[{}]}'
    )
    fields = ["total,made_at,tags,lines"]
    csv, lines = out.with_suffix(".csv"), out.with_suffix(".jsonl")
    await write(csv, [result("1", raw)], as_type="thing", fields=fields)
    await write(lines, [result("1", raw)], as_type="thing", fields=fields)
    assert csv.read_text().splitlines()[1] == (
        "12345678901234567890.123456789,2026-11-20T08:00:00.000Z,x;y,[{}]"
    )
    assert lines.read_bytes().startswith(b'{"total":12345678901234567890.123456789,"made_at":"')


async def test_a_text_that_is_no_time_is_named(out: Path) -> None:
    """Where a column of times can't hold a text, CSV has the text and Parquet says so."""
    rows = [GOOD, result("odd", {"madeAt": "yesterday"})]
    fields = ["id,made_at"]
    written = await write(out, rows, as_type="thing", fields=fields)
    assert open_parquet(out).read()["made_at"].null_count == 1
    assert written.warnings == (
        "1 value did not fit the column and are empty; first made_at of item 'odd'",
    )
    csv = out.with_suffix(".csv")
    assert (await write(csv, rows, as_type="thing", fields=fields)).warnings == ()
    assert csv.read_text().splitlines()[2] == "odd,yesterday"


async def test_a_type_knows_its_fields(out: Path) -> None:
    """A field that can't be is refused at once, with names like it; a class in itself is JSON."""
    with pytest.raises(UsageError, match=r"Closed has no field 'color'.*did you mean 'colour'"):
        await write(out, [], as_type="closed", fields=["color"])
    with pytest.raises(UsageError, match=r"nothing in 'colour\.name' that could be called"):
        await write(out, [], as_type="closed", fields=["colour.name"])
    body = {"colour": "red", "next": {"colour": "red", "next": {"colour": "red"}}}
    (row,) = (await export(out, [result("1", body)], as_type="closed")).to_pylist()
    assert row["colour"] == "red"
    assert row["next"]["colour"] == "red"
    assert json.loads(row["next"]["next"])["colour"] == "red"


@attrs.frozen
class WithAttrs:
    """A type of attrs."""

    id: str
    price: Decimal
    day: date | None = None


@dataclass
class WithDataclass:
    """A type of the standard library."""

    id: str
    price: Decimal
    day: date | None = None


@pytest.mark.parametrize("kind", [WithAttrs, WithDataclass])
async def test_other_classes_make_columns_too(out: Path, kind: type[Any]) -> None:
    """A user's own class is given as it is; its days are days."""
    row = result("1", b'{"id":"a","price":1.10,"day":"2026-11-20"}')
    await write_results([row], out, as_type=kind)
    table = open_parquet(out).read()
    assert table.schema.field("price").type == MONEY
    assert (table["price"][0].as_py(), table["day"][0].as_py()) == (
        *(Decimal("1.1"), date(2026, 11, 20)),
    )
    no_class: Any
    for no_class in (int, list[int]):
        with pytest.raises(
            UsageError, match=r"as_type is a msgspec\.Struct, an attrs class, a dataclass"
        ):
            await write_results([row], out, as_type=no_class)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere:Thing", "does not load: ModuleNotFoundError"),
        (f"{__name__}:nothing", "does not load: AttributeError"),
        ("json:dumps", r"json:dumps is no msgspec\.Struct, attrs class, dataclass or TypedDict"),
    ],
)
def test_a_type_that_does_not_load_is_the_adapters(
    out: Path, monkeypatch: pytest.MonkeyPatch, place: str, message: str
) -> None:
    """It is one line, with the adapter's name; an unknown one with those there are."""
    monkeypatch.setattr(ScriptedAdapter, "types", {"thing": place})
    with pytest.raises(AdapterError, match=f"type 'thing' of adapter 'scripted'.*{message}"):
        open_results(out, as_type="thing").fit(ScriptedAdapter)
    with pytest.raises(NotKnownError, match="no type named 'thin'; known: thing"):
        open_results(out, as_type="thin").fit(ScriptedAdapter)


async def test_every_type_of_an_installed_adapter_makes_columns(out: Path) -> None:
    """What an adapter names is there, and each of its fields has a place in Arrow."""
    registry = Registry()
    for adapter in map(registry.get, registry.names):
        for name in adapter.types:
            writer = open_results(out, as_type=name)
            writer.fit(adapter)
            await writer.write([result("1", {}, ItemState.FAILED)])
            assert len(open_parquet(out).read().schema) > 6


async def test_plain_fields_are_text(out: Path) -> None:
    """Without a type nothing is guessed: a text is there as it is, all else as JSON."""
    values = [None, 1, 2.50, True, "a", {"a": 1}, [1, None], 2**70]
    rows = [result(str(n), {"f": value}) for n, value in enumerate(values)]
    table = await export(out, rows, fields=["id,f"])
    assert table.schema.field("f").type == TEXT
    assert table["f"].to_pylist() == [
        *(None, "1", "2.5", "true", "a", '{"a":1}', "[1,null]", str(2**70)),
    ]


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


async def test_what_breaks_off_does_not_look_whole() -> None:
    """When results can't be read to their end, what a pipe got is no file that can be read."""

    async def break_off() -> AsyncIterator[ItemResult]:
        yield GOOD
        raise KeyboardInterrupt

    stream = io.BytesIO()
    with pytest.raises(KeyboardInterrupt):
        await write_results(break_off(), stream, format="parquet")
    assert stream.getvalue() in {b"", b"PAR1"}


async def test_a_pipe_takes_parquet_and_a_terminal_does_not(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output gets the same bytes as a file, unless somebody looks at it."""
    await write_results([GOOD], "-", format="parquet")
    assert pq.read_table(io.BytesIO(capfdbinary.readouterr().out))["id"].to_pylist() == ["1"]
    screen, terminal = os.openpty()
    with os.fdopen(screen), os.fdopen(terminal, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        with pytest.raises(UsageError, match="Parquet is not for a terminal"):
            await write_results([GOOD], "-", format="parquet")


@settings(deadline=None, max_examples=60)
@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.text(st.characters(exclude_categories=["Cs"])),
)
async def test_no_value_of_its_type_breaks_an_export(
    number: Decimal, whole: int, text: str
) -> None:
    """Any exact number and any text is held, or its body is left as it came."""
    raw = b'{"total":%s,"number":%d,"id":%s}' % (
        *(str(number).encode(), whole, json.dumps(text).encode()),
    )
    stream = io.BytesIO()
    written = await write_results([result("1", raw)], stream, format="parquet", as_type=Thing)
    (row,) = pq.read_table(io.BytesIO(stream.getvalue())).to_pylist()
    if written.warnings:
        assert row["body"] == raw.decode()
    else:
        assert (row["number"], row["body.id"]) == (whole, text)
        assert abs(row["total"] - number) <= Decimal("5e-19")
