"""What a body is read as, and what is in it: the types that an adapter names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, get_type_hints

import msgspec
from attrs import frozen

from batchhub._tables.wording import Say
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
            "attrs class or dataclass"
        )
    loaded: type[Any] = found
    return loaded


@cache
def members_of(kind: Any) -> Mapping[str, Member]:
    """Return what an object of a type has, by its names in Python and in JSON."""
    members = members_in_order(kind)
    by_wire = {member.wire_name or member.name: member for member in members}
    return MappingProxyType(by_wire | {member.name: member for member in members})


@cache
def members_in_order(kind: Any) -> tuple[Member, ...]:
    """Return the fields of a type, then the properties that give times; none of other types."""
    if not isinstance(kind, type):
        return ()
    try:
        info = msgspec.inspect.type_info(kind)
    except (TypeError, NameError):
        return ()
    if not isinstance(info, _OBJECTS):
        return ()
    times = _times_of(kind)
    members: list[Member] = []
    for each in info.fields:
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


def _times_of(kind: type[Any]) -> dict[str, Kind]:
    """Return the properties of a type that give times, with their kinds."""
    found: dict[str, Kind] = {}
    for name, value in vars(kind).items():
        if name.startswith("_") or not isinstance(value, property) or value.fget is None:
            continue
        try:
            returned = bare(msgspec.inspect.type_info(get_type_hints(value.fget)["return"]))
        except (KeyError, NameError, TypeError):
            continue
        if is_time(returned):
            found[name] = returned
    return found


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
    found: Kind = msgspec.inspect.type_info(type_)
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
        close = get_close_matches(step, members, n=3)
        known = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(
            f"{say('fields')}: {cls.__name__} has no field {step!r}, in {name!r}{known}"
        )
    if isinstance(kind, msgspec.inspect.DictType):
        return bare(kind.value_type)
    if kind == ANY:
        return ANY
    raise UsageError(f"{say('fields')}: there is nothing in {name!r} that could be called {step!r}")
