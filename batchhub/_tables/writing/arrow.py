"""Kinds as columns of Arrow: the type of each, and values as it takes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

from attrs import frozen

from .kinds import Json, bare, element_of, fields_of
from .paths import has_fields, read_field
from .text import json_text, plain_text

SCALE: Final = 18
"""Digits behind the point of exact numbers; what has more is rounded, half to even."""

PRECISION: Final = 38
"""Digits of exact numbers, those behind the point included."""

_STEP: Final = Decimal(1).scaleb(-SCALE)
_CONTEXT: Final = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN)
_INT64: Final = range(-(2**63), 2**63)


class UnfitError(Exception):
    """A value that its column can't hold."""


@frozen(kw_only=True)
class Layout:
    """
    A column as Arrow has it.

    Attributes:
        type: Its type.
        convert: Makes what Arrow takes of a value that is not `None`; may raise `UnfitError`.
    """

    type: Any
    convert: Callable[[Any], Any]


class Layouts:
    """
    Makes layouts.

    Args:
        arrow: The package.
        tell: Told when a value within another is left out because nothing holds it.
    """

    def __init__(self, arrow: Any, tell: Callable[[], None]) -> None:
        self._arrow = arrow
        self._tell = tell

    def make(self, kind: Any, within: tuple[Any, ...] = ()) -> Layout:
        """
        Lay out a column.

        Args:
            kind: What it holds.
            within: The classes it is in, which it does not hold once more.
        """
        kind = bare(kind)
        if (scalar := self._scalar(kind)) is not None:
            return scalar
        if (element := element_of(kind)) is not None:
            return self._list(self.make(element, within))
        if has_fields(kind) and kind not in within and fields_of(kind):
            return self._struct(kind, (*within, kind))
        return Layout(type=self._arrow.string(), convert=json_text if kind is Json else plain_text)

    def _scalar(self, kind: Any) -> Layout | None:
        arrow = self._arrow
        if get_origin(kind) is Literal:
            kind = next(iter({type(each) for each in get_args(kind)}), str)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return Layout(type=arrow.string(), convert=lambda value: plain_text(_value_of(value)))
        made: dict[Any, tuple[Any, Callable[[Any], Any]]] = {
            str: (arrow.string(), _as_text),
            bool: (arrow.bool_(), _as_bool),
            int: (arrow.int64(), _as_int),
            float: (arrow.float64(), _as_float),
            Decimal: (arrow.decimal128(PRECISION, SCALE), _as_decimal),
            datetime: (arrow.timestamp("us", tz="UTC"), _as_time),
            date: (arrow.date32(), _as_date),
        }
        if kind not in made:
            return None
        found, convert = made[kind]
        return Layout(type=found, convert=convert)

    def _list(self, inner: Layout) -> Layout:
        def convert(value: Any) -> list[Any]:
            values = value if isinstance(value, list | tuple | set | frozenset) else [value]
            return [self._try(inner, each) for each in values]

        return Layout(type=self._arrow.list_(inner.type), convert=convert)

    def _struct(self, kind: type[Any], within: tuple[Any, ...]) -> Layout:
        inner = {name: self.make(each, within) for name, each in fields_of(kind).items()}

        def convert(value: Any) -> dict[str, Any]:
            if not isinstance(value, kind):
                raise UnfitError
            return {
                name: self._try(layout, read_field(value, name)) for name, layout in inner.items()
            }

        members = [self._arrow.field(name, layout.type) for name, layout in inner.items()]
        return Layout(type=self._arrow.struct(members), convert=convert)

    def _try(self, layout: Layout, value: Any) -> Any:
        if value is None:
            return None
        try:
            return layout.convert(value)
        except UnfitError:
            self._tell()
            return None


def _value_of(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _as_text(value: Any) -> str:
    text = plain_text(_value_of(value)) or ""
    return text.encode("utf-8", "backslashreplace").decode()


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnfitError
    return value


def _as_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT64:
        raise UnfitError
    return int(value)


def _as_float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise UnfitError
    try:
        return float(value)
    except OverflowError:
        raise UnfitError from None


def _as_decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise UnfitError
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    try:
        made = exact.quantize(_STEP, context=_CONTEXT)
    except InvalidOperation:
        raise UnfitError from None
    if not made.is_finite():
        raise UnfitError
    return made


def _as_time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise UnfitError
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # the first or last hours there are
        raise UnfitError from None


def _as_date(value: Any) -> date:
    if not isinstance(value, date):
        raise UnfitError
    return value
