"""Rows mapped to items: templates, what they may name, and what an adapter makes of a map."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.tables import open_items
from support.vendor import ScriptedAdapter

from batchhub.adapter import Adapter, Kind, RowMap
from batchhub.errors import AdapterError, InputError, UnsupportedError, UsageError
from batchhub_ecwid import EcwidAdapter
from batchhub_mircate import MircateAdapter


class Mapped(ScriptedAdapter):
    """An adapter whose items are calls with a body."""

    @classmethod
    def fields(cls, operation: str, item: Mapping[str, Any]) -> Mapping[str, Kind]:
        """Some of them are text."""
        del operation, item
        return dict.fromkeys(("verb", "path", "body.sku"), Kind.TEXT)

    @classmethod
    def read_map(cls, operation: str, text: str) -> RowMap:
        """Read a path."""
        templates = {"verb": "put", "path": text}
        return RowMap(templates=templates, quoted=frozenset({"path"}), set_under="body")


async def read(
    folder: Path,
    content: str,
    name: str = "items.csv",
    *,
    adapter: type[Adapter[Any]] = Mapped,
    **options: Any,
) -> list[Any]:
    """Read a file for an adapter."""
    path = folder / name
    path.write_text(content)
    with open_items(path, **options) as reader:
        reader.fit(adapter, next(iter(adapter.operations)))
        return [item async for item in reader]


TABLE = "nr;price;body.on;EAN code\n1/2;9.90;true;007\n"
OBJECTS = '{"nr":"1/2","price":9.9,"body":{"on":true},"EAN code":"007"}\n'


@pytest.mark.parametrize(("content", "name"), [(TABLE, "a.csv"), (OBJECTS, "a.jsonl")])
async def test_rows_and_objects_are_mapped_alike(tmp_path: Path, content: str, name: str) -> None:
    """A template that is one column gives its value, any other text; only what is set is there."""
    (item,) = await read(
        tmp_path,
        content,
        name,
        map="/things/{nr}?x={EAN code}",
        set=["price={price}", "deep.on={ body.on }", "note={{{nr}}}", "sku={EAN code}"],
        id="{nr}-{EAN code}",
    )
    price = item["body"].pop("price")
    assert float(price) == 9.9
    assert item == {
        "id": "1/2-007",
        "verb": "put",
        "path": "/things/1%2F2?x=007",
        "body": {"deep": {"on": True}, "note": "{1/2}", "sku": "007"},
    }


async def test_a_constant_is_read_like_a_cell(tmp_path: Path) -> None:
    """What names no column is a number, true or false if it looks so, and else text."""
    options: dict[str, Any] = {"map": "/{nr}", "set": ["a=5", "b=false", "c=", "sku=5", "d=x=y"]}
    (item,) = await read(tmp_path, TABLE, **options)
    assert item["body"] == {"a": 5, "b": False, "c": "", "sku": "5", "d": "x=y"}


async def test_without_a_map_an_item_is_flat(tmp_path: Path) -> None:
    """`--set` alone works for every adapter, and keeps only what it names."""
    table = "nr;price;x\n7;2.50;y\n"
    assert await read(
        tmp_path, table, adapter=MircateAdapter, set=["sku={nr}", "price={price}"]
    ) == [{"sku": "7", "price": Decimal("2.50")}]


async def test_the_column_id_names_the_items(tmp_path: Path) -> None:
    """Without --id the column id is the item's id; a row without one needs a word of the user."""
    table = "id,n\n5,1\n,2\n"
    assert await read(tmp_path, table, set=["n={n}"], empty="id=omit") == [
        {"id": "5", "n": 1},
        {"n": 2},
    ]
    with pytest.raises(InputError, match="line 3: 'id' is empty; --empty id=omit numbers such"):
        await read(tmp_path, table, set=["n={n}"])
    objects = '{"id":5,"n":1}\n{"n":2}\n'
    assert await read(tmp_path, objects, "a.jsonl", set=["n={n}"]) == [
        {"id": "5", "n": 1},
        {"n": 2},
    ]


