"""Ecwid's adapter against the suite every adapter is held to."""

from __future__ import annotations

from collections.abc import Iterable

from batchhub import BatchItem
from batchhub.conformance import AdapterSuite
from batchhub_ecwid import EcwidAdapter


class TestEcwid(AdapterSuite):
    """Ecwid."""

    adapter = EcwidAdapter

    def good_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return new prices."""
        return [_price(n, product=n) for n in range(1, count + 1)]

    def bad_items(self, operation: str, count: int) -> Iterable[BatchItem]:
        """Return prices of products that are not there."""
        return [_price(n, product=n) for n in range(900_001, 900_001 + count)]

    def maps(self, operation: str) -> Iterable[str]:
        """Return one of each kind of thing, and one whose rows may be anything."""
        paths = ("products/{a}", "orders/{a b}?lang={c}", "{d}", "products/{a}/combinations/{{{b}")
        return [f"PUT /{path}" for path in paths]


def _price(n: int, *, product: int) -> BatchItem:
    payload = {"method": "PUT", "path": f"/products/{product}", "body": {"price": n / 4}}
    return BatchItem(id=f"p{n}", payload=payload)
