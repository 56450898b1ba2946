"""The Trendyol stand-in takes and refuses updates as the vendor's documents say."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
import pytest
from support.trendyol_calls import Caller, barcode, price, prices

from batchhub.testing import FakeClock
from batchhub_trendyol.sandbox import TrendyolSandbox


class TestLogin:
    @pytest.mark.parametrize("login", ["trendyol-sandbox-key:other", "other:x", "", ":"])
    async def test_wrong_login(self, call: Caller, login: str) -> None:
        """A wrong key or secret is answered 401, in a form of its own."""
        call.login = login
        answer = await call.post(prices(1))
        assert answer.status == 401
        assert answer.json["exception"] == "ClientApiAuthenticationException"

    async def test_wrong_seller(self, call: Caller) -> None:
        """A seller that is not the key's is answered 401 as well."""
        call.agent, call.seller_id = "99 - SelfIntegration", 99
        assert (await call.post(prices(1))).status == 401
        assert (await call.ask("any")).status == 401
        call.agent = "1234 - SelfIntegration"
        assert (await call.post(prices(1))).status == 403

    @pytest.mark.parametrize("agent", ["", "python", "1234", "99 - Self", "1234 - " + "x" * 31])
    async def test_user_agent(self, call: Caller, sandbox: TrendyolSandbox, agent: str) -> None:
        """Without a User-Agent of the seller a call is answered 403; leniently only without any."""
        call.agent = agent
        assert (await call.post(prices(1))).status == 403
        sandbox.switches.strict_user_agent = False
        assert (await call.post(prices(1))).status == (200 if agent else 403)


class TestSubmit:
    async def test_id(self, call: Caller, clock: FakeClock) -> None:
        """The id of a batch is a UUID and the seconds since 1970."""
        pattern = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-1767225600"
        assert re.fullmatch(pattern, await call.submit(prices(1)))

    async def test_most_items(self, call: Caller) -> None:
        """A thousand items are taken, one more is refused whole."""
        await call.submit([price(1, quantity=n) for n in range(1000)])
        answer = await call.post([price(1, quantity=n) for n in range(1001)])
        assert answer.status == 400
        assert answer.json["errors"][0].keys() == {"key", "message", "errorCode"}

    @pytest.mark.parametrize(
        "items",
        [
            [],
            {},
            "text",
            [[]],
            [{"quantity": 1}],
            [{"barcode": 5, "quantity": 1}],
            [{"barcode": "", "quantity": 1}],
            [price(1, quantity="5")],
            [price(1, quantity=1.5)],
            [price(1, quantity=True)],
            [price(1, salePrice="9.90")],
            [price(1), {"barcode": barcode(2), "listPrice": []}],
        ],
    )
    async def test_not_of_the_schema(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock, items: Any
    ) -> None:
        """What is not of the schema is refused whole."""
        assert (await call.post(items)).status == 400
        await clock.advance(60.0)
        assert sandbox.executions == []

    @pytest.mark.parametrize("body", [b"", b"[", b"\xff", b"[]", b'{"items": [NaN]}'])
    async def test_no_json(self, call: Caller, body: bytes) -> None:
        """A body that is no JSON object is refused; one that is not declared as JSON too."""
        headers = {"Content-Type": "application/json"}
        assert (await call.post(body, headers=headers)).status == 400
        headers = {"Content-Type": "text/plain"}
        assert (await call.post(body, headers=headers)).status == 415

    async def test_repeated(self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock) -> None:
        """The same body is refused within a quarter of an hour; another one is not."""
        await call.submit(prices(2))
        await clock.advance(899.0)
        answer = await call.post(prices(2))
        assert answer.status == 400
        assert answer.json["errors"][0]["message"].startswith("15 dakika boyunca")
        await call.submit(prices(3))
        await clock.advance(1.0)
        await call.submit(prices(2))
        sandbox.switches.refuses_repeats = False
        await call.submit(prices(2))

    async def test_a_refused_body_is_not_remembered(self, call: Caller) -> None:
        """A body that was refused for itself is refused for that each time."""
        first, second = [await call.post([]) for _ in range(2)]
        assert first.json == second.json

    async def test_repeated_after_a_lost_answer(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock
    ) -> None:
        """A body whose answer was lost ran, and is refused as any other that comes again."""
        sandbox.switches.lost_submit_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.post(prices(1))
        assert (await call.post(prices(1))).status == 400
        await clock.advance(60.0)
        assert len(sandbox.executions) == 1


