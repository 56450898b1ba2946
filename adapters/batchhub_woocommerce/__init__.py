"""
WooCommerce for batchhub: the account of a shop, and the adapter for its products and variations.

    from batchhub_woocommerce import WooCommerceAccount

    shop = WooCommerceAccount(
        base_url="https://shop.example", consumer_key="ck_...", consumer_secret="cs_..."
    )
    items = [{"id": 17, "regular_price": 9.9}, {"id": 18, "stock_quantity": 4}]

``Source:`` names what a fact rests on: a page of the REST API's documentation (woocommerce/
woocommerce-rest-api-docs at 13d6196 of 2024-03-15, wp-api-v3), or the plug-in's own code
(woocommerce/woocommerce, includes/rest-api/Controllers); both read on 2026-11-29. ``Assumed:``
marks what neither says; each such value is a setting.
"""

from __future__ import annotations

from .account import WooCommerceAccount
from .adapter import WooCommerceAdapter

__all__ = ["WooCommerceAccount", "WooCommerceAdapter"]
