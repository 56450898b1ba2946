"""Amazon's listings feed: a token, an upload elsewhere, three steps, a report to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

from attrs import evolve

from batchhub.adapter import (
    NO_OPTIONS,
    Accepted,
    Adapter,
    Attempt,
    Budget,
    Capabilities,
    Credentials,
    Form,
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
    plain_json,
    write_fields,
)
from batchhub.errors import (
    CantTellError,
    CredentialsError,
    OtherHostError,
    RateLimitedError,
    RefusedError,
    ResultsMissingError,
    VendorError,
)
from batchhub.models import BatchItem, BatchState, ItemState

from . import wire
from .account import (
    CANCEL_FEED,
    CREATE_DOCUMENT,
    CREATE_FEED,
    GET_DOCUMENT,
    GET_FEED,
    GET_FEEDS,
    GET_MARKETPLACES,
    MAX_FEED_BYTES,
    AmazonAccount,
)
from .items import KINDS, make_message
from .report import read_report

if TYPE_CHECKING:
    from batchhub.transport import Reply, Transport

_TOKEN: Final = "x-amz-access-token"  # noqa: S105  # a header's name
_LIMIT: Final = "x-amzn-RateLimit-Limit"
_DOCUMENT: Final = "document"

_ROOM_BYTES: Final = 1024
"""Bytes of a feed's end; of few short items the request for a feed has more than the feed."""

_RATES: Final = (1e-6, 1e3)
"""Requests a second that can be true."""

_CHECK: Final[Mapping[str | None, str]] = {
    "invalid_client": "check client_id and client_secret",
    "invalid_grant": "check refresh_token, which begins with Atzr|: it may belong to another "
    "application, or the seller has withdrawn it",
    "unauthorized_client": "check that refresh_token was given to the application of client_id",
}
"""
What to check, by Login with Amazon's codes.

Source: page "Authorization Code Grant" of Login with Amazon, access token errors, read 2026-11-29.
"""


