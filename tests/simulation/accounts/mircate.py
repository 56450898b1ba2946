"""Mircate in a world: a vendor that recognises nothing."""

from __future__ import annotations

from typing import Any

from batchhub.sandbox import Execution
from batchhub_mircate.sandbox import MircateSandbox

from .kind import PRODUCTS, Kind


def make_item(mark: int, product: int) -> dict[str, Any]:
    """Make a price."""
    return {"id": str(mark), "sku": f"A-{product}", "price": mark}


def read(execution: Execution) -> tuple[int, str]:
    """Read the price and the SKU."""
    return int(execution.body["price"]), str(execution.body["sku"])


KIND = Kind(
    make_sandbox=lambda clock, seed: MircateSandbox(products=PRODUCTS, clock=clock, seed=seed),
    make_item=make_item,
    read=read,
    operation="receive-price",
    switches={"retry_after": True},
)
