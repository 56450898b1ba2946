"""Calls to the Mircate stand-in, and items for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from batchhub_mircate.sandbox import MircateSandbox

from .calls import Answer, Item, send

__all__ = [
    "NOT_FOUND",
    "PIM_STATUS",
    "PRICE",
    "STATUS",
    "STOCK",
    "UPSERT",
    "Caller",
    "Item",
    "price",
    "prices",
]

PRICE = "MerchantStockPriceImporter/receivePrice/m-1"
STOCK = "MerchantStockPriceImporter/receiveStock/m-1"
UPSERT = "PIMAPI/bulkUpsertProduct/5p1hp1d2t"
STATUS = "MerchantImportJob/checkBatchStatus"
PIM_STATUS = "PIMAPI/checkBatchStatus"
NOT_FOUND = {"code": "RECORD_NOT_FOUND", "message": "Record Not Found"}


class Caller:
    """Calls the sandbox as a client would, on a new connection each time."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: MircateSandbox, url: str) -> None:
        self._session = session
        self.sandbox = sandbox
        self.url = url
        self.key = sandbox.api_key
        self.project = sandbox.project_id

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        return await self.raw(method, f"/{self.project}/CALL/{path}", **kwargs)

    async def raw(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {"x-api-key": self.key, **kwargs.pop("headers", {})}
        url = URL(f"{self.url}{path}", encoded=True)
        return await send(self._session, method, url, headers=headers, **kwargs)

    def prices(self, count: int) -> list[Item]:
        return prices(count)

    async def post(self, items: list[Item], path: str = PRICE, **body: Any) -> Answer:
        return await self("POST", path, json={"products": items, **body})

    async def submit(self, items: list[Item], path: str = PRICE, **body: Any) -> str:
        answer = await self.post(items, path, **body)
        assert answer.status == 200, answer.text
        batch_id: str = answer.json["batchId"]
        return batch_id

    async def ask(self, batch: str, path: str = STATUS, method: str = "GET") -> Answer:
        return await self(method, f"{path}/{quote(batch, safe='')}")

    async def status(self, batch_id: str) -> Any:
        answer = await self.ask(batch_id)
        assert answer.status == 200, answer.text
        return answer.json


def price(sku: str, value: Any = 5.5) -> Item:
    return {"sku": sku, "price": value}


def prices(count: int) -> list[Item]:
    return [price(f"A-{number}") for number in range(1, count + 1)]
