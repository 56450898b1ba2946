"""Mircate's adapter against the suite every adapter is held to."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub import BatchItem
from batchhub.conformance import AdapterSuite
from batchhub_mircate import MircateAdapter


class TestMircate(AdapterSuite):
    """Mircate."""

    adapter = MircateAdapter

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return new prices, stocks and products."""
        return [_item(operation, f"A-{n}", n) for n in range(1, count + 1)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return what the vendor refuses: products that are not there."""
        return [_item(operation, f"A-{n}", n) for n in range(900_001, 900_001 + count)]

    def name(self, operation: str, item: BatchItem) -> str:
        """Return the product's sku."""
        return str(item.payload["sku"])


def _item(operation: str, sku: str, n: int) -> BatchItem:
    values: dict[str, dict[str, object]] = {
        "receive-price": {"price": n / 4},
        "receive-stock": {"stock": n},
        "product-upsert": {"dataType": "product", "name": f"Product {n}"},
    }
    return BatchItem(payload={"sku": sku, **values[operation]})
