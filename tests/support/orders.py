"""Ecwid's orders for tests: the real ones, and any that the types allow."""

from __future__ import annotations

import json
import types
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from hypothesis import strategies as st
from msgspec import Struct, structs

from batchhub_ecwid import Order

FIXTURES: Final = Path(__file__).parent.parent / "fixtures" / "ecwid"
SEARCHES: Final = sorted(path.stem for path in FIXTURES.glob("orders_search*.json"))
ORDERS: Final = sorted(path.stem for path in FIXTURES.glob("order_get*.json"))


def recorded(name: str) -> bytes:
    """Return a recorded answer."""
    return (FIXTURES / f"{name}.json").read_bytes()


def exact(data: bytes) -> Any:
    """Parse JSON with every digit of its numbers."""
    return json.loads(data, parse_float=Decimal)


_words = st.text(max_size=6)
_numbers = st.integers(-(10**12), 10**12) | st.decimals(
    min_value=-(10**9), max_value=10**9, places=2
)
_unknown: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _numbers | _words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_words, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def _times(draw: st.DrawFn) -> str:
    """Draw a time in one of the forms vendors write."""
    offset = timezone(timedelta(minutes=15 * draw(st.integers(-48, 56))))
    low, high = datetime(1971, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  # Hypothesis adds the zone
    moment = draw(st.datetimes(low, high, timezones=st.sampled_from([UTC, offset])))
    moment = moment.replace(microsecond=0)
    vendors = moment.strftime("%Y-%m-%d %H:%M:%S %z")
    return draw(st.sampled_from([vendors, vendors, moment.isoformat(), ""]))


def has_time(kind: type[Struct], name: str) -> bool:
    """Return whether a field is a text that a property beside it reads as a time."""
    return hasattr(kind, f"{name}_time")


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """Return plain values a field of this type may have on the wire."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: _words,
        int: st.integers(-(2**70), 2**70),
        bool: st.booleans(),
        Decimal: _numbers,
        Any: _unknown,
        type(None): st.none(),
    }
    if kind in simple:
        return simple[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin is None:
        return objects(kind)
    if origin in {Union, types.UnionType}:
        return st.one_of([_values(part) for part in parts])
    if origin is tuple:
        return st.lists(_values(parts[0]), max_size=2)
    return st.dictionaries(_words, _values(parts[1]), max_size=2)


def objects(kind: Any, most: int = 6) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects of a type as a vendor may send them: some fields, nulls, unknown ones."""
    fields = {each.encode_name: each for each in structs.fields(kind)}

    @st.composite
    def draw_object(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(sorted(fields)), max_size=most, unique=True))
        made = {
            name: draw(
                _times() if has_time(kind, fields[name].name) else _values(fields[name].type)
            )
            for name in chosen
        }
        unknown = _words.filter(lambda name: name not in fields)
        return {**draw(st.dictionaries(unknown, _unknown, max_size=2)), **made}

    return draw_object()


any_order: Final = objects(Order, most=12)
