"""Items: messages of a listings feed in Amazon's own form, or rows with a price and a quantity."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from batchhub.adapter import Kind
from batchhub.errors import InputError

from .account import AmazonAccount

KINDS: Final[Mapping[str, Kind]] = {
    "sku": Kind.TEXT,
    "operationType": Kind.TEXT,
    "productType": Kind.TEXT,
    "requirements": Kind.TEXT,
    "price": Kind.NUMBER,
    "currency": Kind.TEXT,
    "quantity": Kind.INTEGER,
    "marketplace_id": Kind.TEXT,
}
"""What the fields of an item take; `attributes` and `patches` are as Amazon's schemas say."""

_SHORT: Final = frozenset({"price", "currency", "quantity", "marketplace_id"})
_NEEDED: Final[Mapping[str, tuple[set[str], set[str]]]] = {
    "UPDATE": ({"productType", "attributes"}, {"requirements"}),
    "PARTIAL_UPDATE": ({"productType", "attributes"}, set()),
    "PATCH": ({"productType", "patches"}, set()),
    "DELETE": (set(), set()),
}
"""
The fields that an operation needs, and those it may have besides.

Source: listings-feed-schema-v2.json at 34dc93f, oneOf.
"""


def make_message(item: Mapping[str, Any], account: AmazonAccount) -> dict[str, Any]:
    """
    Return an item as a message without its number.

    Raises:
        InputError: It has no form that Amazon takes; the message names the field.
    """
    item = {name: value for name, value in item.items() if value is not None}
    if not str(item.get("sku", "")).strip():
        raise InputError("sku is missing: it names the listing at Amazon")
    if short := sorted(_SHORT & item.keys()):
        if long := sorted(item.keys() - _SHORT - {"sku", "productType"}):
            raise InputError(f"{short[0]} can't go with {long[0]}: give either, not both")
        item = _make_patches(item, account)
    operation = str(item.get("operationType", ""))
    if operation not in _NEEDED:
        known = ", ".join(_NEEDED)
        raise InputError(
            f"operationType must be one of {known}, not {operation!r}; or give price and currency, "
            "or a quantity"
        )
    needs, may = _NEEDED[operation]
    if missing := sorted(name for name in needs if not item.get(name)):
        raise InputError(f"{missing[0]} is missing: {operation} needs it")
    if others := sorted(item.keys() - needs - may - {"sku", "operationType"}):
        raise InputError(f"{others[0]} is no field of a message with operationType {operation}")
    return dict(item)


def _make_patches(item: Mapping[str, Any], account: AmazonAccount) -> dict[str, Any]:
    """
    Return the message that sets price and quantity.

    Source: pages "Manage purchasable offer" (marketplace, currency and audience name an offer) and
    "Merge a listing" (a quantity), read 2026-11-29.
    """
    price, currency, quantity = item.get("price"), item.get("currency"), item.get("quantity")
    patches = []
    if price is not None:
        if price <= 0:
            raise InputError(f"price must be above 0, not {Decimal(str(price))}")
        if not currency:
            raise InputError("currency is missing: a price needs it, such as EUR")
        offer = {
            "marketplace_id": _find_marketplace(item, account),
            "currency": currency,
            "audience": "ALL",
            "our_price": [{"schedule": [{"value_with_tax": price}]}],
        }
        patches.append(_patch(account.price_op, "purchasable_offer", offer))
    if quantity is not None:
        if quantity < 0:
            raise InputError(f"quantity must be 0 or more, not {quantity}")
        stock = {"fulfillment_channel_code": account.channel, "quantity": quantity}
        patches.append(_patch("merge", "fulfillment_availability", stock))
    if not patches:
        raise InputError("price and quantity are missing: there is nothing to change")
    return {
        "sku": item["sku"],
        "operationType": "PATCH",
        "productType": item.get("productType", account.product_type),
        "patches": patches,
    }


def _find_marketplace(item: Mapping[str, Any], account: AmazonAccount) -> str:
    known = account.marketplace_ids
    found: str = item.get("marketplace_id", known[0] if len(known) == 1 else "")
    if found not in known:
        what = f"can't be {found!r}" if found else "is missing: a price is for one marketplace"
        raise InputError(f"marketplace_id {what}; the account has {', '.join(known)}")
    return found


def _patch(op: str, attribute: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": op, "path": f"/attributes/{attribute}", "value": [value]}
