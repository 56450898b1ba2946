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
        price: Any = round(9.9 + index / 100, 2)
        if turn is not None:
            number, price = _spoil(turn, number, price, products)
        yield BatchItem(
            id=f"price-{index + 1}",
            payload={"method": "PUT", "path": f"/products/{number}", "body": {"price": price}},
        )


def _spoil(turn: int, number: int, price: float, products: int) -> tuple[int, Any]:
    """Make an unknown product, a price that is no number, or a negative one."""
    return [
        (products + 1_000_000 + turn, price),
        (number, "on request"),
        (number, -price),
    ][turn % 3]
