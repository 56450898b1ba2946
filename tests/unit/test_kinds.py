"""What a table of kinds makes of an item, and what it says of a value that does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from batchhub.adapter import Kind, encode_json, find_kind, plain_json, write_fields
from batchhub.errors import InputError

KINDS = {
    "price": Kind.NUMBER,
    "stock": Kind.INTEGER,
    "weight": Kind.NUMBER_AS_TEXT,
    "sku": Kind.TEXT,
    "more": Kind.TEXT,
    "enabled": Kind.FLAG,
    "size.length": Kind.NUMBER,
    "tiers.price": Kind.NUMBER,
    "tiers.tax.value": Kind.NUMBER,
}


@pytest.mark.parametrize(
    ("item", "written"),
    [
        ({"price": "9.90"}, '{"price":9.90}'),
        ({"price": "1e2"}, '{"price":1E+2}'),
        ({"price": "-0.10"}, '{"price":-0.10}'),
        ({"price": 9.9, "other": "9.90"}, '{"price":9.9,"other":"9.90"}'),
        ({"stock": "12.0"}, '{"stock":12}'),
        ({"stock": Decimal("1.2e1")}, '{"stock":12}'),
        ({"weight": Decimal("1.50")}, '{"weight":"1.50"}'),
        ({"weight": ""}, '{"weight":""}'),
        ({"sku": "007", "enabled": "true"}, '{"sku":"007","enabled":true}'),
        ({"more": {"a": ["1", {"b": None}]}}, '{"more":{"a":["1",{"b":null}]}}'),
        ({"size": {"length": "1.0", "unit": "1.0"}}, '{"size":{"length":1.0,"unit":"1.0"}}'),
        (
            {"tiers": [{"price": "5"}, 7, {"tax": {"value": "1"}}]},
            '{"tiers":[{"price":5},7,{"tax":{"value":1}}]}',
        ),
        ({"tiers": {"price": "5"}}, '{"tiers":{"price":5}}'),
        ({"price": None, "size": None, "tiers": "all"}, '{"price":null,"size":null,"tiers":"all"}'),
        ({}, "{}"),
    ],
)
def test_a_field_gets_the_form_of_its_kind(item: dict[str, Any], written: str) -> None:
    """Wherever it is; the item itself and what has no kind stay as they are."""
    before = repr(item)
    assert encode_json(write_fields(item, KINDS)).decode() == written
    assert repr(item) == before


def test_what_is_written_is_an_item_of_its_own() -> None:
    """A caller may take a key out of it, also where nothing had to be written."""
    item = {"price": 5}
    write_fields(item, KINDS).clear()
    write_fields(MappingProxyType(item), KINDS).clear()
    assert item == {"price": 5}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"price": "$9.90"}, "price must be a number, not '$9.90'"),
        ({"price": "9,90"}, "price must be a number, not '9,90'"),
        ({"price": "N/A"}, "price must be a number, not 'N/A'"),
        ({"price": "05"}, "price must be a number, not '05'"),
        ({"price": True}, "price must be a number, not True"),
        ({"price": {"value": 5}}, "price must be a number, not {'value': 5}"),
        ({"price": float("nan")}, "price must be a number, not NaN, which JSON does not have"),
        ({"price": Decimal("NaN")}, "price must be a number, not NaN, which JSON does not have"),
        (
            {"price": float("-inf")},
            "price must be a number, not -Infinity, which JSON does not have",
        ),
        ({"price": "NaN"}, "price must be a number, not 'NaN'"),
        (
            {"price": "9.90\xa0"},
            r"price must be a number, not '9.90\xa0', which has U+00A0 NO-BREAK SPACE in it",
        ),
        (
            {"stock": "\u200b5"},
            r"stock must be a number, not '\u200b5', which has U+200B ZERO WIDTH SPACE in it",
        ),
        (
            {"stock": "5\ud83d"},
            (
                r"stock must be a number, not '5\ud83d', "
                r"which has U+D83D half of a character (a lone surrogate) in it"
            ),
        ),
        (
            {"stock": "5\x00"},
            r"stock must be a number, not '5\x00', which has U+0000 a control character in it",
        ),
        (
            {"price": "\u22125"},
            "price must be a number, not '\u22125', which has U+2212 MINUS SIGN in it",
        ),
        (
            {"price": "\uff15"},
            "price must be a number, not '\uff15', which has U+FF15 FULLWIDTH DIGIT FIVE in it",
        ),
        ({"stock": 1.5}, "stock must be a whole number, not 1.5"),
        ({"stock": "1.5"}, "stock must be a whole number, not '1.5'"),
        ({"sku": 7}, "sku must be text; write it in quotes, not 7"),
        ({"more": {"a": [{"b": 7}]}}, "more.a.b must be text; write it in quotes, not 7"),
        ({"enabled": "yes"}, "enabled must be true or false, not 'yes'"),
        ({"enabled": 1}, "enabled must be true or false, not 1"),
        ({"size": {"length": "long"}}, "size.length must be a number, not 'long'"),
        ({"tiers": [{}, {"price": "x"}]}, "tiers.price must be a number, not 'x'"),
    ],
)
def test_a_value_of_another_kind_is_refused(item: dict[str, Any], message: str) -> None:
    """In one line: the field, what it takes, and the value with what can't be seen of it."""
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        write_fields(item, KINDS)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"name": "a\ud800b"}, "name has U+D800 half of a character (a lone surrogate) in it"),
        ({"a": [{"b": "\udfff"}]}, "a[0].b has U+DFFF half of a character"),
        ({"a": {"\ud83d": 1}}, "a key in a has U+D83D half of a character"),
        ({"\ud83d": 1}, "a key in the item has U+D83D half of a character"),
    ],
)
def test_half_of_a_character_is_found(item: dict[str, Any], message: str) -> None:
    """No field takes it, whatever its kind; the message names the key."""
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        encode_json(plain_json(item))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (["price"], Kind.NUMBER),
        (["size", "length"], Kind.NUMBER),
        (["tiers", "tax", "value"], Kind.NUMBER),
        (["more", "a", "b"], Kind.TEXT),
        (["more"], Kind.TEXT),
        (["size"], None),
        (["size", "unit"], None),
        (["price", "value"], None),
        (["length"], None),
        (["size.length"], None),
        ([], None),
    ],
)
def test_the_kind_of_a_field_is_found(path: list[str], kind: Kind | None) -> None:
    """By its own name, or by that of a text that holds it."""
    assert find_kind(KINDS, path) is kind


