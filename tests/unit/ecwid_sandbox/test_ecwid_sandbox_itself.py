"""The Ecwid stand-in as a server: its journal, its chance, its account."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import aiohttp
from support.ecwid_calls import Caller, prices

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox


class TestSandbox:
    def test_every_rate_has_its_times(self) -> None:
        """A rate belongs to the switch it is named after."""
        names = {info.name for info in EcwidSandbox.describe_switches()}
        assert {n.removesuffix("_rate") for n in names if n.endswith("_rate")} <= names

    async def test_same_seed_same_story(self, session: aiohttp.ClientSession) -> None:
        """The same calls get the same answers from a sandbox with the same seed."""

        async def tell() -> list[Any]:
            clock = FakeClock()
            sandbox = EcwidSandbox(clock=clock, seed=7)
            sandbox.change_switches({"answer_5xx_rate": 0.4, "shuffle_responses": True})
            async with sandbox.running() as url:
                call = Caller(session, sandbox, url)
                ticket = await call.create(prices(10))
                await clock.advance(10.0)
                params = {"ticket": ticket, "escapedJson": "true"}
                return [(await call("GET", "/batch", params=params)).text for _ in range(9)]

        assert await tell() == await tell()

    async def test_journal(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """The journal over HTTP holds all requests and executions, and not itself."""
        ticket = await call.create(prices(1), groupId="g")
        await clock.advance(1.0)
        journal = (await call.control("GET", "/journal")).json
        assert journal == (await call.control("GET", "/journal")).json
        assert journal["knocks"] == 0
        [request] = journal["requests"]
        assert json.loads(request.pop("body")) == prices(1)
        assert request == {
            "at": "2026-01-01T00:00:00+00:00",
            "method": "POST",
            "path": "/api/v3/1003/batch",
            "query": {"groupId": "g"},
            "status": 200,
            "note": None,
        }
        assert journal["executions"] == [
            {
                "at": "2026-01-01T00:00:01+00:00",
                "ticket": ticket,
                "item_id": "p1",
                "method": "PUT",
                "path": "/products/1",
                "body": {"price": 5.5},
                "status": 200,
            }
        ]

    async def test_everything_is_journaled(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """Refused requests and requests to nowhere are in the journal too."""
        await call("GET", "/", root="/elsewhere")
        call.token = "secret_other"
        await call("GET", "/batch")
        assert [entry.status for entry in sandbox.journal] == [404, 403]
        assert "secret_other" not in repr(sandbox.journal)

    async def test_state_survives_a_stop(
        self, sandbox: EcwidSandbox, session: aiohttp.ClientSession, clock: FakeClock
    ) -> None:
        """A sandbox that is stopped and started is a vendor that was away: it forgot nothing."""
        async with sandbox.running() as url:
            ticket = await Caller(session, sandbox, url).create(prices(2))
        await clock.advance(2.0)
        async with sandbox.running() as url:
            assert len(await Caller(session, sandbox, url).responses(ticket)) == 2

    def test_demo_items(self, sandbox: EcwidSandbox) -> None:
        """Demo items have unique ids and are the same each time."""
        items = [*sandbox.demo_items(100)]
        assert items == [*sandbox.demo_items(100)]
        assert len({item.id for item in items}) == 100

    async def test_demo_items_fail_in_part(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A few demo items fail, each for another reason."""
        items = [{"id": item.id, **item.payload} for item in sandbox.demo_items(100)]
        ticket = await call.create(items, stopOnFirstFailure="false")
        await clock.advance(100.0)
        codes = [r["httpStatusCode"] for r in await call.responses(ticket)]
        assert [code for code in codes if code != 200] == [404, 400, 409, 404]

    def test_account(self, sandbox: EcwidSandbox) -> None:
        """The account reaches the sandbox, and its table is what a user pastes."""
        account = sandbox.account("http://127.0.0.1:8080")
        assert account.lane == "ecwid:1003"
        table = sandbox.settings_toml("http://127.0.0.1:8080", "shop one")
        assert tomllib.loads(table) == {
            "accounts": {
                "shop one": {
                    "adapter": "ecwid",
                    "store_id": 1003,
                    "token": "secret_sandbox",
                    "base_url": "http://127.0.0.1:8080",
                }
            }
        }
        assert sandbox.settings_toml("http://h", "shop").startswith("[accounts.shop]\n")
