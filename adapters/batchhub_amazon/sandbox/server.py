"""The stand-in itself: which call a request is, and what it is answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import attrs
from aiohttp import web

from batchhub.models import BatchItem
from batchhub.sandbox import Batch, Call, Clock, Item, Kept, Sandbox, Tokens, route
from batchhub_amazon.account import AmazonAccount

from .calls import (
    Search,
    explain_token,
    make_errors,
    make_participations,
    read_content_type,
    read_search,
    read_specification,
)
from .documents import TOKEN_HEADER, Documents
from .feeds import FEED_TYPE, Feed, get_word, has_report, read_messages, show_time
from .listings import Json, Listings, fail, make_demo_items
from .rates import Rates
from .switches import AmazonSwitches

TOKEN_PATH: Final = "/auth/o2/token"  # noqa: S105  # a path
"""Source: page "Connect to the SP-API", step 1."""

_FEEDS: Final = "/feeds/2021-06-30/feeds"
_DOCUMENTS: Final = "/feeds/2021-06-30/documents"
_SEARCH: Final = (
    "feedTypes",
    "marketplaceIds",
    "processingStatuses",
    "pageSize",
    "createdSince",
    "createdUntil",
    "nextToken",
)
"""Source: the model, getFeeds, parameters."""
_LOGIN_ERRORS: Final = {
    "invalid_client": "Client authentication failed",
    "invalid_grant": "The request has an invalid grant parameter : refresh_token. User may have "
    "revoked or didn't grant the permission.",
    "invalid_request": "The request is missing a required parameter : grant_type",
    "unsupported_grant_type": "The authorization grant type is not supported by the "
    "authorization server",
}


class AmazonSandbox(Sandbox):
    """
    One seller's account at the SP-API on loopback: Login with Amazon, and feeds of listings.

    Documents are on a host of their own, which takes no credentials.

    Source: the model of the Feeds API; the errors of Login with Amazon:
    selling-partner-api-docs, threads 499 (401) and 2379.
    Assumed: what the switches say; invalid_grant is answered 400, and so is a cancellation that
    comes too late.

    Args:
        seller_id: The seller's id.
        marketplace_ids: The marketplaces the seller is in.
        client_id: The id of the application.
        client_secret: Its secret.
        refresh_token: What the seller gave it.
        products: How many listings there are; their SKUs are ``A-1`` and up.
        clock: Where the time comes from; the machine's own by default.
        seed: Makes ids, and all that is left to chance, come out the same again.

    Attributes:
        tokens: The tokens it gives out; they can be revoked.
    """

    switches_type: ClassVar[type[AmazonSwitches]] = AmazonSwitches
    demo_operation: ClassVar[str | None] = "listings"
    switches: AmazonSwitches

    def __init__(
        self,
        *,
        seller_id: str = "A2SANDBOX17",
        marketplace_ids: Sequence[str] = ("A1PA6795UKMFR9",),
        client_id: str = "amzn1.application-oa2-client.sandbox",
        client_secret: str = "amazon-sandbox-secret",  # noqa: S107  # opens this sandbox alone
        refresh_token: str = "Atzr|amazon-sandbox-refresh",  # noqa: S107  # as above
        products: int = 2000,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.seller_id = seller_id
        self.marketplace_ids = tuple(marketplace_ids)
        self.client_id = client_id
        self.client_secret = client_secret
        self.refresh_token = refresh_token
        self.products = products
        self.tokens = Tokens(
            self,
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            valid_s=lambda: self.switches.token_valid_s,
            host="",
            path=TOKEN_PATH,
            descriptions=_LOGIN_ERRORS,
        )
        self._rates = Rates()
        self.rates |= self._rates.limits
        self.add_clocked(lambda: self._rates.scale(self.switches.rate_scale))
        self._listings = Listings(products, self.marketplace_ids[0])
        self._documents = Documents(self, self.switches, seller_id)
        self._searches: Kept[Search] = Kept(self)

    def account(self, base_url: str) -> AmazonAccount:
        """Return the account of this seller."""
        return AmazonAccount(
            seller_id=self.seller_id,
            marketplace_ids=self.marketplace_ids,
            client_id=self.client_id,
            client_secret=self.client_secret,
            refresh_token=self.refresh_token,
            base_url=base_url,
            token_url=f"{base_url}{TOKEN_PATH}",
        )

    def demo_items(self, count: int) -> Iterator[BatchItem]:
        """Return `count` new prices for listings; one in 25 fails."""
        return make_demo_items(
            count, products=self.products, marketplace_id=self.marketplace_ids[0]
        )

    def find_listing(self, sku: str) -> Json | None:
        """Return a copy of a listing's attributes as they are now, if there is one."""
        self.catch_up()
        return self._listings.find(sku)

    def admits(self, call: Call) -> bool:
        """
        Whether the token is valid.

        Raises:
            AnswerError: It isn't; says why.
        """
        token = call.headers.get(TOKEN_HEADER)
        if self.strikes("tokens_revoked"):
            self.tokens.revoke()
        if self.strikes("tokens_expired"):
            self.tokens.expire()
        if self.tokens.admits(token):
            return True
        raise self.refuse(
            self.switches.unauthorized_status, explain_token(token, self.tokens.has_expired)
        )

    def error_body(self, status: int, message: str) -> Json:
        """Return the usual error body."""
        return make_errors(status, message)

    @route(
        "GET",
        "/sellers/v1/marketplaceParticipations",
        rate="getMarketplaceParticipations",
        params=(),
    )
    def participations(self, call: Call) -> Any:
        """Say where the seller is; a call that does no harm."""
        del call
        return make_participations(self.marketplace_ids)

    @route("POST", _DOCUMENTS, verb="document", rate="createFeedDocument", params=())
    def create_document(self, call: Call) -> web.Response:
        """Hand out a place for a document."""
        return web.json_response(self._documents.offer(read_content_type(call)), status=201)

    @route("POST", _FEEDS, verb="submit", rate="createFeed", params=())
    def create_feed(self, call: Call) -> web.Response:
        """Take a feed."""
        wanted = read_specification(call)
        if not {*wanted.marketplace_ids} <= {*self.marketplace_ids}:
            raise self.refuse(self.switches.wrong_marketplace_status, "marketplaceIds")
        content = self._documents.take(wanted.document_id)
        if not self._rates.takes_feed(
            self.clock.monotonic(), self.switches.feeds_per_5_min, self.switches.rate_scale
        ):
            raise self.refuse(429)
        batch = self.batches.add(self._make_batch(wanted.marketplace_ids, content))
        return web.json_response({"feedId": batch.id}, status=202)

    @route("GET", _FEEDS, verb="list", rate="getFeeds", params=_SEARCH)
    def list_feeds(self, call: Call) -> Any:
        """
        Return a page of feeds.

        Assumed: the newest come first; a token is good for the next page of the same search.
        """
        search = self._read_search(call)
        found = [batch for batch in self.batches if self._matches(batch, search)][::-1]
        end = search.begin + search.size
        answer: Json = {"feeds": [self._show(batch) for batch in found[search.begin : end]]}
        if end < len(found):
            answer["nextToken"] = self.make_id(128)
            self._searches.put(answer["nextToken"], attrs.evolve(search, begin=end))
        return answer

    @route("GET", f"{_FEEDS}/{{id}}", verb="poll", rate="getFeed", params=())
    def get_feed(self, call: Call) -> Any:
        """Say how far a feed is."""
        return self._show(self._get_batch(call))

    @route("DELETE", f"{_FEEDS}/{{id}}", verb="cancel", rate="cancelFeed", params=())
    def cancel_feed(self, call: Call) -> web.Response:
        """Cancel a feed that hasn't begun. Source: the model, cancelFeed."""
        batch = self._get_batch(call)
        if get_word(batch, self.switches) != "IN_QUEUE":
            raise self.refuse(400, "The feed is not IN_QUEUE.")
        self.batches.stop(batch)
        return web.Response()

    @route("GET", f"{_DOCUMENTS}/{{id}}", verb="results", rate="getFeedDocument", params=())
    def get_document(self, call: Call) -> Any:
        """Say from where a document can be downloaded for a while."""
        document_id, now = call.params["id"], self.clock.monotonic()
        batch = next((each for each in self.batches if each.about.report_id == document_id), None)
        if batch is None:
            return self._documents.show(document_id)
        if not has_report(batch, self.switches, now):
            raise self.refuse(404)
        return self._documents.show_report(batch)

    def run_item(self, batch: Batch, item: Item) -> None:
        """Execute a message."""
        del batch
        if item.path != "/listings":
            raise fail("BAD_REQUEST", "Invalid 'accountId' provided.")
        self._listings.apply(item.body)

    def _make_batch(self, marketplace_ids: tuple[str, ...], content: bytes | None) -> Batch:
        items, problem = read_messages(content or b"", self.seller_id)
        is_cancelled, is_fatal = self.strikes("feed_cancelled"), self.strikes("feed_fatal")
        if problem is not None:
            is_fatal |= content is None or self.switches.invalid_feed_fatal
        feed = Feed(
            marketplace_ids=marketplace_ids,
            report_id=self._documents.make_id(),
            problem=problem,
            is_fatal=is_fatal,
            is_cancelled=is_cancelled,
        )
        share = self.switches.fatal_executes if is_fatal else "all"
        runs = share != "none" and not is_cancelled
        return Batch(
            id=self._make_feed_id(),
            items=items if runs else [],
            fails=runs and share == "half",
            about=feed,
        )

    def _get_batch(self, call: Call) -> Batch:
        batch = self.batches.get(call.params["id"])
        if self.clock.monotonic() < batch.accepted_at + self.switches.visible_after_s:
            raise self.refuse(404)
        return batch

    def _show(self, batch: Batch) -> Json:
        """Source: the model, Feed."""
        shown: Json = {
            "feedId": batch.id,
            "feedType": FEED_TYPE,
            "marketplaceIds": [*batch.about.marketplace_ids],
            "createdTime": show_time(self._shown_moment(batch.accepted_at)),
            "processingStatus": get_word(batch, self.switches),
        }
        if batch.outcomes:
            began_at = next(iter(batch.outcomes.values())).ended_at
            shown["processingStartTime"] = show_time(self._shown_moment(began_at))
        if batch.ended_at is not None:
            shown["processingEndTime"] = show_time(self._shown_moment(batch.ended_at))
        if has_report(batch, self.switches, self.clock.monotonic()):
            shown["resultFeedDocumentId"] = batch.about.report_id
        return shown

    def find_date(self) -> datetime:
        """Return the time by Amazon's clock."""
        return self._shown_moment(self.clock.monotonic())

    def _shown_moment(self, monotonic: float) -> datetime:
        return self.moment(monotonic) + timedelta(seconds=self.switches.clock_ahead_s)

    def _read_search(self, call: Call) -> Search:
        """Source: the model, getFeeds, nextToken: it comes alone."""
        now = self.find_date()
        if "nextToken" not in call.query:
            return read_search(call, now)
        found = self._searches.find(call.query["nextToken"])
        if found is None or len(call.query) > 1:
            raise self.refuse(400, "nextToken")
        return found

    def _matches(self, batch: Batch, search: Search) -> bool:
        made = self._shown_moment(batch.accepted_at)
        listed_at = batch.accepted_at + self.switches.listed_after_s
        return (
            FEED_TYPE in search.types
            and search.since <= made <= search.until
            and self.clock.monotonic() >= listed_at
            and (not search.words or get_word(batch, self.switches) in search.words)
            and (
                not search.marketplace_ids
                or bool(search.marketplace_ids & {*batch.about.marketplace_ids})
            )
        )

    def _make_feed_id(self) -> str:
        """Source: the same: digits."""
        return f"{50_000_000_000 + int(self.make_id(32), 16)}"
