"""The Amazon stand-in reports what came of a feed, and distorts it as it is told to."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any

import aiohttp
import pytest
from support.feed_calls import DOCUMENTS, FEEDS, FeedCaller, price, prices

from batchhub.testing import FakeClock
from batchhub_amazon.sandbox import AmazonSandbox


def bad(number: int) -> dict[str, Any]:
    return price(f"A-{number}", -1)


def document(messages: Any, version: str = "2.0") -> bytes:
    header = {"version": version, "sellerId": "A2SANDBOX17"}
    return json.dumps({"header": header, "messages": messages}).encode()


async def done(call: FeedCaller, clock: FakeClock, messages: list[Any], **header: Any) -> str:
    feed = await call.submit(messages, **header)
    await clock.advance(float(len(messages)))
    return feed


def numbers(report: Any) -> list[Any]:
    return [issue.get("messageId") for issue in report["issues"]]


class TestReport:
    async def test_form(self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock) -> None:
        """A report has the header, an issue for what failed, and counts; it is a gzip file."""
        feed = await done(call, clock, [price("A-1"), bad(2), price("A-3")])
        said, content = await call.download((await call.show(feed))["resultFeedDocumentId"])
        assert said["compressionAlgorithm"] == "GZIP"
        assert json.loads(gzip.decompress(content)) == {
            "header": {"sellerId": sandbox.seller_id, "version": "2.0", "feedId": feed},
            "issues": [
                {
                    "messageId": 2,
                    "code": "90244",
                    "severity": "ERROR",
                    "message": "The value '-1' of 'purchasable_offer' is not accepted.",
                    "attributeNames": ["purchasable_offer"],
                }
            ],
            "summary": {
                "errors": 1,
                "warnings": 0,
                "messagesProcessed": 3,
                "messagesAccepted": 2,
                "messagesInvalid": 1,
            },
        }

    @pytest.mark.parametrize(
        ("message", "code"),
        [
            ({"sku": "A-1"}, "4002008"),
            ({"sku": "", "operationType": "DELETE"}, "4002008"),
            ({"sku": "A-1", "operationType": "MOVE"}, "4002008"),
            ({"sku": "A-1", "operationType": "PATCH", "productType": "P"}, "4002008"),
            ({**price("A-1"), "attributes": {}}, "4002008"),
            ({**price("A-1"), "patches": {"op": "replace"}}, "4000001"),
            ({**price("A-1"), "patches": [{"op": "move", "path": "/attributes/x"}]}, "4000001"),
            ({**price("A-1"), "patches": [{"op": "add", "path": "/x"}]}, "4000001"),
            ({**price("A-1"), "patches": ["x"]}, "4000001"),
            (price("other"), "SKU_NOT_FOUND"),
            ({"sku": "other", "operationType": "DELETE"}, "SKU_NOT_FOUND"),
            (price("A-1", "12.50"), "90244"),
            (price("A-1", None), "90244"),
        ],
    )
    async def test_why_a_message_fails(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock, message: Any, code: str
    ) -> None:
        """A message that fails has an issue that says why, and changes nothing."""
        before = sandbox.find_listing("A-1")
        report = await call.report(await done(call, clock, [message]))
        assert [(issue["messageId"], issue["code"]) for issue in report["issues"]] == [(1, code)]
        assert sandbox.find_listing("A-1") == before

    @pytest.mark.parametrize("is_fatal", [False, True])
    @pytest.mark.parametrize(
        "content",
        [
            b"<xml/>",
            b"[]",
            b'{"header": {}, "messages": []}',
            document([{"messageId": 1}], version="1.0"),
            document([]),
            document([{"messageId": 0}]),
            document([{"messageId": "1"}]),
            document([{"messageId": 1}, {"messageId": 1}]),
            document([{"messageId": n} for n in range(1, 25_002)]),
            document([1]),
            document({"1": {}}),
            b"\xff",
        ],
    )
    async def test_a_feed_that_is_none(
        self,
        call: FeedCaller,
        sandbox: AmazonSandbox,
        clock: FakeClock,
        content: bytes,
        is_fatal: bool,
    ) -> None:
        """A feed that can't be read is DONE all the same, with one issue that names no message."""
        sandbox.switches.invalid_feed_fatal = is_fatal
        feed = (await call.feed(await call.upload(content))).json["feedId"]
        await clock.advance(10.0)
        shown = await call.show(feed)
        assert shown["processingStatus"] == ("FATAL" if is_fatal else "DONE")
        assert sandbox.executions == []
        if not is_fatal:
            report = await call.report(feed)
            assert numbers(report) == [None]
            assert report["summary"]["messagesProcessed"] == 0

    async def test_another_seller(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """Every message of a feed for another seller fails."""
        report = await call.report(await done(call, clock, prices(2), sellerId="other"))
        assert [issue["code"] for issue in report["issues"]] == ["BAD_REQUEST"] * 2

    async def test_none_before_the_end(self, call: FeedCaller, clock: FakeClock) -> None:
        """There is no report while a feed runs, even for who guesses its id."""
        feed = await call.submit(prices(2))
        report_id = call.sandbox.batches.get(feed).about.report_id
        assert (await call("GET", f"{DOCUMENTS}/{report_id}")).status == 404
        await clock.advance(2.0)
        assert (await call("GET", f"{DOCUMENTS}/{report_id}")).status == 200


class TestDistorted:
    @pytest.mark.parametrize(
        ("switches", "found"),
        [
            ({"silent_failures": 1}, [3]),
            ({"silent_failures": -1}, []),
            ({"doubled_issues": 1}, [2, 3, 2]),
            ({"doubled_issues": -1}, [2, 3, 2, 3]),
            ({"foreign_issues": 2}, [2, 3, 9_000_001, 9_000_002]),
            ({"feed_issues": 1}, [2, 3, None]),
            ({"issues_each": 2}, [2, 2, 3, 3]),
            ({"warned": 1}, [2, 3, 1]),
            ({"warned": -1}, [2, 3, 1, 4]),
        ],
    )
    async def test_issues(
        self,
        call: FeedCaller,
        sandbox: AmazonSandbox,
        clock: FakeClock,
        switches: dict[str, Any],
        found: list[Any],
    ) -> None:
        """Issues can be missing, doubled, of nobody, of nothing, several, or warnings."""
        sandbox.change_switches(switches)
        feed = await done(call, clock, [price("A-1"), bad(2), bad(3), price("A-4")])
        report = await call.report(feed)
        assert numbers(report) == found
        assert report["summary"]["messagesInvalid"] == 2

    async def test_summary(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """The counts can be wrong, or missing."""
        sandbox.switches.wrong_counts = -2
        feed = await done(call, clock, prices(3))
        assert (await call.report(feed))["summary"]["messagesAccepted"] == 1
        sandbox.change_switches({"broken_reports": 1, "broken_as": "no_summary"})
        assert "summary" not in await call.report(feed)
        assert "summary" in await call.report(feed)

    @pytest.mark.parametrize(
        ("packing", "says", "is_gzip"),
        [("gzip", True, True), ("plain", False, False), ("mislabelled", True, False)],
    )
    async def test_packing(
        self,
        call: FeedCaller,
        sandbox: AmazonSandbox,
        clock: FakeClock,
        packing: str,
        says: bool,
        is_gzip: bool,
    ) -> None:
        """A report can be plain, and be called so or not."""
        sandbox.switches.report_packing = packing
        feed = await done(call, clock, prices(1))
        said, content = await call.download((await call.show(feed))["resultFeedDocumentId"])
        assert ("compressionAlgorithm" in said) == says
        assert content.startswith(b"\x1f\x8b") == is_gzip

    async def test_broken(self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock) -> None:
        """A report can break off, be a page, of another form, or empty."""
        feed = await done(call, clock, [bad(1), *prices(2)])
        report_id = (await call.show(feed))["resultFeedDocumentId"]
        for form in ("cut", "html", "another_form", "empty"):
            sandbox.change_switches({"broken_reports": 1, "broken_as": form})
            _, content = await call.download(report_id)
            text = gzip.decompress(content)
            assert not text.endswith(b"]}}"), form
        sandbox.change_switches({"broken_reports": 1, "broken_as": "cut_gzip"})
        _, content = await call.download(report_id)
        with pytest.raises(EOFError):
            gzip.decompress(content)

    async def test_indented(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A report can have a line for each issue."""
        feed = await done(call, clock, [bad(1), bad(2)])
        one = await call.report(feed)
        sandbox.switches.report_indented = True
        _, content = await call.download((await call.show(feed))["resultFeedDocumentId"])
        assert gzip.decompress(content).count(b"\n") > 5
        assert json.loads(gzip.decompress(content)) == one

    async def test_huge(self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock) -> None:
        """A report of 20 MB is made while it is sent: the sandbox holds a small part of it."""
        sandbox.change_switches({"report_bytes": 20_000_000, "report_packing": "plain"})
        feed = await done(call, clock, prices(20))
        answer = await call("GET", f"{DOCUMENTS}/{(await call.show(feed))['resultFeedDocumentId']}")
        tracemalloc.start()
        size, tail = 0, b""
        async with call.session.get(answer.json["url"]) as response:
            async for piece in response.content.iter_chunked(2**14):
                size, tail = size + len(piece), (tail + piece)[-200:]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size > 20_000_000
        assert b'"messagesAccepted": 20' in tail
        assert peak < 4_000_000


class TestFaults:
    @pytest.mark.parametrize(("share", "ran"), [("none", 0), ("half", 2), ("all", 4)])
    @pytest.mark.parametrize("has_report", [False, True])
    async def test_fatal(
        self,
        call: FeedCaller,
        sandbox: AmazonSandbox,
        clock: FakeClock,
        share: str,
        ran: int,
        has_report: bool,
    ) -> None:
        """A feed that ended FATAL has run in none, half or all, and may have a report."""
        sandbox.change_switches(
            {"feed_fatal": 1, "fatal_executes": share, "fatal_has_report": has_report}
        )
        feed = await done(call, clock, prices(4))
        shown = await call.show(feed)
        assert shown["processingStatus"] == "FATAL"
        assert len(sandbox.executions) == ran
        assert ("resultFeedDocumentId" in shown) == has_report
        if has_report:
            report = await call.report(feed)
            assert numbers(report) == [None]
            assert report["summary"]["messagesProcessed"] == ran
        other = await done(call, clock, prices(1))
        assert (await call.show(other))["processingStatus"] == "DONE"

    async def test_cancelled_by_somebody_else(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A feed can be cancelled by somebody else; nothing of it runs."""
        sandbox.switches.feed_cancelled = 1
        feed = await done(call, clock, prices(2))
        assert (await call.show(feed))["processingStatus"] == "CANCELLED"
        assert sandbox.executions == []

    async def test_late_report(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A feed that is DONE can name its report later, or never."""
        sandbox.switches.report_after_s = 30.0
        feed = await done(call, clock, prices(1))
        shown = await call.show(feed)
        assert (shown["processingStatus"], "resultFeedDocumentId" in shown) == ("DONE", False)
        await clock.advance(30.0)
        assert "resultFeedDocumentId" in await call.show(feed)
        sandbox.switches.no_report = True
        assert "resultFeedDocumentId" not in await call.show(feed)

    async def test_hidden_feeds(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A new feed can be missing from getFeeds for a while, and be unknown to getFeed."""
        sandbox.change_switches({"listed_after_s": 20.0, "visible_after_s": 10.0})
        feed = await call.submit(prices(1))
        assert (await call("GET", f"{FEEDS}/{feed}")).status == 404
        await clock.advance(10.0)
        await call.show(feed)
        assert (await call.search())["feeds"] == []
        await clock.advance(10.0)
        assert len((await call.search())["feeds"]) == 1

    async def test_another_clock(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """Amazon's clock can be ahead of ours, in all times it says and takes."""
        sandbox.switches.clock_ahead_s = -3600.0
        feed = await call.submit(prices(1))
        now = f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
        assert (await call.show(feed))["createdTime"] < now
        base = {"feedTypes": "JSON_LISTINGS_FEED"}
        assert (await call.search(**base, createdSince=now))["feeds"] == []
        assert len((await call.search(**base))["feeds"]) == 1

    async def test_expired_download(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A URL of a report can have expired when it is handed out; the next one has not."""
        feed = await done(call, clock, prices(1))
        report_id = (await call.show(feed))["resultFeedDocumentId"]
        sandbox.switches.expired_download_urls = 1
        contents = [(await call.download(report_id))[1] for _ in range(2)]
        assert [content.startswith(b"\x1f\x8b") for content in contents] == [False, True]

    @pytest.mark.parametrize(
        ("verb", "ran"),
        [("document", 0), ("upload", 0), ("submit", 1), ("list", 1), ("poll", 1), ("results", 1)],
    )
    async def test_lost_at_each_step(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock, verb: str, ran: int
    ) -> None:
        """The answer to each step can be lost."""
        sandbox.change_switches({"lost_answers": 1, "network_verbs": verb})

        async def do_all() -> None:
            feed = await done(call, clock, prices(1))
            await call.search()
            await call.report(feed)

        with pytest.raises(aiohttp.ClientConnectionError):
            await do_all()
        await clock.advance(10.0)
        assert len(sandbox.executions) == ran

    async def test_an_item_that_fails(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A message can fail for no reason of its own, and is named like the others."""
        sandbox.switches.item_fails = 1
        report = await call.report(await done(call, clock, prices(2)))
        assert numbers(report) == [1]
        assert report["issues"][0]["severity"] == "ERROR"

    async def test_unknown_word(
        self, call: FeedCaller, sandbox: AmazonSandbox, clock: FakeClock
    ) -> None:
        """A feed that runs can say a word nobody documented."""
        sandbox.switches.unknown_word = "PONDERING"
        feed = await call.submit(prices(3))
        await clock.advance(1.0)
        assert (await call.show(feed))["processingStatus"] == "PONDERING"
