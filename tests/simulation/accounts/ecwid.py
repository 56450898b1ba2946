"""Ecwid in a world: a vendor that recognises what it had."""

from __future__ import annotations

import json
from typing import Any

from batchhub.sandbox import Execution
from batchhub_ecwid.sandbox import EcwidSandbox

from .kind import PRODUCTS, Kind


def make_item(mark: int, product: int) -> dict[str, Any]:
    """Make a call that gives a product a price."""
    path = f"/products/{product}"
    return {"id": str(mark), "method": "PUT", "path": path, "body": {"price": mark}}


def read(execution: Execution) -> tuple[int, str]:
    """Read the price, and the path of the product."""
    body = execution.body
    item = json.loads(body) if isinstance(body, str) else body
    return int(item["price"]), execution.path


KIND = Kind(
    make_sandbox=lambda clock, seed: EcwidSandbox(products=PRODUCTS, clock=clock, seed=seed),
    make_item=make_item,
    read=read,
    recognises=True,
    stops_on_failure=True,
)
