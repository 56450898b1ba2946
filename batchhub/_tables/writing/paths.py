"""What a path such as ``items.sku`` leads to, in plain JSON and in typed objects alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .types import members_of

MISSING: Final[Any] = object()
"""What a path leads to that does not exist."""


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


def _gather(values: Sequence[Any], steps: Sequence[str]) -> Any:
    found: list[Any] = []
    is_there = not values  # an empty list says nothing about its elements
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
    member = members_of(kind).get(step)
    if member is None:
        return MISSING
    try:
        return getattr(value, member.attribute)
    except ValueError:  # a text that is no time stays what it is
        return getattr(value, member.name)
