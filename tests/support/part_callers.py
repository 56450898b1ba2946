"""Callers of the stand-ins that are made of parts."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from support.acme import AcmeSandbox
from support.calls import Answer, send
from support.globex import JSON_LINES, GlobexSandbox

CLIENT = {"client_id": "app", "client_secret": "client-secret"}
REFRESH = {**CLIENT, "grant_type": "refresh_token", "refresh_token": "refresh-0"}


class AcmeCaller:
    def __init__(self, session: aiohttp.ClientSession, sandbox: AcmeSandbox, url: str) -> None:
        self.session, self.sandbox, self.url = session, sandbox, url
        self.token = "acme-token"

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        return await send(self.session, method, f"{self.url}{path}", headers=headers, **kwargs)

    async def submit(self, *prices: float, **headers: str) -> str:
        items = [{"sku": f"A-{n}", "price": price} for n, price in enumerate(prices)]
        answer = await self("POST", "/batches", json=items, headers=headers)
        assert answer.status == 200, answer.text
        batch: str = answer.json["id"]
        return batch

    async def poll(self, batch: str) -> Answer:
        return await self("GET", f"/batches/{batch}")


class GlobexCaller:
    def __init__(self, session: aiohttp.ClientSession, sandbox: GlobexSandbox, url: str) -> None:
        self.session, self.sandbox, self.url = session, sandbox, url
        self.token = sandbox.tokens.issue()

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {"x-access-token": self.token}
        return await send(self.session, method, f"{self.url}{path}", headers=headers, **kwargs)

    async def ask_token(self, **fields: str) -> Answer:
        return await send(self.session, "POST", self.sandbox.tokens.url, data=fields)

    async def offer(self, method: str = "PUT") -> Any:
        document = {"contentType": JSON_LINES, "method": method}
        return (await self("POST", "/documents", json=document)).json

    async def put(self, offer: Any, data: bytes = b"", **headers: str) -> Answer:
        headers = {"Content-Type": JSON_LINES, **headers}
        return await send(self.session, "PUT", offer["url"], data=data, headers=headers)

    async def upload(self, *prices: float) -> str:
        lines = [json.dumps({"sku": f"G-{n}", "price": p}) for n, p in enumerate(prices)]
        offer = await self.offer()
        assert (await self.put(offer, "\n".join(lines).encode())).status == 200
        document: str = offer["documentId"]
        return document

    async def feed(self, document: str) -> Answer:
        return await self("POST", "/feeds", json={"documentId": document})

    async def download(self, url: str, **kwargs: Any) -> tuple[int, bytes]:
        async with self.session.get(url, **kwargs) as response:
            return response.status, await response.read()
