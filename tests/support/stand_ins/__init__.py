"""
Stand-ins that run in a thread of the test's own process, and items for them.

Each vendor has a module of its own, named like its adapter, with `STAND_IN`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from batchhub.sandbox import Sandbox
from support.by_vendor import load_each

from .stand_in import StandIn

__all__ = ["STAND_INS", "StandIn", "standing_in"]

STAND_INS: Final[Mapping[str, StandIn]] = load_each(__name__, "STAND_IN")
"""By the names of the adapters."""


@contextmanager
def standing_in(sandbox: Sandbox) -> Iterator[str]:
    """Run a stand-in in a thread, which costs less than a process of its own; gives its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
