"""The same types for others: pydantic, plain cattrs, and msgspec without what we add."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import orjson
from attrs import fields, has
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override
from pydantic import BeforeValidator, ConfigDict, Field, create_model

from batchhub.wire import wire_names
from batchhub_ecwid import Order


def _read_time(value: Any, _: object = None) -> Any:
    return datetime.strptime(value, "%Y-%m-%d %H:%M:%S %z") if isinstance(value, str) else value


def _map(kind: Any, leaf: Callable[[Any], Any]) -> Any:
    """Rebuild a type with its innermost parts replaced."""
    parts = get_args(kind)
    if not parts:
        return leaf(kind)
    mapped = tuple(_map(part, leaf) for part in parts)
    origin: Any = get_origin(kind)
    return Union[mapped] if type(None) in parts or origin is Union else origin[mapped]  # noqa: UP007  # of a tuple


@cache
def pydantic_model(cls: Any) -> Any:
    """Make the pydantic model: exact money, aware times, unknown fields kept."""
    time = Annotated[datetime, BeforeValidator(_read_time)]

    def leaf(kind: Any) -> Any:
        return time if kind is datetime else pydantic_model(kind) if has(kind) else kind

    wire = wire_names(cls)
    config = ConfigDict(extra="allow", protected_namespaces=())
    members: dict[str, Any] = {
        f"{each.name}_": (_map(each.type, leaf), Field(default=None, alias=wire[each.name]))
        for each in fields(cls)[:-1]
    }
    return create_model(cls.__name__, __config__=config, **members)


@cache
def bare_struct(cls: Any) -> Any:
    """Make a msgspec Struct: money as float, times as text, unknown fields dropped."""
    plain = {Decimal: float, datetime: str}

    def leaf(kind: Any) -> Any:
        return plain.get(kind) or (bare_struct(kind) if has(kind) else kind)

    members = [(each.name, _map(each.type, leaf), None) for each in fields(cls)[:-1]]
    return msgspec.defstruct(cls.__name__, members, rename=wire_names(cls), kw_only=True, gc=False)


def plain_cattrs() -> Callable[[bytes], Any]:
    """Make a reader of cattrs' own: `orjson.loads`, then generated hooks with the wire names."""
    made = Converter()
    made.register_structure_hook(datetime, _read_time)
    made.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    made.register_structure_hook_func(_is_either, lambda value, _: value)

    def hook(cls: Any) -> Any:
        renamed: dict[str, Any] = {
            name: override(rename=wire) for name, wire in wire_names(cls).items()
        }
        return make_dict_structure_fn(cls, made, extra=override(omit=True), **renamed)

    made.register_structure_hook_factory(lambda cls: isinstance(cls, type) and has(cls), hook)
    return lambda data: made.structure(orjson.loads(data), Order)


def _is_either(kind: Any) -> bool:
    return len([part for part in get_args(kind) if part is not type(None)]) > 1 and (
        type(None) in get_args(kind)
    )
