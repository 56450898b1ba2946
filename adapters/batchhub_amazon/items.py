"""Items: messages of a listings feed in Amazon's own form, or rows with a price and a quantity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, ValidationError, convert

from batchhub.adapter import Kind
from batchhub.errors import InputError

from .account import AmazonAccount

_TEXTS: Final = (
    "sku",
    "operationType",
    "productType",
    "requirements",
    "currency",
    "marketplace_id",
)
KINDS: Final = dict.fromkeys(_TEXTS, Kind.TEXT) | {"price": Kind.NUMBER, "quantity": Kind.INTEGER}
"""What the fields of an item take; `attributes` and `patches` are as Amazon's schemas say."""

_SHORT: Final = {"price", "currency", "quantity", "marketplace_id"}


class Delete(Struct, tag_field="operationType", tag="DELETE", forbid_unknown_fields=True):
    """
    A message that deletes a listing, without its number; the others have more fields.

    Source: listings-feed-schema-v2.json at 34dc93f, oneOf.
    """

    sku: str


class Patch(Delete, tag="PATCH"):
    """A message that changes parts of a listing."""

    productType: str  # noqa: N815  # its name at Amazon, for the errors
    patches: list[dict[str, Any]]


class PartialUpdate(Delete, tag="PARTIAL_UPDATE"):
    """A message that replaces attributes of a listing."""

    productType: str  # noqa: N815  # as above
    attributes: dict[str, Any]


class Update(PartialUpdate, tag="UPDATE", omit_defaults=True):
    """A message that makes or replaces a listing."""

    requirements: str | None = None


def make_message(item: Mapping[str, Any], account: AmazonAccount) -> Struct:
    """
    Return an item as a message without its number.

    Raises:
        InputError: It has no form that Amazon takes; the message names the field.
    """
    item = {name: value for name, value in item.items() if value not in (None, "")}
    if _SHORT & item.keys():
        item = _make_patches(item, account)
    try:
        return convert(item, Delete | Patch | PartialUpdate | Update)
    except ValidationError as error:
        raise InputError(
            f"no message of a listings feed, nor a price or a quantity: {error}"
        ) from None


def _make_patches(item: Mapping[str, Any], account: AmazonAccount) -> Mapping[str, Any]:
    """
    Return the message that sets price and quantity, beside what else it may patch.

    Source: pages "Manage purchasable offer" (marketplace, currency and audience name an offer) and
    "Merge a listing" (a quantity), read 2026-11-29.
    """
    patches = list(item.get("patches", ()))
    if "marketplace_id" in item:
        _find_marketplace(item, account)
    if "price" in item:
        if "currency" not in item:
            raise InputError("currency is missing: a price needs it, such as EUR")
        offer = {
            "marketplace_id": _find_marketplace(item, account),
            "currency": item["currency"],
            "audience": "ALL",
            "our_price": [{"schedule": [{"value_with_tax": item["price"]}]}],
        }
        patches.append(_patch(account.price_op, "purchasable_offer", offer))
    elif "quantity" not in item:
        raise InputError("price and quantity are missing: there is nothing to change")
    if "quantity" in item:
        stock = {"fulfillment_channel_code": account.channel, "quantity": item["quantity"]}
        patches.append(_patch("merge", "fulfillment_availability", stock))
    usual = {"operationType": "PATCH", "productType": account.product_type}
    others = {name: value for name, value in item.items() if name not in _SHORT}
    return {**usual, **others, "patches": patches}


def _find_marketplace(item: Mapping[str, Any], account: AmazonAccount) -> str:
    known = account.marketplace_ids
    found: str = item.get("marketplace_id", known[0] if len(known) == 1 else "")
    if found not in known:
        what = f"can't be {found!r}" if found else "is missing: a price is for one marketplace"
        raise InputError(f"marketplace_id {what}; the account has {', '.join(known)}")
    return found


def _patch(op: str, attribute: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": op, "path": f"/attributes/{attribute}", "value": [value]}
