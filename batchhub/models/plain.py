"""What all of the model have in common: they become plain values, as JSON has them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from attrs import fields

from batchhub._base.json import loads
from batchhub._wire.times import write_time


class _Serializer:
    """What Pydantic asks an object for that is in an answer of no declared type."""

    def __get__(self, _: Any, kind: Any) -> Any:
        """Return the serializer of a class, made when it is first asked for."""
        core = sys.modules.get("pydantic_core")
        if core is None or kind is Plain:  # nobody but Pydantic asks for it
            raise AttributeError("__pydantic_serializer__")
        return _make_serializer(core, kind)


@cache
def _make_serializer(core: Any, kind: type[Plain]) -> Any:
    return core.SchemaSerializer(kind.__get_pydantic_core_schema__(kind, None))


class Plain:
    """
    An object that web frameworks, and `json`, take as it is.

    ``dict(value)`` and `to_dict` give its plain values, Pydantic and FastAPI write them as the JSON
    of a field or an answer, and describe them. It can't be read back from JSON.
    """

    __slots__ = ()

    __pydantic_serializer__ = _Serializer()

    def to_dict(self) -> dict[str, Any]:
        """
        Return its facts by their names, as ``--json`` has them: ready for `json.dumps`.

        States are their lower-case words, times ISO 8601 in UTC.
        """
        kind: Any = type(self)
        return {name: _write(getattr(self, name)) for name in _names(kind)}

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and the plain values, for `dict`."""
        yield from self.to_dict().items()

    @classmethod
    def _plain_types(cls) -> Mapping[str, Any]:
        """Return what `to_dict` gives under each name, as types."""
        kind: Any = cls
        hints = get_type_hints(kind)
        return {name: hints[name] for name in _names(kind)}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> dict[str, Any]:
        """Say to Pydantic how it is written. Nothing of Pydantic's is needed for that."""
        del source, handler
        written = {
            "type": "function-plain",
            "function": cls.to_dict,
            "return_schema": _describe_class(cls),
        }
        return {"type": "is-instance", "cls": cls, "serialization": written}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Callable[[Any], Any]) -> Any:
        """Describe to Pydantic what is written, as OpenAPI shows it."""
        del schema
        return handler(_describe_class(cls))


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if not each.name.startswith("_"))


def _write(value: Any) -> Any:
    if value is None or isinstance(value, Enum):
        return None if value is None else value.value
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, Plain):
        return value.to_dict()
    if isinstance(value, datetime):
        return write_time(value)
    if isinstance(value, Mapping):
        return _write_mapping(value)
    return [_write(each) for each in value]


def _write_mapping(value: Mapping[str, Any]) -> Any:
    """Return what a vendor's object has; an exact number in it becomes the nearest float."""
    if not value:
        return {}
    from batchhub._wire import exact  # noqa: PLC0415  # few of them have any

    return loads(exact.dumps(dict(value)))


def _describe_class(kind: type[Plain]) -> dict[str, Any]:
    """Return the core schema of Pydantic's for what `to_dict` gives."""
    parts = {
        name: {"type": "typed-dict-field", "schema": _describe(part), "required": True}
        for name, part in kind._plain_types().items()  # noqa: SLF001  # of this module
    }
    return {"type": "typed-dict", "fields": parts, "config": {"title": kind.__name__}}


_SCALARS: Final[Mapping[Any, str]] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    datetime: "str",
    Any: "any",
}


def _describe(kind: Any) -> dict[str, Any]:
    args = get_args(kind)
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if get_origin(kind) in {Union, UnionType}:
        (inner,) = (each for each in args if each is not NoneType)
        return {"type": "nullable", "schema": _describe(inner)}
    found: type[Any] = get_origin(kind) or kind
    if issubclass(found, Plain):
        return _describe_class(found)
    if issubclass(found, Enum):
        return {"type": "literal", "expected": [each.value for each in found]}
    if issubclass(found, Mapping):
        return {"type": "dict", "keys_schema": {"type": "str"}, "values_schema": {"type": "any"}}
    return {"type": "list", "items_schema": _describe(args[0])}
