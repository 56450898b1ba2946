"""
One figure of `bench.vendors`, in a process of its own.

    python -m bench._vendors_child VENDOR ITEMS URL count|run
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

from attrs import evolve, fields_dict

from batchhub import BatchHub
from batchhub.adapter import Account

from ._sandboxes import make_sandbox

_KIB = 1024


async def push(vendor: str, items: int, url: str, *, counts: bool) -> dict[str, Any]:
    """Push items through a stand-in, and read their results; return what it took."""
    sandbox = make_sandbox(vendor, is_quick=True)
    account: Account = sandbox.account(url)
    if "requests_per_minute" in fields_dict(type(account)):
        quick: dict[str, Any] = {"requests_per_minute": 10**6}
        account = evolve(account, **quick)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.db"
        async with BatchHub(path, {"one": account}, polling="fixed 0.5") as hub:
            operation = sandbox.demo_operation
            # Nothing is sent before to warm up: some vendors allow one batch in some minutes.
            gc.collect()
            if counts:
                tracemalloc.start()
            began_s = time.process_time()
            job = await hub.submit("one", sandbox.demo_items(items), operation=operation)
            status = await job.wait()
            read = 0
            async for _ in job.results():
                read += 1
            cpu_s = time.process_time() - began_s
            peak = tracemalloc.get_traced_memory()[1] if counts else 0
    assert read == status.counts.total == items
    assert status.counts.unknown == 0, status
    if counts:
        return {"peak": peak}
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return {"resident": resident, "cpu_s": cpu_s}


if __name__ == "__main__":
    vendor, items, url, way = sys.argv[1:]
    print(json.dumps(asyncio.run(push(vendor, int(items), url, counts=way == "count"))))
