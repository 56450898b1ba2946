"""A stand-in for Initech, on loopback: a token host, a host for files, and the API."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from aiohttp import web
from attrs import define

from batchhub import BatchItem
from batchhub.adapter import Account, encode_json
from batchhub.sandbox import (
    Batch,
    Call,
    Clock,
    FileHost,
    Item,
    RateLimit,
    Sandbox,
    Stage,
    Switches,
    Tokens,
    route,
    switch,
)

from .account import InitechAccount

_CLIENT: Final = ("seller-17", "initech-client-secret")
_PUSH_SECRET: Final = "initech-push-secret"  # noqa: S105  # of a stand-in
_KEPT_S: Final = 4 * 3600.0
_WORDS: Final = {
    Stage.QUEUED: "IN_QUEUE",
    Stage.RUNNING: "IN_PROGRESS",
    Stage.DONE: "DONE",
    Stage.FAILED: "FATAL",
    Stage.STOPPED: "CANCELLED",
}


@define(kw_only=True)
class InitechSwitches(Switches):
    """The switches of any stand-in, with Initech's values."""

    results_kept_s: float = switch(_KEPT_S, "seconds a feed is known after its end", at_least=0.0)
    gone_status: int = switch(410, "the status for a feed that is kept no longer", at_least=400)


class InitechSandbox(Sandbox):
    """Takes feeds of prices and stock; refuses what is below zero."""

    switches_type: ClassVar[type[Switches]] = InitechSwitches

    def __init__(self, *, clock: Clock | None = None, seed: int = 0) -> None:
        super().__init__(clock=clock, seed=seed)
        client_id, client_secret = _CLIENT
        self.tokens = Tokens(self, client_id=client_id, client_secret=client_secret)
        self.files = FileHost(self, kept_s=_KEPT_S)
        self.rates["feeds"] = RateLimit(
            requests=1, per_s=10.0, burst=15, headers={"X-Feeds-Per-Second": "per_s"}
        )

    def account(self, base_url: str) -> Account:
        """Return an account that is let in."""
        client_id, client_secret = _CLIENT
        return InitechAccount(
            client_id=client_id,
            client_secret=client_secret,
            push_secret=_PUSH_SECRET,
            base_url=base_url,
            token_url=self.tokens.url,
        )

    def demo_items(self, count: int) -> Iterable[BatchItem]:
        """Return prices; every fiftieth is below zero."""
        return (BatchItem(payload={"sku": f"I-{n}", "price": n % 50 - 1}) for n in range(count))

    def admits(self, call: Call) -> bool:
        """Whether the token is one that was given out, and still valid."""
        return self.tokens.admits(call.bearer)

    def error_body(self, status: int, message: str) -> Any:
        """Return an error in Initech's form."""
        return {"error": {"code": message.partition(":")[0] or str(status), "message": message}}

    @route("POST", "/documents", verb="document")
    def offer(self, call: Call) -> dict[str, Any]:
        """Hand out a place for a document."""
        upload = self.files.offer_upload(call.json()["contentType"])
        return {"documentId": upload.file_id, "url": upload.url}

    @route("POST", "/feeds", verb="submit", rate="feeds")
    def take(self, call: Call) -> dict[str, Any]:
        """Make a feed of a document."""
        document = self.files.find(call.json()["documentId"])
        if document is None:
            raise self.refuse(400, "document_unknown: it was not uploaded, or is not kept any more")
        lines = [json.loads(line) for line in document.read().splitlines()]
        items = [Item(id=line["sku"], body=line) for line in lines]
        return self._show(self.batches.add(Batch(items=items, about=document.id)))

    @route("GET", "/feeds", verb="list")
    def find(self, call: Call) -> dict[str, Any]:
        """Show the feeds of a document, or all."""
        document_id = call.query.get("documentId")
        feeds = [feed for feed in self.batches if document_id in {None, feed.about}]
        return {"feeds": [self._show(feed) for feed in call.page(feeds, 100)]}

    @route("GET", "/feeds/{id}", verb="poll")
    def show(self, call: Call) -> dict[str, Any]:
        """Show how far a feed is."""
        return self._show(self.batches.get(call.params["id"]))

    @route("GET", "/feeds/{id}/result", verb="results")
    def offer_result(self, call: Call) -> dict[str, Any]:
        """Write the results into a file, and hand out where."""
        feed = self.batches.get(call.params["id"])
        if not feed.has_ended:
            raise self.refuse(409, "not_ended: the feed has not ended")
        lines = [
            encode_json({"sku": each.item.id, "status": each.status, **(each.body or {})}) + b"\n"
            for each in feed.outcomes.values()
        ]
        file = self.files.put(b"".join(lines), packing="gzip", file_id=f"result-{feed.id}")
        return {"url": self.files.make_url(file.id)}

    @route("DELETE", "/feeds/{id}", verb="cancel")
    def cancel(self, call: Call) -> web.Response:
        """Stop a feed that has not begun."""
        feed = self.batches.get(call.params["id"])
        if feed.stage is not Stage.QUEUED:
            raise self.refuse(409, "too_late: the feed has begun")
        self.batches.stop(feed)
        return web.Response(status=204)

    def run_item(self, batch: Batch, item: Item) -> None:
        """Take a price and a stock that are not below zero."""
        del batch
        if any(float(item.body.get(name, 0)) < 0 for name in ("price", "quantity")):
            raise self.refuse(422, "below_zero: price and quantity can't be below zero")

    def make_push(self, *feed_ids: str) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a call by Initech about feeds."""
        body = encode_json({"feedIds": feed_ids})
        signature = hmac.digest(_PUSH_SECRET.encode(), body, "sha256").hex()
        return {"X-Initech-Signature": signature}, body

    @staticmethod
    def _show(feed: Batch) -> dict[str, Any]:
        shown = {"feedId": feed.id, "status": _WORDS[feed.stage], "processed": len(feed.outcomes)}
        return {**shown, "message": "the document broke off"} if feed.fails else shown