async def test_numbers_of_objects_become_text_where_text_is_due(tmp_path: Path) -> None:
    """A number in a path or a text key is written with its digits."""
    assert await read(tmp_path, '{"n":12,"sku":7}', "a.jsonl", map="/t/{n}", set=["sku={sku}"]) == [
        {"verb": "put", "path": "/t/12", "body": {"sku": "7"}}
    ]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("nr,preis\n1,2\n", "a.csv", "line 1: --set: there is no column 'price'; did you mean "),
        ("nr,price\n1,2\n2,\n", "a.csv", "line 3: all cells that would change something are em"),
        ("nr,price\n,2\n", "a.csv", "line 2: 'nr' is empty"),
        ('{"nr":1,"Price":2}', "a.jsonl", "line 1: there is no 'price' in it; did you mean"),
        ('{"nr":1,"price":null}', "a.jsonl", "line 1: all cells that would change something"),
        ('{"nr":"","price":1}', "a.jsonl", "line 1: 'nr' is empty"),
        ('{"nr":[1],"price":1}', "a.jsonl", "line 1: 'nr' is an array, not text"),
        ('[{"nr":1,"price":1},{}]', "a.json", "item 2: there is no 'nr' in it"),
    ],
)
async def test_a_row_without_what_it_needs_is_refused(
    tmp_path: Path, content: str, name: str, message: str
) -> None:
    """A column that is missing, empty or of no use is told by its line; nothing is made up."""
    with pytest.raises(InputError) as caught:
        await read(tmp_path, content, name, map="/{nr}", set=["price={price}"])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("content", "name"),
    [('nr,n\n" 1/2\u00a0", x \n', "a.csv"), ('{"nr":" 1/2\u00a0","n":" x "}', "a.jsonl")],
)
async def test_blanks_around_a_value_are_no_part_of_a_path(
    tmp_path: Path, content: str, name: str
) -> None:
    """What goes into a path has none at its ends; other text keeps them; blanks alone are empty."""
    (item,) = await read(tmp_path, content, name, map="/t/{nr}", set=["n={n}"])
    assert item == {"verb": "put", "path": "/t/1%2F2", "body": {"n": " x "}}
    with pytest.raises(InputError, match="'nr' is empty"):
        await read(tmp_path, content.replace("1/2", ""), name, map="/t/{nr}")


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\ufeff", "\u00a0x"])
async def test_a_path_holds_nothing_that_nobody_sees(tmp_path: Path, hidden: str) -> None:
    """It would name another thing at the vendor, or none; the message names the character."""
    with pytest.raises(InputError, match=rf"line 2: column 'nr': .* holds U\+{ord(hidden[0]):04X}"):
        await read(tmp_path, f"nr\n3{hidden}\n", map="/t/{nr}")


async def test_an_id_needs_no_more_than_a_map(tmp_path: Path) -> None:
    """Calls without a body are named like others."""
    assert await read(tmp_path, "nr\n7\n", map="/t/{nr}", id="{nr}") == [
        {"id": "7", "verb": "put", "path": "/t/7"}
    ]


@pytest.mark.parametrize(
    ("adapter", "options", "hint"),
    [
        (Mapped, {}, "; --map makes items of rows"),
        (Mapped, {"set": ["a={nr}"]}, ""),
        (MircateAdapter, {}, ""),
    ],
)
async def test_rows_that_are_no_items_of_the_vendor_are_sent_to_the_map(
    tmp_path: Path, adapter: type[Adapter[Any]], options: dict[str, Any], hint: str
) -> None:
    """Where the first row as it is is refused, --map is named, if the adapter has one."""
    path = tmp_path / "a.csv"
    path.write_text("nr,price\n1,2\n3,4\n")
    with open_items(path, **options) as reader:
        reader.fit(adapter, next(iter(adapter.operations)))
        said = [
            str(reader.explain(InputError("unknown key 'nr'", position=n)))
            async for n in _numbers(reader)
        ]
    assert said == [
        f"{path}: line 2: unknown key 'nr'{hint}; nothing was sent",
        f"{path}: line 3: unknown key 'nr'; nothing was sent",
    ]


