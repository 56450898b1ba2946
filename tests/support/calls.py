"""Calls to a stand-in as any client would make them, without batchhub in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
from attrs import frozen
from yarl import URL

Item = dict[str, Any]


@frozen(kw_only=True)
class Answer:
    """An answer, read to its end."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)


class Caller(Protocol):
    """What calls to every stand-in have in common."""

    url: str

    def prices(self, count: int) -> list[Item]:
        """Make items that succeed, as the vendor wants them."""
        ...

    async def post(self, items: list[Item]) -> Answer:
        """Send a batch."""
        ...

    async def submit(self, items: list[Item]) -> str:
        """Send a batch that is taken; return its id."""
        ...

    async def ask(self, batch: str) -> Answer:
        """Ask how far a batch is."""
        ...


async def send(
    session: aiohttp.ClientSession, method: str, url: str | URL, **kwargs: Any
) -> Answer:
    """Make one call and read its answer."""
    async with session.request(method, url, **kwargs) as response:
        text = await response.text()
        return Answer(status=response.status, text=text, headers=dict(response.headers))


@asynccontextmanager
async def open_client() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that takes a new connection for each call, and repeats none."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        # aiohttp would send a GET again by itself when its connection is cut.
        session._retry_connection = False
        yield session
