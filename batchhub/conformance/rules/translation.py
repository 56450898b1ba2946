"""What an adapter makes of items, without asking anybody."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from batchhub.adapter import Adapter, Kind
from batchhub.conformance.bench import Bench
from batchhub.conformance.examples import make_examples
from batchhub.conformance.rule import Level, applies, need, rule
from batchhub.conformance.run import BrokenError
from batchhub.errors import (
    InputError,
)
from batchhub.models import BatchItem

_PLAIN: Mapping[Kind, Callable[[Any], str]] = {
    Kind.INTEGER: str,
    Kind.NUMBER: str,
    Kind.NUMBER_AS_TEXT: str,
    Kind.TEXT: str,
    Kind.FLAG: lambda value: "true" if value else "false",
}
_NO_NUMBERS = ["not a number", "1,5", "1.234,50", "0x1F", "007", "1 000", True, [], {"a": 1}]
_NO_KIND_TAKES: Mapping[Kind, list[Any]] = {
    Kind.INTEGER: [*_NO_NUMBERS, "1.5"],
    Kind.NUMBER: _NO_NUMBERS,
    Kind.NUMBER_AS_TEXT: _NO_NUMBERS,
    Kind.FLAG: ["not a flag", [], {"a": 1}],
}


@rule(
    "A18",
    Level.BRONZE,
    "items",
    "What an item changes (target) is the same text each time, whatever its id; or nothing.",
)
async def targets_are_stable(bench: Bench, operation: str) -> None:
    """Asked twice, with another id, and with the keys in another order."""
    adapter, items = await _look(bench, operation)
    for item in items:
        before = copy.deepcopy(dict(item.payload))
        target = adapter.target(operation, item)
        need(
            target is None or (isinstance(target, str) and target),
            f"target gave {target!r}: neither a text nor nothing",
        )
        turned = dict(reversed([*item.payload.items()]))
        for same in (item, BatchItem(id="another", payload=turned)):
            again = adapter.target(operation, same)
            need(again == target, f"the target of one item is {target!r}, then {again!r}")
        need(item.payload == before, "target changed the item")


@rule(
    "A19",
    Level.BRONZE,
    "items",
    "An item is encoded to the same bytes each time, and is left as it was.",
)
async def encoding_is_deterministic(bench: Bench, operation: str) -> None:
    """Asked twice, of equal items."""
    adapter, items = await _look(bench, operation)
    options = adapter.check_options(operation, bench.kit.options(operation))
    for item in items:
        before = copy.deepcopy(dict(item.payload))
        wire = adapter.encode(operation, item, options)
        need(isinstance(wire, bytes), f"encode gave {type(wire).__name__}, not bytes")
        equal = BatchItem(id=item.id, payload=copy.deepcopy(before))
        for same in (item, equal):
            need(
                adapter.encode(operation, same, options) == wire,
                "one item was encoded to different bytes, so a job can't be recognised",
            )
        need(item.payload == before, "encode changed the item")


@rule(
    "A20",
    Level.BRONZE,
    "items",
    "A number as text is encoded as the number, and what is none is refused; a map's rows take "
    "what it says.",
)
async def kinds_of_fields_are_true(bench: Bench, operation: str) -> None:
    """Each field that has a kind as text, and as something of another kind; an item of each map."""
    adapter, items = await _look(bench, operation)
    options = adapter.check_options(operation, bench.kit.options(operation))
    found = 0
    for item in items:
        kinds = adapter.fields(operation, item.payload)
        need(
            all(isinstance(kind, Kind) for kind in kinds.values()),
            "fields gave something else than kinds",
        )
        wire = adapter.encode(operation, item, options)
        for name, kind in kinds.items():
            value = _read(item.payload, name)
            if value is None or isinstance(value, list | dict):
                continue
            found += 1
            text = _PLAIN[kind](value)
            other = _with(item, name, text)
            need(
                adapter.encode(operation, other, options) == wire,
                f"{name} as the text {text!r} is not encoded as {value!r} is",
            )
            for wrong in _NO_KIND_TAKES.get(kind, ()):
                _refuses(adapter, operation, _with(item, name, wrong), options)
    for text in bench.kit.maps(operation):
        found += 1
        _maps_truly(adapter, operation, text)
    applies(found, "the items have no field of a kind that the adapter names (fields)")


@rule(
    "A21",
    Level.BRONZE,
    "items",
    "Whatever an item or an option holds, it is encoded or refused by an InputError.",
)
async def bad_input_is_refused(bench: Bench, operation: str) -> None:
    """Items with values of any type in any place; an option nobody knows."""
    adapter, items = await _look(bench, operation)
    options = adapter.check_options(operation, bench.kit.options(operation))
    try:
        adapter.check_options(operation, {"no_such_option_of_conformance": "1"})
    except InputError:
        pass
    else:
        raise BrokenError("check_options takes an option that nobody knows")

    @make_examples(60)
    def check(data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(items))
        key = data.draw(st.sampled_from([*item.payload]))
        value = data.draw(_JSON)
        odd = BatchItem(id=item.id, payload={**item.payload, key: value})
        try:
            wire = adapter.encode(operation, odd, options)
            adapter.target(operation, odd)
            adapter.batch_key(operation, odd)
        except InputError:
            return
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise BrokenError(f"an item with {key} = {value!r} raised {what}") from None
        need(isinstance(wire, bytes), f"encode gave {type(wire).__name__}, not bytes")

    check()


_TEXTS = st.sampled_from(["", "x", "0", "-1", "1e400", "NaN", "/", "\ud800", "\x00", "é" * 9])
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([Decimal("0.10"), Decimal("1e999"), Decimal("NaN"), 0.1, float("inf")]),
    _TEXTS,
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXTS, inner, max_size=2),
    max_leaves=3,
)


async def _look(bench: Bench, operation: str) -> tuple[Adapter[Any], list[BatchItem]]:
    """Return the adapter, and items with their ids."""
    run = await bench.clean(operation)
    adapter = run.watch.adapters[-1]
    ids = [result.id for result in run.results]
    items = [
        BatchItem(id=id_, payload=item.payload) for id_, item in zip(ids, run.items, strict=False)
    ]
    need(items, "a run without trouble has no results")
    return adapter, items


def _read(payload: Mapping[str, Any], name: str) -> Any:
    value: Any = payload
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _with(item: BatchItem, name: str, value: object) -> BatchItem:
    payload = copy.deepcopy(dict(item.payload))
    part, (*path, last) = payload, name.split(".")
    for key in path:
        part = part[key]
    part[last] = value
    return BatchItem(id=item.id, payload=payload)


class _AnyColumn(dict[str, str]):
    """A row that has a value in whatever column."""

    def __missing__(self, column: str) -> str:
        return "1"


def _maps_truly(adapter: Adapter[Any], operation: str, text: str) -> None:
    """Compare what a map says of its rows with what is said of an item that is made by it."""
    row_map = adapter.read_map(operation, text)
    if row_map.kinds is None:
        return
    item: dict[str, Any] = {}
    for name, template in row_map.templates.items():
        part, (*path, last) = item, name.split(".")
        for key in path:
            part = part.setdefault(key, {})
        part[last] = template.format_map(_AnyColumn())
    kinds = adapter.fields(operation, item)
    need(
        dict(row_map.kinds) == dict(kinds),
        f"the rows of the map {text!r} take something else than fields says of an item made by it",
    )


def _refuses(
    adapter: Adapter[Any], operation: str, item: BatchItem, options: Mapping[str, Any]
) -> None:
    try:
        adapter.encode(operation, item, options)
    except InputError:
        return
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise BrokenError(f"a field of another kind raised {what}, not InputError") from None
    raise BrokenError("a field with a value of another kind is encoded")
