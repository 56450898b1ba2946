"""What a path such as ``items.sku`` leads to, in plain JSON and in typed objects alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from attrs import fields, has
from msgspec import Struct, structs

MISSING: Final[Any] = object()
"""What a path leads to that does not exist."""

_TIME: Final = "_time"


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
    """Return the attributes of a class by the names they go by: in Python, on the wire."""
    if not is_struct(kind):
        return {each.name: each.name for each in fields(kind)}
    found = structs.fields(kind)
    return {**{each.encode_name: each.name for each in found}, **{f.name: f.name for f in found}}


def is_struct(kind: Any) -> bool:
    """Return whether a type is a `msgspec.Struct`."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def has_fields(kind: Any) -> bool:
    """Return whether a type is one whose fields are known."""
    return is_struct(kind) or has(kind)


def is_time(kind: Any, name: str) -> bool:
    """Return whether a field is a text that a property beside it reads as a time."""
    return isinstance(getattr(kind, name + _TIME, None), property)


def read_field(value: Any, name: str) -> Any:
    """Return a field of an object; of a time its text, if that is none."""
    if is_time(type(value), name):
        try:
            return getattr(value, name + _TIME)
        except ValueError:
            pass
    return getattr(value, name)


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
    attribute = attributes_of(kind).get(step) if has_fields(kind) else None
    return MISSING if attribute is None else read_field(value, attribute)
