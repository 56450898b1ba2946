"""The page with a clock that stands still, so that a picture of it is the same every time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from batchhub.testing import FakeClock
from support.web import web_world

from .page import Page


@contextmanager
def standing_still(folder: Path, now: datetime) -> Iterator[Page]:
    """Serve the page of the store in a folder in a thread of its own; it is always `now`."""
    loop = asyncio.new_event_loop()
    url: list[str] = []
    is_up, is_over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with web_world(folder / "jobs.db", clock=FakeClock(now)) as world:
            url.append(world.server.url)
            is_up.set()
            await is_over.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            is_up.set()
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    is_up.wait()
    try:
        yield Page(url=url[0], folder=folder)
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
