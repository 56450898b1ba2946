"""Items for a demonstration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from batchhub.models import BatchItem
from batchhub.sandbox import demo_turns


def make_demo_items(count: int, *, products: int) -> Iterator[BatchItem]:
    """
    Make price updates; one in 25 fails, in turn for one of three reasons.

    Args:
        count: How many.
        products: How many products there are.
    """
    for index, turn in demo_turns(count):
        number = 1 + index % max(1, products)
        body: dict[str, Any] = {"price": round(9.9 + index / 100, 2)}
        if turn is not None:
            number, body = _spoil(turn, number, body, products)
        yield BatchItem(
            id=f"price-{index + 1}",
            payload={"method": "PUT", "path": f"/products/{number}", "body": body},
        )


def _spoil(
    turn: int, number: int, body: dict[str, Any], products: int
) -> tuple[int, dict[str, Any]]:
    """Make an unknown product, a SKU that another product has, or a negative price."""
    return [
        (products + 1_000_000 + turn, body),
        (number, {**body, "sku": "SKU-1"}),
        (number, {"price": -body["price"]}),
    ][turn % 3]
