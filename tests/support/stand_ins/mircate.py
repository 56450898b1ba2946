"""Mircate as the tests meet it."""

from __future__ import annotations

from typing import Final

from batchhub_mircate.sandbox import MircateSandbox

from .stand_in import Item, StandIn


def make_prices(count: int) -> list[Item]:
    """Make items that succeed, but for each tenth, whose product is not there."""
    return [
        {"id": f"p{n}", "sku": f"A-{n if n % 10 else 900_000 + n}", "price": n / 4}
        for n in range(1, count + 1)
    ]


STAND_IN: Final = StandIn(
    sandbox=MircateSandbox,
    account="supplier",
    addresses=["https://api.b2b.retter.io"],
    environment={"MIRCATE_API_KEY": "mircate-sandbox-key"},
    secrets={"api_key": "{}", "submit_api_key": "{}"},
    make_items=make_prices,
    name_of=lambda item: str(item["sku"]),
    hung={"submit": True},
)
