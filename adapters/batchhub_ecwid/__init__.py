"""
Ecwid for batchhub: the account of a store, the adapter, and four ways to write an item.

    from batchhub_ecwid import EcwidAccount, get, put

    shop = EcwidAccount(store_id=1003, token="secret_...")
    items = [get("/orders/XJ12H"), put("/products/12", {"price": 9.9}, id="price-12")]

``Source:`` names what a fact rests on: the older pages are the vendor's documents of
2019 to 2024, the newer ones those of 2025. ``Assumed:`` marks what no page says.
"""

from __future__ import annotations

from .account import EcwidAccount
from .adapter import EcwidAdapter
from .items import delete, get, post, put

__all__ = ["EcwidAccount", "EcwidAdapter", "delete", "get", "post", "put"]
