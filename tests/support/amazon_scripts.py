"""Amazon's answers by its documents, for a scripted vendor."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define

from batchhub import BatchHub, BatchStatus, ItemResult
from batchhub.hub import BatchJob
from batchhub.testing import FakeClock, ScriptedVendor
from batchhub.testing.expectation import Expectation
from batchhub_amazon import AmazonAccount

FEEDS: Final = "/feeds/2021-06-30/feeds"
DOCUMENTS: Final = "/feeds/2021-06-30/documents"
MARKETPLACES: Final = "/sellers/v1/marketplaceParticipations"
GERMANY: Final = "A1PA6795UKMFR9"
FRANCE: Final = "A13V1IB3VIYZZH"
SECRETS: Final = ("Atzr|refresh-token-1", "amzn1.oa2-cs.v1.secret")
ITEMS: Final = [{"sku": f"A-{n}", "price": n, "currency": "EUR", "quantity": n} for n in (1, 2, 3)]


def make_account(**settings: Any) -> AmazonAccount:
    """Make an account with what is required."""
    enough = {
        "seller_id": "A2SELLER",
        "marketplace_ids": [GERMANY],
        "client_id": "amzn1.application-oa2-client.1",
        "client_secret": SECRETS[1],
        "refresh_token": SECRETS[0],
    }
    return AmazonAccount(**{**enough, **settings})


def report(
    issues: Sequence[Mapping[str, Any]] = (), *, processed: int = 3, invalid: int | None = None
) -> bytes:
    """Write a report; without a count, each message that is named is one that was invalid."""
    named = {issue.get("messageId") for issue in issues if issue["severity"] == "ERROR"} - {None}
    wrong = len(named) if invalid is None else invalid
    summary = {
        "errors": len(issues),
        "warnings": 0,
        "messagesProcessed": processed,
        "messagesAccepted": processed - wrong,
        "messagesInvalid": wrong,
    }
    header = {"sellerId": "A2SELLER", "version": "2.0", "feedId": "f-1"}
    return json.dumps({"header": header, "issues": issues, "summary": summary}).encode()


def issue(message_id: int | None, severity: str = "ERROR", **others: Any) -> dict[str, Any]:
    """Make an issue of a message, or of the feed."""
    of = {} if message_id is None else {"messageId": message_id}
    return {**of, "code": "90220", "severity": severity, "message": "is required", **others}


@define
class Amazon:
    """A scripted Amazon, and a hub with an account there."""

    vendor: ScriptedVendor
    clock: FakeClock
    store: Path
    account: AmazonAccount

    @classmethod
    @asynccontextmanager
    async def running(cls, store: Path, **settings: Any) -> AsyncIterator[Amazon]:
        """Run one, on a clock of its own."""
        clock = FakeClock()
        hosts = ["login", "files"]
        async with clock.running(), ScriptedVendor(clock=clock, other_hosts=hosts) as vendor:
            account = make_account(
                base_url=vendor.base_url, token_url=f"{vendor.url('login')}/auth/o2/token"
            )
            yield cls(vendor, clock, store, account)

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[BatchHub]:
        """Open a hub; each is a process as far as the store can tell."""
        async with BatchHub(self.store, {"shop": self.account}, clock=self.clock) as hub:
            yield hub

    async def run(
        self, items: Sequence[Mapping[str, Any]] = ITEMS, **others: Any
    ) -> tuple[BatchStatus, list[ItemResult]]:
        """Submit items and wait for their end."""
        async with self.hub() as hub:
            return await wait(await hub.submit("shop", items, **others))

    async def drive(self, job: BatchJob, until: Callable[[], bool]) -> None:
        """Drive a job until something has happened."""
        driving = asyncio.create_task(job.wait())
        while not until() and not driving.done():
            await self.clock.sleep(0.1)
        driving.cancel()
        await asyncio.wait({driving})

    # The script.

    def login(self, *tokens: str, expires_in: int = 3600) -> Expectation:
        """Give out access tokens, the last one for ever."""
        asked = self.vendor.on("POST", "/auth/o2/token", host="login")
        for token in tokens or ("Atza|1",):
            asked.reply({"access_token": token, "token_type": "bearer", "expires_in": expires_in})
        return asked.repeat()

    def documents(self, *ids: str) -> Expectation:
        """Give out places for documents."""
        asked = self.vendor.on("POST", DOCUMENTS)
        for each in ids or ("d-1",):
            url = f"{self.vendor.url('files')}/up/{each}?X-Amz-Signature=s"
            asked.reply({"feedDocumentId": each, "url": url}, status=201)
        return asked

    def uploads(self, times: int = 1) -> Expectation:
        """Take documents."""
        return self.vendor.on("PUT", "/up/{id}", host="files").reply().repeat(times)

    def feed(self, *words: str, **others: Any) -> Expectation:
        """Tell how far the feed f-1 is, word for word; the last one for ever."""
        asked = self.vendor.on("GET", f"{FEEDS}/f-1")
        for word in words:
            asked.reply(self.make_feed("f-1", word, **others))
        return asked.repeat()

    @staticmethod
    def make_feed(feed_id: str, word: str, **others: Any) -> dict[str, Any]:
        """Write a feed."""
        made = {"feedId": feed_id, "feedType": "JSON_LISTINGS_FEED", "processingStatus": word}
        return {**made, "createdTime": "2026-01-01T00:00:00+00:00", **others}

    def report(self, body: bytes, *, packed: bool = True) -> Expectation:
        """Give out the report r-1."""
        url = f"{self.vendor.url('files')}/down/r-1?X-Amz-Signature=s"
        document = {"feedDocumentId": "r-1", "url": url}
        if packed:
            document["compressionAlgorithm"] = "GZIP"
        asked = self.vendor.on("GET", f"{DOCUMENTS}/r-1").reply(document).repeat()
        self.vendor.on("GET", "/down/r-1", host="files").reply(
            gzip.compress(body) if packed else body
        ).repeat()
        return asked

    def takes_feeds(self) -> Expectation:
        """Take a batch without trouble up to its feed; return what makes that."""
        self.login()
        self.documents()
        self.uploads()
        return self.vendor.on("POST", FEEDS)

    def runs(self, body: bytes, word: str = "DONE") -> None:
        """Take a batch without trouble up to its report."""
        self.takes_feeds().reply({"feedId": "f-1"}, status=202)
        self.feed("IN_QUEUE", "IN_PROGRESS", word, resultFeedDocumentId="r-1")
        self.report(body)


async def wait(job: BatchJob) -> tuple[BatchStatus, list[ItemResult]]:
    """Wait for the end of a job."""
    status = await job.wait(timeout_s=86_400)
    return status, [result async for result in job.results()]
