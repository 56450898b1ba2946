"""What the stand-in is asked: reading a create, and refusing what the vendor would refuse."""

from __future__ import annotations

from typing import Any, Final

from batchhub.sandbox import AnswerError, Call, Item, read_json

MAX_ITEMS: Final = 500
"""Source: older page "Create batch request", batch request limit."""

METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE"})
"""Source: older page "Create batch request", request body."""

_KEYS: Final = frozenset({"id", "method", "path", "body"})

JSON_TYPES: Final = frozenset({"application/json", "text/json"})
"""Source: older page "Create batch request", errors (415)."""


def read_items(call: Call, *, strict: bool) -> list[Item]:
    """
    Read the body of a create: a bare array of items.

    Assumed: an empty array, and more than 500 items, are refused with 400.

    Args:
        call: The call.
        strict: Whether a key that an item does not have is refused.

    Raises:
        AnswerError: 415, if it is not declared as JSON; 400, if it or one of its items is not
            valid.
    """
    if call.content_type not in JSON_TYPES:
        raise call.refuse(415, "Unsupported content type: expected JSON")
    try:
        entries = read_json(call.body)
    except ValueError:
        raise _refuse("It is not JSON") from None
    if not isinstance(entries, list):
        raise _refuse("Path $ contains bad value")
    if not 1 <= len(entries) <= MAX_ITEMS:
        raise _refuse(f"There are {len(entries)} requests in it, not 1 to {MAX_ITEMS}")
    return [_read_item(entry, f"$[{index}]", strict=strict) for index, entry in enumerate(entries)]


def _read_item(entry: Any, place: str, *, strict: bool) -> Item:
    if not isinstance(entry, dict):
        raise _refuse(f"Path {place} contains bad value")
    item_id, method, path = entry.get("id"), entry.get("method"), entry.get("path")
    for name in entry.keys() - _KEYS if strict else ():
        raise _refuse(f"Path {place}.{name[:60]} is unknown")
    are_good = {
        "id": item_id is None or isinstance(item_id, str),
        "method": isinstance(method, str) and method in METHODS,
        "path": isinstance(path, str) and path,
    }
    for name, is_good in are_good.items():
        if not is_good:
            raise _refuse(f"Path {place}.{name} contains bad value")
    return Item(id=item_id, method=str(method), path=str(path), body=entry.get("body"))


def _refuse(reason: str) -> AnswerError:
    # Only this call spells the key in snake case.
    message = f"Can't create batch. Batch request body is invalid. {reason}"
    return AnswerError(400, {"error_message": message})
