"""Calls to the WooCommerce stand-in, and items for it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import aiohttp

from batchhub_woocommerce.sandbox import WooCommerceSandbox

from .calls import Answer, Item, send

__all__ = ["Caller", "Item", "price", "prices"]


class Caller:
    """Calls the sandbox as a client would, on a new connection each time."""

    def __init__(
        self, session: aiohttp.ClientSession, sandbox: WooCommerceSandbox, url: str
    ) -> None:
        self._session = session
        self.url = url
        self.login = f"{sandbox.consumer_key}:{sandbox.consumer_secret}"
        self.root = f"{sandbox.prefix}/wp-json/wc/v3"

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        login = b64encode(self.login.encode()).decode()
        headers = {"Authorization": f"Basic {login}", **kwargs.pop("headers", {})}
        return await send(self._session, method, f"{self.url}{path}", headers=headers, **kwargs)

    async def get(self, path: str = "/products", **params: str) -> Answer:
        return await self("GET", f"{self.root}{path}", params=params)

    async def post(self, body: Any, path: str = "/products/batch") -> Answer:
        if isinstance(body, bytes):
            json = {"Content-Type": "application/json"}
            return await self("POST", f"{self.root}{path}", data=body, headers=json)
        return await self("POST", f"{self.root}{path}", json=body)

    async def batch(self, path: str = "/products/batch", **lists: Any) -> Any:
        answer = await self.post(lists, path)
        assert answer.status == 200, answer.text
        return answer.json

    async def codes(self, path: str = "/products/batch", **lists: Any) -> list[tuple[Any, Any]]:
        """Return the id and the error's code of each result, in all lists one after another."""
        found = await self.batch(path, **lists)
        return [
            (entry["id"], entry.get("error", {}).get("code"))
            for entries in found.values()
            for entry in entries
        ]


def price(number: Any, value: Any = "5.50") -> Item:
    return {"id": number, "regular_price": value}


def prices(count: int) -> list[Item]:
    return [price(number) for number in range(1, count + 1)]
