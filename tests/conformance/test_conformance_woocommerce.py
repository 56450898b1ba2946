"""WooCommerce's adapter against the suite every adapter is held to."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub import BatchItem
from batchhub.conformance import AdapterSuite
from batchhub_woocommerce import WooCommerceAdapter


class TestWooCommerce(AdapterSuite):
    """WooCommerce."""

    adapter = WooCommerceAdapter

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return changes of products, new ones, and products to delete."""
        return [_item(operation, n) for n in range(1, count + 1)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return what the shop refuses: products that are not there, and a SKU that is taken."""
        if operation == "create":
            return [BatchItem(payload={"sku": f"W-{n}"}) for n in range(1, count + 1)]
        return [_item(operation, n) for n in range(900_001, 900_001 + count)]

    def name(self, operation: str, item: BatchItem) -> str:
        """Return the product's number; of a new one its SKU."""
        return str(item.payload["sku" if operation == "create" else "id"])


def _item(operation: str, n: int) -> BatchItem:
    values: dict[str, dict[str, object]] = {
        "update": {"id": n, "regular_price": n / 4, "stock_quantity": n},
        "create": {"name": f"Mug {n}", "sku": f"N-{n}", "regular_price": n / 4},
        "delete": {"id": n},
    }
    return BatchItem(payload=values[operation])
