"""How long a test waits for what has to come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 300.0
"""Seconds after which a test that hangs fails, in place of never ending. Nothing that works takes
this long on any machine, however busy: a few seconds do pass, now and then."""


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what has to come."""
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        await asyncio.sleep(0.01)
