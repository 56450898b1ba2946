"""Kinds as columns of Arrow, and the JSON that its own reader takes for them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, Final

import msgspec
from attrs import frozen

from .shapes import JsonText, make_check, make_shape
from .types import Kind, class_of, element_of, is_time, members_in_order
from .values import dumps

PRECISION: Final = 38
"""Digits of exact numbers, those behind the point included."""

SCALE: Final = 18
"""Digits behind the point of exact numbers."""

_JSON: Final = msgspec.Raw
_STEP: Final = Decimal(1).scaleb(-SCALE)
_CONTEXT: Final = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN)
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


class BodyReader:
    """
    Reads JSON objects into columns, by Arrow's own reader.

    Args:
        layouts: The columns, by their names in the objects.
        arrow: The package.
        arrow_json: Its module that reads JSON.
    """

    def __init__(self, layouts: Mapping[str, Layout], arrow: Any, arrow_json: Any) -> None:
        self._arrow = arrow
        self._json = arrow_json
        self._schema = arrow.schema([(name, each.read_as) for name, each in layouts.items()])
        shape = check = None
        if any(each.shape is not _JSON for each in layouts.values()):
            shape = make_shape([(name, each.shape) for name, each in layouts.items()])
        check = make_check([(name, each.check) for name, each in layouts.items()])
        self._shape = None if shape is None else msgspec.json.Decoder(shape)
        self._check = None if check is None else msgspec.json.Decoder(check)

    def prepare(self, line: bytes) -> bytes:
        """
        Return an object as the reader takes it.

        Raises:
            ValueError: A number is too large for its column.
        """
        if self._check is not None:
            self._check.decode(line)
        return line if self._shape is None else dumps(self._shape.decode(line))

    def read(self, lines: Sequence[bytes]) -> Any:
        """
        Return a table of prepared objects, a row each.

        Raises:
            ValueError: A value is of another type than its column, or has too many digits.
        """
        data = b"\n".join(lines)
        return self._json.read_json(
            io.BytesIO(data),
            # One block, as a line may not be longer than a block.
            read_options=self._json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=self._json.ParseOptions(
                explicit_schema=self._schema, unexpected_field_behavior="ignore"
            ),
        )

    def read_rounded(self, line: bytes) -> Any:
        """
        Return a table of one object, its numbers with no more digits than columns hold.

        Raises:
            ValueError: Still a value does not fit.
        """
        return self.read([dumps(_rounding.decode(line))])


def rename(column: Any, layout: Layout) -> Any:
    """Give the fields of objects in a column the names of Python."""
    found = column.combine_chunks()
    return found if layout.type == layout.read_as else found.view(layout.type)


def _round(digits: str) -> Decimal:
    exact = Decimal(digits)
    try:
        return exact.quantize(_STEP, context=_CONTEXT)
    except InvalidOperation:
        return exact


_rounding: Final = msgspec.json.Decoder(float_hook=_round)
