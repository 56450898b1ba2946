"""What a shop answers for each item of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from batchhub.adapter import ItemReport, Submission, one_line
from batchhub.models import ItemState

from .items import CREATE, DELETE

_MAYBE_DELETED: Final = "not there; an earlier request that was not answered may have deleted it"


def read_entries(entries: Sequence[msgspec.Raw], sent: Submission) -> Iterator[ItemReport]:
    """
    Read the list of a batch.

    What was updated or deleted comes with its number. What was created is known by its place,
    if there is an entry for each item and no number comes twice; otherwise nothing is.

    Source: class-wc-rest-controller.php, batch_items: an entry for each that was sent, in order; a
    failed one is ``{id, error: {code, message, data: {status}}}``, 0 for what was not created.
    """
    found = [e if isinstance(e, dict) else {} for e in map(msgspec.json.decode, entries)]
    made = [str(entry.get("id")) for entry in found if "error" not in entry]
    fits = len(found) == len(sent.items) and len(set(made)) == len(made)
    stocks = _find_stocks(sent)
    for at, entry in enumerate(found if fits or sent.operation != CREATE else ()):
        name = {"at": at} if sent.operation == CREATE else {"key_value": str(entry.get("id"))}
        read = _read(entry, sent)
        wanted = stocks.get(at if sent.operation == CREATE else str(entry.get("id")))
        if wanted is not None and read["state"] is ItemState.SUCCEEDED:
            read |= _check_stock(entry, wanted)
        yield ItemReport(**name, **read, raw=bytes(entries[at]))


def _find_stocks(sent: Submission) -> Mapping[int | str, Any]:
    """
    Return the stock that each item sets, by its place if it makes a product, else its number.

    An item that has the product keep no stock sets none.
    """
    stocks: dict[int | str, Any] = {}
    for at, item in enumerate(sent.items):
        if b'"stock_quantity"' not in item.wire:
            continue
        fields = msgspec.json.decode(item.wire)
        stock = fields.get("stock_quantity")
        if stock is not None and fields.get("manage_stock") is not False:
            stocks[at if sent.operation == CREATE else str(fields.get("id"))] = stock
    return stocks


def _check_stock(entry: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
    """
    Compare the stock that the shop answers with the one that was sent.

    A product that does not manage its stock has none, whatever is sent, and a variation may have
    that of its product. That the shop has another figure is no sign: an order may have come.

    Assumed: a shop whose answer has no stock for the product has kept none.
    """
    if "stock_quantity" not in entry or entry["stock_quantity"] is not None:
        return {}
    manages = f"manage_stock is {msgspec.json.encode(entry.get('manage_stock')).decode()}"
    message = f"the shop took the item, but keeps no stock for it ({manages}), so not {wanted}"
    return {"state": ItemState.FAILED, "message": message}


def _read(entry: Mapping[str, Any], sent: Submission) -> dict[str, Any]:
    number, error = entry.get("id"), entry.get("error")
    # A plug-in may make text of numbers; 0 is none.
    if "error" not in entry and str(number).lstrip("0").isdecimal():
        return {"state": ItemState.SUCCEEDED, "vendor_ref": str(number)}
    if not isinstance(error, dict):
        return {"state": ItemState.UNKNOWN, "message": "the shop answered neither number nor error"}
    code, words = one_line(error.get("code")), one_line(error.get("message"))
    # Of products and of variations, such as woocommerce_rest_product_invalid_id.
    if code and code.endswith("_invalid_id") and sent.is_repeat and sent.operation == DELETE:
        return {"state": ItemState.UNKNOWN, "message": _MAYBE_DELETED}
    data = error.get("data")
    status = data.get("status") if isinstance(data, dict) else None
    message = f"{words or 'refused'} ({code})" if code else words
    status = status if type(status) is int else None
    return {"state": ItemState.FAILED, "code": status, "message": message}
