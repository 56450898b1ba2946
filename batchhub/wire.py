"""
The one converter between objects and JSON, for the edges: command line, files, web handlers.

    from attrs import frozen
    from batchhub.wire import converter, dumps

    @frozen(kw_only=True)
    class Price:
        sku: str
        price: Decimal

    converter.structure(b'{"sku": "A-1", "price": 9.90}', Price)
    dumps(Price(sku="A-1", price=Decimal("9.90")))

`converter` is a cattrs converter: register hooks on it for classes of your own. It reads attrs
classes, dataclasses, typed dicts and Pydantic models; a `msgspec.Struct` is the fastest.

batchhub's own model knows no JSON. Its states come out as their lower-case words, times as
ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cattrs.gen import make_dict_unstructure_fn, override

from ._wire.converter import converter
from ._wire.times import read_time
from .models import BatchEvent, BatchStatus, Counts, ItemResult

__all__ = ["converter", "dumps", "read_time"]


def _register_model() -> None:
    converter.register_unstructure_hook(ItemResult, ItemResult.to_dict)
    converter.register_unstructure_hook_func(lambda kind: kind == Mapping[str, Any], dict)
    # Their counts, state, outcome and progress are worked out, and are to be seen.
    write_counts = make_dict_unstructure_fn(Counts, converter, _cattrs_include_init_false=True)
    converter.register_unstructure_hook(Counts, write_counts)
    write_status = make_dict_unstructure_fn(
        BatchStatus, converter, _cattrs_include_init_false=True, _tally=override(omit=True)
    )
    converter.register_unstructure_hook(BatchStatus, write_status)
    write_event = make_dict_unstructure_fn(BatchEvent, converter, _delivery=override(omit=True))
    converter.register_unstructure_hook(BatchEvent, write_event)


_register_model()


def dumps(value: Any) -> bytes:
    """
    Write an object, or plain JSON values, as compact UTF-8 JSON.

    A `Decimal` is written as a number, digit for digit, and a time as ISO 8601 in UTC. A
    `msgspec.Struct` is written as its declaration says: `rename` and `omit_defaults` count.

    Raises:
        TypeError: If the value holds something JSON has no form for, such as bytes or NaN.
        ValueError: If it is nested too deeply, or has a time without an offset.
    """
    try:
        return converter.dumps(value)
    except RecursionError:
        raise ValueError("nested too deeply to be written") from None
