"""
Attributes worked out when they are read, from what msgspec put into the slot.

An exact number that is whole is kept as an `int`, a time as its text: most are never read, and
a `Decimal` takes 104 bytes. What is read is always a `Decimal`, always a `datetime`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Final, get_args

import msgspec

from .shape import is_union
from .times import read_time

_TIME: Final = (
    r"^(?:|[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[T ]"
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:Z| ?[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]))$"
)
_FORMS: Final[dict[Any, tuple[Any, type[Any], Callable[[Any], Any]]]] = {
    Decimal: (int | Decimal, int, Decimal),
    datetime: (Annotated[str, msgspec.Meta(pattern=_TIME)], str, read_time),
}


class WorkedOut:
    """An attribute whose slot may hold another form of its value."""

    __slots__ = ("_form", "_read", "_slot")

    def __init__(self, slot: Any, form: type[Any], read: Callable[[Any], Any]) -> None:
        self._slot = slot
        self._form = form
        self._read = read

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Return the value."""
        if instance is None:
            return self
        held = self._slot.__get__(instance)
        return self._read(held) if type(held) is self._form else held

    def __set__(self, instance: Any, value: Any) -> None:
        """Refuse, as the frozen class does."""
        raise AttributeError(f"immutable type: {type(instance).__name__!r}")


def slot_type(kind: Any) -> Any:
    """Return what msgspec is to put into the slot of a field of this type; `None` for its own."""
    found = _form_of(kind)
    return None if found is None else found[0] | None


def work_out(kind: Any, slot: Any) -> WorkedOut | None:
    """Make the attribute of a field of this type; `None` where the slot holds the value itself."""
    found = _form_of(kind)
    return None if found is None else WorkedOut(slot, found[1], found[2])


def _form_of(kind: Any) -> tuple[Any, type[Any], Callable[[Any], Any]] | None:
    """Find the form of an optional number or time."""
    parts = get_args(kind) if is_union(kind) else ()
    if len(parts) != 2 or NoneType not in parts:  # noqa: PLR2004  # the type and `None`
        return None
    return _FORMS.get(next(part for part in parts if part is not NoneType))
