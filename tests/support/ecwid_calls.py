"""Calls to the Ecwid stand-in, and items for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp

from batchhub_ecwid.sandbox import EcwidSandbox

from .calls import Answer, Item, send

__all__ = ["Caller", "Item", "load", "price", "prices"]

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ecwid"


class Caller:
    """Calls the sandbox as a client would, on a new connection each time."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: EcwidSandbox, url: str) -> None:
        self._session = session
        self._sandbox = sandbox
        self.url = url
        self.token = sandbox.token
        self.store_id: Any = sandbox.store_id

    async def __call__(self, method: str, path: str, *, root: str = "", **kwargs: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        url = f"{self.url}{root or f'/api/v3/{self.store_id}'}{path}"
        return await send(self._session, method, url, headers=headers, **kwargs)

    def prices(self, count: int) -> list[Item]:
        return prices(count)

    async def post(self, items: list[Item], **params: str) -> Answer:
        return await self("POST", "/batch", json=items, params=params)

    async def ask(self, batch: str) -> Answer:
        return await self("GET", "/batch", params={"ticket": batch, "escapedJson": "true"})

    async def submit(self, items: list[Item], **params: str) -> str:
        answer = await self.post(items, **params)
        assert answer.status == 200, answer.text
        ticket: str = answer.json["ticket"]
        return ticket

    async def status(self, ticket: str, **params: str) -> Any:
        answer = await self("GET", "/batch", params={"ticket": ticket, **params})
        assert answer.status == 200, answer.text
        return answer.json

    async def responses(self, ticket: str) -> list[Any]:
        document = await self.status(ticket, escapedJson="true")
        assert document["status"] == "COMPLETED"
        responses: list[Any] = document["responses"]
        return responses

    async def control(self, method: str, path: str, **kwargs: Any) -> Answer:
        return await self(method, path, root="/_sandbox", **kwargs)


def price(number: Any, value: Any = 5.5, item_id: str | None = None) -> Item:
    item = {"method": "PUT", "path": f"/products/{number}", "body": {"price": value}}
    return item if item_id is None else {"id": item_id, **item}


def prices(count: int) -> list[Item]:
    return [price(number, item_id=f"p{number}") for number in range(1, count + 1)]


def load(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())
