"""
What writing results costs, for each order of some 9 KB, against `orjson.loads` of the same bytes.

CPU time, from results in memory to a file on the disk. Reading the store is not in it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from batchhub import ItemResult, ItemState
from batchhub.tables import write_results
from batchhub_ecwid import Order

from ._measure import measure
from ._payload import ITEMS, make_status

_ROUNDS: Final = 11
_FIELDS: Final = ("id", "code", "total", "items.sku", "createDate")
_WAYS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "JSON Lines": ("r.jsonl", {}),
    "JSON Lines, 5 fields": ("r.jsonl", {"fields": _FIELDS}),
    "CSV, body as JSON": ("r.csv", {}),
    "CSV, 5 fields": ("r.csv", {"fields": _FIELDS}),
    "CSV, typed": ("r.csv", {"as_type": Order}),
    "Parquet, body as JSON": ("r.parquet", {}),
    "Parquet, typed": ("r.parquet", {"as_type": Order}),
    "Parquet, typed, 5 fields": ("r.parquet", {"as_type": Order, "fields": _FIELDS}),
}


def main() -> None:
    """Measure and print."""
    answers = orjson.loads(make_status(escaped=False))["responses"]
    bodies = [orjson.dumps(answer["httpBody"]) for answer in answers]
    results = [
        ItemResult(id=str(n), state=ItemState.SUCCEEDED, code=200, raw=raw)
        for n, raw in enumerate(bodies)
    ]
    base = "orjson.loads"
    with tempfile.TemporaryDirectory() as folder:

        def writes(name: str, said: dict[str, Any]) -> Callable[[], object]:
            return lambda: asyncio.run(write_results(results, Path(folder) / name, **said))

        ways: dict[str, Callable[[], object]] = {base: lambda: [orjson.loads(b) for b in bodies]}
        ways |= {way: writes(name, said) for way, (name, said) in _WAYS.items()}
        for run in ways.values():
            run()
        medians = measure(ways, rounds=_ROUNDS)
    size = sum(map(len, bodies)) // ITEMS
    print(f"exports of {ITEMS} orders of {size:,} bytes, CPU time an order")
    for way, median in medians.items():
        print(f"  {way:<44} {median / ITEMS * 1e6:8.1f} us  {median / medians[base]:6.2f} x")


if __name__ == "__main__":
    main()
