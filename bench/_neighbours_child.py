"""
A process whose hub polls live accounts, and perhaps one whose vendor answers badly.

    python -m bench._neighbours_child URL CALLER SECONDS [BAD_URL STORE]
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest.mock import patch

from attrs import evolve

from batchhub import BatchHub
from batchhub.adapter import Observation, TicketRef
from batchhub.models import BatchItem, BatchState
from batchhub_ecwid import EcwidAccount, EcwidAdapter, put

from ._figures import at_part
from ._processes import measure_when_told
from ._status_server import ITEMS

ACCOUNTS: Final = 10
TICKETS: Final = 10
"""Of each account."""

EVERY_S: Final = 1.0
"""Seconds between two polls of a ticket of a live account."""


class WatchedAdapter(EcwidAdapter):
    """Notes how long after it was due each poll is answered."""

    operations: ClassVar = {
        "batch": evolve(
            EcwidAdapter.operations["batch"], tickets_per_lane=None, runs_in_order=False
        )
    }
    late_s: ClassVar[list[float]] = []
    bad_polls: ClassVar[int] = 0
    _answered_s: ClassVar[dict[tuple[int, str], float]] = {}

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Ask, and note when the answer came."""
        key = (self.account.store_id, ticket.vendor_refs[0])
        if self.account.store_id > 9000:
            type(self).bad_polls += 1
            return await super().poll_one(ticket)
        seen = await super().poll_one(ticket)
        now_s = time.monotonic()
        if key in self._answered_s:
            self.late_s.append(now_s - self._answered_s[key] - EVERY_S)
        self._answered_s[key] = now_s
        return seen


class _Held:
    """The longest that one step of anything has held the event loop, in its CPU time."""

    longest_s: ClassVar[float] = 0.0

    @classmethod
    @contextmanager
    def watching(cls) -> Iterator[None]:
        """Look at each step while the block runs."""
        run = asyncio.Handle._run  # noqa: SLF001

        def watched(handle: asyncio.Handle) -> None:
            began_s = time.thread_time()
            run(handle)
            cls.longest_s = max(cls.longest_s, time.thread_time() - began_s)

        with patch.object(asyncio.Handle, "_run", watched):
            yield


def main() -> None:
    """Poll, measure, print, and end."""
    warnings.simplefilter("ignore")
    logging.disable()
    url, caller, seconds, *bad = sys.argv[1:]
    accounts = {
        f"a{n}": make_account(url, 100 * int(caller) + n, polling=f"fixed {EVERY_S}")
        for n in range(ACCOUNTS)
    }
    if bad:
        accounts["bad"] = make_account(bad[0], int(bad[1]), polling="fixed 5")
    # A delay that varies at random would hide how late a poll is.
    with patch("batchhub._engine.poll_times.SPREAD", 0.0), _Held.watching():
        asyncio.run(_poll(accounts, float(seconds)))


def make_account(url: str, store_id: int, polling: str) -> EcwidAccount:
    """Make an account at a vendor that takes any number of requests."""
    return EcwidAccount(
        store_id=store_id,
        token="secret_abcdefghijklmnop",
        base_url=url,
        requests_per_minute=10**9,
        polling=polling,
    )


async def _poll(accounts: dict[str, EcwidAccount], seconds: float) -> None:
    is_ready = threading.Event()
    measure_when_told(is_ready, lambda: _measure(seconds))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        async with BatchHub(store, accounts, adapters=[WatchedAdapter]) as hub:
            await send_jobs(hub, accounts)
        async with BatchHub(store, accounts, adapters=[WatchedAdapter]) as hub:
            asyncio.get_running_loop().call_later(8.0, is_ready.set)
            await hub.resume()


async def send_jobs(hub: BatchHub, accounts: Iterable[str]) -> None:
    """Submit so many jobs for each account, and wait until the vendor has them."""
    for name in accounts:
        jobs = [await hub.submit(name, make_items(number)) for number in range(TICKETS)]
        for job in jobs:
            async for status in job.watch():
                if status.state is not BatchState.PENDING:
                    break


def make_items(job: int) -> Iterator[BatchItem]:
    """Make the items of a job; they change nothing that another one's do."""
    for number in range(job * ITEMS + 1, (job + 1) * ITEMS + 1):
        yield put(f"/products/{number}", {"price": number})


def _measure(seconds: float) -> dict[str, Any]:
    WatchedAdapter.late_s.clear()
    _Held.longest_s = 0.0
    bad_polls = WatchedAdapter.bad_polls
    time.sleep(seconds)
    late_s = sorted(WatchedAdapter.late_s)
    return {
        "polls": len(late_s),
        "p50_s": at_part(late_s, 0.5),
        "p99_s": at_part(late_s, 0.99),
        "held_s": _Held.longest_s,
        "bad_polls": WatchedAdapter.bad_polls - bad_polls,
    }


if __name__ == "__main__":
    main()
