"""The products in memory, and what each operation does to one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from batchhub.models import BatchItem
from batchhub.sandbox import AnswerError, demo_turns

from .switches import MircateSwitches

Json = dict[str, Any]

STATUSES: Final = frozenset({"DRAFT", "ACTIVE", "ARCHIVED"})
"""Source: page "Upsert Product", body."""


class Operation(StrEnum):
    """The kinds of batch, by the names the adapter has for them."""

    PRICE = "receive-price"
    STOCK = "receive-stock"
    UPSERT = "product-upsert"


class Catalogue:
    """
    The products of one project.

    Assumed: an item names its product by `sku`, or else by `barcode`; a price or a stock
    for an unknown product, one below 0, and one that is no number fail.

    Args:
        switches: Where the keys of an item are read from.
        products: How many products it begins with: ``A-1`` and up.
    """

    def __init__(self, switches: MircateSwitches, products: int) -> None:
        self._switches = switches
        self._products: dict[str, Json] = {}
        self._skus: dict[str, str] = {}
        for number in range(1, products + 1):
            self._put(_make_product(number))

    def find(self, sku: str) -> Json | None:
        """Return a copy of a product, if there is one."""
        product = self._products.get(sku)
        return None if product is None else dict(product)

    def apply(self, operation: Operation, item: Mapping[str, Any]) -> None:
        """
        Execute one item.

        Raises:
            AnswerError: It fails, and nothing has changed.
        """
        match operation:
            case Operation.PRICE:
                self._receive(item, self._switches.price_key, whole=False)
            case Operation.STOCK:
                self._receive(item, self._switches.stock_key, whole=True)
            case Operation.UPSERT:
                self._upsert(item)

    def _receive(self, item: Mapping[str, Any], key: str, *, whole: bool) -> None:
        barcode = _to_name(item.get("barcode")) or ""
        sku = _to_name(item["sku"]) if "sku" in item else self._skus.get(barcode)
        product = self._products.get(sku or "")
        if product is None:
            raise _fail("product not found")
        _check_amount(key, item.get(key), whole=whole)
        product.update(item, sku=sku)

    def _upsert(self, item: Mapping[str, Any]) -> None:
        """
        Create a product or change one.

        Source: page "Upsert Product", body. Assumed: an item of a bulk upsert has the same
        form; only a new product needs a family and a status.
        """
        data = item.get("data")
        if not isinstance(data, dict):
            raise _fail("data must be an object")
        sku = _to_name(data.get("sku"))
        if not sku:
            raise _fail("data.sku is missing")
        product = {**self._products.get(sku, {}), **data, "sku": sku}
        if not product.get("family"):
            raise _fail("data.family is missing")
        if product.get("status") not in STATUSES:
            raise _fail(f"data.status must be one of {', '.join(sorted(STATUSES))}")
        self._put(product)

    def _put(self, product: Json) -> None:
        self._products[product["sku"]] = product
        if "barcode" in product:
            self._skus[str(product["barcode"])] = product["sku"]


def get_name(item: Mapping[str, Any], key: str = "sku") -> str | None:
    """
    Return what an item calls its product by that key, else by its sku or its barcode.

    Args:
        item: The item; its names may be whole numbers, and those of an upsert are in `data`.
        key: What to look for first.
    """
    data = item.get("data")
    sources = [item, data] if isinstance(data, dict) else [item]
    for wanted in (key, "sku", "barcode"):
        for source in sources:
            if name := _to_name(source.get(wanted)):
                return name
    return None


def make_demo_items(count: int, *, products: int) -> Iterator[BatchItem]:
    """
    Make price updates; one in 25 fails, in turn for one of two reasons.

    Args:
        count: How many. No sku comes twice, so that more than `products` of them fail
            for want of a product.
        products: How many products there are.
    """
    for index, turn in demo_turns(count):
        price = round(9.9 + index / 100, 2)
        payload: dict[str, Any] = {"sku": f"A-{index + 1}", "price": price}
        if turn is not None:
            payload |= _spoil(turn, products, price)
        yield BatchItem(id=f"price-{index + 1}", payload=payload)


def _fail(message: str) -> AnswerError:
    return AnswerError(400, {"message": message})


def _to_name(value: Any) -> str | None:
    """Return a name as text: it may come as a whole number."""
    is_name = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if is_name else None


def _check_amount(key: str, value: Any, *, whole: bool) -> None:
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or value == math.inf:
        raise _fail(f"{key} must be a {'whole number' if whole else 'number'}")
    if value < 0:
        raise _fail(f"{key} can't be negative")


def _make_product(number: int) -> Json:
    return {
        "sku": f"A-{number}",
        "barcode": f"{8_690_000_000_000 + number}",
        "name": f"Product {number}",
        "family": "default",
        "status": "ACTIVE",
        "price": round(4.99 + number / 100, 2),
        "stock": 10,
    }


def _spoil(turn: int, products: int, price: float) -> dict[str, Any]:
    """Make an unknown product, or a negative price."""
    return {"price": -price} if turn % 2 else {"sku": f"A-{products + 1_000_000 + turn}"}
