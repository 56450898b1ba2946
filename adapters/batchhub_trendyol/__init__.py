"""
Trendyol for batchhub: prices and stock of a seller. The adapter is `trendyol.toml`, beside this.

    from batchhub_trendyol import TrendyolAccount

    shop = TrendyolAccount(seller_id=1234, api_key="...", api_secret="...")
    items = [{"barcode": "8680000000", "quantity": 100, "salePrice": 112.85, "listPrice": 113.85}]
"""

from __future__ import annotations

from typing import Any

from batchhub.adapter import declared

TrendyolAdapter = declared("trendyol.toml", package=__name__)
"""The adapter that `trendyol.toml` describes."""

TrendyolAccount: Any = TrendyolAdapter.account_type
"""One seller: `seller_id`, `api_key`, `api_secret`, `integrator` and `base_url`."""

__all__ = ["TrendyolAccount", "TrendyolAdapter"]
