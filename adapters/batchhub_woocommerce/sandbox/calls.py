"""What the stand-in is asked: the lists of a batch, read as PHP reads them."""

from __future__ import annotations

from typing import Any

from batchhub.sandbox import AnswerError, Call, Item

from .answers import fail, make_critical
from .store import to_int

_LISTS = ("create", "update", "delete")


def read_items(call: Call, limit: int) -> tuple[list[Item], bool]:
    """
    Read a batch.

    Source: code, `batch_items` and `check_batch_limit`. Assumed: what is no list or no object
    where one belongs is the end of the request, after the items before it.

    Args:
        call: The call.
        limit: How many objects a batch may have, in all three lists together.

    Returns:
        Its items in the order they are done, and whether PHP comes to the end of them.

    Raises:
        AnswerError: It is refused whole.
    """
    lists = _read_lists(call)
    if sum(map(len, lists.values())) > limit:
        message = f"Unable to accept more than {limit} items for this request."
        raise fail("woocommerce_rest_request_entity_too_large", message, 413)
    parent = call.params.get("product_id")
    root = "/products" if parent is None else f"/products/{parent}/variations"
    items: list[Item] = []
    for entry in lists.get("create", []):
        if not isinstance(entry, dict):
            return items, False
        name = _to_text(entry.get("sku") or entry.get("name"))
        items.append(Item(id=name, method="POST", path=root, body=entry))
    for entry in lists.get("update", []):
        if not isinstance(entry, dict):
            return items, False
        name = _to_text(entry.get("id"))
        items.append(Item(id=name, method="PUT", path=f"{root}/{name}", body=entry))
    # An id that is no number is passed over, and has no result.
    for number in filter(None, map(to_int, lists.get("delete", []))):
        path = f"{root}/{number}"
        items.append(Item(id=str(number), method="DELETE", path=path, body=number))
    return items, True


def _read_lists(call: Call) -> dict[str, list[Any]]:
    if call.content_type != "application/json" or not call.body:
        return {}
    try:
        document = call.json()
    except AnswerError:
        raise fail("rest_invalid_json", "Invalid JSON body passed.", 400) from None
    if not isinstance(document, dict):
        return {}
    found = {name: document[name] for name in _LISTS if document.get(name)}
    if not all(isinstance(entries, list) for entries in found.values()):
        raise make_critical()
    return found


def _to_text(value: Any) -> str | None:
    return None if value is None else str(value)
