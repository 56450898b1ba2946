"""Initech's feeds: a token, an upload elsewhere, three steps, and results as a file."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, Final

from batchhub.adapter import (
    Accepted,
    Adapter,
    Attempt,
    Budget,
    Capabilities,
    Credentials,
    Form,
    ItemReport,
    JSONMapping,
    Kind,
    Observation,
    Probe,
    Report,
    Steps,
    Submission,
    TicketRef,
    WireItem,
    encode_json,
)
from batchhub.errors import CantTellError, RefusedError
from batchhub.models import BatchState, ItemState

from . import wire
from .account import FEEDS, InitechAccount

_NO_DOCUMENT: Final = "document_unknown"


class InitechAdapter(Adapter[InitechAccount]):
    """
    Initech's feeds of prices and stock, by SKU.

    A feed takes three requests: one asks for a place, one puts the items there, one makes a feed
    of them. Only the last has an effect. A list of feeds by document says whether it came.

    Source: page "Feeds", limits (5,000 lines, five feeds at once, results for four hours).
    """

    account_type = InitechAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {
        "prices": Capabilities(
            max_items=5_000,
            max_bytes=10 * 2**20,
            tickets_per_job=2,
            tickets_per_lane=5,
            poll_s=30.0,
            min_poll_s=5.0,
            can_cancel=True,
            finds_attempts=True,
            results_kept_s=4 * 3600.0,
        )
    }
    states: Mapping[str, BatchState] = wire.STATES
    key_field: ClassVar[str | None] = "sku"
    sandbox: ClassVar[str | None] = "batchhub_initech.sandbox:InitechSandbox"

    # Plain translation.

    @classmethod
    def fields(cls, operation: str, item: JSONMapping) -> Mapping[str, Kind]:
        """Return what the fields of an item take."""
        del operation, item
        return wire.KINDS

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes of the line ends; of short items the request for a feed has more."""
        del operation
        return max(items, 64)

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read an error's code and message."""
        del status, headers
        return wire.read_error(body)

    def pace(self, headers: Mapping[str, str], rate: str) -> Mapping[str, Budget]:
        """Read how many feeds a second Initech allows, which depends on the seller."""
        del rate  # the header's name says what it limits
        allowed = float(headers.get("X-Feeds-Per-Second", 0))
        return {FEEDS: Budget(requests=1, per_s=1.0 / allowed, burst=15)} if allowed > 0 else {}

    def read_push(self, headers: Mapping[str, str], body: bytes) -> Sequence[str]:
        """Read which feeds a call by Initech is about, if its signature is right."""
        signature = headers.get("X-Initech-Signature", "")
        secret = (self.account.push_secret or "").encode()
        expected = hmac.digest(secret, body, "sha256").hex()
        if not secret or not hmac.compare_digest(signature.encode(), expected.encode()):
            raise RefusedError("the signature of the call is wrong", vendor=self.name)
        try:
            return wire.read_push(body)
        except ValueError:
            raise RefusedError("the call names no feeds", vendor=self.name) from None

    # The verbs.

    async def authorize(self, *, again: bool) -> Credentials:
        """Exchange id and secret for a token, at a host of its own."""
        del again
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.account.client_id,
            "client_secret": self.account.client_secret,
        }
        reply = await self.transport.request(
            "POST", self.account.token_url, body=Form(fields=fields)
        )
        token = reply.as_(wire.Token)
        return Credentials(
            headers={"Authorization": f"Bearer {token.access_token}"}, valid_s=token.expires_in
        )

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Upload the items, unless that is done already, and make a feed of them.

        What was uploaded is known by its id, which is kept. It may be gone when a job goes on after
        hours; then it is uploaded anew.
        """
        document_id = steps.kept.get("document")
        if document_id is not None:
            try:
                return await self._make_feed(document_id)
            except RefusedError as error:
                if error.code != _NO_DOCUMENT:
                    raise
        document_id = await self._upload(submission)
        await steps.keep(document=document_id)
        return await self._make_feed(document_id)

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """Look for the feed of a document: there is at most one."""
        document_id = attempt.kept.get("document")
        if document_id is None:
            return None  # the request that has an effect comes after it is kept
        reply = await self.transport.request("GET", "/feeds", params={"documentId": document_id})
        feeds = reply.as_(wire.Feeds).feeds
        if len(feeds) > 1:
            raise CantTellError(f"Initech has {len(feeds)} feeds of document {document_id}")
        return self._accept(feeds[0]) if feeds else None

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Ask how far a feed is."""
        reply = await self.transport.request("GET", f"/feeds/{ticket.vendor_refs[0]}")
        feed = reply.as_(wire.Feed)
        return Observation(words=(feed.status,), done=feed.processed, message=feed.message)

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """
        Ask for the file with the results; its lines are read when they are needed.

        Source: page "Feeds", cancelling (of a cancelled feed no line has run).
        """
        del items
        if ticket.state is BatchState.CANCELLED:
            return Report(rest=ItemState.NOT_EXECUTED)
        reply = await self.transport.request("GET", f"/feeds/{ticket.vendor_refs[0]}/result")
        return Report(items=self._read_lines(reply.as_(wire.ResultFile).url))

    async def cancel(self, ticket: TicketRef) -> None:
        """Stop a feed that has not begun; one that has is refused, and goes on."""
        await self.transport.request("DELETE", f"/feeds/{ticket.vendor_refs[0]}")

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """Ask about a feed, or for a list of none."""
        path = "/feeds?limit=0" if vendor_ref is None else f"/feeds/{vendor_ref}"
        reply = await self.transport.request("GET", path)
        reading: JSONMapping = (
            {"feeds listed": len(reply.as_(wire.Feeds).feeds)}
            if vendor_ref is None
            else {"word": reply.as_(wire.Feed).status}
        )
        return Probe(request=f"GET {path}", status=reply.status, raw=reply.body, reading=reading)

    async def _make_feed(self, document_id: str) -> Accepted:
        body = encode_json({"documentId": document_id})
        reply = await self.transport.request("POST", "/feeds", body=body, rate=FEEDS)
        return self._accept(reply.as_(wire.Feed))

    async def _upload(self, submission: Submission) -> str:
        """Put the items at another host, by a URL that is good for minutes; return their id."""
        body = encode_json({"contentType": wire.JSON_LINES})
        # Without a feed a document does nothing: it may be asked for twice.
        reply = await self.transport.request("POST", "/documents", body=body, effect=False)
        document = reply.as_(wire.Document)
        lines = b"".join(item.wire + b"\n" for item in submission.items)
        headers = {"Content-Type": wire.JSON_LINES}
        await self.transport.request("PUT", document.url, body=lines, headers=headers)
        return document.document_id

    async def _read_lines(self, url: str) -> AsyncIterator[ItemReport]:
        async with self.transport.download(url) as lines:
            async for line in lines:
                yield wire.read_line(line)

    @staticmethod
    def _accept(feed: wire.Feed) -> Accepted:
        return Accepted(vendor_refs=(feed.feed_id,))
