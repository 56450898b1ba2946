"""The listings in memory, and what a message of a feed does to one of them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, demo_turns

Json = dict[str, Any]

PRODUCT_TYPE: Final = "PRODUCT"
OFFER: Final = "purchasable_offer"
STOCK: Final = "fulfillment_availability"
_PATCH_OPS: Final = frozenset({"add", "replace", "merge", "delete"})
_PREFIX: Final = "/attributes/"
_SELECTORS: Final = ("marketplace_id", "currency", "audience", "fulfillment_channel_code")
# Source: the schema of a listings feed's message (v2): which fields an operation needs, and has.
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "UPDATE": ("productType", "attributes"),
    "PARTIAL_UPDATE": ("productType", "attributes"),
    "PATCH": ("productType", "patches"),
    "DELETE": (),
}
_REFUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "UPDATE": ("patches",),
    "PARTIAL_UPDATE": ("patches", "requirements"),
    "PATCH": ("attributes", "requirements"),
    "DELETE": ("attributes", "patches", "productType", "requirements"),
}


class Listings:
    """
    The listings of one seller, by SKU.

    Assumed: a patch and a deletion of a SKU that isn't there fail, and so does a price or a
    stock below 0 or of another type than a number; the codes and texts of those issues.

    Args:
        products: How many listings there are: ``A-1`` and up.
        marketplace_id: Where their offers are.
    """

    def __init__(self, products: int, marketplace_id: str) -> None:
        self._attributes: dict[str, Json] = {
            f"A-{number}": make_attributes(4.99 + number / 100, 10, marketplace_id)
            for number in range(1, products + 1)
        }

    def find(self, sku: str) -> Json | None:
        """Return a copy of a listing's attributes, if there is one."""
        return copy.deepcopy(self._attributes.get(sku))

    def apply(self, message: Mapping[str, Any]) -> None:
        """
        Execute one message.

        Raises:
            AnswerError: It fails, and nothing has changed; the body is what its issue says.
        """
        check_message(message)
        sku, operation = message["sku"], message["operationType"]
        if operation == "DELETE":
            self._delete(sku)
            return
        found = self._attributes.get(sku)
        if operation == "UPDATE":
            attributes = dict(message["attributes"])
        elif found is None:
            raise fail("SKU_NOT_FOUND", f"There is no listing of the SKU '{sku}'.")
        elif operation == "PATCH":
            attributes = _patch(found, message["patches"])
        else:
            attributes = {**found, **message["attributes"]}
        _check_values(attributes)
        self._attributes[sku] = attributes

    def _delete(self, sku: str) -> None:
        if self._attributes.pop(sku, None) is None:
            raise fail("SKU_NOT_FOUND", f"There is no listing of the SKU '{sku}'.")


def get_price(attributes: Mapping[str, Any]) -> Any:
    """Return the price of a listing's offer."""
    return attributes[OFFER][0]["our_price"][0]["schedule"][0]["value_with_tax"]


def get_quantity(attributes: Mapping[str, Any]) -> Any:
    """Return the stock of a listing."""
    return attributes[STOCK][0]["quantity"]


def make_attributes(price: float, quantity: int, marketplace_id: str) -> Json:
    """Make the attributes of a listing that has a price and a stock."""
    return {
        OFFER: [make_offer(round(price, 2), marketplace_id)],
        STOCK: [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity}],
    }


def make_offer(price: float, marketplace_id: str) -> Json:
    """
    Make an offer with a price.

    Source: page "Listings Management Workflow Migration", pricing data.
    """
    return {
        "marketplace_id": marketplace_id,
        "currency": "EUR",
        "our_price": [{"schedule": [{"value_with_tax": price}]}],
    }


def make_demo_items(count: int, *, products: int, marketplace_id: str) -> Iterator[BatchItem]:
    """
    Make price updates: messages without their id; one in 25 fails, for one of two reasons.

    Args:
        count: How many. No SKU comes twice, so that more than `products` of them fail for want
            of a listing.
        products: How many listings there are.
        marketplace_id: Where the prices are for.
    """
    for index, turn in demo_turns(count):
        sku, price = f"A-{index + 1}", round(9.9 + index / 100, 2)
        if turn is not None and turn % 2:
            price = -price
        elif turn is not None:
            sku = f"A-{products + 1_000_000 + turn}"
        patch = {
            "op": "replace",
            "path": f"{_PREFIX}{OFFER}",
            "value": [make_offer(price, marketplace_id)],
        }
        payload = {
            "sku": sku,
            "operationType": "PATCH",
            "productType": PRODUCT_TYPE,
            "patches": [patch],
        }
        yield BatchItem(id=f"price-{index + 1}", payload=payload)


def check_message(message: Mapping[str, Any]) -> None:
    """
    Check a message against its schema.

    Source: the schema of a listings feed's message (v2); the code and the text of the issue:
    selling-partner-api-docs, thread 1098.

    Raises:
        AnswerError: It doesn't fit.
    """
    sku, operation = message.get("sku"), message.get("operationType")
    is_whole = (
        isinstance(sku, str)
        and bool(sku)
        and isinstance(operation, str)
        and operation in _NEEDS
        and all(message.get(name) for name in _NEEDS[operation])
        and not any(name in message for name in _REFUSES[operation])
    )
    if not is_whole:
        raise fail(
            "4002008",
            "The provided message did not meet the schema validation requirements for a feed "
            "message.",
        )


def fail(code: str, message: str, *attributes: str) -> AnswerError:
    """Make the failure of a message; its body is what an issue says besides whose it is."""
    body: Json = {"code": code, "severity": "ERROR", "message": message}
    if attributes:
        body["attributeNames"] = [*attributes]
    return AnswerError(400, body)


def _patch(found: Mapping[str, Any], patches: Any) -> Json:
    attributes = dict(found)
    if not isinstance(patches, list):
        raise fail("4000001", "'patches' must be a list.")
    for patch in patches:
        operation, path = (
            (patch.get("op"), patch.get("path")) if isinstance(patch, dict) else ("",) * 2
        )
        if operation not in _PATCH_OPS or not str(path).startswith(_PREFIX):
            raise fail("4000001", "A patch needs an 'op' and a 'path' below '/attributes'.")
        name = str(path).removeprefix(_PREFIX)
        if operation == "delete":
            attributes.pop(name, None)
        elif operation == "merge":
            attributes[name] = _merge(attributes.get(name), patch.get("value"))
        else:
            attributes[name] = patch.get("value")
    return attributes


def _merge(found: Any, values: Any) -> Any:
    """
    Change parts of an attribute's values, and leave the rest of each as it is.

    Source: page "Merge a listing". Assumed: which value is meant is told by all the selectors that
    both have.
    """
    if not isinstance(found, list) or not isinstance(values, list):
        return values
    merged = [*found]
    for value in values:
        for index, old in enumerate(merged):
            if isinstance(value, dict) and all(
                value.get(name, old.get(name)) == old.get(name, value.get(name))
                for name in _SELECTORS
            ):
                merged[index] = {**old, **value}
                break
        else:
            merged.append(value)
    return merged


def _check_values(attributes: Mapping[str, Any]) -> None:
    for name, get in ((OFFER, get_price), (STOCK, get_quantity)):
        if name not in attributes:
            continue
        try:
            value = get(attributes)
        except (KeyError, IndexError, TypeError):
            raise fail("90220", f"'{name}' is required but not supplied.", name) from None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise fail("90244", f"The value '{value}' of '{name}' is not accepted.", name)
