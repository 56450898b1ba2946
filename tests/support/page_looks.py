"""Looks at the page of a store at a time that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from batchhub.testing import FakeClock

from .page_html import Html
from .page_store import HELD_JOB, LARGE_JOB, NASTY_JOB
from .web import WebWorld, web_world

NOW: Final = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
"""The time of the store that is looked at."""


PATHS: Final = (
    "/",
    "/jobs",
    "/jobs?state=held",
    "/jobs?account=nobody",
    "/jobs?since=tomorrow",
    f"/jobs/{LARGE_JOB}",
    f"/jobs/{NASTY_JOB}",
    f"/jobs/{HELD_JOB}",
    "/jobs/page-00004",
    f"/jobs/{LARGE_JOB}/tickets",
    f"/jobs/{LARGE_JOB}/tickets?show=odd",
    f"/jobs/{HELD_JOB}/tickets?show=open",
    f"/jobs/{NASTY_JOB}/tickets/1",
    f"/jobs/{HELD_JOB}/tickets/1",
    f"/jobs/{NASTY_JOB}/items",
    f"/jobs/{LARGE_JOB}/items?state=unknown",
    "/failures",
    "/failures?again=yes&since=90d",
    "/failures?account=nobody",
    "/items",
    "/items?q=sku%3D77",
    "/items?q=nowhere",
)
"""The screens, with what they may be asked for."""


@asynccontextmanager
async def page(store: Path, now: datetime = NOW) -> AsyncIterator[WebWorld]:
    """Serve the page of a store."""
    async with web_world(store, clock=FakeClock(now)) as web:
        yield web


async def look(web: WebWorld, path: str) -> Html:
    """Look at a page."""
    return Html((await web.get(path)).text)
