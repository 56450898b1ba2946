"""
The process of one poller: measures its own CPU time over a window of steady polling.

    python -m bench._poll_child NAME URL CALLER TICKETS SECONDS [PROFILE]

``NAME+uvloop`` runs on uvloop.
"""

from __future__ import annotations

import asyncio
import cProfile
import logging
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial

from ._pollers import POLLERS, Setting
from ._processes import measure_when_told
from ._status_server import count_polls


def main() -> None:
    """Poll, measure, print, and end."""
    warnings.simplefilter("ignore")
    logging.disable()
    name, url, caller, tickets, seconds, *profile = sys.argv[1:]
    poller, _, loop_name = name.partition("+")
    is_ready = threading.Event()
    setting = Setting(url, int(caller), int(tickets), is_ready.set)
    polls = partial(count_polls, url, int(caller))

    async def poll() -> None:
        call_in_loop = asyncio.get_running_loop().call_soon_threadsafe
        measure_when_told(is_ready, lambda: _measure(polls, float(seconds), call_in_loop, *profile))
        await POLLERS[poller](setting)

    if loop_name:
        import uvloop  # noqa: PLC0415

        uvloop.run(poll())
    else:
        asyncio.run(poll())


def _measure(
    count: Callable[[], int],
    seconds: float,
    call_in_loop: Callable[[Callable[[], object]], object],
    profile: str | None = None,
) -> dict[str, float]:
    profiler = cProfile.Profile()
    if profile:
        call_in_loop(profiler.enable)
    loop_clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
    polls, began_s = count(), time.monotonic()
    whole_s, loop_s = _used_s(), time.clock_gettime(loop_clock)
    time.sleep(seconds)
    loop_s = time.clock_gettime(loop_clock) - loop_s
    whole_s, taken_s = _used_s() - whole_s, time.monotonic() - began_s
    polls = count() - polls
    if profile:
        call_in_loop(profiler.disable)
        time.sleep(0.5)
        profiler.dump_stats(profile)
    return {"polls": polls, "cpu_s": whole_s, "loop_s": loop_s, "taken_s": taken_s}


def _used_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
