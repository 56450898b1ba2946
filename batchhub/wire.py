"""
The one converter between attrs and JSON, for the edges: command line, files, web handlers.

The model itself knows no JSON. States come out as their lower-case words, times
as ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn

from . import _json
from .models import BatchStatus, Counts, ItemResult

__all__ = ["converter", "dumps"]


def _write_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_result(result: ItemResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "state": result.state.value,
        "code": result.code,
        "message": result.message,
        "body": result.body,
        "vendor_ref": result.vendor_ref,
    }


def _make_converter() -> Converter:
    made = Converter()
    made.register_unstructure_hook(datetime, _write_time)
    made.register_unstructure_hook(ItemResult, _write_result)
    made.register_unstructure_hook_func(lambda kind: kind == Mapping[str, Any], dict)
    for derived in (Counts, BatchStatus):
        # Their counts, state, outcome and progress are worked out, and are to be seen.
        made.register_unstructure_hook(
            derived, make_dict_unstructure_fn(derived, made, _cattrs_include_init_false=True)
        )
    return made


converter: Final = _make_converter()
"""The converter; register hooks on it for classes of your own."""


def dumps(value: Any) -> bytes:
    """Write an attrs object, or plain JSON values, as compact UTF-8 JSON."""
    return _json.dumps(converter.unstructure(value))
