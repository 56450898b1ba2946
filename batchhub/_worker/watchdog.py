"""Signs of life for a service manager that restarts a worker which hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub.errors import BatchHubError

from .notify import Notifier

_log = get_logger()


async def keep_alive(
    notifier: Notifier, clock: Clock, ask_store: Callable[[], Awaitable[object]]
) -> None:
    """
    Give signs of life until cancelled, at half of the time the service manager allows.

    That this runs shows that the event loop turns. The thread of the store is asked first: a loop
    that turns sends nothing without it. That the store fails is no reason to restart: the worker
    tries again by itself, and knows more than a new one.

    Args:
        notifier: Who is told.
        clock: Where time comes from.
        ask_store: Asks the store for anything.
    """
    if notifier.watchdog_s is None:
        return
    half_s = notifier.watchdog_s / 2
    hangs = False
    while True:
        try:
            async with asyncio.timeout(half_s / 2):
                await ask_store()
        except TimeoutError:
            if not hangs:
                _log.error("store.hung", waited_s=half_s / 2)
            hangs = True
        except BatchHubError:
            hangs = False
        else:
            hangs = False
        if not hangs:
            notifier.keep_alive()
        await clock.sleep(half_s)
