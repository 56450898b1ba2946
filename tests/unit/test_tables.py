"""`batchhub.tables`: files in and out from Python, in the words of Python."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import threading
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hubs import scripted_world
from support.patience import PATIENCE_S
from support.vendor import ScriptedAdapter, Vendor

from batchhub import ItemResult, ItemState
from batchhub.adapter import Kind
from batchhub.errors import InputError, UsageError
from batchhub.tables import read_items, write_results


class Exact(ScriptedAdapter):
    """An adapter whose items have a text among their keys."""

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Some of them are text."""
        del operation, item
        return {"sku": Kind.TEXT}


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A table of two rows, and one that is none."""
    path = tmp_path / "prices.csv"
    path.write_text("sku,price\n007,9.90\n12,4.50,x\n13,1\n")
    return path


def contents(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


def rewrite(path: Path, data: bytes) -> None:
    """Write other bytes into a file."""
    path.write_bytes(data)


def result(raw: bytes | None, item_id: str = "1") -> ItemResult:
    """Make the result of an item."""
    return ItemResult(id=item_id, state=ItemState.SUCCEEDED, code=200, raw=raw)


async def write(raw: bytes | None, **said: Any) -> bytes:
    """Write one result to a stream and return what is in it."""
    stream = io.BytesIO()
    await write_results([result(raw)], stream, **said)
    return stream.getvalue()


# Items.


def test_items_are_read_without_an_event_loop(prices: Path) -> None:
    """`for` gives the same items as `async for`, with the line of each."""
    refused: list[InputError] = []
    items = read_items(prices, adapter=Exact, on_refused=refused.append)
    assert [(items.line, item) for item in items] == [
        (2, {"sku": "007", "price": Decimal("9.90")}),
        (4, {"sku": "13", "price": 1}),
    ]
    assert [error.line for error in refused] == [3]

    async def read() -> list[Any]:
        return [item async for item in read_items(prices, adapter=Exact, on_refused=print)]

    assert len(asyncio.run(read())) == 2


async def test_items_are_handed_to_a_hub(prices: Path) -> None:
    """What is read is what `submit` takes; an error names the file and the line."""
    async with scripted_world(Vendor()) as world:
        items = read_items(
            prices, adapter=ScriptedAdapter, set={"n": "{price}", "note": "x"}, id="{sku}"
        )
        with pytest.raises(InputError) as caught:
            await world.hub.submit("shop", items)
        assert str(items.explain(caught.value)).startswith(f"{prices}: line 3: the row has 3 cells")
        rewrite(prices, contents(prices).replace(b",x\n", b"\n"))
        again = read_items(prices, adapter=ScriptedAdapter, set={"n": "{price}"}, id="{sku}")
        job = await world.hub.submit("shop", again)
        await job.wait()
        assert [r.id async for r in job.results()] == ["007", "12", "13"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"format": "xml"}, "format must be one of jsonl, csv, tsv, json, xlsx, not 'xml'"),
        ({"decimal": "x"}, "decimal is point or comma, not 'x'"),
        ({"delimiter": "ab"}, "delimiter is one character or the word tab, not 'ab'"),
        ({"encoding": "nope"}, "encoding: there is no encoding 'nope'"),
        ({"set": {"a": "{b"}}, "set: '{b' has a { alone"),
        ({"set": {"a": 5}}, "set: a takes a template, which is text such as '{a}', not 5"),
        ({"set": "price"}, "set: 'price' is not of the form NAME=TEMPLATE"),
        (
            {"adapter": "ecwid"},
            "adapter is a class, not 'ecwid'; import it from the adapter's package",
        ),
        ({"adapter": 5}, "adapter is a class, not int; import it from the adapter's package"),
        ({"id": "{a}"}, "id names the items that map and set make"),
        ({"map": "PUT /{sku}"}, "map is in the words of an adapter; give adapter, too"),
        ({"adapter": Exact, "operation": "nope"}, "no operation named 'nope'; known: more, work"),
        ({"format": "jsonl", "text": ["a"]}, "text is for tables, and this is JSON Lines"),
    ],
)
def test_an_argument_has_its_own_name(prices: Path, said: dict[str, Any], message: str) -> None:
    """Messages name arguments as Python does, not as the command's options."""
    with pytest.raises(UsageError) as caught:
        read_items(prices, **said)
    assert str(caught.value).startswith(message)


