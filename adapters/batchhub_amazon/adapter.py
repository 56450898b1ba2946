"""Amazon's listings feed: a token, an upload elsewhere, three steps, a report to download."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote

from batchhub.adapter import (
    Accepted,
    Adapter,
    Attempt,
    Capabilities,
    Credentials,
    Form,
    JSONMapping,
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
    ContactError,
    OtherHostError,
    RefusedError,
    RepeatedError,
    ReplyError,
    ResultsMissingError,
    VendorError,
)
from batchhub.models import BatchItem, BatchState
from batchhub.transport import Reply

from .account import (
    CANCEL_FEED,
    CREATE_DOCUMENT,
    CREATE_FEED,
    GET_DOCUMENT,
    GET_FEED,
    GET_FEEDS,
    GET_MARKETPLACES,
    AmazonAccount,
)
from .items import KINDS, make_message
from .report import judge_without_report, read_report

_FEEDS: Final = "/feeds/2021-06-30/feeds"
_DOCUMENTS: Final = "/feeds/2021-06-30/documents"
_MARKETPLACES: Final = "/sellers/v1/marketplaceParticipations"
_TYPE: Final = "JSON_LISTINGS_FEED"
_CONTENT_TYPE: Final = "application/json; charset=UTF-8"

_LISTED_FOR: Final = timedelta(days=28)
"""For how long a feed is in the list of feeds, at least."""

_STATES: Final = {
    "IN_QUEUE": BatchState.QUEUED,
    "IN_PROGRESS": BatchState.IN_PROGRESS,
    "DONE": BatchState.COMPLETED,
    "FATAL": BatchState.FAILED,
    "CANCELLED": BatchState.CANCELLED,
}
"""What its words for a feed mean. Source: feeds_2021-06-30.json at 34dc93f, processingStatus."""

_LISTINGS: Final = Capabilities(
    max_items=25_000,
    tickets_per_lane=5,
    poll_s=30.0,
    can_cancel=True,
    finds_attempts=True,
    results_kept_s=_LISTED_FOR.total_seconds(),
)


class AmazonAdapter(Adapter[AmazonAccount]):
    """
    Amazon's feed of listings: creates, changes and deletes them by SKU.

    A feed takes three requests: one asks for a place, one puts the messages there, one makes a
    feed of them. Only the last has an effect, and nothing in the list of feeds says which of them
    it made.

    An item that its report calls accepted is one whose changes are being applied: Amazon checks
    more of it afterwards.

    Source: listings-feed-schema-v2.json at 34dc93f (25,000 messages); page "Feed Type Values"
    (reports are kept for 28 days); page "Usage Plans and Rate Limits" (the header is of the
    operation that was called, and does not say how many may go at once); page "Feeds API Best
    Practices" (feeds one after the other); all read 2026-11-29. Assumed: that feeds run in no order
    that could be relied on; that polls every 30 seconds are often enough.
    """

    account_type = AmazonAccount
    operations = dict.fromkeys(["listings"], _LISTINGS)
    states = _STATES
    key_field = "sku"
    kinds = KINDS
    rate_header = "x-amzn-RateLimit-Limit"
    sandbox = "batchhub_amazon.sandbox:AmazonSandbox"
    _credentials = Credentials()

    def encode(self, operation: str, item: BatchItem, options: JSONMapping) -> bytes:
        """Return an item as a message without its number."""
        payload = write_fields(plain_json(item.payload), KINDS)
        return encode_json(make_message(payload, self.account))

    def envelope_bytes(self, operation: str, items: int) -> int:
        """
        Return the bytes of a feed's header, and of the number of each message.

        Of few short items the request for a feed has more than the feed; a kilobyte is enough.
        """
        return len(self._head()) + 1024 + items * len('"messageId":25000,,')

    async def authorize(self, *, again: bool) -> Credentials:
        """
        Exchange the refresh token for an access token, which is good for an hour.

        Source: page "Connect to the SP-API", step 1, read 2026-11-29.
        """
        form = Form(fields=self.account.grant)
        reply = await self.transport.request("POST", self.account.token_url, body=form)
        headers = {"x-amz-access-token": reply.find("access_token", str)}
        self._credentials = Credentials(headers=headers, valid_s=reply.find("expires_in", float))
        return self._credentials

    async def submit(self, submission: Submission, steps: Steps) -> Accepted:
        """
        Upload the messages, unless that is done already, and make a feed of them.

        What was uploaded is known by its id, which is kept. It may be gone when a job goes on after
        a long time: then the feed is refused, and made anew.

        Raises:
            RepeatedError: The feed is refused, and one of the same document may have been made: it
                may be refused for just that.
        """
        if document := steps.kept.get("document"):
            was_tried = steps.kept.get("tried") == document
            try:
                return await self._make_feed(document, steps)
            except RefusedError as error:
                if was_tried:
                    raise RepeatedError(
                        f"a feed of document {document} may have been made, and another one is "
                        f"refused: {error}",
                        vendor=self.name,
                        account=self.account.identity,
                        status=error.status,
                        code=error.code,
                    ) from error
        document, date = await self._upload(submission)
        await steps.keep(document=document, date=date)
        return await self._make_feed(document, steps)

    async def find_attempt(self, attempt: Attempt) -> Accepted | None:
        """
        Look whether there is any feed since; which attempt made it Amazon does not say.

        Since the upload, by Amazon's own clock: this machine's may be wrong by any time. After a
        long time a feed may be gone from the list.

        Source: feeds_2021-06-30.json at 34dc93f, getFeeds (newer feeds of a type) and Feed (no
        field names the document it was made of); changelog "Feed retention policy change from 90
        days to 28 days", read 2026-11-29.
        """
        if "document" not in attempt.kept:
            return None  # the request that has an effect comes after it is kept
        made = _read_date(attempt.kept["date"])
        at = f"{made - timedelta(seconds=self.account.clock_skew_s):%Y-%m-%dT%H:%M:%SZ}"
        params = {"feedTypes": _TYPE, "createdSince": at, "pageSize": "100"}
        try:
            reply = await self._get(_FEEDS, GET_FEEDS, params=params)
        except RefusedError as error:  # as it would for ever
            raise CantTellError(f"Amazon does not list feeds made since {at}: {error}") from error
        if reply.find("feeds == `[]` && !nextToken", bool):
            if _read_date(reply.headers.get("Date", "")) - made < _LISTED_FOR:
                return None
            raise CantTellError(
                f"Amazon has no feed made since {at}, but lists feeds for {_LISTED_FOR.days} days"
            )
        ids = ", ".join(reply.find("feeds[:10].feedId", list[str])) or "on further pages"
        raise CantTellError(
            f"Amazon has feeds made since {at}, and does not say which attempt made a feed: {ids}"
        )

    async def poll_one(self, ticket: TicketRef) -> Observation:
        """Ask how far a feed is."""
        reply = await self._get(_FEEDS, GET_FEED, ticket.vendor_refs[0])
        word = reply.find("processingStatus", str)
        return Observation(words=(word,), vendor=reply.json())

    async def fetch_results(self, ticket: TicketRef, items: Sequence[WireItem]) -> Report:
        """Read the report of a feed; where it is may be known a while after the feed's end."""
        feed = {} if ticket.seen is None else ticket.seen.vendor
        if ticket.state is BatchState.COMPLETED and not feed.get("resultFeedDocumentId"):
            feed = (await self._get(_FEEDS, GET_FEED, ticket.vendor_refs[0])).json()
        if (document := feed.get("resultFeedDocumentId")) is None:
            return judge_without_report(ticket, feed)
        reply = await self._get(_DOCUMENTS, GET_DOCUMENT, str(document))
        async with self.transport.download(reply.find("url", str), auth=False) as download:
            try:
                return await read_report(download, ticket)
            except ReplyError as error:  # not for ever: after a while there is none
                raise ResultsMissingError(str(error), vendor=self.name) from error

    async def cancel(self, ticket: TicketRef) -> None:
        """Cancel a feed that is in the queue; any other is refused, and goes on."""
        path = f"{_FEEDS}/{quote(ticket.vendor_refs[0], safe='')}"
        await self.transport.request("DELETE", path, rate=CANCEL_FEED)

    async def probe(self, vendor_ref: str | None = None) -> Probe:
        """
        Ask about a feed; or for the newest one, and for the seller's marketplaces.

        Raises:
            RefusedError: The seller does not sell in a marketplace of the account.
        """
        if vendor_ref is not None:
            reply = await self._get(_FEEDS, GET_FEED, vendor_ref)
            reading: JSONMapping = {"word": reply.find("processingStatus", str)}
        else:
            params = {"feedTypes": _TYPE, "pageSize": "1"}
            reply = await self._get(_FEEDS, GET_FEEDS, params=params)
            reading = {"marketplaces": await self._check_marketplaces()}
        asked = f"GET {_FEEDS}/{vendor_ref or ''}"
        return Probe(request=asked, status=reply.status, raw=reply.body, reading=reading)

    async def _check_marketplaces(self) -> Sequence[str] | str:
        """Return the marketplaces that the seller sells in, or why nobody can tell."""
        headers = self._credentials.headers
        try:
            # As to elsewhere: feeds need no role that may see this, so a 403 must pause nothing.
            reply = await self._get(_MARKETPLACES, GET_MARKETPLACES, auth=False, headers=headers)
        except OtherHostError as error:
            return f"not shown: {error}"
        sells = reply.find("payload[?participation.isParticipating].marketplace.id", list[str])
        if wrong := set(self.account.marketplace_ids).difference(sells):
            raise RefusedError(
                f"the seller does not sell in marketplace {', '.join(sorted(wrong))}, only in "
                f"{', '.join(sells) or 'none'}: fix marketplace_ids, or the credentials",
                vendor=self.name,
                account=self.account.identity,
            )
        return sells

    async def _upload(self, submission: Submission) -> tuple[str, str]:
        """Put the messages at another host, by a URL good for minutes; return their id and date."""
        body = encode_json({"contentType": _CONTENT_TYPE})
        # Without a feed a document does nothing: it may be asked for twice.
        reply = await self.transport.request(
            "POST", _DOCUMENTS, body=body, effect=False, rate=CREATE_DOCUMENT
        )
        feed = self._head() + submission.json_array(number="messageId") + b"}"
        url, headers = reply.find("url", str), {"Content-Type": _CONTENT_TYPE}
        await self.transport.request("PUT", url, body=feed, headers=headers, auth=False)
        return reply.find("feedDocumentId", str), reply.headers.get("Date", "")

    async def _make_feed(self, document: str, steps: Steps) -> Accepted:
        """Make a feed of a document; unless it is certain that none was made, that is kept."""
        was_tried = steps.kept.get("tried") == document
        await steps.keep(tried=document)
        try:
            return await self._create_feed(document)
        except (VendorError, ContactError) as error:
            if not was_tried and not error.may_have_run:
                await steps.keep(tried=None)
            raise

    async def _create_feed(self, document: str) -> Accepted:
        places = self.account.marketplace_ids
        feed = {"feedType": _TYPE, "marketplaceIds": places, "inputFeedDocumentId": document}
        body = encode_json(feed)
        reply = await self.transport.request("POST", _FEEDS, body=body, rate=CREATE_FEED)
        return Accepted(vendor_refs=(reply.find("feedId", str),))

    async def _get(self, path: str, rate: str, ref: str = "", **how: Any) -> Reply:
        path = f"{path}/{quote(ref, safe='')}" if ref else path
        return await self.transport.request("GET", path, rate=rate, **how)

    def _head(self) -> bytes:
        """Return what comes before the messages of a feed."""
        return b'{"header":%b,"messages":' % encode_json(self.account.header)


def _read_date(text: str) -> datetime:
    """Read the time of an answer of Amazon's."""
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        raise CantTellError("Amazon did not say what time it was") from None
