"""Trendyol's adapter, which is a description, against the suite every adapter is held to."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub import BatchItem
from batchhub.conformance import AdapterSuite
from batchhub_trendyol import TrendyolAdapter

FIRST = 8_680_000_000_000


class TestTrendyol(AdapterSuite):
    """Trendyol."""

    adapter = TrendyolAdapter

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return new stocks and prices of products that are there."""
        return [_item(FIRST + n, n) for n in range(1, count + 1)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return what the vendor refuses: products that are not there."""
        return [_item(FIRST + 5_000_000 + n, n) for n in range(count)]


def _item(barcode: int, n: int) -> BatchItem:
    price = 10 + n / 4
    return BatchItem(
        payload={
            "barcode": str(barcode),
            "quantity": n % 500,
            "salePrice": price,
            "listPrice": price + 1,
        }
    )
