"""
Mircate for batchhub: the account of a merchant, and the adapter for its three kinds of batch.

    from batchhub_mircate import MircateAccount

    supplier = MircateAccount(project_id="5p1hp1d2t", merchant_project_id="m-1", api_key="...")
    items = [{"sku": "A-1", "price": 9.9}, {"sku": "A-2", "price": 12}]

``Source:`` names what a fact rests on: a page of the vendor's documentation or the documents
of the platform under it. ``Assumed:`` marks what neither says; each such value is a setting.
"""

from __future__ import annotations

from .account import MircateAccount
from .adapter import MircateAdapter

__all__ = ["MircateAccount", "MircateAdapter"]
