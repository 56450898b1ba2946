"""Reading plain JSON values strictly: a text is no number, a number no text."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import is_dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from types import NoneType
from typing import Annotated, Any, Final, Union, get_args, get_origin, is_typeddict

import msgspec
from attrs import has
from cattrs import Converter
from cattrs.cols import list_structure_factory
from cattrs.gen.typeddicts import make_dict_structure_fn as make_typed_dict_function

from . import exact

_MOST_DIGITS: Final = 4000
_WORDS: Final = {dict: "object", list: "array", tuple: "array", Decimal: "number", NoneType: "null"}
_NATIVE: Final = frozenset({str, int, float, bool, Decimal, NoneType})
_ARRAYS: Final = frozenset({list, tuple, set, frozenset})
_MAPPINGS: Final = frozenset({dict, Mapping, MutableMapping})
_Read = Callable[[Any, Any], Any]


def _wrong(expected: str, value: Any) -> TypeError:
    found = _WORDS.get(type(value), type(value).__name__)
    return TypeError(f"Expected `{expected}`, got `{found}`")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _read_int(value: Any) -> int:
    """Read a whole number; ``2.0`` is one."""
    if not _is_number(value):
        raise _wrong("int", value)
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() > _MOST_DIGITS:
        raise ValueError("Integer value out of range")
    try:
        whole = int(value)
    except (ValueError, OverflowError):
        whole = None
    if whole is None or whole != value:
        raise _wrong("int", value)
    return whole


def _read_float(value: Any) -> float:
    if not _is_number(value):
        raise _wrong("float", value)
    return float(value)


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong("bool", value)
    return value


def _read_str(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong("str", value)
    return value


def _read_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise _wrong("bytes", value)
    return value


def _read_decimal(value: Any) -> Decimal:
    """Read an exact number, also from its text; a float is what its shortest text says."""
    if not _is_number(value) and not isinstance(value, str):
        raise _wrong("decimal", value)
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise ValueError("Invalid decimal string") from None


def _strict(kind: Any, read: Callable[[Any], Any]) -> _Read:
    """Make the hook of a primitive, and of the enums and other classes made of it."""

    def structure(value: Any, cl: Any) -> Any:
        return read(value) if cl is kind else cl(read(value))

    return structure


PRIMITIVES: Final[Mapping[Any, _Read]] = {
    kind: _strict(kind, read)
    for kind, read in (
        (int, _read_int),
        (float, _read_float),
        (bool, _read_bool),
        (str, _read_str),
        (bytes, _read_bytes),
        (Decimal, _read_decimal),
    )
}
"""The hooks of what JSON has, and of bytes, which it does not have."""


def make_array_reader(kind: Any, converter: Converter) -> _Read:
    """Make the hook of a list, tuple or set: cattrs takes a text for one, and an object."""
    made: Any = get_origin(kind) or kind
    read = list_structure_factory(kind, converter)

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise _wrong("array", value)
        return made(read(value, kind))

    return structure


def make_object_reader(kind: Any, converter: Converter) -> _Read:
    """Make the hook of an attrs class, a dataclass or a mapping: only an object is one."""
    is_mapping = (get_origin(kind) or kind) in _MAPPINGS
    made = converter.gen_structure_mapping if is_mapping else converter.gen_structure_attrs_fromdict
    read = made(kind)

    def structure(value: Any, cl: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _wrong("object", value)
        return read(value, cl)

    return structure


def make_union_reader(kind: Any, converter: Converter) -> _Read:
    """Make the hook of a union: the members of the value's JSON form are tried in their order."""
    parts = get_args(kind)

    def structure(value: Any, _: Any) -> Any:
        if type(value) in parts and type(value) in _NATIVE:
            return value
        fitting = [part for part in parts if _fits(value, part)]
        for part in fitting[:-1]:
            try:
                return converter.structure(value, part)
            except Exception:  # noqa: S112  # any hook's: the next member may read it
                continue
        if not fitting:
            names = " | ".join(getattr(part, "__name__", str(part)) for part in parts)
            raise _wrong(names, value)
        return converter.structure(value, fitting[-1])

    return structure


