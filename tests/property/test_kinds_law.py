"""A table of kinds is laid over an item as if each kind of it looked for its field."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batchhub.adapter import Kind, find_kind, write_fields
from batchhub.errors import InputError

KEYS = st.sampled_from("abc")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.sampled_from([1.5, float("nan"), Decimal("0.10"), Decimal("5.0")]),
    st.sampled_from(["", "x", "7", "7.0", "1.50", "true", "007", "9\xa0"]),
)
PARTS = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.dictionaries(KEYS, PARTS, max_size=3)
NAMES = st.lists(KEYS, min_size=1, max_size=3).map(".".join)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Kind]:
    """Draw kinds of which none is of something inside another."""
    drawn = draw(st.dictionaries(NAMES, st.sampled_from(Kind), max_size=6))
    return {
        name: kind
        for name, kind in drawn.items()
        if not any(name.startswith(f"{other}.") for other in drawn)
    }


def walk(part: Any, path: list[str], name: str, kind: Kind) -> Any:
    """Write one field in a part of an item: what `write_fields` is to do for all at once."""
    key, *rest = path
    if not isinstance(part, Mapping) or part.get(key) is None:
        return part
    value = part[key]
    if not rest:
        written = write_fields({"x": value}, {"x": kind})["x"]
    elif isinstance(value, list):
        written = [walk(each, rest, name, kind) for each in value]
    else:
        written = walk(value, rest, name, kind)
    return {**part, key: written}


@given(ITEMS, tables())
def test_all_kinds_at_once_are_each_in_its_turn(item: dict[str, Any], kinds: Any) -> None:
    """The same item, or both refuse it; and the item that was given is as it was."""
    before = copy.deepcopy(item)
    expected: Any = item
    try:
        for name, kind in kinds.items():
            expected = walk(expected, name.split("."), name, kind)
    except InputError:
        expected = None
    try:
        written: Any = write_fields(item, kinds)
    except InputError:
        written = None
    assert repr(written) == repr(expected)
    assert repr(item) == repr(before)


@given(tables(), st.lists(KEYS, max_size=4))
def test_a_kind_is_that_of_the_name_or_of_the_text_around(kinds: Any, path: list[str]) -> None:
    """`find_kind` says what `write_fields` does."""
    own = kinds.get(".".join(path))
    holders = [".".join(path[:n]) for n in range(1, len(path))]
    around = Kind.TEXT if any(kinds.get(name) is Kind.TEXT for name in holders) else None
    assert find_kind(kinds, path) is (own or around)
