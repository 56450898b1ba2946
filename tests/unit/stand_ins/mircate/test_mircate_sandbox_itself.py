"""The Mircate stand-in as a server: its journal, its chance, its account."""

from __future__ import annotations

import aiohttp
from support.mircate_calls import (
    Caller,
)

from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox


class TestSandbox:
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

    def test_account_with_two_keys(self) -> None:
        """A key for submits is in the account and its table."""
        sandbox = MircateSandbox(submit_api_key="writes")
        account = sandbox.account("http://h")
        assert (account.api_key, account.submit_api_key) == ("mircate-sandbox-key", "writes")
        assert 'submit_api_key = "writes"' in sandbox.settings_toml("http://h", "supplier")
