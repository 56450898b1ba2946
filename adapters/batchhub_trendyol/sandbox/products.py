"""A seller's products in memory, and what is wrong with an update of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from batchhub.models import BatchItem
from batchhub.sandbox import demo_turns

MAX_STOCK: Final = 20_000
"""Source: page "Stok ve Fiyat Güncelleme". Assumed: more fails the item, see `early_checks`."""

_FIRST_BARCODE: Final = 8_680_000_000_000
NUMBERS: Final = {"quantity": (int,), "salePrice": (int, float), "listPrice": (int, float)}
"""Source: reference of updatePriceAndInventory, PriceAndInventoryItem."""

Json = dict[str, Any]


def find_reason(body: Mapping[str, Any]) -> str:
    """
    Return what is wrong with the values of an update; empty for nothing.

    Source: page "Stok ve Fiyat Güncelleme" (the most stock); the international page (no list
    price below the sale price). Assumed: the texts, and every other bound.
    """
    stock, price, list_price = (body.get(name) for name in NUMBERS)
    if stock is None and price is None and list_price is None:
        return "neither a stock nor a price"
    if stock is not None and not 0 <= stock <= MAX_STOCK:
        return f"quantity must be between 0 and {MAX_STOCK}"
    if any(value is not None and value <= 0 for value in (price, list_price)):
        return "a price must be above 0"
    if price is not None and list_price is not None and list_price < price:
        return "listPrice must not be below salePrice"
    return ""


def make_barcode(number: int) -> str:
    """Return the barcode of a product by its number, from 1."""
    return str(_FIRST_BARCODE + number)


def make_demo_items(count: int, *, products: int) -> Iterator[BatchItem]:
    """
    Make price and stock updates; one in 25 fails, in turn for one of three reasons.

    Args:
        count: How many. No barcode comes twice, so that more than `products` of them fail
            for want of a product.
        products: How many products there are.
    """
    for index, turn in demo_turns(count):
        price = round(9.9 + index / 100, 2)
        payload: Json = {
            "barcode": make_barcode(index + 1),
            "quantity": 1 + index % 500,
            "salePrice": price,
            "listPrice": round(price + 5, 2),
        }
        if turn is not None:
            payload |= _spoil(turn, products, price)
        yield BatchItem(id=f"price-{index + 1}", payload=payload)


def _spoil(turn: int, products: int, price: float) -> Json:
    """Make an unknown product, too large a stock, or a list price below the sale price."""
    spoilt: list[Json] = [
        {"barcode": make_barcode(products + 1_000_000 + turn)},
        {"quantity": MAX_STOCK + 1},
        {"listPrice": round(price / 2, 2)},
    ]
    return spoilt[turn % 3]


def is_item(entry: Any) -> bool:
    """Return whether an entry of a request has a barcode, and numbers where they belong."""
    if not isinstance(entry, dict) or not isinstance(entry.get("barcode"), str):
        return False
    values = ((entry.get(name), kinds) for name, kinds in NUMBERS.items())
    return bool(entry["barcode"]) and all(
        value is None or (isinstance(value, kinds) and not isinstance(value, bool))
        for value, kinds in values
    )


def make_product(number: int) -> Json:
    """Return a product as it is at first, by its number."""
    price = round(4.99 + number / 100, 2)
    return {"quantity": 10, "salePrice": price, "listPrice": price}


def make_content(barcode: str, product: Json) -> Json:
    """Return a product as lists of products have it."""
    prices = {"salePrice": product["salePrice"], "listPrice": product["listPrice"]}
    variant = {"barcode": barcode, "stock": {"quantity": product["quantity"]}, "price": prices}
    return {"contentId": int(barcode) - _FIRST_BARCODE, "variants": [variant]}
