"""Amazon's adapter against the suite every adapter is held to."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub import BatchItem
from batchhub.conformance import AdapterSuite
from batchhub_amazon import AmazonAdapter


class TestAmazon(AdapterSuite):
    """Amazon."""

    adapter = AmazonAdapter

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return new prices and stocks."""
        return [_item(n) for n in range(1, count + 1)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return what the vendor refuses: listings that are not there."""
        return [_item(n) for n in range(900_001, 900_001 + count)]

    def name(self, operation: str, item: BatchItem) -> str:
        """Return the listing's sku."""
        return str(item.payload["sku"])


def _item(n: int) -> BatchItem:
    price = {"price": n / 4, "currency": "EUR"} if n % 2 else {}
    return BatchItem(payload={"sku": f"A-{n}", "quantity": n % 100, **price})
