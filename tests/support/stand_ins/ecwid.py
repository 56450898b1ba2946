"""Ecwid as the tests meet it."""

from __future__ import annotations

from typing import Final

from batchhub_ecwid.sandbox import EcwidSandbox

from .stand_in import Item, StandIn


def make_requests(count: int) -> list[Item]:
    """Make items that succeed, but for each tenth, whose product is not there."""
    return [
        {
            "id": f"p{n}",
            "method": "PUT",
            "path": f"/products/{n if n % 10 else 900_000 + n}",
            "body": {"price": n / 4},
        }
        for n in range(1, count + 1)
    ]


STAND_IN: Final = StandIn(
    sandbox=EcwidSandbox,
    account="shop",
    addresses=["https://app.ecwid.com"],
    environment={"ECWID_TOKEN": "secret_sandbox"},
    secrets={"token": "{}"},
    make_items=make_requests,
    name_of=lambda item: str(item["id"]),
    hung={"submit": False, "poll": False, "results": False},
    chance={"shuffle_responses": True},
    quick={"orders": 5_000},
)
