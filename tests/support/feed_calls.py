"""Calls to the Amazon stand-in, and messages for its feeds."""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

import aiohttp

from batchhub_amazon.sandbox import AmazonSandbox

from .calls import Answer, Item, send

__all__ = [
    "DOCUMENTS",
    "FEEDS",
    "JSON_TYPE",
    "TOKEN",
    "FeedCaller",
    "Item",
    "price",
    "prices",
]

TOKEN: Final = "/auth/o2/token"
FEEDS: Final = "/feeds/2021-06-30/feeds"
DOCUMENTS: Final = "/feeds/2021-06-30/documents"
JSON_TYPE: Final = "application/json; charset=UTF-8"


class FeedCaller:
    """Calls the sandbox as a client would, on a new connection each time."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: AmazonSandbox, url: str) -> None:
        self.session = session
        self.sandbox = sandbox
        self.url = url
        self.token = sandbox.tokens.issue()

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {"x-amz-access-token": self.token, **kwargs.pop("headers", {})}
        return await send(self.session, method, f"{self.url}{path}", headers=headers, **kwargs)

    async def login(self, **changed: str | None) -> Answer:
        """Ask for a token; a field that is `None` is left out."""
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.sandbox.refresh_token,
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
            **changed,
        }
        data = {name: value for name, value in fields.items() if value is not None}
        return await send(self.session, "POST", f"{self.url}{TOKEN}", data=data)

    async def offer(self) -> Any:
        """Ask for a place for a document."""
        answer = await self("POST", DOCUMENTS, json={"contentType": JSON_TYPE})
        assert answer.status == 201, answer.text
        return answer.json

    async def put(self, url: str, content: bytes, **headers: str) -> Answer:
        """Upload a document."""
        headers = {"Content-Type": JSON_TYPE, **headers}
        return await send(self.session, "PUT", url, data=content, headers=headers)

    async def upload(self, content: bytes) -> str:
        """Upload a document as documented; return its id."""
        place = await self.offer()
        assert (await self.put(place["url"], content)).status == 200
        document_id: str = place["feedDocumentId"]
        return document_id

    async def feed(self, document_id: str, **changed: Any) -> Answer:
        """Make a feed of a document."""
        body = {
            "feedType": "JSON_LISTINGS_FEED",
            "marketplaceIds": [*self.sandbox.marketplace_ids],
            "inputFeedDocumentId": document_id,
            **changed,
        }
        return await self("POST", FEEDS, json=body)

    async def submit(self, messages: list[Item], **header: Any) -> str:
        """Do the three steps; return the feed's id."""
        answer = await self.feed(await self.upload(self.document(messages, **header)))
        assert answer.status == 202, answer.text
        feed_id: str = answer.json["feedId"]
        return feed_id

    async def show(self, feed_id: str) -> Any:
        """Ask how far a feed is."""
        answer = await self("GET", f"{FEEDS}/{feed_id}")
        assert answer.status == 200, answer.text
        return answer.json

    async def search(self, **params: str) -> Any:
        """Ask for feeds."""
        answer = await self("GET", FEEDS, params=params or {"feedTypes": "JSON_LISTINGS_FEED"})
        assert answer.status == 200, answer.text
        return answer.json

    async def download(self, document_id: str) -> tuple[Any, bytes]:
        """Return what is said of a document, and what is downloaded."""
        answer = await self("GET", f"{DOCUMENTS}/{document_id}")
        assert answer.status == 200, answer.text
        async with self.session.get(answer.json["url"]) as response:
            return answer.json, await response.read()

    async def report(self, feed_id: str) -> Any:
        """Return the report of a feed, decoded."""
        _, content = await self.download((await self.show(feed_id))["resultFeedDocumentId"])
        return json.loads(gzip.decompress(content))

    def document(self, messages: list[Item], **header: Any) -> bytes:
        """Make the document of a feed."""
        own = {"sellerId": self.sandbox.seller_id, "version": "2.0", **header}
        numbered = [{"messageId": n, **each} for n, each in enumerate(messages, 1)]
        return json.dumps({"header": own, "messages": numbered}).encode()


def price(sku: str, value: Any = 5.5) -> Item:
    """Make a message that sets a price."""
    offer = {"our_price": [{"schedule": [{"value_with_tax": value}]}]}
    patch = {"op": "replace", "path": "/attributes/purchasable_offer", "value": [offer]}
    return {"sku": sku, "operationType": "PATCH", "productType": "PRODUCT", "patches": [patch]}


def prices(count: int) -> list[Item]:
    """Make messages that succeed."""
    return [price(f"A-{number}") for number in range(1, count + 1)]
