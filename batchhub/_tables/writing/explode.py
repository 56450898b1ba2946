"""
A row for each element of a list in the body.

Each element makes a result of its own, whose body has the element in place of the list. So all
that is said of bodies holds for it: paths, types, every format.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Final, TypedDict, Union, get_args, get_origin, get_type_hints

import attrs
import msgspec

from batchhub._base.show import clean
from batchhub._tables.formats import Say, suggest
from batchhub.errors import UsageError
from batchhub.models import ItemResult, ItemState

from .columns import BODY, IN_BODY, OWN, Column, Row, Table, left_body, make_table
from .types import MISSING, Member, class_of, members_in_order, members_of
from .values import body_value, dumps

_LISTS: Final = (list, tuple, Sequence, set, frozenset)


class Explode:
    """
    Makes several results of one, an element of a list in each.

    Args:
        path: The list's path in the body, such as ``items``; ``body`` if the body itself is one.
            A list on the way is taken apart as well.
        say: Names an argument in a message.

    Raises:
        UsageError: It is no path.
    """

    def __init__(self, path: str, say: Say) -> None:
        self._path = path.strip()
        self._say = say
        steps = self._path.removeprefix(IN_BODY).split(".")
        if not all(steps) or "," in path:
            raise UsageError(
                f"{say('explode')} takes the name of one list, such as items, not {path!r}"
            )
        if self._path in OWN and self._path != BODY:
            raise UsageError(
                f"{say('explode')}: {self._path} is no list; write body.{self._path} for a list of "
                "that name in the body"
            )
        self._steps = () if self._path == BODY else tuple(steps)
        self._has_list = False
        self._has_body = False

    def split(self, result: ItemResult) -> Iterator[ItemResult]:
        """
        Yield a result for each element; the result as it is if there is no list in its body.

        An empty list, or null in its place, gives one result, without an element.
        """
        # The body of an item that failed is the vendor's error, whatever it may look like.
        if result.state is not ItemState.SUCCEEDED:
            yield result
            return
        self._has_body = True
        body = body_value(result.raw)
        if self._finds_list(body, self._steps):
            for each in _split(body, self._steps):
                yield attrs.evolve(result, raw=dumps(each))
        else:
            yield result

    def warnings(self) -> Iterator[str]:
        """Yield what is odd about it, a sentence each."""
        if self._has_body and not self._has_list:
            yield f"no result has a list at {clean(self._path, 60)!r}; is the name right?"

    def make_table(self, fields: Sequence[str], type_: Any = None, type_name: str = "") -> Table:
        """
        Make the columns.

        Args:
            fields: What was asked for; all there is if empty: an element's fields are columns of
                their own then, each behind the name of the list.
            type_: What a body with the whole list is read as.
            type_name: What that is called in messages.

        Raises:
            UsageError: The type has no such list, or a field can't be one.
        """
        if type_ is not None and self._steps:
            type_, self._steps = _with_element(type_, self._steps, self._path, self._say)
        if fields or type_ is None:
            return make_table(fields, say=self._say, type_=type_, type_name=type_name)
        plain = make_table(OWN, say=self._say).columns
        plain[-1].get = left_body
        typed = [_make_column(way) for way in _flat_ways(type_, self._steps)]
        return Table(columns=[*plain, *typed], type=type_, type_name=type_name)

    def _finds_list(self, value: Any, steps: Sequence[str]) -> bool:
        if isinstance(value, list) and not steps:
            self._has_list = True
            return True
        if isinstance(value, list):
            # Of a page without anything on it nobody can tell what would be in it.
            self._has_list = self._has_list or not value
            return not value or any(self._finds_list(each, steps) for each in value)
        if not steps:
            self._has_list = self._has_list or value is None
            return False
        return isinstance(value, Mapping) and (
            steps[0] in value and self._finds_list(value[steps[0]], steps[1:])
        )


def _split(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """Yield a value as often as there are elements, each with one in place of the list."""
    if isinstance(value, list) and not steps:
        yield from value or [None]
    elif isinstance(value, list):
        for each in value or [None]:
            yield from _split(each, steps)
    elif steps and isinstance(value, Mapping) and steps[0] in value:
        for part in _split(value[steps[0]], steps[1:]):
            yield {**value, steps[0]: part}
    else:
        yield value


def _with_element(
    type_: Any, steps: Sequence[str], path: str, say: Say
) -> tuple[Any, tuple[str, ...]]:
    """
    Make a type like this one which has one element where it has a list.

    Returns:
        The type, and the path by the names in JSON.

    Raises:
        UsageError: There is no such list in it.
    """
    member = members_of(type_).get(steps[0])
    if member is None or member.wire_name is None:
        known = suggest(steps[0], [each.name for each in members_in_order(type_)])
        name = getattr(type_, "__name__", str(type_))
        raise UsageError(f"{say('explode')}: {name} has no list {steps[0]!r}, in {path!r}{known}")
    hint = get_type_hints(type_, include_extras=True)[member.name]
    inner, is_list = _element(hint)
    rest: tuple[str, ...] = ()
    if len(steps) > 1:
        inner, rest = _with_element(inner, steps[1:], path, say)
    elif not is_list:
        raise UsageError(f"{say('explode')}: {path} is no list in {type_.__name__}")
    return _replace_field(type_, member.name, inner | None), (member.wire_name, *rest)


def _element(hint: Any) -> tuple[Any, bool]:
    """Return what is in a list by an annotation, and whether it is one; null aside."""
    if get_origin(hint) in {Union, UnionType}:
        parts = [part for part in get_args(hint) if part is not NoneType]
        return _element(parts[0]) if len(parts) == 1 else (hint, False)
    if (origin := get_origin(hint)) is not None and origin in _LISTS:
        return get_args(hint)[0], True
    return hint, False


def _replace_field(type_: Any, name: str, hint: Any) -> Any:
    """Make a class below this one in which a field is of another type."""
    called = type_.__name__
    if issubclass(type_, msgspec.Struct):
        return msgspec.defstruct(called, [(name, hint, None)], bases=(type_,), kw_only=True)
    if attrs.has(type_):
        fields = {name: attrs.field(type=hint, default=None, kw_only=True)}
        return attrs.make_class(called, fields, bases=(type_,), frozen=True, slots=True)
    if dataclasses.is_dataclass(type_):
        is_frozen: bool = vars(type_)["__dataclass_params__"].frozen
        made = dataclasses.field(default=None, kw_only=True)
        bases: Any = (type_,)
        return dataclasses.make_dataclass(
            called, [(name, hint, made)], bases=bases, frozen=is_frozen
        )
    # The type of columns is one of these three, or a TypedDict.
    made_of = get_type_hints(type_, include_extras=True) | {name: hint}
    return TypedDict(called, made_of, total=False)  # type: ignore[operator]


def _flat_ways(
    type_: Any, steps: Sequence[str], before: tuple[Member, ...] = ()
) -> Iterator[tuple[Member, ...]]:
    """Yield the way to each field of a type; those of the element are in place of itself."""
    for member in members_in_order(type_):
        inner = class_of(member.kind)
        if steps and member.wire_name == steps[0] and members_in_order(inner):
            yield from _flat_ways(inner, steps[1:], (*before, member))
        else:
            yield (*before, member)


def _make_column(way: tuple[Member, ...]) -> Column:
    """Make the column of a field, which every row has."""
    name = ".".join(member.name for member in way)
    name = IN_BODY + name if name in OWN else name

    def get(row: Row) -> Any:
        value = None if row.typed is MISSING else row.typed
        for member in way:
            if value is None:
                return None
            is_plain = isinstance(value, Mapping)  # an object of a TypedDict
            value = value.get(member.name) if is_plain else member.get(value)
        return value

    return Column(name, way[-1].kind, get, name, is_met=True)
