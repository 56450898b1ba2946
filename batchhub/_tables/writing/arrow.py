"""Kinds as columns of Arrow, and the JSON that its own reader takes for them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Annotated, Any, Final

import msgspec
from attrs import frozen
from msgspec import inspect

from .types import Kind, class_of, element_of, members_in_order
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
_SCALARS: Final[dict[str, tuple[type[Kind], ...]]] = {
    # Within objects, times are the texts they came as.
    "string": (
        *(inspect.StrType, inspect.UUIDType),
        *(inspect.DateTimeType, inspect.DateType, inspect.TimeType),
    ),
    "bool_": (inspect.BoolType,),
    "int64": (inspect.IntType,),
    "float64": (inspect.FloatType,),
}
"""What makes the types of Arrow, and for which kinds."""


class _JsonText:
    """The shape of a part that may be anything: its JSON becomes a text."""


@frozen(kw_only=True)
class Layout:
    """
    A column in Arrow, or a part of one.

    Attributes:
        read_as: Its type with the vendor's names, as the JSON has them.
        type: Its type with the names of Python.
        shape: What msgspec decodes its JSON as, to make texts of the parts that may be anything;
            `msgspec.Raw` where it has no such parts.
        check: What msgspec decodes its JSON as, to find exact numbers that are too large; `None`
            where there are none. Arrow's reader would make other numbers of them, silently.
    """

    read_as: Any
    type: Any
    shape: Any = _JSON
    check: Any = None


def lay_out(arrow: Any, kind: Kind, within: tuple[Any, ...] = ()) -> Layout:
    """
    Lay out a column.

    Args:
        arrow: The package.
        kind: What it holds.
        within: The classes it is in, which it does not hold once more.
    """
    if isinstance(kind, inspect.DecimalType):
        exact = arrow.decimal128(PRECISION, SCALE)
        return Layout(read_as=exact, type=exact, check=_EXACT)
    for name, kinds in _SCALARS.items():
        if isinstance(kind, kinds):
            scalar = getattr(arrow, name)()
            return Layout(read_as=scalar, type=scalar)
    element, cls = element_of(kind), class_of(kind)
    if element is not None:
        inner = lay_out(arrow, element, within)
        shape: Any = inner.shape
        check: Any = inner.check
        if shape is not _JsonText:  # else the list is JSON in whole
            return Layout(
                read_as=arrow.list_(inner.read_as),
                type=arrow.list_(inner.type),
                shape=_JSON if shape is _JSON else list[shape | None],
                check=None if check is None else list[check],
            )
    if cls is not None and cls not in within and (members := members_in_order(cls)):
        parts = [(m, lay_out(arrow, m.kind, (*within, cls))) for m in members if m.wire_name]
        return lay_out_object(arrow, [(m.wire_name or "", m.name, part) for m, part in parts])
    return Layout(read_as=arrow.string(), type=arrow.string(), shape=_JsonText)


def lay_out_object(arrow: Any, parts: Sequence[tuple[str, str, Layout]]) -> Layout:
    """
    Lay out an object.

    Args:
        arrow: The package.
        parts: The name in JSON, the name in Python and the layout of each part.
    """
    needs_shape = any(part.shape is not _JSON for _, _, part in parts)
    return Layout(
        read_as=arrow.struct([(wire_name, part.read_as) for wire_name, _, part in parts]),
        type=arrow.struct([(name, part.type) for _, name, part in parts]),
        shape=_make_shape({name: part.shape for name, _, part in parts}) if needs_shape else _JSON,
        check=_make_check({name: part.check for name, _, part in parts if part.check is not None}),
    )


def _make_shape(parts: dict[str, Any]) -> type[msgspec.Struct]:
    """
    Make a type that reads an object and is written with JSON in texts where columns are texts.

    Everything else passes through it unread.
    """
    texts = [f"f{n}" for n, shape in enumerate(parts.values()) if shape is _JsonText]

    def write_texts(self: Any) -> None:
        for name in texts:
            raw = getattr(self, name)
            if raw is not None:
                setattr(self, name, _write_text(bytes(raw)))

    shapes = [_JSON if shape in {_JsonText, _JSON} else shape | None for shape in parts.values()]
    return msgspec.defstruct(
        "Shape",
        [(f"f{n}", shape, None) for n, shape in enumerate(shapes)],
        rename={f"f{n}": name for n, name in enumerate(parts)},
        omit_defaults=True,
        namespace={"__post_init__": write_texts} if texts else None,
    )


def _write_text(data: bytes) -> str | None:
    if data.startswith(b'"'):
        return msgspec.json.decode(data, type=str)  # a text is there as it is
    return None if data == b"null" else data.decode()


def _make_check(parts: dict[str, Any]) -> Any:
    """Make a type as which only objects are read whose exact numbers their columns can hold."""
    if not parts:
        return None
    made: Any = msgspec.defstruct(
        "Check",
        [(f"f{n}", check | None, None) for n, check in enumerate(parts.values())],
        rename={f"f{n}": name for n, name in enumerate(parts)},
    )
    return made | None


class BodyReader:
    """
    Reads JSON objects into columns, by Arrow's own reader.

    Args:
        layout: That of the objects.
        arrow: The package.
        arrow_json: Its module that reads JSON.
    """

    def __init__(self, layout: Layout, arrow: Any, arrow_json: Any) -> None:
        self._json = arrow_json
        self._schema = arrow.schema(list(layout.read_as))
        self._shape = None if layout.shape is _JSON else msgspec.json.Decoder(layout.shape)
        self._check = None if layout.check is None else msgspec.json.Decoder(layout.check)

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


def round_numbers(line: bytes) -> bytes:
    """Return an object with no more digits in its numbers than columns hold."""
    return dumps(_rounding.decode(line))


def _round(digits: str) -> Decimal:
    exact = Decimal(digits)
    try:
        return exact.quantize(_STEP, context=_CONTEXT)
    except InvalidOperation:
        return exact


_rounding: Final = msgspec.json.Decoder(float_hook=_round)
