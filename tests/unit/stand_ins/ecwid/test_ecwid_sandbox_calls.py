"""The Ecwid stand-in answers status calls, cancels, and who calls too often."""

from __future__ import annotations

import json

import pytest
from support.ecwid_calls import Caller, load, price, prices

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox


class TestStatus:
    async def test_unknown_ticket(self, call: Caller) -> None:
        """A ticket nobody gave out is answered 404."""
        answer = await call("GET", "/batch", params={"ticket": "none"})
        assert answer.status == 404
        assert answer.json["errorMessage"] == "Ticket not found"

    async def test_newer_generation(self, call: Caller, clock: FakeClock) -> None:
        """In 2025 there are responses only for escapedJson=true, and null until the end."""
        ticket = await call.submit(prices(2))
        await clock.advance(1.0)
        assert (await call.status(ticket, escapedJson="true"))["responses"] is None
        await clock.advance(1.0)
        assert "responses" not in await call.status(ticket)
        assert await call.responses(ticket) == [
            {
                "id": item_id,
                "escapedHttpBody": '{"updateCount": 1}',
                "httpStatusCode": 200,
                "httpStatusLine": "OK",
                "status": "COMPLETED",
            }
            for item_id in ("p1", "p2")
        ]

    async def test_older_generation(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """In 2019 there always are responses, of the items that are done, as JSON unless asked."""
        sandbox.switches.generation = 2019
        ticket = await call.submit(prices(2))
        assert (await call.status(ticket))["responses"] is None
        await clock.advance(1.0)
        document = await call.status(ticket)
        real = load("batch_status_completed_full_2019.json")
        assert document.keys() == real.keys()
        assert document["responses"][0].keys() == real["responses"][0].keys()
        assert [r["httpBody"] for r in document["responses"]] == [{"updateCount": 1}]
        escaped = await call.status(ticket, escapedJson="true")
        assert [r["escapedHttpBody"] for r in escaped["responses"]] == ['{"updateCount": 1}']

    async def test_stop_on_first_failure(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """Unless told otherwise a batch stops at its first failure; the rest has no code."""
        ticket = await call.submit([*prices(1), price(999, item_id="bad"), *prices(2)[1:]])
        await clock.advance(2.0)
        good, bad, rest = await call.responses(ticket)
        assert good["status"] == "COMPLETED"
        assert (bad["status"], bad["httpStatusCode"]) == ("FAILED", 404)
        assert bad["httpStatusLine"] == json.loads(bad["escapedHttpBody"])["errorMessage"]
        assert rest == {"id": "p2", "status": "NOT_EXECUTED"}
        assert len(sandbox.executions) == 2

    async def test_keep_going(self, call: Caller, clock: FakeClock) -> None:
        """With stopOnFirstFailure=false every item runs."""
        items = [price(999), *prices(1)]
        ticket = await call.submit(items, stopOnFirstFailure="false")
        await clock.advance(2.0)
        responses = await call.responses(ticket)
        assert [r["status"] for r in responses] == ["FAILED", "COMPLETED"]
        assert "id" not in responses[0]

    async def test_list(self, call: Caller, clock: FakeClock) -> None:
        """The list is searched by status, page by page, and says nothing of groups or keys."""
        tickets = [await call.submit(prices(1), groupId="g") for _ in range(3)]
        await clock.advance(1.0)
        answer = await call("GET", "/batch", params={"status": "COMPLETED"})
        assert answer.json == {"items": [{"ticket": tickets[0], "status": "COMPLETED"}]}
        assert answer.json["items"][0].keys() == (
            load("batch_search_by_status_2025.json")["items"][0].keys()
        )
        page = (await call("GET", "/batch", params={"limit": "1", "offset": "2"})).json["items"]
        assert [entry["ticket"] for entry in page] == tickets[2:]


class TestCancel:
    async def test_group(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """A cancelled group runs no further; what ran stays readable, other groups go on."""
        running = await call.submit(prices(3), groupId="g")
        queued = await call.submit(prices(1), groupId="g")
        other = await call.submit(prices(1), groupId="h")
        await clock.advance(1.0)
        answer = await call("POST", "/batch/cancel-group", params={"groupId": "g"})
        assert answer.json == {"updateCount": 2}
        words = [r["status"] for r in await call.responses(running)]
        assert words == ["COMPLETED", "NOT_EXECUTED", "NOT_EXECUTED"]
        assert [r["status"] for r in await call.responses(queued)] == ["NOT_EXECUTED"]
        await clock.advance(1.0)
        assert (await call.status(other))["status"] == "COMPLETED"
        again = await call("POST", "/batch/cancel-group", params={"groupId": "g"})
        assert again.json == {"updateCount": 0}
        assert len(sandbox.executions) == 2

    async def test_group_is_needed(self, call: Caller) -> None:
        """A group that is not named is answered 400."""
        assert (await call("POST", "/batch/cancel-group")).status == 400

    @pytest.mark.parametrize("name", ["ticket", "ticketId"])
    async def test_delete(self, call: Caller, clock: FakeClock, name: str) -> None:
        """In 2025 a delete stops a running batch and forgets it, results and all."""
        ticket = await call.submit(prices(3))
        await clock.advance(1.0)
        answer = await call("DELETE", "/batch", params={name: ticket})
        assert answer.json == {"deleteCount": 1}
        assert (await call("GET", "/batch", params={"ticket": ticket})).status == 404

    async def test_delete_in_2019(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """In 2019 a delete takes away only what has not begun."""
        sandbox.switches.generation = 2019
        running, queued = await call.submit(prices(3)), await call.submit(prices(3))
        await clock.advance(1.0)
        counts = [
            (await call("DELETE", "/batch", params={"ticket": ticket})).json["deleteCount"]
            for ticket in (running, queued)
        ]
        assert counts == [0, 1]
        await clock.advance(10.0)
        assert {e.ticket for e in sandbox.executions} == {running}


class TestLimits:
    async def test_wrong_credentials(self, call: Caller) -> None:
        """A wrong token and a wrong store are answered 403."""
        call.token = "secret_other"
        assert (await call("GET", "/batch")).status == 403
        call.token, call.store_id = "secret_sandbox", 1004
        assert (await call("GET", "/batch")).status == 403

    async def test_rate_limit(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """One request too many in 60 seconds brings 429, with the seconds to stay away."""
        sandbox.switches.requests_per_minute = 3
        assert [(await call("GET", "/batch")).status for _ in range(3)] == [200] * 3
        answer = await call("GET", "/batch")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
        await clock.advance(60.0)
        assert (await call("GET", "/batch")).status == 200
        assert sandbox.knocks == 0

    async def test_window_slides(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """Any 60 seconds count, not those of the clock's minutes."""
        sandbox.switches.requests_per_minute = 2
        await call("GET", "/batch")
        await clock.advance(40.0)
        await call("GET", "/batch")
        await clock.advance(30.0)
        assert (await call("GET", "/batch")).status == 200
        assert (await call("GET", "/batch")).status == 429

    async def test_penalty(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """Who knocks more than 20 times in a minute of a block is blocked twice as long."""
        sandbox.switches.answer_429 = 1
        await call("GET", "/batch")
        await clock.advance(50.0)
        waits = [(await call("GET", "/batch")).headers["Retry-After"] for _ in range(21)]
        assert waits == ["10"] * 20 + ["120"]
        assert sandbox.knocks == 21
        for _ in range(21 * 8):
            answer = await call("GET", "/batch")
        assert answer.headers["Retry-After"] == "3600"
