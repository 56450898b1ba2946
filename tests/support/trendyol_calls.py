"""Calls to the Trendyol stand-in, and updates for it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import quote

import aiohttp

from batchhub_trendyol.sandbox import TrendyolSandbox

from .calls import Answer, Item, send

__all__ = ["Caller", "Item", "barcode", "price", "prices"]


class Caller:
    """Calls the sandbox as a client would, on a new connection each time."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: TrendyolSandbox, url: str) -> None:
        self._session = session
        self.url = url
        self.seller_id: Any = sandbox.seller_id
        self.login = f"{sandbox.api_key}:{sandbox.api_secret}"
        self.agent = f"{sandbox.seller_id} - SelfIntegration"

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {
            "Authorization": f"Basic {b64encode(self.login.encode()).decode()}",
            "User-Agent": self.agent,
            **kwargs.pop("headers", {}),
        }
        url = f"{self.url}/integration/{path}"
        return await send(self._session, method, url, headers=headers, **kwargs)

    def prices(self, count: int) -> list[Item]:
        return prices(count)

    async def post(self, items: Any, **kwargs: Any) -> Answer:
        body = {"data": items} if isinstance(items, bytes) else {"json": {"items": items}}
        path = f"inventory/sellers/{self.seller_id}/products/price-and-inventory"
        return await self("POST", path, **body, **kwargs)

    async def submit(self, items: list[Item]) -> str:
        answer = await self.post(items)
        assert answer.status == 200, answer.text
        batch: str = answer.json["batchRequestId"]
        return batch

    async def ask(self, batch: str) -> Answer:
        path = f"product/sellers/{self.seller_id}/products/batch-requests/{quote(batch, safe='')}"
        return await self("GET", path)

    async def report(self, batch: str) -> Any:
        answer = await self.ask(batch)
        assert answer.status == 200, answer.text
        return answer.json

    async def words(self, batch: str) -> list[tuple[Any, str]]:
        """Return what each item of a report is called, and its word."""
        items = (await self.report(batch))["items"]
        return [(item["requestItem"].get("barcode"), item["status"]) for item in items]


def barcode(number: int) -> str:
    return str(8_680_000_000_000 + number)


def price(number: int, **values: Any) -> Item:
    return {"barcode": barcode(number), **(values or {"quantity": 5})}


def prices(count: int) -> list[Item]:
    return [
        price(number, quantity=number, salePrice=9.5, listPrice=10.0)
        for number in range(1, count + 1)
    ]
