"""What a body is read as, and what is in it: by its type, and by its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, Final, get_origin, get_type_hints

import msgspec
from attrs import frozen

from batchhub._tables.formats import Say, suggest
from batchhub.adapter import Adapter
from batchhub.errors import AdapterError, NotKnownError, UsageError

Kind = msgspec.inspect.Type
"""What a column, or a value in it, holds."""

ANY: Final = msgspec.inspect.AnyType()
"""The kind of what may be anything; in Parquet it is JSON text."""

_OBJECTS: Final = (
    msgspec.inspect.StructType,
    msgspec.inspect.DataclassType,
    msgspec.inspect.TypedDictType,
)
_LISTS: Final = (
    msgspec.inspect.ListType,
    msgspec.inspect.VarTupleType,
    msgspec.inspect.SetType,
    msgspec.inspect.FrozenSetType,
)
_NOTHING: Final = msgspec.inspect.NoneType
_TIME: Final = "_time"


@frozen(kw_only=True)
class Member:
    """
    What an object has under a name.

    Attributes:
        name: Its name in Python.
        wire_name: Its name in JSON; `None` if it is only worked out of others.
        kind: What it holds.
        attribute: The attribute that gives it. A time that is a text in JSON, such as
            ``create_date``, is given by the property beside it, ``create_date_time``.
    """

    name: str
    wire_name: str | None
    kind: Kind
    attribute: str

    def get(self, value: Any) -> Any:
        """Return what an object has; `None` for a key that a `TypedDict` lacks."""
        if isinstance(value, dict):
            return value.get(self.name)
        try:
            return getattr(value, self.attribute)
        except ValueError:  # a text that is no time stays what it is
            return getattr(value, self.name)


def load_type(adapter: type[Adapter[Any]], name: str) -> type[Any]:
    """
    Load a type that an adapter reads bodies as.

    Args:
        adapter: The adapter's class.
        name: The type's name, as in `Adapter.types`; case makes no difference.

    Raises:
        NotKnownError: The adapter has no such type.
        AdapterError: It does not load, or its fields can't be columns.
    """
    known = {each.lower(): place for each, place in adapter.types.items()}
    if name.lower() not in known:
        hint = "" if known else f"the adapter {adapter.name!r} has no types"
        raise NotKnownError("type", name, adapter.types, hint)
    place = known[name.lower()]
    module, _, attribute = place.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        words = " ".join(str(error).split())
        raise AdapterError(
            f"type {name!r} of adapter {adapter.name!r} does not load: "
            f"{type(error).__name__}: {words}"
        ) from error
    if not members_of(found):
        raise AdapterError(
            f"type {name!r} of adapter {adapter.name!r}: {place} is no msgspec.Struct, "
            "attrs class, dataclass or TypedDict"
        )
    loaded: type[Any] = found
    return loaded


@cache
def members_of(kind: Any) -> Mapping[str, Member]:
    """Return what an object of a type has, by its names in Python and in JSON."""
    members = members_in_order(kind)
    by_wire = {member.wire_name or member.name: member for member in members}
    return by_wire | {member.name: member for member in members}


def _in_order(kind: Any, info: Any) -> Sequence[Any]:
    """Return the fields of a type as it has them: those of a `TypedDict` come by their names."""
    if not isinstance(info, msgspec.inspect.TypedDictType):
        return info.fields  # type: ignore[no-any-return]
    names = [*get_type_hints(get_origin(kind) or kind)]
    return sorted(info.fields, key=lambda each: names.index(each.name))


@cache
def members_in_order(kind: Any) -> tuple[Member, ...]:
    """Return the fields of a type, then the properties that give times; none of other types."""
    try:
        info = msgspec.inspect.type_info(kind)
    except (TypeError, NameError):
        return ()
    if not isinstance(info, _OBJECTS):
        return ()
    times = dict(_find_times(kind))
    members: list[Member] = []
    for each in _in_order(kind, info):
        beside = each.name + _TIME
        attribute = beside if beside in times else each.name
        found = times.pop(beside, None) or bare(each.type)
        members.append(
            Member(name=each.name, wire_name=each.encode_name, kind=found, attribute=attribute)
        )
    members += [
        Member(name=name, wire_name=None, kind=each, attribute=name) for name, each in times.items()
    ]
    return tuple(members)


def _find_times(kind: type[Any]) -> Iterator[tuple[str, Kind]]:
    """Yield the properties of a type that give times, with their kinds."""
    found = {name: value for each in reversed(kind.__mro__) for name, value in vars(each).items()}
    for name, value in found.items():
        if name.startswith("_") or not isinstance(value, property):
            continue
        with suppress(KeyError, NameError, TypeError):
            returned = bare(msgspec.inspect.type_info(get_type_hints(value.fget)["return"]))
            if is_time(returned):
                yield name, returned


def bare(kind: Kind) -> Kind:
    """Return a kind without what makes no difference to a column: that it may be null."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return bare(kind.type)
    if not isinstance(kind, msgspec.inspect.UnionType):
        return kind
    parts = [part for part in kind.types if not isinstance(part, _NOTHING)]
    return bare(parts[0]) if len(parts) == 1 else ANY


