"""Empty cells: left out and counted, or what the user says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.tables import open_items
from support.vendor import ScriptedAdapter

from batchhub.adapter import Kind, RowMap
from batchhub.errors import InputError


class Shop(ScriptedAdapter):
    """An adapter whose items are named by a field, and which takes a map."""

    key_field: ClassVar[str | None] = "body.sku"
    kinds: ClassVar[Mapping[str, Kind]] = {
        "body.sku": Kind.TEXT,
        "body.name": Kind.TEXT,
        "body.price": Kind.NUMBER,
    }

    @classmethod
    def read_map(cls, operation: str, text: str) -> RowMap:
        """Read a path."""
        return RowMap(
            templates={"path": text},
            quoted=frozenset({"path"}),
            set_under="body",
            kinds=cls.kinds,
        )


MAP: Mapping[str, Any] = {
    "map": "/t/{nr}",
    "set": ["name={name}", "price={price}", "size.x={x}", "size.y={y}"],
}


def read(
    folder: Path, table: str, name: str = "items.csv", **options: Any
) -> tuple[list[Any], list[str], Mapping[str, int]]:
    """Read a table: its items, what was refused, and what was left out."""
    path = folder / name
    path.write_text(table)
    refused: list[str] = []
    with open_items(path, **options) as reader:
        reader.on_refused = lambda error: refused.append(reader.locate(error))
        reader.fit(Shop, "work")
        return list(reader), refused, reader.omitted


TABLE = "nr,name,price,x,y\n1,a,5,1,2\n2,,6,,2\n3,b,,,\n4, , ,,\n"


def test_an_empty_cell_is_left_out_and_counted(tmp_path: Path) -> None:
    """So is what would hold only empty ones; a blank is no number, and is a text."""
    items, refused, omitted = read(tmp_path, TABLE, **MAP)
    assert [item["body"] for item in items] == [
        {"name": "a", "price": 5, "size": {"x": 1, "y": 2}},
        {"price": 6, "size": {"y": 2}},
        {"name": "b"},
        {"name": " "},
    ]
    assert not refused
    assert omitted == {"name": 1, "price": 2, "size.x": 3, "size.y": 2}


def test_a_row_that_would_change_nothing_is_refused(tmp_path: Path) -> None:
    """Nothing is left of what the user sets; what is set without a column stays."""
    table = "nr,name,price\n1,,\n2,a,\n"
    options: dict[str, Any] = {"map": "/t/{nr}", "set": ["name={name}", "price={price}"]}
    items, refused, _ = read(tmp_path, table, **options)
    assert [item["path"] for item in items] == ["/t/2"]
    assert refused == ["line 2: all cells that would change something are empty: name, price"]
    options["set"] = [*options["set"], "on=true"]
    items, refused, _ = read(tmp_path, table, **options)
    assert [item["body"] for item in items] == [{"on": True}, {"name": "a", "on": True}]
    assert not refused


@pytest.mark.parametrize(
    ("said", "body"),
    [
        ("omit", {"size": {"y": 2}}),
        ("null", {"name": None, "price": None, "size": {"x": None, "y": 2}}),
        ("text", {"name": "", "size": {"y": 2}}),
        (["name=null"], {"name": None, "size": {"y": 2}}),
        (["null", "price=omit", "size.x=omit"], {"name": None, "size": {"y": 2}}),
        (["body.name=text"], {"name": "", "size": {"y": 2}}),
        ({"name": "text", "price": "null"}, {"name": "", "price": None, "size": {"y": 2}}),
    ],
)
def test_the_user_says_what_it_means(tmp_path: Path, said: Any, body: Mapping[str, Any]) -> None:
    """For all fields or for one; an empty text goes into fields of text only."""
    table = "nr,name,price,x,y\n1,,,,2\n"
    items, refused, _ = read(tmp_path, table, **MAP, empty=said)
    assert not refused
    assert [item["body"] for item in items] == [body]


def test_a_row_can_be_refused_for_it(tmp_path: Path) -> None:
    """By its column, and its line."""
    items, refused, _ = read(tmp_path, TABLE, **MAP, empty=["price=refuse"])
    assert [item["path"] for item in items] == ["/t/1", "/t/2"]
    assert refused == ["line 4: 'price' is empty", "line 5: 'price' is empty"]


@pytest.mark.parametrize("said", [(), "omit", "null", "text"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("nr,sku,id,price\n,A,1,5\n", "nr"),
        ("nr,sku,id,price\n1,,1,5\n", "sku"),
        ("nr,sku,id,price\n1,A,,5\n", "id"),
        ("nr,sku,id,price\n  ,A,1,5\n", "nr"),
    ],
)
def test_what_names_an_item_is_needed(tmp_path: Path, table: str, column: str, said: Any) -> None:
    """Without it the request would be another one: a path, an id, the adapter's key field."""
    options: dict[str, Any] = {
        "map": "/t/{nr}",
        "set": ["sku={sku}", "price={price}"],
        "id": "{id}",
    }
    items, refused, _ = read(tmp_path, table, **options, empty=said)
    assert not items
    assert refused[0].startswith(f"line 2: '{column}' is empty")


def test_a_path_can_not_go_without_a_part(tmp_path: Path) -> None:
    """Not even if the user says so."""
    with pytest.raises(InputError, match="--empty path=omit: a path can't be without it"):
        read(tmp_path, "nr,name\n,a\n", map="/t/{nr}", set=["name={name}"], empty=["path=omit"])


def test_a_text_of_several_cells_lacks_nothing(tmp_path: Path) -> None:
    """It is left out where one of them is empty, unless an empty text is meant."""
    table = "nr,a,b,price\n1,x,,5\n"
    options: dict[str, Any] = {"map": "/t/{nr}", "set": ["name={a}-{b}", "price={price}"]}
    items, _, omitted = read(tmp_path, table, **options)
    assert (items[0]["body"], omitted) == ({"price": 5}, {"name": 1})
    items, _, _ = read(tmp_path, table, **options, empty="name=text")
    assert items[0]["body"] == {"name": "x-", "price": 5}


def test_objects_have_empty_values_too(tmp_path: Path) -> None:
    """Null and an empty text are empty; a key that is not there is a mistake, unless allowed."""
    lines = '{"nr":1,"name":null,"price":5}\n{"nr":2,"name":"","price":6}\n{"nr":3,"price":7}\n'
    options: dict[str, Any] = {"map": "/t/{nr}", "set": ["name={name}", "price={price}"]}
    items, refused, omitted = read(tmp_path, lines, "items.jsonl", **options)
    assert [item["body"] for item in items] == [{"price": 5}, {"price": 6}]
    assert refused == ["line 3: there is no 'name' in it; known: nr, price"]
    assert omitted == {"name": 2}
    items, refused, _ = read(tmp_path, lines, "items.jsonl", **options, empty="name=null")
    assert [item["body"] for item in items][:2] == [{"name": None, "price": n} for n in (5, 6)]
    assert items[2]["body"] == {"price": 7}
    assert not refused
