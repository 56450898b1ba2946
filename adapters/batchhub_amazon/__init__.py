"""
Amazon for batchhub: the account of a seller, and the adapter for its listings feed.

    from batchhub_amazon import AmazonAccount

    shop = AmazonAccount(
        seller_id="A2EXAMPLE",
        marketplace_ids=["A1PA6795UKMFR9"],
        client_id="amzn1.application-oa2-client.example",
        client_secret="...",
        refresh_token="Atzr|...",
    )
    items = [{"sku": "A-1", "price": 19.99, "currency": "EUR", "quantity": 5}]

``Source:`` names what a fact rests on: a page of the Selling Partner API's documentation, or a file
of the public repository ``amzn/selling-partner-api-models`` at a commit. ``Assumed:`` marks what
neither says.
"""

from __future__ import annotations

from .account import AmazonAccount
from .adapter import AmazonAdapter

__all__ = ["AmazonAccount", "AmazonAdapter"]
