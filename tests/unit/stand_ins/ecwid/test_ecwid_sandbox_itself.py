"""The Ecwid stand-in as a server: its journal, its chance, its account."""

from __future__ import annotations

import json

from support.ecwid_calls import Caller, prices

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox


class TestSandbox:
    async def test_journal(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """The journal over HTTP holds all requests and executions, and not itself."""
        ticket = await call.submit(prices(1), groupId="g")
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
            "host": "",
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

    async def test_demo_items_fail_in_part(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A few demo items fail, each for another reason."""
        items = [{"id": item.id, **item.payload} for item in sandbox.demo_items(100)]
        ticket = await call.submit(items, stopOnFirstFailure="false")
        await clock.advance(100.0)
        codes = [r["httpStatusCode"] for r in await call.responses(ticket)]
        assert [code for code in codes if code != 200] == [404, 409, 409, 404]
