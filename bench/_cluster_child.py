"""
A process that drives the accounts of `bench.cluster`, on SQLite or in a cluster.

    python -m bench._cluster_child URL CALLER STORE EVERY_S ACCOUNTS [PROFILE]

For each line that it reads it prints one: ``use`` is the CPU seconds it has used and how many
polls it has sent, ``tickets`` how many it has asked about. SIGTERM ends it as it ends a worker.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import logging
import os
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from batchhub import BatchHub

from ._cluster_vendor import SteadyAccount, SteadyAdapter, make_accounts


class _Counted(SteadyAdapter):
    polls = 0

    async def poll_one(self, ticket: Any) -> Any:
        """Ask, and count."""
        type(self).polls += 1
        return await super().poll_one(ticket)


def main() -> None:
    """Drive until told to end."""
    warnings.simplefilter("ignore")
    logging.disable()
    url, caller, store, every_s, accounts, *profile = sys.argv[1:]
    threading.Thread(target=_serve, daemon=True).start()
    driving = _drive(make_accounts(url, int(caller), int(accounts)), store, float(every_s))
    with suppress(asyncio.CancelledError):
        if not profile:
            asyncio.run(driving)
            return
        profiler = cProfile.Profile()
        try:
            profiler.runcall(asyncio.run, driving)
        finally:
            profiler.dump_stats(profile[0])


async def _drive(accounts: Mapping[str, SteadyAccount], store: str, every_s: float) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    rule = f"fixed {every_s:g}"
    async with BatchHub(store, accounts, polling=rule, adapters=[_Counted]) as hub:
        if "://" not in store:
            await hub.drive()
            return
        from batchhub.cluster import Procrastinate  # noqa: PLC0415

        await hub.drive(Procrastinate(store))


def _serve() -> None:
    for line in sys.stdin:
        print(json.dumps(_answer(line.strip())), flush=True)
    os._exit(1)  # whoever started this is gone


def _answer(question: str) -> Any:
    if question == "tickets":
        return len(_Counted.asked)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "polls": _Counted.polls}


if __name__ == "__main__":
    main()
