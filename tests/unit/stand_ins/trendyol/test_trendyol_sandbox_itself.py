"""The Trendyol stand-in as a server: its items, and many of them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from support.trendyol_calls import Caller, barcode

from batchhub.testing import FakeClock
from batchhub_trendyol.sandbox import TrendyolSandbox


class TestSandbox:
    async def test_demo_items_fail_in_part(
        self, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """One demo item in 25 fails, each for another reason."""
        sandbox = TrendyolSandbox(clock=clock)
        sandbox.switches.item_time_s = 0.0
        async with sandbox.running() as url:
            call = Caller(session, sandbox, url)
            report = await call.report(
                await call.submit([dict(item.payload) for item in sandbox.demo_items(100)])
            )
        reasons = [item["failureReasons"][0] for item in report["items"] if item["failureReasons"]]
        assert len(reasons) == 4
        assert len({*reasons}) == 3

    @pytest.mark.parametrize("path", ["products/approved", "products/batch-requests/b"])
    async def test_strict(self, call: Caller, sandbox: TrendyolSandbox, path: str) -> None:
        """With the switch a parameter that a call does not have is refused by its name."""
        answers = []
        for sandbox.switches.strict in (False, True):
            params = {"pagesize": "5"}
            answers.append(await call("GET", f"product/sellers/1234/{path}", params=params))
        assert answers[0].status in {200, 404}
        assert answers[1].status == 400
        assert "pagesize" in answers[1].text

    async def test_products(self, call: Caller) -> None:
        """The seller's products come in pages."""
        path = "product/sellers/1234/products/approved"
        answer = await call("GET", path, params={"page": "1", "size": "15"})
        assert (answer.json["totalElements"], answer.json["totalPages"]) == (20, 2)
        assert [c["variants"][0]["barcode"] for c in answer.json["content"]] == [
            barcode(number) for number in range(16, 21)
        ]
        for wrong in ("0", "101", "x"):
            assert (await call("GET", path, params={"size": wrong})).status == 400

    async def test_ten_thousand(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock
    ) -> None:
        """Ten thousand items are ten requests; each item ran once."""
        sandbox.switches.item_time_s = 0.001
        items: list[Any] = [item.payload for item in sandbox.demo_items(10_000)]
        batches = [
            await call.submit(items[start : start + 1000]) for start in range(0, 10_000, 1000)
        ]
        await clock.advance(1.0)
        words = [word for batch in batches for _, word in await call.words(batch)]
        assert words.count("SUCCESS") == 20 - 1
        assert len(words) == len(sandbox.executions) == 10_000
        assert len({execution.item_id for execution in sandbox.executions}) == 10_000
