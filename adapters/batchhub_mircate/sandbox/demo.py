"""The items of a demonstration: new prices for products, a few of them wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from batchhub.models import BatchItem

_CYCLE: Final = 25
_WRONG_AT: Final = 4


def make_demo_items(count: int, *, products: int) -> Iterator[BatchItem]:
    """
    Make price updates; one in 25 fails, in turn for one of two reasons.

    Args:
        count: How many. No sku comes twice, so that more than `products` of them fail
            for want of a product.
        products: How many products there are.
    """
    for index in range(count):
        payload: dict[str, Any] = {
            "sku": f"A-{index + 1}",
            "price": round(9.9 + index / 100, 2),
        }
        if index % _CYCLE == _WRONG_AT:
            payload |= _spoil(index // _CYCLE, products, payload["price"])
        yield BatchItem(id=f"price-{index + 1}", payload=payload)


def _spoil(turn: int, products: int, price: float) -> dict[str, Any]:
    """Make an unknown product, or a negative price."""
    return {"price": -price} if turn % 2 else {"sku": f"A-{products + 1_000_000 + turn}"}
