"""Amazon as the tests meet it."""

from __future__ import annotations

from typing import Final

from batchhub_amazon.sandbox import AmazonSandbox
from support.feed_calls import price

from .stand_in import Item, StandIn


def make_messages(count: int) -> list[Item]:
    """Make messages that succeed, but for each tenth, whose listing is not there."""
    return [
        {"id": f"p{n}", **price(f"A-{n if n % 10 else 900_000 + n}", n / 4)}
        for n in range(1, count + 1)
    ]


STAND_IN: Final = StandIn(
    sandbox=AmazonSandbox,
    account="depot",
    addresses=["https://sellingpartnerapi-eu.amazon.com", "https://api.amazon.com"],
    environment={
        "AMAZON_CLIENT_SECRET": "amazon-sandbox-secret",
        "AMAZON_REFRESH_TOKEN": "Atzr|amazon-sandbox-refresh",
    },
    secrets={"client_secret": "{}", "refresh_token": "Atzr|{}"},
    make_items=make_messages,
    name_of=lambda item: str(item["sku"]),
    submit="POST /feeds/2021-06-30/feeds",
    beside=(
        "POST /auth/o2/token|POST /feeds/2021-06-30/documents|PUT /files/.*"
        "|GET /feeds/2021-06-30/feeds"
    ),
    hung={"document": False, "poll": False, "results": False, "download": False},
    budget={},  # its own rates
    budget_account={},
)
