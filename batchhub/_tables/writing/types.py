"""What a body is read as: the types that an adapter names."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from batchhub.adapter import Adapter
from batchhub.errors import AdapterError, NotKnownError

from .paths import has_fields


def load_type(adapter: type[Adapter[Any]], name: str) -> type[Any]:
    """
    Load a type that an adapter reads bodies as.

    Args:
        adapter: The adapter's class.
        name: The type's name, as in `Adapter.types`; case makes no difference.

    Raises:
        NotKnownError: The adapter has no such type.
        AdapterError: It does not load, or is no struct or attrs class.
    """
    known = {each.lower(): place for each, place in adapter.types.items()}
    if name.lower() not in known:
        hint = "" if known else f"the adapter {adapter.name!r} has no types, so leave --as off"
        raise NotKnownError("type", name, adapter.types, hint)
    place = known[name.lower()]
    module, _, attribute = place.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        words = " ".join(str(error).split())
        raise AdapterError(
            f"type {name!r} of adapter {adapter.name!r} does not load: "
            f"{type(error).__name__}: {words}"
        ) from error
    if not (isinstance(found, type) and has_fields(found)):
        raise AdapterError(
            f"type {name!r} of adapter {adapter.name!r}: {place} is no struct or attrs class"
        )
    return found
