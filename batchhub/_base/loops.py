"""The event loops that are ours: the command's, and those of `batchhub.sync`."""

from __future__ import annotations

import asyncio
from importlib import import_module


def make_loop() -> asyncio.AbstractEventLoop:
    """Make an event loop: uvloop's where it is installed (``batchhub[fast]``), else asyncio's."""
    try:
        uvloop = import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
