"""The law of typed orders: what is read is written back, and what is wrong is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve, fields
from hypothesis import example, given, settings
from hypothesis import strategies as st
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


@pytest.mark.parametrize("name", [*ORDERS, *SEARCHES])
def test_a_real_order_loses_nothing(name: str) -> None:
    """Reading and writing back a recorded answer gives the same values, digit for digit."""
    data = recorded(name)
    kind = Order if name in ORDERS else OrderSearch

    assert exact(dumps(converter.structure(data, kind))) == exact(data)


@given(plain=any_order)
@settings(max_examples=150, deadline=None)
def test_any_order_loses_nothing(plain: dict[str, Any]) -> None:
    """Unknown fields at any depth, nulls and odd forms come out again, also of a copy."""
    data = dumps(plain)
    order = converter.structure(data, Order)

    assert exact(dumps(order)) == exact(data)
    assert exact(dumps(evolve(order))) == exact(data)


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
        assert exact(dumps(again)) == exact(data)


@given(plain=any_order, name=st.sampled_from([each.name for each in fields(Order)][:-1]))
@settings(max_examples=75, deadline=None)
def test_an_evolved_order_says_what_it_says(plain: dict[str, Any], name: str) -> None:
    """A field set to `None` is written as null where it was sent; nothing else changes."""
    data = dumps(plain)
    changes: dict[str, Any] = {name: None}
    evolved = evolve(converter.structure(data, Order), **changes)
    before, after = exact(data), exact(dumps(evolved))
    changed = {key for key in before if before[key] != after[key]}

    assert before.keys() == after.keys()
    assert all(after[key] is None for key in changed)
    assert len(changed) <= 1


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_wrong_value_is_told_with_its_path(data: st.DataObject) -> None:
    """A value of a wrong type names the item and the field, or it is no wrong one and is kept."""
    plain = json.loads(recorded(data.draw(st.sampled_from(ORDERS))))
    path = data.draw(st.sampled_from(sorted(places(plain), key=str)))
    holder = plain
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = data.draw(_WRONG)
    raw = json.dumps(plain).encode()

    order, error = attempt(raw)
    if error is None:
        assert exact(dumps(order)) == exact(raw)
        return
    assert error.item_id == "item-7"
    assert "item-7" in str(error)
    told = [problem.replace("['", ".").replace("']", "") for problem in error.problems]
    assert all(written(path) in problem for problem in told)


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