class Counted(Mapping[str, Kind]):
    """A table that counts how often it is read."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.kinds, self.read = kinds, 0

    def __getitem__(self, name: str) -> Kind:
        self.read += 1
        return self.kinds[name]

    def __iter__(self) -> Iterator[str]:
        self.read += 1
        return iter(self.kinds)

    def __len__(self) -> int:
        return len(self.kinds)


def test_a_table_is_read_once() -> None:
    """An item of two fields costs two look-ups, whatever the table has."""
    table = Counted({f"field{n}": Kind.NUMBER for n in range(100)})
    write_fields({"field1": "1"}, table)
    read = table.read
    for n in range(50):
        assert write_fields({"field1": str(n), "other": "1"}, table) == {"field1": n, "other": "1"}
        assert find_kind(table, ["field99"]) is Kind.NUMBER
    assert table.read == read


def test_each_table_is_its_own() -> None:
    """Also where an adapter makes one for each item, and another is made in its place."""
    for n in range(300):
        name = f"field{n}"
        assert write_fields({name: "1"}, {name: Kind.NUMBER}) == {name: 1}
        assert write_fields({name: "1"}, {name: Kind.TEXT}) == {name: "1"}
        assert find_kind({name: Kind.FLAG}, [name]) is Kind.FLAG
