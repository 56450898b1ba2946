"""The Ecwid stand-in misbehaves as it is told to."""

from __future__ import annotations

import json

import aiohttp
import pytest
from support.ecwid_calls import Caller, price, prices

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox


class TestFaults:
    async def test_lost_submit_answers(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A create whose answer is lost has run; asked again with its key it gives the ticket."""
        sandbox.switches.lost_submit_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(prices(2), deduplicationKey="k")
        assert [(e.method, e.status) for e in sandbox.journal] == [("POST", 0)]
        await call.submit(prices(2), deduplicationKey="k")
        await clock.advance(10.0)
        assert len(sandbox.executions) == 2

    async def test_ticket_id_param(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """With the switch a ticket must be named ticketId, without it ticket."""
        ticket = await call.submit(prices(1), groupId="g")

        async def ask(name: str) -> int:
            return (await call("GET", "/batch", params={name: ticket})).status

        assert (await ask("ticket"), await ask("ticketId")) == (200, 400)
        sandbox.switches.ticket_id_param = True
        assert (await ask("ticket"), await ask("ticketId")) == (400, 200)
        path = "/batch/cancel-group"
        assert (await call("POST", path, params={"groupId": "g"})).status == 400
        params = {"groupId": "g", "ticketId": ticket}
        assert (await call("POST", path, params=params)).status == 200
        assert (await call("DELETE", "/batch", params={"ticket": ticket})).status == 400
        assert (await call("DELETE", "/batch", params={"ticketId": ticket})).status == 200


class TestDistortedDocuments:
    @pytest.fixture
    async def ticket(self, call: Caller, clock: FakeClock) -> str:
        ticket = await call.submit([*prices(4), price(999, item_id="bad"), *prices(5)[4:]])
        await clock.advance(10.0)
        return ticket

    @pytest.mark.parametrize(
        ("switch", "value", "ids"),
        [
            ("missing_responses", 2, ["p3", "p4", "bad", "p5"]),
            ("missing_responses", -1, []),
            ("drop_ids", 1, [None, "p2", "p3", "p4", "bad", "p5"]),
            ("drop_ids", -1, [None] * 6),
            ("double_ids", 1, ["p1", "p2", "p3", "p4", "bad", "p5", "p1"]),
            ("foreign_ids", 1, ["p1", "p2", "p3", "p4", "bad", "p5", "foreign-1"]),
        ],
    )
    async def test_ids(
        self, call: Caller, ticket: str, switch: str, value: int, ids: list[str | None]
    ) -> None:
        """Items can be missing, nameless, doubled or invented: the same in each answer."""
        await call.control("PUT", "/switches", json={switch: value})
        for _ in range(2):
            assert [r.get("id") for r in await call.responses(ticket)] == ids

    async def test_shuffle(self, call: Caller, sandbox: EcwidSandbox, ticket: str) -> None:
        """Responses can come in another order: the same in each answer."""
        straight = await call.responses(ticket)
        sandbox.switches.shuffle_responses = True
        shuffled = await call.responses(ticket)
        assert shuffled != straight
        assert sorted(r["id"] for r in shuffled) == sorted(r["id"] for r in straight)
        assert await call.responses(ticket) == shuffled

    async def test_no_responses(self, call: Caller, sandbox: EcwidSandbox, ticket: str) -> None:
        """COMPLETED can come without responses although they were asked for."""
        sandbox.switches.no_responses = 1
        assert "responses" not in await call.status(ticket, escapedJson="true")
        assert len(await call.responses(ticket)) == 6

    async def test_completed_not_run(
        self, call: Caller, sandbox: EcwidSandbox, ticket: str
    ) -> None:
        """An item that did not run can read COMPLETED, with another code than 200."""
        sandbox.switches.completed_not_run = True
        last = (await call.responses(ticket))[-1]
        assert (last["status"], last["httpStatusCode"]) == ("COMPLETED", 0)

    async def test_non_json_bodies(self, call: Caller, sandbox: EcwidSandbox, ticket: str) -> None:
        """The body of a failed item can be no JSON."""
        sandbox.switches.non_json_bodies = True
        bodies = {r["id"]: r.get("escapedHttpBody") for r in await call.responses(ticket)}
        assert bodies["p1"] == '{"updateCount": 1}'
        with pytest.raises(ValueError):
            json.loads(bodies["bad"])

    async def test_http_code_key(self, call: Caller, sandbox: EcwidSandbox, ticket: str) -> None:
        """An item's code can be named as one documented template has it."""
        sandbox.switches.http_code_key = True
        codes = [r.get("httpCode") for r in await call.responses(ticket)]
        assert codes == [200, 200, 200, 200, 404, None]

    async def test_unknown_word(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A word nobody documented can stand for IN_PROGRESS."""
        sandbox.switches.unknown_word = "PAUSED"
        ticket = await call.submit(prices(2))
        words = []
        for _ in range(3):
            words.append((await call.status(ticket))["status"])
            await clock.advance(1.0)
        assert words == ["QUEUED", "PAUSED", "COMPLETED"]

    @pytest.mark.parametrize("count", [1, 2])
    async def test_never_ends(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock, count: int
    ) -> None:
        """A batch can stay IN_PROGRESS before its last item, until the switch is set back."""
        sandbox.switches.never_ends = True
        ticket = await call.submit(prices(count))
        await clock.advance(10_000.0)
        document = await call.status(ticket)
        assert (document["status"], document["completedRequests"]) == ("IN_PROGRESS", count - 1)
        sandbox.switches.never_ends = False
        assert (await call.status(ticket))["status"] == "COMPLETED"
        assert sandbox.executions[-1].at == clock.now()
