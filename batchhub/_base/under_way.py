"""
How many transactions are under way in the store's threads, which no event loop can see.

A clock that tests control stands still meanwhile: else time would pass faster than the disk is.
"""

from __future__ import annotations

import asyncio
from typing import Any

count = 0
"""Their number, of all stores of the process."""


def note_hop(future: asyncio.Future[Any]) -> None:
    """Count a transaction until its future is done."""
    global count  # noqa: PLW0603  # of the process, as the clock is
    count += 1
    future.add_done_callback(_note_end)


def _note_end(_: asyncio.Future[Any]) -> None:
    global count  # noqa: PLW0603
    count -= 1
