"""
A process whose hub polls live accounts and serves its figures, and measures when it is told.

    python -m bench._watched_child URL STORE ACCOUNTS

It prints the address of its figures. For each line with a number of seconds, and ``1`` or ``0`` for
whether the store is looked at meanwhile, it measures for as long, and prints what it found.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from batchhub import BatchHub
from batchhub._metrics import MetricsServer
from batchhub._metrics.exposition import Exposition
from batchhub.hub import opened

from ._figures import at_part
from ._neighbours_child import ACCOUNTS, WatchedAdapter, make_account, send_jobs

_steps_s: Final[list[float]] = []
_STEPS: Final = ("_write_sampled", "_write_budgets", "_write_live")
"""What a scrape does, each in one step of the loop; then its text is compressed."""


def main() -> None:
    """Poll, and measure until the input ends."""
    warnings.simplefilter("ignore")
    logging.disable()
    url, store, accounts = sys.argv[1:]
    made = {f"a{n}": make_account(url, 100 + n, polling="fixed 1") for n in range(int(accounts))}
    # A delay that varies at random would hide how late a poll is.
    with patch("batchhub._engine.poll_times.SPREAD", 0.0), ExitStack() as stack:
        for name in _STEPS:
            timed = _timed(getattr(Exposition, name))
            stack.enter_context(patch.object(Exposition, name, timed))
        stack.enter_context(patch("gzip.compress", _timed(gzip.compress)))
        asyncio.run(_poll(Path(store), made))


def _timed(run: Callable[..., bytes]) -> Callable[..., bytes]:
    def run_timed(*arguments: Any) -> bytes:
        began_s = time.thread_time()
        found = run(*arguments)
        _steps_s.append(time.thread_time() - began_s)
        return found

    return run_timed


async def _poll(store: Path, accounts: dict[str, Any]) -> None:
    names = list(accounts)[:ACCOUNTS]
    async with BatchHub(store, accounts, adapters=[WatchedAdapter]) as hub:
        await send_jobs(hub, names)
    async with BatchHub(store, accounts, adapters=[WatchedAdapter]) as hub:
        driving = asyncio.create_task(hub.drive())
        inside = await opened(hub)
        for name in accounts:  # so that each has a budget to show
            inside.get_lane(name)
        server = MetricsServer("127.0.0.1:0", hub)
        await server.start()
        await asyncio.sleep(5.0)
        is_over = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=_serve, args=(loop, server, is_over), daemon=True).start()
        await is_over.wait()
        driving.cancel()
        await server.aclose()


def _serve(loop: asyncio.AbstractEventLoop, server: MetricsServer, is_over: asyncio.Event) -> None:
    print(server.address, flush=True)
    for line in sys.stdin:
        seconds, is_looking = line.split()
        looking = None
        if is_looking == "1":
            assert server._sampler is not None  # noqa: SLF001
            looking = asyncio.run_coroutine_threadsafe(server._sampler.run(), loop)  # noqa: SLF001
        print(json.dumps(_measure(float(seconds))), flush=True)
        if looking is not None:
            looking.cancel()
    loop.call_soon_threadsafe(is_over.set)


def _measure(seconds: float) -> dict[str, Any]:
    WatchedAdapter.late_s.clear()
    _steps_s.clear()
    used_s = time.process_time()
    time.sleep(seconds)
    late_s = sorted(WatchedAdapter.late_s)
    return {
        "polls": len(late_s),
        "p99_s": at_part(late_s, 0.99),
        "cpu_s": time.process_time() - used_s,
        "steps_s": list(_steps_s),
        "steps": len(_STEPS) + 1,
    }


if __name__ == "__main__":
    main()
