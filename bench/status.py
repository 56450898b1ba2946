"""What a finished Ecwid status of 500 orders costs, against `orjson.loads` of the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import orjson

from batchhub_ecwid.report import make_report
from batchhub_ecwid.wire import read_answer, read_observation

from ._measure import measure, show

FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "ecwid"
ITEMS = 500


def make_status(*, escaped: bool) -> bytes:
    """Make a finished status of 500 orders from real ones, in either form of the body."""
    names = ("order_get_2019", "order_get_K8XTQ_2025")
    orders = [json.loads((FIXTURES / f"{name}.json").read_text()) for name in names]
    responses = []
    for number in range(ITEMS):
        order = orders[number % len(orders)]
        body = {"escapedHttpBody": json.dumps(order)} if escaped else {"httpBody": order}
        entry = {"id": str(number), "status": "COMPLETED", "httpStatusCode": 200, **body}
        responses.append({**entry, "httpStatusLine": "OK"})
    status = {"status": "COMPLETED", "totalRequests": ITEMS, "completedRequests": ITEMS}
    return json.dumps({**status, "responses": responses}).encode()


def main() -> None:
    """Measure and print."""
    for form, escaped in (("httpBody", False), ("escapedHttpBody", True)):
        data = make_status(escaped=escaped)

        def report(data: bytes = data) -> object:
            return make_report(read_answer(data), ITEMS)

        medians = measure(
            {
                "orjson.loads": lambda data=data: orjson.loads(data),  # type: ignore[misc]
                "one report per item, bodies untouched": report,
                "a light poll of the same answer": lambda data=data: read_observation(data),  # type: ignore[misc]
            }
        )
        show(
            f"finished status, {ITEMS} orders, {form}, {len(data):,} bytes", medians, "orjson.loads"
        )
