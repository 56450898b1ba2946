"""The Amazon stand-in takes documents and feeds, runs them, and shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.feed_calls import DOCUMENTS, FEEDS, FeedCaller, price, prices

from batchhub.testing import FakeClock
from batchhub_amazon.sandbox import AmazonSandbox


class TestDocuments:
    async def test_upload(self, call: FeedCaller, sandbox: AmazonSandbox) -> None:
        """A document goes to another host, with the same content type and no credentials."""
        place = await call.offer()
        assert not place["url"].startswith(call.url)
        assert (await call.put(place["url"], b"{}", **{"Content-Type": "text/xml"})).status == 403
        refused = await call.put(place["url"], b"{}", **{"x-amz-access-token": call.token})
        assert refused.status == 400
        assert (await call.put(place["url"], b"{}")).status == 200
        assert await call.download(place["feedDocumentId"]) is not None
        assert sandbox.journal[-1].host == "files"

    async def test_urls_expire(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A URL is good for five minutes, or not at all if a switch says so."""
        first = await call.offer()
        await clock.advance(300.0)
        assert (await call.put(first["url"], b"{}")).status == 403
        sandbox.switches.expired_upload_urls = 1
        places = [await call.offer() for _ in range(2)]
        assert [(await call.put(each["url"], b"{}")).status for each in places] == [403, 200]

    @pytest.mark.parametrize("body", [{}, {"contentType": 1}, {"contentType": ""}, []])
    async def test_no_content_type(self, call: FeedCaller, body: Any) -> None:
        """A document needs a content type."""
        answer = await call("POST", DOCUMENTS, json=body)
        assert answer.status == 400
        assert answer.json["errors"][0]["code"] == "InvalidInput"

    async def test_not_json(self, call: FeedCaller) -> None:
        """What isn't called JSON is refused with 415."""
        assert (await call("POST", DOCUMENTS, data=b"{}")).status == 415

    async def test_a_document_that_is_not_there(self, call: FeedCaller) -> None:
        """Only what was uploaded can be downloaded."""
        place = await call.offer()
        for document_id in (place["feedDocumentId"], "other"):
            assert (await call("GET", f"{DOCUMENTS}/{document_id}")).status == 404


