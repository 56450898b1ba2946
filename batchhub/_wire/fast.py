"""Which types msgspec reads exactly as the converter would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, Final, get_args, get_origin

from attrs import Attribute, Factory, fields, has, resolve_types

from .reading import tells_by_form
from .shape import is_union, layout_of

_PLAIN: Final = frozenset({int, float, bool, str, Decimal, NoneType, Any, Ellipsis})
_LISTS: Final = frozenset({list, tuple, set, frozenset})
_MAPS: Final = frozenset({dict, Mapping})
_GENERATED: Final = "<attrs generated"


class Representable:
    """
    Answers for one type and all that is in it.

    Args:
        hooked: Tell for a type whether somebody registered a hook for it, which is then asked.
    """

    def __init__(self, hooked: Sequence[Callable[[Any], bool]] = ()) -> None:
        self._hooked = hooked
        self._met: set[Any] = set()

    def can(self, kind: Any, *, in_record: bool = False) -> bool:
        """Tell whether msgspec may read it; only in a record it leaves times to our reader."""
        if any(_asks(covers, kind) for covers in self._hooked):
            return False
        if kind in _PLAIN or kind in self._met or (in_record and kind is datetime):
            return True
        if args := get_args(kind):
            return self._can_hold(kind, args, in_record=in_record)
        return isinstance(kind, type) and self._can_class(kind)

    def _can_hold(self, kind: Any, args: tuple[Any, ...], *, in_record: bool) -> bool:
        origin = get_origin(kind)
        if is_union(kind):
            is_plain = len([part for part in args if part is not NoneType]) == 1
            fits = is_plain or tells_by_form(kind)
        else:
            fits = origin in _LISTS or (origin in _MAPS and args[0] is str)
        return fits and all(self.can(part, in_record=in_record) for part in args)

    def _can_class(self, kind: type[Any]) -> bool:
        if issubclass(kind, Enum):
            return True
        if not has(kind):
            return False
        self._met.add(kind)
        if (layout := layout_of(kind)) is not None:
            return all(self.can(member.type, in_record=True) for member in layout.fields)
        if not vars(kind).get("__init__", _none).__code__.co_filename.startswith(_GENERATED):
            return False
        resolve_types(kind)
        return all(_is_plain(each) and self.can(each.type) for each in fields(kind))


def _none() -> None:
    """Stand in for an `__init__` that is not there."""


def _is_plain(attribute: Attribute[Any]) -> bool:
    """Tell whether msgspec fills a field as attrs would: it knows no converters and no aliases."""
    default: Any = attribute.default
    takes_self = isinstance(default, Factory) and default.takes_self  # type: ignore[arg-type]  # a class
    return (
        attribute.init
        and not attribute.converter
        and attribute.alias == attribute.name
        and not takes_self
    )


def _asks(covers: Callable[[Any], bool], kind: Any) -> bool:
    try:
        return bool(covers(kind))
    except Exception:  # a predicate of somebody's, made for other types
        return False
