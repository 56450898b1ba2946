"""Kinds as columns of Arrow, and the JSON that its own reader takes for them."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Final

import msgspec
from attrs import frozen

from .types import Kind, class_of, element_of, is_time, members_in_order

PRECISION: Final = 38
"""Digits of exact numbers, those behind the point included."""

SCALE: Final = 18
"""Digits behind the point of exact numbers."""

_JSON: Final = msgspec.Raw
_LIMIT: Final = 10.0 ** (PRECISION - SCALE)
_EXACT: Final[Any] = (
    Annotated[float, msgspec.Meta(gt=-_LIMIT, lt=_LIMIT)]
    | Annotated[str, msgspec.Meta(pattern=rf"^-?[0-9]{{1,{PRECISION - SCALE}}}(\.[0-9]*)?$")]
    | None
)
_TEXTS: Final = (msgspec.inspect.StrType, msgspec.inspect.UUIDType)


@frozen(kw_only=True)
class Layout:
    """
    A column in Arrow.

    Attributes:
        read_as: Its type with the vendor's names, as the JSON has them; `None` where values come
            from Python, as times do.
        type: Its type with the names of Python.
        shape: What msgspec decodes its JSON as, to make texts of the parts that may be anything;
            `msgspec.Raw` where it has no such parts.
        check: What msgspec decodes its JSON as, to find exact numbers that are too large; `None`
            where there are none. Arrow's reader would make other numbers of them, silently.
    """

    read_as: Any
    type: Any
    shape: Any
    check: Any = None


class Layouts:
    """
    Makes layouts.

    Args:
        arrow: The package.
    """

    def __init__(self, arrow: Any) -> None:
        self._arrow = arrow

    def make(self, kind: Kind, within: tuple[Any, ...] = ()) -> Layout:
        """
        Lay out a column.

        Args:
            kind: What it holds.
            within: The classes it is in, which it does not hold once more.
        """
        if not within and is_time(kind):
            return self._time(kind)
        if (scalar := self._scalar(kind)) is not None:
            is_exact = isinstance(kind, msgspec.inspect.DecimalType)
            return Layout(
                read_as=scalar, type=scalar, shape=_JSON, check=_EXACT if is_exact else None
            )
        if (element := element_of(kind)) is not None:
            inner = self.make(element, within or (None,))
            shape: Any = inner.shape
            check: Any = inner.check
            if shape is not JsonText:  # else the list is JSON in whole
                return Layout(
                    read_as=self._arrow.list_(inner.read_as),
                    type=self._arrow.list_(inner.type),
                    shape=_JSON if shape is _JSON else list[shape | None],
                    check=None if check is None else list[check],
                )
        cls = class_of(kind)
        if cls is not None and cls not in within and members_in_order(cls):
            return self._struct(cls, (*within, cls))
        return Layout(read_as=self._arrow.string(), type=self._arrow.string(), shape=JsonText)

    def _time(self, kind: Kind) -> Layout:
        if (element := element_of(kind)) is not None:
            return Layout(
                read_as=None, type=self._arrow.list_(self._time(element).type), shape=None
            )
        if isinstance(kind, msgspec.inspect.DateType):
            return Layout(read_as=None, type=self._arrow.date32(), shape=None)
        return Layout(read_as=None, type=self._arrow.timestamp("us", tz="UTC"), shape=None)

    def _scalar(self, kind: Kind) -> Any:
        arrow, inspect = self._arrow, msgspec.inspect
        values: list[Any] = []
        if isinstance(kind, inspect.LiteralType):
            values = list(kind.values)
        elif isinstance(kind, inspect.EnumType):
            values = [each.value for each in kind.cls if isinstance(each, Enum)]
        if values and all(isinstance(value, str) for value in values):
            return arrow.string()
        made: list[tuple[Any, Callable[[], Any]]] = [
            (_TEXTS, arrow.string),
            # Within others, times are the texts they came as.
            ((inspect.DateTimeType, inspect.DateType, inspect.TimeType), arrow.string),
            (inspect.BoolType, arrow.bool_),
            (inspect.IntType, arrow.int64),
            (inspect.FloatType, arrow.float64),
            (inspect.DecimalType, lambda: arrow.decimal128(PRECISION, SCALE)),
        ]
        return next((make() for kinds, make in made if isinstance(kind, kinds)), None)

    def _struct(self, cls: Any, within: tuple[Any, ...]) -> Layout:
        members = [member for member in members_in_order(cls) if member.wire_name is not None]
        inner = [self.make(member.kind, within) for member in members]
        pairs = list(zip(members, inner, strict=True))
        shape: Any = _JSON
        if any(layout.shape is not _JSON for layout in inner):
            shape = make_shape([(m.wire_name or m.name, layout.shape) for m, layout in pairs])
        return Layout(
            read_as=self._arrow.struct([(m.wire_name, layout.read_as) for m, layout in pairs]),
            type=self._arrow.struct([(m.name, layout.type) for m, layout in pairs]),
            shape=shape,
            check=make_check([(m.wire_name or m.name, layout.check) for m, layout in pairs]),
        )


class JsonText:
    """The shape of a part that may be anything: its JSON becomes a text."""


def make_shape(parts: list[tuple[str, Any]]) -> type[msgspec.Struct]:
    """
    Make a type that reads an object and is written with JSON in texts where columns are texts.

    Everything else passes through it unread.

    Args:
        parts: The names in JSON, and the shape of each.
    """
    names = {f"f{n}": name for n, (name, _) in enumerate(parts)}
    fields: list[tuple[str, Any, Any]] = []
    texts: list[str] = []
    for (_, shape), name in zip(parts, names, strict=True):
        if shape is JsonText:
            texts.append(name)
        kind = _JSON if shape in {JsonText, _JSON} else shape | None
        fields.append((name, kind, None))

    def write_texts(self: Any) -> None:
        for name in texts:
            raw = getattr(self, name)
            if raw is not None:
                data = bytes(raw)
                text = None if data == b"null" else data.decode()
                if text is not None and text.startswith('"'):
                    text = msgspec.json.decode(data)  # a text is there as it is
                setattr(self, name, text)

    return msgspec.defstruct(
        "Shape",
        fields,
        rename=names,
        omit_defaults=True,
        namespace={"__post_init__": write_texts} if texts else None,
    )


def make_check(parts: list[tuple[str, Any]]) -> Any:
    """
    Make a type as which only objects are read whose exact numbers their columns can hold.

    Args:
        parts: The names in JSON, and the check of each.

    Returns:
        The type, which may be null, too; `None` if there is nothing to check.
    """
    checks = [(name, check) for name, check in parts if check is not None]
    if not checks:
        return None
    made: Any = msgspec.defstruct(
        "Check",
        [(f"f{n}", check | None, None) for n, (_, check) in enumerate(checks)],
        rename={f"f{n}": name for n, (name, _) in enumerate(checks)},
    )
    return made | None
