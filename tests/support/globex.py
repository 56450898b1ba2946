"""
A large stand-in: a token host, a staged upload, a result file on another host.

The items are uploaded as lines of JSON to a URL that the vendor hands out, then a feed is made of
them; at its end there is a file with one line an item, packed with gzip, for an hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from attrs import define, field, frozen

from batchhub.adapter import Account, Budget
from batchhub.models import BatchItem
from batchhub.sandbox import (
    Batch,
    Batches,
    Call,
    Clock,
    FileHost,
    Item,
    RateLimit,
    Repeats,
    Sandbox,
    Stage,
    Switches,
    Tokens,
    route,
    switch,
)

WORDS = {
    Stage.QUEUED: "IN_QUEUE",
    Stage.RUNNING: "IN_PROGRESS",
    Stage.STOPPED: "CANCELLED",
    Stage.FAILED: "FATAL",
}
JSON_LINES = "application/jsonl; charset=UTF-8"


@frozen(kw_only=True)
class GlobexAccount(Account):
    adapter = "globex"
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_url: str
    budget = Budget(requests=600, per_s=60.0)

    @property
    def identity(self) -> str:
        return self.client_id


@define(kw_only=True)
class GlobexSwitches(Switches):
    results_kept_s: float = switch(3600.0, "seconds a feed is known after its end", at_least=0.0)
    gone_status: int = switch(410, "the status for a feed that is kept no longer", at_least=400)
    unauthorized_status: int = switch(403, "the status for a wrong token", choices=(401, 403))


class GlobexSandbox(Sandbox):
    """Takes feeds of prices, one every 120 seconds and 3 at once."""

    switches_type: ClassVar[type[GlobexSwitches]] = GlobexSwitches

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        self.tokens = Tokens(
            self, client_id="app", client_secret="client-secret", refresh_token="refresh-0"
        )
        self.files = FileHost(self, kept_s=3600.0, credential_headers=("x-access-token",))
        self.feeds = Batches(self, self.change_price, dedup_s=600.0)
        self.repeats = Repeats(self, window_s=900.0)
        figures: Mapping[str, Any] = {"x-limit": "limit", "x-remaining": "remaining"}
        self.rates["feeds"] = RateLimit(requests=1, per_s=120.0, burst=3, headers=figures)

    def account(self, base_url: str) -> Account:
        return GlobexAccount(
            client_id="app",
            client_secret="client-secret",
            refresh_token="refresh-0",
            token_url=self.tokens.url,
            base_url=base_url,
        )

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        return [BatchItem(payload={"sku": f"G-{n}", "price": n - 3}) for n in range(count)]

    def admits(self, call: Call) -> bool:
        return self.tokens.admits(call.headers.get("x-access-token"))

    @route("POST", "/documents", verb="document")
    def offer(self, call: Call) -> dict[str, Any]:
        document = call.json()
        upload = self.files.offer_upload(
            document["contentType"], method=document.get("method", "PUT")
        )
        return {"documentId": upload.file_id, "url": upload.url, "fields": upload.fields}

    @route("POST", "/feeds", verb="submit", rate="feeds")
    def take(self, call: Call) -> dict[str, Any]:
        document = self.files.find(call.json()["documentId"])
        if document is None:
            raise self.refuse(400, "The document was not uploaded")
        lines = [json.loads(line) for line in document.read().splitlines()]
        self.repeats.check(document.read())
        items = [Item(id=line["sku"], body=line) for line in lines]
        return {"feedId": self.feeds.add(Batch(items=items)).id}

    @route("GET", "/feeds", verb="list")
    def show_all(self, call: Call) -> list[Any]:
        return [self.describe(feed) for feed in call.page([*self.feeds], 10)]

    @route("GET", "/feeds/{id}", verb="poll")
    def show(self, call: Call) -> dict[str, Any]:
        return self.describe(self.feeds.get(call.params["id"]))

    @route("DELETE", "/feeds/{id}", verb="cancel")
    def cancel(self, call: Call) -> dict[str, Any]:
        return {"cancelled": self.feeds.stop(self.feeds.get(call.params["id"]))}

    @route("GET", "/feeds/{id}/result", verb="results")
    def offer_result(self, call: Call) -> dict[str, Any]:
        feed = self.feeds.get(call.params["id"])
        if not feed.has_ended:
            raise self.refuse(409, "The feed has not ended")
        lines = [
            json.dumps({"sku": outcome.item.id, "code": outcome.status}).encode()
            for outcome in feed.outcomes.values()
        ]
        file = self.files.put(b"\n".join(lines), packing="gzip", file_id=f"result-{feed.id}")
        return {"url": self.files.make_url(file.id), "compression": "GZIP"}

    @staticmethod
    def describe(feed: Batch) -> dict[str, Any]:
        return {"feedId": feed.id, "status": WORDS.get(feed.stage, "DONE")}

    def change_price(self, batch: Batch, item: Item) -> None:
        if item.body["price"] < 0:
            raise self.refuse(409, "The price is below zero")
