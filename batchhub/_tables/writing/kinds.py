"""What a column holds, told by the type of the body: what is behind a path in it."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, Final, NewType, Union, get_args, get_origin

from attrs import fields, resolve_types
from msgspec import structs

from batchhub.errors import UsageError

from .paths import attributes_of, has_fields, is_struct, is_time

_LISTS: Final = frozenset({list, tuple, set, frozenset, Sequence})
_NOTHING: Final = type(None)


class Json:
    """The kind of a column that holds any JSON, written as its text."""


def fields_of(kind: type[Any]) -> dict[str, Any]:
    """Return the fields of a class with their kinds."""
    if is_struct(kind):
        types_ = {each.name: each.type for each in structs.fields(kind)}
    else:
        types_ = {each.name: each.type for each in fields(resolve_types(kind))}
    return {name: datetime if is_time(kind, name) else bare(t) for name, t in types_.items()}


def bare(kind: Any) -> Any:
    """
    Return a type without what makes no difference to a column: that it may be `None`, its name.

    One or many of a type are many of it.
    """
    if isinstance(kind, NewType):
        return bare(kind.__supertype__)
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if get_origin(kind) not in {Union, types.UnionType}:
        return kind
    parts = [bare(part) for part in get_args(kind) if part is not _NOTHING]
    many = [part for part in parts if element_of(part) is not None]
    if len(many) == 1 and all(part in {many[0], element_of(many[0])} for part in parts):
        return many[0]
    return parts[0] if len(parts) == 1 else Any


def element_of(kind: Any) -> Any:
    """Return the kind of what is in a list, or in a tuple of any length; `None` if it is none."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin not in _LISTS or not parts:
        return None
    if origin is tuple and parts[1:] != (Ellipsis,):
        return None
    return bare(parts[0])


def find_kind(kind: type[Any], steps: Sequence[str], name: str) -> Any:
    """
    Tell what a path in a type leads to.

    Args:
        kind: The type.
        steps: The path.
        name: What the path is called in messages.

    Returns:
        The kind; `None` if only the values tell.

    Raises:
        UsageError: There is no such thing in it.
    """
    found: Any = kind
    is_many = False
    for step in steps:
        if (element := element_of(found)) is not None:
            is_many = is_many or not step.isdecimal()
            found = element
            if step.isdecimal():
                continue
        found = _inner(found, step, name)
        if found is None:
            return None
    if not is_many or found is Any:
        return None if found is Any else found
    return list[element_of(found) or found]  # type: ignore[misc]  # made as it runs


def _inner(kind: Any, step: str, name: str) -> Any:
    """Return the kind of what a step leads to; `None` if only the values tell."""
    if has_fields(kind):
        attribute = attributes_of(kind).get(step)
        if attribute is not None:
            return fields_of(kind)[attribute]
        close = get_close_matches(step, attributes_of(kind), n=3)
        known = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"--fields: {kind.__name__} has no field {step!r}, in {name!r}{known}")
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping) and parts:
        return bare(parts[1])
    if kind is Any or kind is Json:
        return None
    raise UsageError(f"--fields: there is nothing in {name!r} that could be called {step!r}")
