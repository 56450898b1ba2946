"""The same orders for others: Pydantic, and plain cattrs into dataclasses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, make_dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Union, get_args, get_origin

import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override
from msgspec import Struct, structs
from pydantic import ConfigDict, Field, create_model


def _map(kind: Any, make: Callable[[Any], Any]) -> Any:
    """Rebuild a type with its structs replaced."""
    parts = get_args(kind)
    if not parts:
        is_struct = isinstance(kind, type) and issubclass(kind, Struct)
        return make(kind) if is_struct else kind
    mapped = tuple(part if part is ... else _map(part, make) for part in parts)
    origin: Any = get_origin(kind)
    return Union[mapped] if type(None) in parts else origin[mapped]  # noqa: UP007  # of a tuple


@cache
def pydantic_model(cls: Any) -> Any:
    """Make the Pydantic model of a struct, with exact money."""
    members: dict[str, Any] = {
        f"{each.name}_": (_map(each.type, pydantic_model), Field(None, alias=each.encode_name))
        for each in structs.fields(cls)
    }
    config = ConfigDict(protected_namespaces=())
    return create_model(cls.__name__, __config__=config, **members)


@cache
def _dataclass(cls: Any) -> Any:
    members = [
        (each.name, _map(each.type, _dataclass), field(default=None))
        for each in structs.fields(cls)
    ]
    made: Any = make_dataclass(cls.__name__, members, frozen=True, slots=True)
    made.wire_names = {each.name: each.encode_name for each in structs.fields(cls)}
    return made


def plain_cattrs(cls: Any) -> Callable[[bytes], Any]:
    """Make a reader of cattrs' own: `orjson.loads`, then generated hooks with the wire names."""
    made = Converter()
    made.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    made.register_structure_hook_func(_is_either, lambda value, _: value)

    def hook(kind: Any) -> Any:
        renamed: dict[str, Any] = {
            name: override(rename=wire) for name, wire in kind.wire_names.items()
        }
        return make_dict_structure_fn(kind, made, **renamed)

    made.register_structure_hook_factory(lambda kind: hasattr(kind, "wire_names"), hook)
    target = _dataclass(cls)
    return lambda data: made.structure(orjson.loads(data), target)


def _is_either(kind: Any) -> bool:
    parts = get_args(kind)
    return type(None) in parts and len(parts) > 2  # `None` and one other
