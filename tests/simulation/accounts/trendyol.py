"""Trendyol in a world: it refuses a body it had, takes it later, and forgets results."""

from __future__ import annotations

from typing import Any

from batchhub.sandbox import Execution
from batchhub_trendyol.sandbox import TrendyolSandbox
from batchhub_trendyol.sandbox.products import make_barcode

from .kind import PRODUCTS, Kind


def make_item(mark: int, product: int) -> dict[str, Any]:
    """Make a price of a product."""
    return {"id": str(mark), "barcode": make_barcode(product), "salePrice": mark}


def read(execution: Execution) -> tuple[int, str]:
    """Read the price and the barcode."""
    return int(execution.body["salePrice"]), str(execution.body["barcode"])


KIND = Kind(
    make_sandbox=lambda clock, seed: TrendyolSandbox(products=PRODUCTS, clock=clock, seed=seed),
    make_item=make_item,
    read=read,
    mark=rb'"salePrice":\s*(\d+)',
    repeats=True,
    keeps_s=4 * 3600.0,
    limit=lambda account, *_: account,
    item_bytes=60,
    switches={"retry_after": True},
)