class TestCreateFeed:
    async def test_missing_fields(self, call: FeedCaller) -> None:
        """All fields that are missing are named at once."""
        answer = await call("POST", FEEDS, json={})
        assert (answer.status, answer.json) == (
            400,
            {
                "errors": [
                    {
                        "code": "InvalidInput",
                        "message": "One or more required parameters missing",
                        "details": "marketplaceIds;feedType;inputFeedDocumentId;",
                    }
                ]
            },
        )

    @pytest.mark.parametrize(
        "changed",
        [
            {"feedType": "POST_PRODUCT_DATA"},
            {"marketplaceIds": "A1PA6795UKMFR9"},
            {"marketplaceIds": [1]},
            {"marketplaceIds": ["A1PA6795UKMFR9"] * 26},
            {"marketplaceIds": ["ATVPDKIKX0DER"]},
            {"inputFeedDocumentId": "other"},
            {"inputFeedDocumentId": 1},
        ],
    )
    async def test_refused(self, call: FeedCaller, sandbox: AmazonSandbox, changed: Any) -> None:
        """A field that is wrong is refused with 400, and nothing runs."""
        document = await call.upload(call.document(prices(1)))
        answer = await call.feed(document, **changed)
        assert answer.status == 400, answer.text
        assert sandbox.executions == []

    async def test_a_marketplace_may_be_forbidden(
        self, call: FeedCaller, sandbox: AmazonSandbox
    ) -> None:
        """A marketplace the seller is not in may be refused with 403, which is no credentials'."""
        sandbox.switches.wrong_marketplace_status = 403
        answer = await call.feed("x", marketplaceIds=["ATVPDKIKX0DER"])
        assert answer.status == 403

    async def test_nothing_uploaded(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A document that was not uploaded makes no feed, or one that ends FATAL."""
        document = (await call.offer())["feedDocumentId"]
        assert (await call.feed(document)).status == 400
        sandbox.switches.empty_document_fatal = True
        feed = (await call.feed(document)).json["feedId"]
        await clock.advance(10.0)
        assert (await call.show(feed))["processingStatus"] == "FATAL"

    async def test_a_document_is_kept_two_days(self, call: FeedCaller, clock: FakeClock) -> None:
        """After two days no feed can be made of a document."""
        document = await call.upload(call.document(prices(1)))
        await clock.advance(2 * 86_400.0)
        call.token = (await call.login()).json["access_token"]
        assert (await call.feed(document)).status == 400

    @pytest.mark.parametrize("once", [False, True])
    async def test_two_feeds_of_one_document(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock, once: bool
    ) -> None:
        """Nothing deduplicates: the same request again is another feed, and runs again."""
        sandbox.switches.documents_once = once
        document = await call.upload(call.document(prices(1)))
        answers = [await call.feed(document) for _ in range(2)]
        assert [answer.status for answer in answers] == [202, 400 if once else 202]
        await clock.advance(10.0)
        assert len(sandbox.executions) == (1 if once else 2)


class TestProcessing:
    async def test_states(self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock) -> None:
        """A feed waits, runs, and is done; then it names its report."""
        sandbox.switches.queue_time_s = 5.0
        feed = await call.submit(prices(2))
        seen = []
        for advance_s in (5.0, 1.0, 1.0, 0.0):
            seen.append(await call.show(feed))
            await clock.advance(advance_s)
        words = [each["processingStatus"] for each in seen]
        assert words == ["IN_QUEUE", "IN_QUEUE", "IN_PROGRESS", "DONE"]
        assert ["resultFeedDocumentId" in each for each in seen] == [False, False, False, True]
        assert seen[0].keys() == {
            "feedId",
            "feedType",
            "marketplaceIds",
            "createdTime",
            "processingStatus",
        }
        assert {"processingStartTime", "processingEndTime"} <= seen[3].keys()

    async def test_one_after_another(self, call: FeedCaller, clock: FakeClock) -> None:
        """A feed waits for the one before it."""
        feeds = [await call.submit(prices(2)) for _ in range(2)]
        await clock.advance(1.0)
        words = [(await call.show(feed))["processingStatus"] for feed in feeds]
        assert words == ["IN_PROGRESS", "IN_QUEUE"]

    async def test_effects(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A message patches, replaces, adds to or deletes a listing."""
        stock = [{"fulfillment_channel_code": "DEFAULT", "quantity": 3}]
        whole = {"productType": "PRODUCT", "attributes": {"fulfillment_availability": stock}}
        await call.submit(
            [
                price("A-1", 12.5),
                {"sku": "A-2", "operationType": "DELETE"},
                {"sku": "N-1", "operationType": "UPDATE", **whole},
                {"sku": "A-3", "operationType": "PARTIAL_UPDATE", **whole},
            ]
        )
        await clock.advance(10.0)
        first = sandbox.find_listing("A-1")
        assert first is not None
        [offer] = first["purchasable_offer"]
        assert offer["our_price"][0]["schedule"] == [{"value_with_tax": 12.5}]
        assert first["fulfillment_availability"][0]["quantity"] == 10
        assert sandbox.find_listing("A-2") is None
        assert sandbox.find_listing("N-1") == {"fulfillment_availability": stock}
        third = sandbox.find_listing("A-3")
        assert third is not None
        assert third["fulfillment_availability"] == stock
        assert third.keys() == {"purchasable_offer", "fulfillment_availability"}
        ids = [execution.item_id for execution in sandbox.executions]
        assert ids == ["A-1", "A-2", "N-1", "A-3"]

    async def test_merge(self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock) -> None:
        """A merge changes the parts it names, of the value it means; another one is added."""
        path = "/attributes/fulfillment_availability"
        values = [
            {"fulfillment_channel_code": "DEFAULT", "lead_time_to_ship_max_days": 2},
            {"fulfillment_channel_code": "AMAZON_EU", "quantity": 1},
        ]
        patch = {"op": "merge", "path": path, "value": values}
        await call.submit([{**price("A-1"), "patches": [patch]}])
        await clock.advance(1.0)
        listing = sandbox.find_listing("A-1")
        assert listing is not None
        assert listing["fulfillment_availability"] == [
            {
                "fulfillment_channel_code": "DEFAULT",
                "quantity": 10,
                "lead_time_to_ship_max_days": 2,
            },
            {"fulfillment_channel_code": "AMAZON_EU", "quantity": 1},
        ]

    async def test_cancelled(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """Only a feed that waits can be cancelled; nothing of it runs, and it has no report."""
        sandbox.switches.queue_time_s = 5.0
        feeds = [await call.submit(prices(2)) for _ in range(2)]
        await clock.advance(6.0)
        paths = [f"{FEEDS}/{feed}" for feed in feeds]
        assert [(await call("DELETE", path)).status for path in paths] == [400, 200]
        await clock.advance(60.0)
        shown = [await call.show(feed) for feed in feeds]
        assert [each["processingStatus"] for each in shown] == ["DONE", "CANCELLED"]
        assert "resultFeedDocumentId" not in shown[1]
        assert {execution.ticket for execution in sandbox.executions} == {feeds[0]}

    async def test_unknown_feed(self, call: FeedCaller) -> None:
        """A feed that isn't there is answered 404."""
        answer = await call("GET", f"{FEEDS}/1")
        assert (answer.status, answer.json["errors"][0]["code"]) == (404, "NotFound")


class TestGetFeeds:
    async def test_filters(self, call: FeedCaller, clock: FakeClock) -> None:
        """Feeds are found by type, time, word and marketplace; the newest come first."""
        feeds = []
        for _ in range(3):
            feeds.append(await call.submit(prices(1)))
            await clock.advance(60.0)
        since = clock.now().timestamp() - 130.0
        base = {"feedTypes": "POST_ORDER_ACKNOWLEDGEMENT_DATA,JSON_LISTINGS_FEED"}

        async def find(**params: str) -> list[str]:
            return [each["feedId"] for each in (await call.search(**base, **params))["feeds"]]

        assert await find() == feeds[::-1]
        text = f"{clock.now().fromtimestamp(since, clock.now().tzinfo):%Y-%m-%dT%H:%M:%SZ}"
        assert await find(createdSince=text) == [feeds[2], feeds[1]]
        assert await find(createdUntil=text) == [feeds[0]]
        assert await find(processingStatuses="IN_QUEUE,FATAL") == []
        assert await find(marketplaceIds="A1PA6795UKMFR9") == feeds[::-1]
        assert await find(marketplaceIds="ATVPDKIKX0DER") == []
        assert (await call.search(feedTypes="POST_PRODUCT_DATA"))["feeds"] == []

    async def test_pages(self, call: FeedCaller, sandbox: AmazonSandbox) -> None:
        """A page names the next one, which has to be asked for by its token alone."""
        sandbox.switches.feeds_per_5_min = 0
        feeds = [await call.submit(prices(1)) for _ in range(12)]
        first = await call.search()
        assert len(first["feeds"]) == 10
        second = await call.search(nextToken=first["nextToken"])
        assert "nextToken" not in second
        found = [each["feedId"] for each in [*first["feeds"], *second["feeds"]]]
        assert found == feeds[::-1]
        params = {"nextToken": first["nextToken"], "pageSize": "5"}
        assert (await call("GET", FEEDS, params=params)).status == 400

    @pytest.mark.parametrize(
        "params",
        [
            {},
            {"feedTypes": "T", "processingStatuses": "DONE,BAD_VALUE"},
            {"feedTypes": "T", "pageSize": "0"},
            {"feedTypes": "T", "pageSize": "101"},
            {"feedTypes": "T", "pageSize": "x"},
            {"feedTypes": "T", "createdSince": "yesterday"},
            {"feedTypes": "T", "createdSince": "2026-11-29T10:00:00"},
            {"feedTypes": ",".join(f"T{n}" for n in range(11))},
            {"nextToken": "unknown"},
        ],
    )
    async def test_refused(self, call: FeedCaller, params: dict[str, str]) -> None:
        """A search that isn't one is refused with 400."""
        answer = await call("GET", FEEDS, params=params)
        assert answer.status == 400, answer.text


class TestStrict:
    @pytest.mark.parametrize(
        "path", ["/feeds/2021-06-30/feeds/7", "/sellers/v1/marketplaceParticipations"]
    )
    async def test_unknown_parameter(
        self, call: FeedCaller, sandbox: AmazonSandbox, path: str
    ) -> None:
        """With the switch a parameter that a call does not have is refused by its name."""
        statuses = []
        for sandbox.switches.strict in (False, True):
            answer = await call("GET", path, params={"feedType": "T"})
            statuses.append(answer.status)
        assert statuses[0] in {200, 404}
        assert statuses[1] == 400
        assert "feedType" in answer.text


class TestRates:
    async def test_buckets(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """Each operation has a bucket of its own, and says its rate unless it refuses."""
        answers = [await call("POST", DOCUMENTS, json={"contentType": "a/b"}) for _ in range(16)]
        assert [answer.status for answer in answers] == [201] * 15 + [429]
        assert answers[0].headers["x-amzn-RateLimit-Limit"] == "0.5"
        assert "x-amzn-RateLimit-Limit" not in answers[15].headers
        assert "Retry-After" not in answers[15].headers
        assert answers[15].json["errors"][0]["code"] == "QuotaExceeded"
        assert (await call("GET", f"{FEEDS}/1")).headers["x-amzn-RateLimit-Limit"] == "2"
        await clock.advance(2.0)
        assert (await call("POST", DOCUMENTS, json={"contentType": "a/b"})).status == 201

    async def test_feeds_of_listings(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """Five feeds of listings pass in five minutes; createFeed's own rate is another one."""
        document = await call.upload(call.document(prices(1)))
        statuses = [(await call.feed(document)).status for _ in range(6)]
        assert statuses == [202] * 5 + [429]
        await clock.advance(300.0)
        assert (await call.feed(document)).status == 202
        sandbox.switches.feeds_per_5_min = 0
        statuses = [(await call.feed(document)).status for _ in range(12)]
        assert statuses == [202] * 10 + [429] * 2

    async def test_scale(self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock) -> None:
        """All rates can be faster than at Amazon, and the header says so."""
        sandbox.switches.rate_scale = 1000.0
        document = await call.upload(call.document(prices(1)))
        answers = []
        for _ in range(30):
            answers.append(await call.feed(document))
            await clock.advance(0.12)
        assert {answer.status for answer in answers} == {202}
        assert answers[0].headers["x-amzn-RateLimit-Limit"] == "8.3"


class TestSandbox:
    async def test_demo_items(self, call: FeedCaller, clock: FakeClock) -> None:
        """Demo items are messages without an id; a few of them fail, in turn for two reasons."""
        sandbox = AmazonSandbox(clock=clock)
        items = [*sandbox.demo_items(200)]
        assert items == [*sandbox.demo_items(200)]
        assert len({item.payload["sku"] for item in items}) == 200
        assert "messageId" not in items[0].payload
        async with sandbox.running() as url:
            call = FeedCaller(call.session, sandbox, url)
            feed = await call.submit([dict(item.payload) for item in items])
            await clock.advance(100.0)
            report = await call.report(feed)
        failed = [issue["messageId"] for issue in report["issues"]]
        assert failed == [*range(5, 201, 25)]
        assert {issue["code"] for issue in report["issues"]} == {"SKU_NOT_FOUND", "90244"}

    async def test_same_seed_same_story(self, call: FeedCaller) -> None:
        """The same calls get the same answers from a sandbox with the same seed."""

        async def tell(seed: int) -> list[Any]:
            clock = FakeClock()
            sandbox = AmazonSandbox(clock=clock, seed=seed)
            sandbox.change_switches({"answer_5xx_rate": 0.4, "item_fails_rate": 0.3})
            async with sandbox.running() as url:
                own = FeedCaller(call.session, sandbox, url)
                feed = await own.submit(prices(10))
                await clock.advance(10.0)
                answers = [await own("GET", f"{FEEDS}/{feed}") for _ in range(9)]
                return [feed, *[answer.text for answer in answers]]

        assert await tell(7) == await tell(7)
        assert await tell(7) != await tell(8)

    def test_account(self, sandbox: AmazonSandbox) -> None:
        """The account logs in at the sandbox, and names the seller and the marketplaces."""
        account = sandbox.account("http://h")
        assert (account.base_url, account.token_url) == ("http://h", "http://h/auth/o2/token")
        assert (account.seller_id, [*account.marketplace_ids]) == (
            sandbox.seller_id,
            ["A1PA6795UKMFR9"],
        )
        assert 'marketplace_ids = ["A1PA6795UKMFR9"]' in sandbox.settings_toml("http://h", "s")

    async def test_journal_is_json(self, call: FeedCaller, sandbox: AmazonSandbox) -> None:
        """What came is in the journal, but for signatures."""
        await call.submit(prices(1))
        text = json.dumps([entry.to_json() for entry in sandbox.journal])
        assert "signature" not in text
        paths = [(entry.method, entry.host, entry.status) for entry in sandbox.journal]
        assert paths == [("POST", "", 201), ("PUT", "files", 200), ("POST", "", 202)]
