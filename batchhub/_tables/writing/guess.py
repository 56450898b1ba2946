"""What kind a column of plain JSON has: told by all its values, as no type tells it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from .kinds import Json

_INT64: Final = range(-(2**63), 2**63)
_NUMBERS: Final = frozenset({int, float, Decimal})


class Guess:
    """The kind that holds every value seen so far: the narrowest of those that do."""

    def __init__(self) -> None:
        self._kind: Any = None
        self._is_list: bool | None = None

    def see(self, value: Any) -> None:
        """Look at one more value."""
        if value is None or self._kind is Json:
            return
        is_list = isinstance(value, list | tuple)
        if self._is_list not in {None, is_list}:
            self._kind = Json
            return
        self._is_list = is_list
        for each in value if is_list else [value]:
            self._kind = _join(self._kind, each)

    @property
    def kind(self) -> Any:
        """The kind; text where there was no value, or where nothing else holds them all."""
        if self._kind is Json:
            return Any
        kind: Any = str if self._kind is None else self._kind
        return list[kind] if self._is_list else kind


def _join(kind: Any, value: Any) -> Any:
    if value is None or kind is Json:
        return kind
    found = _kind_of(value)
    if kind in {None, found}:
        return found
    if {kind, found} <= _NUMBERS:
        return Decimal if Decimal in {kind, found} else float
    return Json


def _kind_of(value: Any) -> Any:
    if isinstance(value, bool | str | float | Decimal | datetime):
        return next(
            kind for kind in (bool, str, float, Decimal, datetime) if isinstance(value, kind)
        )
    return int if isinstance(value, int) and value in _INT64 else Json