def element_of(kind: Kind) -> Kind | None:
    """Return the kind of what is in a list; `None` if it is none."""
    return bare(kind.item_type) if isinstance(kind, _LISTS) else None


def class_of(kind: Kind) -> Any:
    """Return the class of a kind of objects; `None` if it is another kind."""
    return kind.cls if isinstance(kind, _OBJECTS) else None


def is_time(kind: Kind) -> bool:
    """Whether it is a time or a date, or a list of these."""
    inner = element_of(kind) or kind
    return isinstance(inner, msgspec.inspect.DateTimeType | msgspec.inspect.DateType)


@cache
def _kind_of(type_: Any) -> Kind:
    return msgspec.inspect.type_info(type_)


def find_kind(type_: type[Any], steps: Sequence[str], name: str, say: Say) -> Kind:
    """
    Return what a path in a type leads to.

    Args:
        type_: The type.
        steps: The path.
        name: What the path is called in messages.
        say: Names an argument in a message.

    Returns:
        The kind; that of anything if only the values decide.

    Raises:
        UsageError: There is no such thing in it.
    """
    whole: Any = type_
    found: Kind = _kind_of(whole)
    is_many = False
    for step in steps:
        if (element := element_of(found)) is not None:
            is_many = is_many or not step.isdecimal()
            found = element
            if step.isdecimal():
                continue
        found = _inner(found, step, name, say)
        if found == ANY:
            return ANY
    if not is_many:
        return found
    return msgspec.inspect.ListType(element_of(found) or found)


def _inner(kind: Kind, step: str, name: str, say: Say) -> Kind:
    cls = class_of(kind)
    if cls is not None:
        members = members_of(cls)
        if step in members:
            return members[step].kind
        known = suggest(step, [member.name for member in members_in_order(cls)])
        raise UsageError(
            f"{say('fields')}: {cls.__name__} has no field {step!r}, in {name!r}{known}"
        )
    if isinstance(kind, msgspec.inspect.DictType):
        return bare(kind.value_type)
    if kind == ANY:
        return ANY
    raise UsageError(f"{say('fields')}: there is nothing in {name!r} that could be called {step!r}")


MISSING: Final[Any] = object()
"""What a path leads to that does not exist."""


def dig(value: Any, steps: Sequence[str]) -> Any:
    """
    Follow a path, in plain JSON and in typed objects alike.

    A step is a key or an attribute. Through a list it gives a list of what is in each element,
    `None` where there is nothing; a number takes one element, from 0.

    Returns:
        What is there; `MISSING` if there is no such thing. Below a null there is `None`.
    """
    for n, step in enumerate(steps):
        if value is None or value is MISSING:
            return value
        if isinstance(value, list | tuple) and not step.isdecimal():
            return _gather([dig(each, steps[n:]) for each in value])
        value = _take(value, step)
    return value


def _gather(values: Sequence[Any]) -> Any:
    if values and all(value is MISSING for value in values):
        return MISSING  # but an empty list says nothing about its elements
    found: list[Any] = []
    for value in values:
        found += value if isinstance(value, list | tuple) else [None if value is MISSING else value]
    return found


def _take(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if isinstance(value, list | tuple):
        return value[int(step)] if int(step) < len(value) else MISSING
    kind: Any = type(value)
    member = members_of(kind).get(step)
    return MISSING if member is None else member.get(value)