async def _numbers(items: AsyncIterable[Any]) -> AsyncIterator[int]:
    """Count items from 1."""
    n = 0
    async for _ in items:
        yield (n := n + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"map": "/{a"}, "--map: '/{a' has a { alone"),
        ({"map": "/a}"}, "--map: '/a}' has a } alone"),
        ({"map": "/{ }"}, "--map: { } in '/{ }' names no column"),
        ({"set": ["a"]}, "--set: 'a' is not of the form NAME=TEMPLATE"),
        ({"set": ["=b"]}, "--set: '=b' is not of the form NAME=TEMPLATE"),
        ({"set": ["a=1", "a=2"]}, "--set: 'a' is given twice"),
        ({"set": ["a=1", "a.b=2"]}, "--set: 'a' can't be a value and hold 'a.b' too"),
        ({"set": ["a..b=1"]}, "--set: 'a..b' has a part that is empty"),
        ({"set": ["id=1"], "id": "{a}"}, "'id' is given by --set and by --id; give it once"),
        ({"id": "{a}"}, "--id names the items that --map and --set make"),
        ({"empty": ["nothing"]}, "--empty: 'nothing' is not [FIELD=]WORD with one of refuse, omit"),
        ({"empty": ["a=omit", "a=null"]}, "--empty: 'a' is given twice"),
        ({"number": ["a"], "text": ["a"]}, "--number a and --text a contradict each other"),
    ],
)
async def test_templates_that_make_no_sense_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """A broken template is refused before a row is read."""
    with pytest.raises(UsageError) as caught:
        await read(tmp_path, "a\n1\n", **options)
    assert str(caught.value).startswith(message)


async def test_a_map_is_the_adapters_own(tmp_path: Path) -> None:
    """Ecwid reads a method and a path; who has no such words says what to do."""
    assert await read(
        tmp_path,
        "id,sku,price\n5,a b/é,9.90\n",
        adapter=EcwidAdapter,
        map="put  /products/{id}?sku={sku}",
        set=["sku={id}", "price={price}"],
    ) == [
        {
            "id": "5",
            "method": "PUT",
            "path": "/products/5?sku=a%20b%2F%C3%A9",
            "body": {"sku": "5", "price": Decimal("9.90")},
        }
    ]
    for text in ("", "PUT", "/products/1", "PATCH /products/1"):
        with pytest.raises(InputError, match=r"write a method \(GET, POST, PUT, DELETE\)"):
            EcwidAdapter.read_map("batch", text)
    with pytest.raises(UnsupportedError, match="mircate takes no --map; name an item's keys"):
        await read(tmp_path, "a\n1\n", adapter=MircateAdapter, map="x")


async def test_a_constant_has_a_notation_in_json_too(tmp_path: Path) -> None:
    """It is the user's own, written where the figures of tables are."""
    for decimal, price in (("point", Decimal("1.234")), ("comma", 1234)):
        (item,) = await read(
            tmp_path,
            '{"id":5}',
            "a.jsonl",
            adapter=EcwidAdapter,
            map="PUT /products/{id}",
            set=["price=1.234"],
            decimal=decimal,
        )
        assert item["body"] == {"price": price}


@pytest.mark.parametrize("adapter", [EcwidAdapter, MircateAdapter])
async def test_what_is_text_to_a_vendor_stays_text(
    tmp_path: Path, adapter: type[Adapter[Any]]
) -> None:
    """An article's number is no figure, nor is a postal code."""
    columns: Mapping[type, str] = {
        EcwidAdapter: "body.email,body.shippingPerson.postalCode,body.extraFields.a,path",
        MircateAdapter: "barcode,code,name,sku",
    }
    cells = ["12", "12", "12", "/orders/12"]
    (item,) = await read(tmp_path, f"{columns[adapter]},n\n{','.join(cells)},12\n", adapter=adapter)
    assert item.pop("n") == 12
    found: list[Any] = [item]
    while found:
        value = found.pop()
        if isinstance(value, dict):
            found.extend(value.values())
        else:
            assert value in cells


@pytest.mark.parametrize("method", ["fields", "read_map"])
@pytest.mark.parametrize("value", [KeyError("x"), SystemExit(1), None])
def test_an_adapter_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str, value: object
) -> None:
    """A mistake of a plug-in is one line, whatever it raises or gives."""

    def broken(*_: Any) -> object:
        if isinstance(value, BaseException):
            raise value
        return value

    monkeypatch.setattr(Mapped, method, broken)
    path = tmp_path / "items.csv"
    path.write_text("sku\nA\n")

    def read_all() -> None:
        with open_items(path, map="/products/{sku}") as reader:
            reader.fit(Mapped, "work")
            list(reader)

    with pytest.raises(AdapterError, match=f"adapter 'scripted' failed in {method}: "):
        read_all()
