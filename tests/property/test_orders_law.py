"""The law of typed orders: what is read is written back, and what is wrong is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs
from support.orders import ORDERS, SEARCHES, any_order, exact, recorded

from batchhub.errors import BodyError
from batchhub.models import ItemResult, ItemState
from batchhub.wire import converter, dumps
from batchhub_ecwid import Order, OrderSearch

_WRONG = st.sampled_from(
    ["abc", True, -1, 1.5, [], {}, [[1]], {"a": 1}, "2024-13-45 00:00:00 +0000"]
)


def result(raw: bytes) -> ItemResult:
    """Return a result with a body."""
    return ItemResult(id="item-7", state=ItemState.SUCCEEDED, code=200, raw=raw)


def attempt(raw: bytes) -> tuple[Order | None, BodyError | None]:
    """Read an order, or return what is wrong with it."""
    try:
        return result(raw).as_(Order), None
    except BodyError as error:
        return None, error


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value below this one."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def written(path: tuple[Any, ...]) -> str:
    """Write a path as errors do."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def at(value: Any, steps: tuple[Any, ...]) -> Any:
    """Return what is at a path of a read object, by names on the wire."""
    for step in steps:
        if isinstance(value, Struct):
            names = {each.encode_name: each.name for each in structs.fields(type(value))}
            value = getattr(value, names[step]) if step in names else UNKNOWN
        elif value is not UNKNOWN:
            value = value[step]
    return value


UNKNOWN: Any = object()


@pytest.mark.parametrize("name", [*ORDERS, *SEARCHES])
def test_every_named_value_of_a_real_order_is_there(name: str) -> None:
    """Each value of a recorded answer is in the object, digit for digit, if its type names it."""
    data = recorded(name)
    made = converter.structure(data, Order if name in ORDERS else OrderSearch)
    plain = exact(data)
    leaves = [path for path in places(plain) if not isinstance(at(plain, path), dict | list)]
    named = [path for path in leaves if at(made, path) is not UNKNOWN]

    assert [at(made, path) for path in named] == [at(plain, path) for path in named]
    assert len(named) > 0.9 * len(leaves)


@given(plain=any_order)
@settings(max_examples=150, deadline=None)
def test_any_order_is_read_and_written_alike(plain: dict[str, Any]) -> None:
    """What the types allow is read; written and read again it is the same, digit for digit."""
    order = converter.structure(dumps(plain), Order)
    again = converter.structure(dumps(order), Order)

    assert again == order
    assert dumps(again) == dumps(order)
    named = {each.encode_name for each in structs.fields(Order)}
    said = {name for name, value in plain.items() if name in named and value is not None}
    assert exact(dumps(order)).keys() == said


@given(plain=any_order)
@settings(max_examples=75, deadline=None)
def test_every_form_of_a_body_is_the_same_order(plain: dict[str, Any]) -> None:
    """Bytes, text, escaped text and plain values give equal orders, and equal JSON."""
    data = dumps(plain)
    order = converter.structure(data, Order)
    forms = [data.decode(), json.dumps(data.decode()).encode(), exact(data)]

    for form in forms:
        again = converter.structure(form, Order)
        assert again == order


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_wrong_value_is_told_with_its_path(data: st.DataObject) -> None:
    """A value of a wrong type names the item and the field, or it is no wrong one."""
    plain = json.loads(recorded(data.draw(st.sampled_from(ORDERS))))
    path = data.draw(st.sampled_from(sorted(places(plain), key=str)))
    holder = plain
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = data.draw(_WRONG)
    raw = json.dumps(plain).encode()

    order, error = attempt(raw)
    if error is None:
        assert converter.structure(dumps(order), Order) == order
        return
    assert error.item_id == "item-7"
    assert "item-7" in str(error)
    assert error.problems
    for problem in error.problems:
        place = problem.rpartition(" @ ")[2]
        outer, is_in_mapping, _ = place.partition("[...]")
        assert written(path).startswith(outer) if is_in_mapping else written(path) in place


_BROKEN = st.sampled_from(
    [b"%s", b'{"items":[%s', b'{"x":"%s"}', b'{"x":%s}', b'{"items":[{"y":%s}]}', b'{"id":"%s"}']
)


@given(form=_BROKEN, tail=st.binary(max_size=30))
@settings(max_examples=200, deadline=None)
@example(form=b'{"x":"%s"}', tail=b"\xff\x01")
@example(form=b'{"x":%s}', tail=b"[" * 100_000)
@example(form=b'{"x":%s}', tail=b"[" * 400 + b"]" * 400)
@example(form=b'{"x":%s}', tail=b"1" * 100_000)
def test_no_bytes_make_more_than_an_error(form: bytes, tail: bytes) -> None:
    """Whatever a body is, it can be asked for; as an order it is one, or a `BodyError`."""
    raw = form % tail

    _ = result(raw).body
    order, error = attempt(raw)
    assert error.problems if error else dumps(order)
