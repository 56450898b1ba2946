"""What a path such as ``items.sku`` leads to, in plain JSON and in typed objects alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from attrs import fields, has

MISSING: Final[Any] = object()
"""What a path leads to that does not exist."""

EXTRA: Final = "extra"
"""The attribute in which a typed object keeps what its class does not name."""


def dig(value: Any, steps: Sequence[str]) -> Any:
    """
    Follow a path.

    A step is a key or an attribute. Through a list it gives a list of what is in each element,
    `None` where there is nothing; a number takes one element, from 0.

    Returns:
        What is there; `MISSING` if there is no such thing. Below a null there is `None`.
    """
    for n, step in enumerate(steps):
        if value is None:
            return None
        if isinstance(value, list | tuple) and not step.isdecimal():
            return _gather(value, steps[n:])
        value = _take(value, step)
        if value is MISSING:
            return MISSING
    return value


@cache
def attributes_of(kind: Any) -> Mapping[str, str]:
    """Return the attributes of an attrs class by the names they go by: in Python, on the wire."""
    from batchhub.wire import wire_names  # noqa: PLC0415  # only typed exports need it

    names = {each.name: each.name for each in fields(kind)}
    try:
        on_wire = {wire: name for name, wire in wire_names(kind).items()}
    except TypeError:  # no record: its names are the same everywhere
        on_wire = {}
    return {**on_wire, **names}


def _gather(values: Sequence[Any], steps: Sequence[str]) -> Any:
    found: list[Any] = []
    is_there = not values  # an empty list tells nothing of what would be in it
    for value in values:
        inner = dig(value, steps)
        is_there = is_there or inner is not MISSING
        if isinstance(inner, list | tuple):
            found.extend(inner)
        else:
            found.append(None if inner is MISSING else inner)
    return found if is_there else MISSING


def _take(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if isinstance(value, list | tuple):
        return value[int(step)] if int(step) < len(value) else MISSING
    kind: Any = type(value)
    if not has(kind):
        return MISSING
    attribute = attributes_of(kind).get(step)
    if attribute is not None:
        return getattr(value, attribute)
    extra = getattr(value, EXTRA, None)
    return extra.get(step, MISSING) if isinstance(extra, Mapping) else MISSING
