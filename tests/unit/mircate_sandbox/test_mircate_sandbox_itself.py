"""The Mircate stand-in as a server: its journal, its chance, its account."""

from __future__ import annotations

import tomllib
from typing import Any

import aiohttp
from support.mircate_calls import (
    Caller,
    prices,
)

from batchhub.testing import FakeClock
from batchhub_mircate.account import MircateAccount
from batchhub_mircate.sandbox import MircateSandbox


class TestSandbox:
    def test_every_rate_has_its_times(self) -> None:
        """A rate belongs to the switch it is named after."""
        names = {info.name for info in MircateSandbox.describe_switches()}
        assert {n.removesuffix("_rate") for n in names if n.endswith("_rate")} <= names

    async def test_same_seed_same_story(self, session: aiohttp.ClientSession) -> None:
        """The same calls get the same answers from a sandbox with the same seed."""

        async def tell(seed: int) -> list[Any]:
            clock = FakeClock()
            sandbox = MircateSandbox(clock=clock, seed=seed)
            sandbox.change_switches({"answer_5xx_rate": 0.4, "item_fails_rate": 0.3})
            async with sandbox.running() as url:
                call = Caller(session, sandbox, url)
                batch_id = await call.submit(prices(10))
                await clock.advance(10.0)
                return [batch_id, *[(await call.ask(batch_id)).text for _ in range(9)]]

        assert await tell(7) == await tell(7)
        assert await tell(7) != await tell(8)

    async def test_state_survives_a_stop(
        self, sandbox: MircateSandbox, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """A sandbox that is stopped and started is a vendor that was away: it forgot nothing."""
        async with sandbox.running() as url:
            batch_id = await Caller(session, sandbox, url).submit(prices(2))
        await clock.advance(2.0)
        async with sandbox.running() as url:
            document = await Caller(session, sandbox, url).status(batch_id)
        assert document["batchStatus"] == "DONE"

    async def test_demo_items(
        self, call: Caller, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """Demo items are the same each time, their ids and skus distinct; a few of them fail."""
        sandbox = MircateSandbox(clock=clock)
        items = [*sandbox.demo_items(200)]
        assert items == [*sandbox.demo_items(200)]
        assert (items[0].id, items[0].payload) == ("price-1", {"sku": "A-1", "price": 9.9})
        assert len({item.id for item in items}) == 200
        assert len({item.payload["sku"] for item in items}) == 200
        assert sandbox.demo_operation == "receive-price"
        async with sandbox.running() as url:
            call = Caller(session, sandbox, url)
            batch_id = await call.submit([dict(item.payload) for item in items])
            await clock.advance(100.0)
            document = await call.status(batch_id)
        assert [(e["sku"], e["message"]) for e in document["failedProducts"]] == [
            (item.payload["sku"], "price can't be negative" if turn % 2 else "product not found")
            for turn, item in enumerate(items[4::25])
        ]

    def test_account(self, sandbox: MircateSandbox) -> None:
        """The account reaches the sandbox, and its table is what a user pastes."""
        account = sandbox.account("http://127.0.0.1:8080")
        assert account.lane == "mircate:5p1hp1d2t/m-1"
        assert account.api_key == account.submit_api_key == "mircate-sandbox-key"
        table = tomllib.loads(sandbox.settings_toml("http://127.0.0.1:8080", "supplier"))
        values = table["accounts"]["supplier"]
        assert values.pop("adapter") == "mircate"
        assert MircateAccount(**values) == account

    def test_account_with_two_keys(self) -> None:
        """A key for submits is in the account and its table."""
        sandbox = MircateSandbox(submit_api_key="writes")
        account = sandbox.account("http://h")
        assert (account.api_key, account.submit_api_key) == ("mircate-sandbox-key", "writes")
        assert 'submit_api_key = "writes"' in sandbox.settings_toml("http://h", "supplier")
