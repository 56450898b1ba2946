"""
A process whose hub polls live accounts, in a store with many jobs, and measures when it is told.

    python -m bench._visited_child URL CALLER STORE

For each line with a number of seconds it measures for as long, and prints what it found.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

from batchhub import BatchHub

from ._figures import at_part
from ._neighbours_child import ACCOUNTS, WatchedAdapter, make_account, send_jobs


def main() -> None:
    """Poll, and measure until the input ends."""
    warnings.simplefilter("ignore")
    logging.disable()
    url, caller, store = sys.argv[1:]
    accounts = {
        f"a{n}": make_account(url, 100 * int(caller) + n, polling="fixed 1")
        for n in range(ACCOUNTS)
    }
    # A delay that varies at random would hide how late a poll is.
    with patch("batchhub._engine.poll_times.SPREAD", 0.0):
        asyncio.run(_poll(Path(store), accounts))


async def _poll(store: Path, accounts: dict[str, Any]) -> None:
    async with BatchHub(store, accounts, adapters=[WatchedAdapter]) as hub:
        await send_jobs(hub, accounts)
    async with BatchHub(store, accounts, adapters=[WatchedAdapter]) as hub:
        driving = asyncio.create_task(hub.drive())
        await asyncio.sleep(5.0)
        is_over = asyncio.Event()
        threading.Thread(
            target=_serve, args=(asyncio.get_running_loop(), is_over), daemon=True
        ).start()
        await is_over.wait()
        driving.cancel()


def _serve(loop: asyncio.AbstractEventLoop, is_over: asyncio.Event) -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_measure(float(line))), flush=True)
    loop.call_soon_threadsafe(is_over.set)


def _measure(seconds: float) -> dict[str, Any]:
    WatchedAdapter.late_s.clear()
    used_s = time.process_time()
    time.sleep(seconds)
    late_s = sorted(WatchedAdapter.late_s)
    return {
        "polls": len(late_s),
        "p50_s": at_part(late_s, 0.5),
        "p99_s": at_part(late_s, 0.99),
        "cpu_s": time.process_time() - used_s,
    }


if __name__ == "__main__":
    main()