def make_typed_dict_reader(kind: Any, converter: Converter) -> _Read:
    """Make the hook of a typed dict: cattrs keeps the keys it does not name, and takes texts."""
    named = get_origin(kind) or kind
    keys = named.__required_keys__ | named.__optional_keys__
    read = make_typed_dict_function(kind, converter)

    def structure(value: Any, cl: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _wrong("object", value)
        return read({key: value[key] for key in value if key in keys}, cl)

    return structure


def read_struct(value: Any, kind: Any) -> Any:
    """
    Read a `msgspec.Struct` from plain values, as `decode` does from JSON.

    Raises:
        ValueError: As `decode`.
    """
    origin = get_origin(kind) or kind
    return value if isinstance(value, origin) else decode(exact.dumps(value), kind)


def decode(data: bytes | str, kind: Any) -> Any:
    """
    Decode JSON as a type that msgspec knows; numbers of no declared type are exact, too.

    Raises:
        ValueError: It is not valid JSON, or nested too deeply.
        msgspec.ValidationError: Values of the wrong type: the first, with its path.
    """
    try:
        return _decoder(kind).decode(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, float_hook=Decimal)


def read_model(value: Any, kind: Any) -> Any:
    """Let a model of Pydantic's validate a value."""
    return value if isinstance(value, kind) else kind.model_validate(value)


def is_model(kind: Any) -> bool:
    """Return whether a type reads itself as Pydantic's models do."""
    return isinstance(kind, type) and callable(getattr(kind, "model_validate", None))


def is_struct(kind: Any) -> bool:
    """Return whether a type is a `msgspec.Struct`."""
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, msgspec.Struct)


def is_object(kind: Any) -> bool:
    """Return whether a type is an attrs class, a dataclass or a mapping."""
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and (has(origin) or is_dataclass(origin) or origin in _MAPPINGS)


def is_typed_dict(kind: Any) -> bool:
    """Return whether a type is a `TypedDict`."""
    return is_typeddict(get_origin(kind) or kind)


def is_array(kind: Any) -> bool:
    """Return whether a type is a list, a set, or a tuple of any length."""
    origin = get_origin(kind) or kind
    return origin in _ARRAYS and (origin is not tuple or get_args(kind)[1:] in {(), (Ellipsis,)})


def is_mixed(kind: Any) -> bool:
    """Return whether a type is a union that cattrs does not tell apart by its classes' fields."""
    parts = [part for part in get_args(kind) if part is not NoneType]
    return _is_union(kind) and len(parts) > 1 and not all(has(part) for part in parts)


@cache
def holds(kind: Any) -> bool:
    """Return whether a type's JSON is an object or an array, so that a text only escapes it."""
    if _is_union(kind):
        return all(holds(part) for part in get_args(kind) if part is not NoneType)
    if (other := _named_by(kind)) is not None:
        return holds(other)
    origin = get_origin(kind) or kind
    if not isinstance(origin, type):
        return False
    return (
        is_object(origin)
        or is_model(origin)
        or is_struct(origin)
        or is_typeddict(origin)
        or origin in _ARRAYS
    )


def _named_by(kind: Any) -> Any:
    """Return the type that an annotation, a new type or an alias is only another name of."""
    if get_origin(kind) is Annotated:
        return kind.__origin__
    return getattr(kind, "__supertype__", getattr(kind, "__value__", None))


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _fits(value: Any, kind: Any) -> bool:
    if value is None or kind is NoneType:
        return value is None and kind is NoneType
    if isinstance(value, Mapping):
        return holds(kind) and not is_array(kind)
    if isinstance(value, list | tuple):
        return is_array(kind) or get_origin(kind) is tuple
    return not holds(kind)
