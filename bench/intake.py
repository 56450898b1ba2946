"""
What an item costs until it is durable, against encoding and writing it with plain sqlite3.

And what it costs, and takes in the store, to keep the row of a table that it is made of.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path

import msgspec

from batchhub import BatchHub
from batchhub.tables import read_items
from batchhub_ecwid import EcwidAccount, EcwidAdapter, put

from ._measure import show

ITEMS = 50_000
GOAL_US = 8.0
KEEP_GOAL_US = 1.0
KEEP_GOAL = 0.25

_TABLE = (
    "CREATE TABLE items (job_no INTEGER NOT NULL, position INTEGER NOT NULL, "
    "item_id TEXT NOT NULL, wire BLOB NOT NULL, PRIMARY KEY (job_no, position))"
)


def plain(folder: Path) -> float:
    """Encode the items and write them as rows, and nothing else; return the CPU seconds."""
    items = [
        {"id": str(n), "method": "PUT", "path": f"/products/{n}", "body": {"price": n}}
        for n in range(1, ITEMS + 1)
    ]
    path = folder / "plain.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(_TABLE)
    encode = msgspec.json.Encoder().encode
    began = time.process_time()
    rows = ((1, n, item["id"], encode(item)) for n, item in enumerate(items, 1))
    connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    taken = time.process_time() - began
    connection.close()
    return taken


def batchhub(folder: Path) -> float:
    """Submit items that are made already, to a vendor that is not there; return the CPU seconds."""
    items = [put(f"/products/{n}", {"price": n}) for n in range(1, ITEMS + 1)]

    async def submit() -> float:
        account = EcwidAccount(store_id=1, token="secret_bench", base_url="http://127.0.0.1:9")
        async with BatchHub(folder / "jobs.db", {"shop": account}) as hub:
            await hub.submit("shop", items[:1])  # opens the store
            began = time.process_time()
            await hub.submit("shop", items)
            return time.process_time() - began

    return asyncio.run(submit())


def submit_rows(folder: Path, *, keep_input: bool) -> float:
    """Submit the rows of a table, keep them or not; return the CPU seconds."""
    path = folder / "items.csv"

    async def submit() -> float:
        account = EcwidAccount(store_id=1, token="secret_bench", base_url="http://127.0.0.1:9")
        async with BatchHub(folder / f"rows-{keep_input}.db", {"shop": account}) as hub:
            await hub.submit("shop", [put("/products/1", {"price": 1})])  # opens the store
            items = read_items(
                path,
                adapter=EcwidAdapter,
                map="PUT /products/{id}",
                set={"price": "{price}"},
                id="{id}",
            )
            began = time.process_time()
            await hub.submit("shop", items, keep_input=keep_input)
            return time.process_time() - began

    return asyncio.run(submit())


def show_rows(folder: Path) -> None:
    """Measure what it costs to keep rows, and what they take."""
    rows = [f"{n},Mug {n},{n % 90 + 1}.{n % 100:02d}\n" for n in range(1, ITEMS + 1)]
    size = (folder / "items.csv").write_text("id,name,price\n" + "".join(rows))
    submit_rows(folder, keep_input=True)  # loads all modules
    costs = [
        submit_rows(folder, keep_input=True) - submit_rows(folder, keep_input=False)
        for _ in range(9)
    ]
    with closing(sqlite3.connect(folder / "rows-True.db")) as store:
        query = "SELECT SUM(LENGTH(data)) FROM input_blocks WHERE job_no = 2"
        kept = store.execute(query).fetchone()[0]
    print(
        f"  to keep a row: {statistics.median(costs) / ITEMS * 1e6:.1f} us, to reach "
        f"{KEEP_GOAL_US:.0f} us; {kept / ITEMS:.1f} bytes of {size / ITEMS:.1f} "
        f"({kept / size:.0%}), to reach {KEEP_GOAL:.0%}"
    )


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    taken: dict[str, list[float]] = {"floor": [], "hub.submit": []}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(5):
            taken["floor"].append(plain(Path(name)))
            taken["hub.submit"].append(batchhub(Path(name)))
        show_rows(Path(name))
    medians = {name: statistics.median(each) for name, each in taken.items()}
    show(f"{ITEMS:,} items, until they are durable", medians, "floor")
    item_us = {name: median / ITEMS * 1e6 for name, median in medians.items()}
    print(
        f"  an item: {item_us['hub.submit']:.1f} us, the floor (msgspec and executemany) "
        f"{item_us['floor']:.1f} us; to reach {GOAL_US:.0f} us"
    )


if __name__ == "__main__":
    main()
