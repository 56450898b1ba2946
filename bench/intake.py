"""What taking over 20,000 items costs, against writing the same rows with plain sqlite3."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import warnings
from pathlib import Path

from batchhub import BatchHub
from batchhub_ecwid import EcwidAccount, put

from ._measure import measure, show

ITEMS = 20_000


def plain(folder: Path) -> None:
    """Write the items as rows, and nothing else."""
    connection = sqlite3.connect(folder / "plain.db")
    connection.execute("CREATE TABLE IF NOT EXISTS items (job, position, id, wire)")
    rows = (
        (
            1,
            n,
            str(n),
            json.dumps({"method": "PUT", "path": f"/products/{n}", "body": {"price": n}}),
        )
        for n in range(ITEMS)
    )
    connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()


def batchhub(folder: Path) -> None:
    """Submit the items to a vendor that is not there."""

    async def submit() -> None:
        account = EcwidAccount(store_id=1, token="secret_bench", base_url="http://127.0.0.1:9")
        async with BatchHub(folder / "jobs.db", {"shop": account}) as hub:
            await hub.submit("shop", (put(f"/products/{n}", {"price": n}) for n in range(1, ITEMS)))

    asyncio.run(submit())


def main() -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        medians = measure(
            {"sqlite3.executemany": lambda: plain(folder), "hub.submit": lambda: batchhub(folder)},
            rounds=5,
        )
    show(f"{ITEMS:,} items, until they are durable", medians, "sqlite3.executemany")
