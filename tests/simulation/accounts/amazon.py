"""Amazon in a world: a vendor of three steps, whose feeds can be searched, not recognised."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve
from support.feed_calls import price

from batchhub.adapter import Account
from batchhub.sandbox import Execution
from batchhub_amazon.sandbox import AmazonSandbox

from .kind import PRODUCTS, Kind

_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "token_revoked": {"tokens_revoked": 1},
    "token_expired": {"tokens_expired": 1},
    "short_tokens": {"token_valid_s": 5.0},
    "lost_at_any_step": {"lost_answers": 2},
    "expired_urls": {"expired_upload_urls": 1, "expired_download_urls": 1},
    "late_report": {"report_after_s": 40.0},
    "hidden_feeds": {"listed_after_s": 20.0},
    "cancelled": {"feed_cancelled": 1},
    "fatal": {"feed_fatal": 1},
    "fatal_with_report": {"feed_fatal": 1, "fatal_has_report": True, "fatal_executes": "all"},
}


def make_item(mark: int, product: int) -> dict[str, Any]:
    """Make a message that gives a listing a price."""
    return {"id": str(mark), **price(f"A-{product}", mark)}


def limit(account: Account, requests_per_minute: int, bytes_per_ticket: int) -> Account:
    """Return the account with so many bytes a feed; its rates are the vendor's."""
    del requests_per_minute
    changes: dict[str, Any] = {"max_feed_bytes": 1500 + 2 * bytes_per_ticket}
    return evolve(account, **changes)


def read(execution: Execution) -> tuple[int, str]:
    """Read the price and the SKU."""
    [offer] = execution.body["patches"][0]["value"]
    return int(offer["our_price"][0]["schedule"][0]["value_with_tax"]), execution.body["sku"]


KIND = Kind(
    make_sandbox=lambda clock, seed: AmazonSandbox(products=PRODUCTS, clock=clock, seed=seed),
    make_item=make_item,
    read=read,
    mark=rb'"value_with_tax":\s*(\d+)',
    submit="POST /feeds/2021-06-30/feeds",
    is_apart=True,
    accepted=202,
    operation="listings",
    switches={"rate_scale": 1000.0},
    faults=_FAULTS,
    doubtful=frozenset({"fatal", "fatal_with_report"}),
    hosts=("files",),
    limit=limit,
)
