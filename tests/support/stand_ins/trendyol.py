"""Trendyol as the tests meet it."""

from __future__ import annotations

from typing import Final

from batchhub_trendyol.sandbox import TrendyolSandbox
from batchhub_trendyol.sandbox.products import make_barcode

from .stand_in import Item, StandIn


def make_updates(count: int) -> list[Item]:
    """Make items that succeed, but for each tenth, whose product is not there."""
    return [
        {
            "id": f"p{n}",
            "barcode": make_barcode(n if n % 10 else 900_000 + n),
            "quantity": n,
            "salePrice": n / 4,
            "listPrice": n / 2,
        }
        for n in range(1, count + 1)
    ]


STAND_IN: Final = StandIn(
    sandbox=TrendyolSandbox,
    account="seller",
    addresses=["https://apigw.trendyol.com"],
    environment={
        "TRENDYOL_API_KEY": "trendyol-sandbox-key",
        "TRENDYOL_API_SECRET": "trendyol-sandbox-secret",
    },
    secrets={"api_key": "{}", "api_secret": "{}"},
    make_items=make_updates,
    name_of=lambda item: str(item["barcode"]),
    repeats=True,
    hung={"submit": False, "poll": False},
    budget={"requests_per_10_s": 50},
    budget_account={},
)