def test_one_text_is_one_name(tmp_path: Path) -> None:
    """Not as many names as it has characters."""
    path = tmp_path / "items.csv"
    path.write_text("sku,price\n007,9.90\n")
    assert list(read_items(path, number="price", text="sku")) == [
        {"sku": "007", "price": Decimal("9.90")}
    ]
    assert list(read_items(path, set="n={price}", id="{sku}")) == [
        {"id": "007", "n": Decimal("9.90")}
    ]


@pytest.mark.parametrize(
    ("table", "said", "message"),
    [
        (
            "a;b\n1;1,234\n",
            {"number": "b"},
            "name it by decimal='point' or decimal='comma'",
        ),
        ("a\n\xe7\n", {}, "name it by encoding='windows-1252'"),
        ("a\n1\n", {"text": "b"}, "text: there is no column 'b'"),
    ],
)
def test_advice_is_python(tmp_path: Path, table: str, said: dict[str, Any], message: str) -> None:
    """What to do about a table is said as the argument that does it."""
    path = tmp_path / "items.csv"
    path.write_bytes(table.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        list(read_items(path, **said))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("file", "words"),
    [(io.StringIO("{}"), "open it in binary mode"), (None, "not None"), (5, "not (5|int)")],
)
async def test_a_file_is_a_path_or_bytes(file: Any, words: str) -> None:
    """A stream of text, such as sys.stdout, is refused before anything is read or written."""
    with pytest.raises(UsageError, match=words):
        read_items(file)
    with pytest.raises(UsageError, match=words):
        await write_results([], file)


async def test_items_are_read_once(tmp_path: Path) -> None:
    """A second time it is said, and not that a file is closed."""
    path = tmp_path / "items.jsonl"
    path.write_text("{}\n")
    items = read_items(path)
    assert list(items) == [{}]
    with pytest.raises(UsageError, match="have been read; open it again"):
        list(items)
    with pytest.raises(UsageError, match="have been read; open it again"):
        [item async for item in items]


def test_streams_are_read_and_left_open() -> None:
    """A stream says its format by how it begins, and stays its owner's."""
    stream = io.BytesIO(b'[{"a":1}]')
    items = read_items(stream)
    assert (items.name, list(items), items.place) == ("the stream", [{"a": 1}], "element")
    assert not stream.closed


async def test_reading_may_be_left_at_any_item(tmp_path: Path) -> None:
    """Who stops early leaves no thread behind, however much there is to read."""
    path = tmp_path / "items.jsonl"
    rewrite(path, b'{"a":1}\n' * 200_000)
    items = aiter(read_items(path))
    assert await anext(items) == {"a": 1}
    await items.aclose()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name == "batchhub-input":
            thread.join(timeout=PATIENCE_S)
            assert not thread.is_alive()


