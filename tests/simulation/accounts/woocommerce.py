"""WooCommerce in a world: a shop that answers at once, or not, and has no names for batches."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from batchhub import BatchItem
from batchhub.adapter import Account
from batchhub.sandbox import Execution
from batchhub_woocommerce.sandbox import WooCommerceSandbox

from .kind import PRODUCTS, Kind


def make_item(mark: int, product: int) -> BatchItem:
    """Make a price of a product, whose number is the shop's and not the item's id."""
    return BatchItem(id=str(mark), payload={"id": product, "regular_price": mark})


def read(execution: Execution) -> tuple[int, str]:
    """Read the price and the product."""
    return int(execution.body["regular_price"]), execution.path


def limit(account: Account, requests_per_minute: int, bytes_per_ticket: int) -> Account:
    """Return the account with some requests a minute, and a few items in each."""
    changes: dict[str, Any] = {
        "requests_per_minute": requests_per_minute,
        "max_items": max(1, bytes_per_ticket // 60),
        "answer_s": 60,
    }
    return evolve(account, **changes)


KIND = Kind(
    make_sandbox=lambda clock, seed: WooCommerceSandbox(products=PRODUCTS, clock=clock, seed=seed),
    make_item=make_item,
    read=read,
    mark=rb'"regular_price":\s*"(\d+)"',
    repeats=True,
    has_tickets=False,
    limit=limit,
    spares=frozenset({"cut_poll", "5xx_poll"}),
    faults={
        "dies": {"dies": 1, "dies_after": 2},
        "gateway_timeout": {"gateway_timeout": 1},
        "no_lists": {"no_lists": 1},
    },
    doubtful=frozenset({"no_lists"}),
)
