"""A finished Ecwid status of 500 orders and some 4.5 MB, made from the real ones of the tests."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

FIXTURES: Final = Path(__file__).parent.parent / "tests" / "fixtures" / "ecwid"
ITEMS: Final = 500
_ORDER_BYTES: Final = 8_100


def make_status(*, escaped: bool) -> bytes:
    """Write the status, in either form of the body, as compactly as a server does."""
    orders = _orders()
    responses = []
    for number in range(ITEMS):
        order = orders[number % len(orders)]
        body = {"escapedHttpBody": _dump(order)} if escaped else {"httpBody": order}
        entry = {"id": str(number), "status": "COMPLETED", "httpStatusCode": 200, **body}
        responses.append({**entry, "httpStatusLine": "OK"})
    status = {"status": "COMPLETED", "totalRequests": ITEMS, "completedRequests": ITEMS}
    return _dump({**status, "responses": responses}).encode()


def _orders() -> list[dict[str, Any]]:
    """Take four real orders of 2014 to 2025, each with its lines repeated up to one size."""
    orders = [_load(f"order_get_{name}") for name in ("2019", "K8XTQ_2025", "real_2014_rubygem")]
    orders.append(_load("orders_search_EBJFT_2025")["items"][0])
    for order in orders:
        lines = order["items"]
        while len(_dump(order).encode()) < _ORDER_BYTES:
            order["items"] = list(islice(cycle(lines), len(order["items"]) + 1))
    return orders


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return loaded


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
