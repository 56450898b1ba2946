"""WooCommerce as the tests meet it."""

from __future__ import annotations

from typing import Final

from batchhub_woocommerce.sandbox import WooCommerceSandbox

from .stand_in import Item, StandIn


def make_products(count: int) -> list[Item]:
    """Make items that succeed, but for each tenth, whose product is not there."""
    return [
        {"id": n if n % 10 else 900_000 + n, "regular_price": n / 4, "stock_quantity": n}
        for n in range(1, count + 1)
    ]


STAND_IN: Final = StandIn(
    sandbox=WooCommerceSandbox,
    account="web",
    addresses=["https://shop.example"],
    environment={
        "WOOCOMMERCE_CONSUMER_KEY": "ck_sandbox",
        "WOOCOMMERCE_CONSUMER_SECRET": "cs_woocommerce_sandbox",
    },
    secrets={"consumer_key": "ck_{}", "consumer_secret": "cs_{}"},
    make_items=make_products,
    name_of=lambda item: str(item["id"]),
    repeats=True,
    hung={"submit": False},
    hung_account={"answer_s": 1},
    keeps_tickets=False,
)