class TestLimits:
    async def test_fifty_in_ten_seconds(self, call: Caller, clock: FakeClock) -> None:
        """A path takes 50 requests in 10 seconds; the other path has a limit of its own."""
        batch = await call.submit(prices(1))
        statuses = [(await call.ask(batch)).status for _ in range(51)]
        assert statuses == [200] * 50 + [429]
        answer = await call.ask(batch)
        assert answer.json["errors"][0]["key"] == "too.many.requests"
        assert "Retry-After" not in answer.headers
        await call.submit(prices(2))
        await clock.advance(10.0)
        assert (await call.ask(batch)).status == 200

    async def test_switch(self, call: Caller, sandbox: TrendyolSandbox) -> None:
        """How many may be set, and whether a refusal says when to come again."""
        sandbox.switches.requests_per_10_s = 1
        sandbox.switches.retry_after = True
        await call.submit(prices(1))
        answer = await call.post(prices(2))
        assert (answer.status, answer.headers["Retry-After"]) == (429, "10")

    async def test_price_updates_of_a_barcode(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock
    ) -> None:
        """Of a barcode's price updates the 31st in a minute fails; its stock may be set."""
        sandbox.switches.item_time_s = 0.0
        for n in range(1, 31):
            await call.submit([price(1, salePrice=n)])
        assert await call.words(await call.submit([price(1, salePrice=31)])) == [
            (barcode(1), "FAILED")
        ]
        assert await call.words(await call.submit([price(1)])) == [(barcode(1), "SUCCESS")]
        await clock.advance(60.0)
        assert await call.words(await call.submit([price(1, salePrice=32)])) == [
            (barcode(1), "SUCCESS")
        ]


class TestItems:
    @pytest.mark.parametrize(
        ("item", "succeeds"),
        [
            (price(1, quantity=0), True),
            (price(1, quantity=20_000), True),
            (price(1, quantity=20_001), False),
            (price(1, quantity=-1), False),
            (price(1, salePrice=0.01), True),
            (price(1, salePrice=0), False),
            (price(1, listPrice=-5), False),
            (price(1, salePrice=10, listPrice=10), True),
            (price(1, salePrice=10, listPrice=9.99), False),
            (price(1, quantity=None, salePrice=5), True),
            (price(1, quantity=None), False),
            (price(1, colour="red"), False),
            (price(21), False),
        ],
    )
    async def test_items(
        self, call: Caller, sandbox: TrendyolSandbox, item: dict[str, Any], succeeds: bool
    ) -> None:
        """What is out of bounds, or of no product, fails its item and says why."""
        sandbox.switches.item_time_s = 0.0
        report = await call.report(await call.submit([item, price(2)]))
        first, second = report["items"]
        assert second["status"] == "SUCCESS"
        assert first["status"] == ("SUCCESS" if succeeds else "FAILED")
        assert bool(first["failureReasons"]) is not succeeds
        assert report["failedItemCount"] == (0 if succeeds else 1)

    async def test_effect(self, call: Caller, sandbox: TrendyolSandbox) -> None:
        """Only what was sent changes, and only where it succeeds."""
        sandbox.switches.item_time_s = 0.0
        before = sandbox.find_product(barcode(1))
        await call.submit([price(1, quantity=7), price(2, quantity=30_000)])
        assert before is not None
        assert sandbox.find_product(barcode(1)) == {**before, "quantity": 7}
        product = sandbox.find_product(barcode(2))
        assert product is not None
        assert product["quantity"] == 10
        assert sandbox.find_product("none") is None

    async def test_early_checks(self, call: Caller, sandbox: TrendyolSandbox) -> None:
        """A value out of bounds may refuse the whole request instead."""
        sandbox.switches.early_checks = True
        answer = await call.post([price(1), price(2, quantity=20_001)])
        assert answer.status == 400
        assert "items[1]" in answer.json["errors"][0]["message"]

    async def test_executions(
        self, call: Caller, sandbox: TrendyolSandbox, clock: FakeClock
    ) -> None:
        """The journal knows each item by its barcode, with what was sent."""
        sent = [*prices(2), price(21)]
        batch = await call.submit(sent)
        await clock.advance(3.0)
        assert [(e.ticket, e.item_id, e.body, e.status) for e in sandbox.executions] == [
            (batch, item["barcode"], item, 400 if n == 2 else 200) for n, item in enumerate(sent)
        ]
        assert json.loads(sandbox.journal[0].body or b"") == {"items": sent}