class AmazonAdapter(Adapter[AmazonAccount]):
    """
    Amazon's feed of listings: creates, changes and deletes them by SKU.

    A feed takes three requests: one asks for a place, one puts the messages there, one makes a
    feed of them. Only the last has an effect, and nothing in the list of feeds says which of them
    it made.

    An item that its report calls accepted is one whose changes are being applied: Amazon checks
    more of it afterwards.

    Source: listings-feed-schema-v2.json at 34dc93f (25,000 messages); page "Feed Type Values"
    (reports are kept for 28 days); page "Feeds API Best Practices" (feeds one after the other);
    all read 2026-11-29. Assumed: that feeds run in no order that could be relied on; that polls
    every 30 seconds are often enough.
    """

    account_type = AmazonAccount
    operations: ClassVar[Mapping[str, Capabilities]] = {
        "listings": Capabilities(
            max_items=25_000,
            max_bytes=MAX_FEED_BYTES,
            tickets_per_lane=5,
            poll_s=30.0,
            can_cancel=True,
            finds_attempts=True,
            results_kept_s=28 * 86_400.0,
        )
    }
    states: Mapping[str, BatchState] = wire.STATES
    key_field: ClassVar[str | None] = "sku"
    kinds: ClassVar[Mapping[str, Kind]] = KINDS
    sandbox: ClassVar[str | None] = "batchhub_amazon.sandbox:AmazonSandbox"

    def __init__(self, account: AmazonAccount, transport: Transport) -> None:
        super().__init__(account, transport)
        self._credentials = Credentials()

    # Plain translation.

    def capabilities(self, operation: str, options: JSONMapping = NO_OPTIONS) -> Capabilities:
        """Return what Amazon can do, with what the account's settings say."""
        return evolve(
            super().capabilities(operation, options),
            max_bytes=self.account.max_feed_bytes,
            visibility_grace_s=float(self.account.visibility_grace_s),
        )

    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """Return an item as a message without its number."""
        del operation, options
        payload = write_fields(plain_json(item.payload), KINDS)
        return encode_json(make_message(payload, self.account))

    def envelope_bytes(self, operation: str, items: int) -> int:
        """Return the bytes of a feed's header, and of the number of each message."""
        del operation
        return len(self._head()) + _ROOM_BYTES + items * len('"messageId":25000,,')

    @classmethod
    def explain(
        cls, status: int, headers: Mapping[str, str], body: bytes
    ) -> tuple[str | None, str | None]:
        """Read an error's code and message."""
        del status, headers
        return wire.read_error(body)

    def pace(self, headers: Mapping[str, str], rate: str) -> Mapping[str, Budget]:
        """
        Read how many requests of an operation a second Amazon allows this seller and application.

        Source: page "Usage Plans and Rate Limits", read 2026-11-29 (the header is of the operation
        that was called; how many may go at once it does not say).
        """
        known = self.account.rates.get(rate)
        try:
            allowed = float(headers.get(_LIMIT, ""))
        except ValueError:
            return {}
        if known is None or not _RATES[0] <= allowed <= _RATES[1]:
            return {}
        return {rate: evolve(known, requests=1, per_s=1.0 / allowed)}

    # The verbs.

    async def authorize(self, *, again: bool) -> Credentials:
        """
        Exchange the refresh token for an access token, which is good for an hour.

        Source: page "Connect to the SP-API", step 1, read 2026-11-29.
        """
        del again
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": self.account.refresh_token,
            "client_id": self.account.client_id,
            "client_secret": self.account.client_secret,
        }
        try:
            reply = await self.transport.request(
                "POST", self.account.token_url, body=Form(fields=fields)
            )
        except (OtherHostError, RefusedError) as error:
            raise self._explain_refusal(error) from error
        token = reply.as_(wire.Token)
        self._credentials = Credentials(
            headers={_TOKEN: token.access_token}, valid_s=token.expires_in
        )
        return self._credentials

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Upload the messages, unless that is done already, and make a feed of them.

        What was uploaded is known by its id, which is kept. It may be gone when a job goes on after
        a long time: then the feed is refused, and made anew.
        """
        if document_id := steps.kept.get(_DOCUMENT):
            with suppress(RefusedError):
                return await self._make_feed(document_id)
        document_id = await self._upload(submission)
        await steps.keep(**{_DOCUMENT: document_id})
        return await self._make_feed(document_id)

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """
        Look whether there is any feed since; which attempt made it Amazon does not say.

        Source: feeds_2021-06-30.json at 34dc93f, getFeeds (newer feeds of a type) and Feed (no
        field names the document it was made of).
        """
        if _DOCUMENT not in attempt.kept:
            return None  # the request that has an effect comes after it is kept
        since = attempt.attempted_at - timedelta(seconds=self.account.clock_skew_s)
        params = {
            "feedTypes": wire.FEED_TYPE,
            "pageSize": "100",
            "createdSince": f"{since:%Y-%m-%dT%H:%M:%SZ}",
        }
        reply = await self.transport.request("GET", wire.FEEDS, params=params, rate=GET_FEEDS)
        page = reply.as_(wire.Feeds)
        if not page.feeds and not page.next_token:
            return None
        ids = ", ".join(feed.feed_id for feed in page.feeds[:10])
        more = " and more" if page.next_token or page.feeds[10:] else ""
        raise CantTellError(
            f"Amazon has feeds made since {params['createdSince']} that may be this batch: "
            f"{ids}{more}; it does not say which attempt made a feed"
        )

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Ask how far a feed is."""
        reply = await self._get_feed(ticket.vendor_refs[0])
        feed = reply.as_(wire.Feed)
        return Observation(words=(feed.processing_status,), vendor=reply.json())

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """
        Read the report of a feed; without one, nobody knows what a feed that failed has done.

        Source: feeds_2021-06-30.json at 34dc93f, processingStatus (of a fatal error: some, none or
        all may have completed; a cancelled feed was so before it was processed).
        """
        del items
        vendor = {} if ticket.seen is None else ticket.seen.vendor
        if ticket.state is BatchState.COMPLETED and "resultFeedDocumentId" not in vendor:
            vendor = (await self._get_feed(ticket.vendor_refs[0])).json()  # it may be there by now
        document_id = vendor.get("resultFeedDocumentId")
        if document_id is None:
            return self._judge_without_report(ticket.state, vendor)
        path = f"{wire.DOCUMENTS}/{quote(document_id, safe='')}"
        reply = await self.transport.request("GET", path, rate=GET_DOCUMENT)
        url = reply.as_(wire.Document).url
        async with self.transport.download(url, auth=False) as download:
            return await read_report(download, ticket)

    async def cancel(self, ticket: TicketRef) -> None:
        """Cancel a feed that is in the queue; any other is refused, and goes on."""
        path = f"{wire.FEEDS}/{quote(ticket.vendor_refs[0], safe='')}"
        await self.transport.request("DELETE", path, rate=CANCEL_FEED)

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Ask about a feed, or whether the seller sells in the account's marketplaces.

        Raises:
            RefusedError: It does not.
        """
        if vendor_ref is not None:
            reply = await self._get_feed(vendor_ref)
            word = reply.as_(wire.Feed).processing_status
            return self._show(f"{wire.FEEDS}/{vendor_ref}", reply, {"word": word})
        feeds = await self.transport.request(
            "GET", wire.FEEDS, params={"feedTypes": wire.FEED_TYPE, "pageSize": "1"}, rate=GET_FEEDS
        )
        try:
            # Not with the account's own credentials: feeds need no role that may see this.
            reply = await self.transport.request(
                "GET",
                wire.MARKETPLACES,
                auth=False,
                headers=self._credentials.headers,
                rate=GET_MARKETPLACES,
            )
        except OtherHostError as error:
            return self._show(wire.FEEDS, feeds, {"marketplaces": f"not shown: {error}"})
        sells = wire.find_marketplaces(reply.as_(wire.Places))
        if wrong := [each for each in self.account.marketplace_ids if each not in sells]:
            raise RefusedError(
                f"seller {self.account.seller_id} does not sell in marketplace {', '.join(wrong)}, "
                f"only in {', '.join(sorted(sells)) or 'none'}: fix marketplace_ids, or the "
                "credentials of another seller",
                vendor=self.name,
                account=self.account.identity,
                status=reply.status,
            )
        return self._show(wire.MARKETPLACES, reply, {"marketplaces": sorted(sells)})

    async def _upload(self, submission: Submission) -> str:
        """Put the messages at another host, by a URL that is good for minutes; return their id."""
        # Without a feed a document does nothing: it may be asked for twice.
        reply = await self.transport.request(
            "POST",
            wire.DOCUMENTS,
            body=encode_json({"contentType": wire.CONTENT_TYPE}),
            effect=False,
            rate=CREATE_DOCUMENT,
        )
        document = reply.as_(wire.Document)
        messages = b",".join(
            b'{"messageId":%d,%b' % (number, item.wire[1:])
            for number, item in enumerate(submission.items, start=1)
        )
        await self.transport.request(
            "PUT",
            document.url,
            body=self._head() + messages + b"]}",
            headers={"Content-Type": wire.CONTENT_TYPE},
            auth=False,
        )
        return document.feed_document_id

    async def _make_feed(self, document_id: str) -> Accepted:
        body = {
            "feedType": wire.FEED_TYPE,
            "marketplaceIds": self.account.marketplace_ids,
            "inputFeedDocumentId": document_id,
        }
        reply = await self.transport.request(
            "POST", wire.FEEDS, body=encode_json(body), rate=CREATE_FEED
        )
        return Accepted(vendor_refs=(reply.as_(wire.Accepted).feed_id,))

    async def _get_feed(self, feed_id: str) -> Reply:
        path = f"{wire.FEEDS}/{quote(feed_id, safe='')}"
        return await self.transport.request("GET", path, rate=GET_FEED)

    def _head(self) -> bytes:
        """Return what comes before the messages of a feed."""
        header = {"sellerId": self.account.seller_id, "version": "2.0"}
        if self.account.issue_locale:
            header["issueLocale"] = self.account.issue_locale
        return b'{"header":%b,"messages":[' % encode_json(header)

    def _judge_without_report(self, state: BatchState, vendor: JSONMapping) -> Report:
        if state is BatchState.COMPLETED:
            raise ResultsMissingError(
                "the feed is DONE, but has no report",
                vendor=self.name,
                account=self.account.identity,
            )
        if state is BatchState.CANCELLED and "processingStartTime" not in vendor:
            return Report(rest=ItemState.NOT_EXECUTED, rest_message="the feed was cancelled")
        word = vendor.get("processingStatus")
        return Report(rest_message=f"the feed is {word} and has no report: it may have run in part")

    def _explain_refusal(self, error: VendorError) -> VendorError:
        """Return what a refusal by Login with Amazon means for the account."""
        is_later = error.status == HTTPStatus.TOO_MANY_REQUESTS
        hint = _CHECK.get(error.code, "check the credentials and token_url")
        return (RateLimitedError if is_later else CredentialsError)(
            str(error) if is_later else f"{error}; {hint}",
            vendor=self.name,
            account=self.account.identity,
            status=error.status,
            code=error.code,
            retry_after_s=error.retry_after_s,
        )

    @staticmethod
    def _show(path: str, reply: Reply, reading: JSONMapping) -> Probe:
        return Probe(request=f"GET {path}", status=reply.status, raw=reply.body, reading=reading)