# Results.


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b'{"price":9.90,"n":1e999,"id":12345678901234567890123}', None),
        (b'{"a": [1, 2],\t"b": "\\u00fc\xc3\xbc"}', None),
        (b'{\n  "a": 1.10\r\n}\n', b'{"a":1.10}'),
        (b'"{\\"a\\":1.0}"', b'{"a":1.0}'),
        (b'"{not json"', None),
        (b'{"a":"\xff"}', b'"{\\"a\\":\\"\xef\xbf\xbd\\"}"'),
        (b'{"a":"x\x01"}', b'"{\\"a\\":\\"x\\u0001\\"}"'),
        (b'{"a":"' + b"x" * 100 + b'\n"}', b'"{\\"a\\":\\"' + b"x" * 100 + b'\\n\\"}"'),
        (b"NaN", b'"NaN"'),
        (b"<p>gone</p>", b'"<p>gone</p>"'),
        (b"", b"null"),
        (None, b"null"),
    ],
)
async def test_a_body_is_written_as_it_came(raw: bytes | None, body: bytes | None) -> None:
    """JSON keeps its bytes, in one line; what is no JSON is a text; the keys are always six."""
    data = await write(raw)
    before, after = (
        b'{"id":"1","state":"succeeded","code":200,"message":null,"body":',
        (b',"vendor_ref":null}\n'),
    )
    assert data == before + (body or raw or b"") + after
    json.loads(data)
    assert json.loads(await write(raw, format="json")) == [json.loads(data)]


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda text: json.dumps(text).encode()))
async def test_any_body_is_one_line_of_json(raw: bytes) -> None:
    """Whatever a vendor sends, a line of JSON Lines is one object."""
    data = await write(raw)
    assert data.count(b"\n") == 1
    assert list(json.loads(data)) == ["id", "state", "code", "message", "body", "vendor_ref"]


async def test_numbers_keep_their_digits_in_chosen_fields() -> None:
    """A path without a type gives the number as the vendor wrote it."""
    raw = b'{"a":9.90,"b":12345678901234567890.5,"c":[1.50,2]}'
    assert await write(raw, fields=["a", "b", "c"], format="csv") == (
        b"a,b,c\n9.90,12345678901234567890.5,1.50;2\n"
    )
    assert await write(raw, fields=["a,b"]) == b'{"a":9.90,"b":12345678901234567890.5}\n'


async def test_a_private_file_stays_private(tmp_path: Path) -> None:
    """While a file is replaced, nobody may read more of it than before."""
    path = tmp_path / "r.jsonl"
    path.touch(mode=0o600)
    modes: list[int] = []

    async def results() -> AsyncIterator[ItemResult]:
        yield result(b"1")
        modes.extend(stat.S_IMODE(each.stat().st_mode) for each in os.scandir(tmp_path))

    before = os.umask(0)
    try:
        await write_results(results(), path)
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_files_that_are_needed_are_protected(prices: Path) -> None:
    """What is named is not written over, by whatever name."""
    before = contents(prices)
    link = prices.with_name("link.csv")
    link.symlink_to(prices)
    with pytest.raises(UsageError, match="it is a file this command reads from"):
        await write_results([], link, protect=[prices])
    assert contents(prices) == before


async def test_the_name_of_a_type_needs_its_adapter() -> None:
    """A name alone says nothing; what can't be a type is refused."""
    with pytest.raises(UsageError, match="as_type is a name; give the adapter it belongs to"):
        await write_results([], io.BytesIO(), format="csv", as_type="thing")
    with pytest.raises(UsageError, match="as_type makes columns, and jsonl has"):
        await write_results([], io.BytesIO(), as_type="thing", adapter=Exact)


class Counted(TypedDict, total=False):
    """A body with a key that may be missing."""

    total: Decimal
    note: str


async def test_bodies_may_be_read_as_a_typed_dict() -> None:
    """A key that one of them lacks is an empty cell."""
    bodies = [b'{"total":1.50,"note":"x"}', b'{"total":2}']
    results = [
        ItemResult(id=str(n), state=ItemState.SUCCEEDED, raw=raw) for n, raw in enumerate(bodies)
    ]
    file = io.BytesIO()
    written = await write_results(results, file, format="csv", as_type=Counted)
    assert (written.count, written.warnings) == (2, ())
    head, *rows = file.getvalue().decode().splitlines()
    assert head.split(",")[-2:] == ["total", "note"]
    assert [row.split(",")[-2:] for row in rows] == [["1.50", "x"], ["2", ""]]
