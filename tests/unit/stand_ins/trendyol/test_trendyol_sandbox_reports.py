"""The Trendyol stand-in reports on batches as documented, and in every wrong way."""

from __future__ import annotations

from typing import Any

import pytest
from support.trendyol_calls import Caller, barcode, price, prices

from batchhub.testing import FakeClock
from batchhub_trendyol.sandbox import TrendyolSandbox


class TestReport:
    async def test_documented(self, call: Caller, clock: FakeClock) -> None:
        """The report of stocks and prices is as on the vendor's page, without a batch's word."""
        [item] = sent = prices(1)
        batch = await call.submit(sent)
        await clock.advance(1.0)
        assert await call.report(batch) == {
            "batchRequestId": batch,
            "items": [
                {
                    "requestItem": {"updateRequestDate": "2026-01-01T00:00:00.000+00:00", **item},
                    "status": "SUCCESS",
                    "failureReasons": [],
                }
            ],
            "creationDate": 1767225600000,
            "lastModification": 1767225601000,
            "sourceType": "API",
            "itemCount": 1,
            "failedItemCount": 0,
            "batchRequestType": "ProductInventoryUpdate",
        }

    async def test_progress(self, call: Caller, clock: FakeClock) -> None:
        """An item is IN_PROGRESS until it has ended; batches run side by side."""
        first, second = await call.submit(prices(2)), await call.submit(prices(3))
        seen = []
        for _ in range(3):
            seen.append([[word for _, word in await call.words(b)] for b in (first, second)])
            await clock.advance(1.0)
        running, done = "IN_PROGRESS", "SUCCESS"
        assert seen == [
            [[running, running], [running, running, running]],
            [[done, running], [done, running, running]],
            [[done, done], [done, done, running]],
        ]

    async def test_kept_for_four_hours(self, call: Caller, clock: FakeClock) -> None:
        """A batch is known for four hours after its end; one nobody submitted never."""
        batch = await call.submit(prices(1))
        await clock.advance(4 * 3600.0 + 0.5)
        assert (await call.ask(batch)).status == 200
        await clock.advance(0.5)
        gone, unknown = await call.ask(batch), await call.ask("5631d1a1-1529820717")
        assert (gone.status, unknown.status) == (404, 404)
        assert gone.json == unknown.json


class TestSwitches:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("none", [None, None, None]),
            ("right", ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]),
            ("early", ["COMPLETED", "COMPLETED", "COMPLETED"]),
            ("late", ["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS"]),
        ],
    )
    async def test_batch_word(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock, name: str, words: list[Any]
    ) -> None:
        """The batch has no word unless asked for; it may be one that its items don't bear out."""
        sandbox.switches.batch_word = name
        batch, seen = await call.submit(prices(2)), []
        for _ in range(3):
            seen.append((await call.report(batch)).get("status"))
            await clock.advance(1.0)
        assert seen == words

    async def test_words(self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock) -> None:
        """Words nobody documented can stand for those of the items."""
        switches = {"word_running": "WAITING", "word_success": "OK", "word_failed": "FAILURE"}
        sandbox.change_switches(switches)
        batch = await call.submit([price(1), price(21), price(2)])
        await clock.advance(2.0)
        assert [word for _, word in await call.words(batch)] == ["OK", "FAILURE", "WAITING"]

    async def test_unlisted(self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock) -> None:
        """Items that have not ended may be left out of the report, but not of its count."""
        sandbox.switches.lists_running = False
        batch = await call.submit(prices(3))
        assert (await call.words(batch), (await call.report(batch))["itemCount"]) == ([], 3)
        await clock.advance(2.0)
        assert [name for name, _ in await call.words(batch)] == [barcode(1), barcode(2)]

    async def test_late(self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock) -> None:
        """A fresh batch may be a 404 at first, and its report lag behind."""
        sandbox.change_switches({"visible_after_s": 5.0, "late_report_s": 10.0})
        batch = await call.submit(prices(1))
        assert (await call.ask(batch)).status == 404
        await clock.advance(5.0)
        assert [word for _, word in await call.words(batch)] == ["IN_PROGRESS"]
        assert len(sandbox.executions) == 1
        await clock.advance(6.0)
        assert [word for _, word in await call.words(batch)] == ["SUCCESS"]

    @pytest.mark.parametrize(
        ("switches", "names"),
        [
            ({"missing_items": 1}, [2, 3]),
            ({"missing_items": -1}, []),
            ({"doubled_items": 1}, [1, 2, 3, 1]),
            ({"foreign_items": 1}, [1, 2, 3, "foreign-1"]),
            ({"nameless_items": 2}, [None, None, 3]),
            ({"nameless_items": -1}, [None, None, None]),
            ({"missing_items": 1, "doubled_items": -1}, [2, 3, 2, 3]),
        ],
    )
    async def test_distorted(
        self,
        call: Caller,
        sandbox: TrendyolSandbox,
        clock: FakeClock,
        switches: dict[str, int],
        names: list[Any],
    ) -> None:
        """Items can be missing, doubled, foreign and without a barcode, the same each time."""
        sandbox.change_switches(switches)
        batch = await call.submit(prices(3))
        await clock.advance(3.0)
        for _ in range(2):
            found = [name for name, _ in await call.words(batch)]
            assert found == [barcode(name) if isinstance(name, int) else name for name in names]

    async def test_shuffled(self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock) -> None:
        """A report can come in another order, which stays."""
        sandbox.switches.shuffle_items = True
        batch = await call.submit(prices(20))
        await clock.advance(20.0)
        names = [name for name, _ in await call.words(batch)]
        assert names == [name for name, _ in await call.words(batch)]
        assert names != sorted(names) == [barcode(n) for n in range(1, 21)]

    async def test_reasons_and_size(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock
    ) -> None:
        """Reasons can be null, and a report as large as one likes."""
        sandbox.change_switches({"null_reasons": True, "padding_bytes": 10_000})
        batch = await call.submit([price(21), price(1)])
        await clock.advance(2.0)
        answer = await call.ask(batch)
        assert [item["failureReasons"] for item in answer.json["items"]] == [None, None]
        assert len(answer.text) > 20_000

    async def test_never_ends(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock
    ) -> None:
        """The last item can stay IN_PROGRESS until the switch is set back."""
        sandbox.switches.never_ends = True
        batch = await call.submit(prices(2))
        await clock.advance(3600.0)
        assert [word for _, word in await call.words(batch)] == ["SUCCESS", "IN_PROGRESS"]
        sandbox.switches.never_ends = False
        assert [word for _, word in await call.words(batch)] == ["SUCCESS", "SUCCESS"]
