"""The converter: cattrs' own for msgspec, strict and exact, which takes JSON as it comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
from cattrs import Converter
from cattrs.preconf.msgspec import MsgspecJsonConverter

from . import exact, reading
from .times import read_time, write_time

T = TypeVar("T")

_BINARY: Final = (bytes, bytearray, memoryview, msgspec.Raw)
_NATIVE: Final = (bytes, bytearray, memoryview, datetime, Decimal)


class WireConverter(MsgspecJsonConverter):
    """
    A cattrs converter that reads JSON itself.

    `structure` takes bytes, text and `msgspec.Raw` as JSON, and plain values as cattrs does.
    A `msgspec.Struct` is decoded in one pass, Pydantic models validate themselves, and attrs
    classes, dataclasses and typed dicts are read strictly: a text is no number, a number no text.
    """

    def structure(self, obj: Any, cl: type[T]) -> T:
        """
        Make an object of a type.

        Raises:
            ValueError: It is not valid JSON; the message has the position.
            msgspec.ValidationError: A value of the wrong type in a struct, with its path.
            cattrs.BaseValidationError: Values of the wrong type: all of them, with their paths
                (`cattrs.transform_error` lists them).
        """
        if isinstance(obj, _BINARY):
            return self.loads(bytes(obj), cl)
        kind: Any = cl
        if isinstance(obj, str) and reading.holds(kind):
            return self.loads(obj.encode("utf-8", "surrogatepass"), cl)
        return super().structure(obj, cl)

    def loads(self, data: bytes, cl: type[T], **_: Any) -> T:
        """Make an object of a type from JSON, as `structure` does."""
        kind: Any = cl
        if kind in _BINARY:
            return super().structure(data, cl)
        plain = exact.unescape(data) if reading.holds(kind) else data
        if self.get_structure_hook(cl) is reading.read_struct:
            made: T = reading.decode(plain, cl)
            return made
        return super().structure(exact.loads(plain), cl)

    def dumps(self, obj: Any, unstructure_as: Any = None, **_: Any) -> bytes:
        """Write an object as JSON, its exact numbers digit for digit."""
        return exact.dumps(self.unstructure(obj, unstructure_as))


def _make_converter() -> WireConverter:
    # Not configured as cattrs does it for msgspec: objects would be handed to msgspec as they
    # are, which makes texts of exact numbers and of bytes.
    made = WireConverter()
    for kind, read in reading.PRIMITIVES.items():
        made.register_structure_hook(kind, read)
    made.register_structure_hook(datetime, read_time)
    made.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    made.register_structure_hook_factory(reading.is_array, reading.make_array_reader)
    made.register_structure_hook_factory(reading.is_object, reading.make_object_reader)
    made.register_structure_hook_factory(reading.is_typed_dict, reading.make_typed_dict_reader)
    made.register_structure_hook_factory(reading.is_mixed, reading.make_union_reader)
    made.register_structure_hook_func(reading.is_model, reading.read_model)
    made.register_structure_hook_func(reading.is_struct, reading.read_struct)
    made.register_unstructure_hook(datetime, write_time)
    made.register_unstructure_hook_factory(reading.is_model, _make_model_writer)
    made.register_unstructure_hook_factory(reading.is_struct, _make_struct_writer)
    return made


def _make_struct_writer(_: Any, converter: Converter) -> Callable[[Any], Any]:
    return lambda value: converter.unstructure(msgspec.to_builtins(value, builtin_types=_NATIVE))


def _make_model_writer(_: Any, converter: Converter) -> Callable[[Any], Any]:
    return lambda value: converter.unstructure(value.model_dump(by_alias=True))


converter: Final = _make_converter()
"""The converter; register hooks on it for classes of your own."""
