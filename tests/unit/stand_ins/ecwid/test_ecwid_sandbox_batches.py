"""The Ecwid stand-in runs batches as the vendor's documents say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.ecwid_calls import Caller, Item, load, price, prices

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox


class TestQueue:
    async def test_words(self, call: Caller, clock: FakeClock) -> None:
        """A batch is QUEUED until an item is done, IN_PROGRESS until all are, then COMPLETED."""
        ticket = await call.submit(prices(3))
        seen = []
        for _ in range(4):
            document = await call.status(ticket)
            seen.append((document["status"], document["completedRequests"]))
            await clock.advance(1.0)
        assert seen == [
            ("QUEUED", 0),
            ("IN_PROGRESS", 1),
            ("IN_PROGRESS", 2),
            ("COMPLETED", 3),
        ]
        assert await call.status(ticket) == load("batch_status_completed_no_responses_2025.json")

    async def test_fifo(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """Batches of a store run one after another, in the order they came."""
        first, second = await call.submit(prices(2)), await call.submit(prices(3))
        await clock.advance(2.5)
        assert (await call.status(second))["status"] == "QUEUED"
        await clock.advance(10.0)
        runs = [(e.ticket, e.item_id, (e.at - clock.now()).seconds) for e in sandbox.executions]
        start = runs[0][2]
        assert [(ticket, item_id, at - start) for ticket, item_id, at in runs] == [
            (first, "p1", 0),
            (first, "p2", 1),
            (second, "p1", 2),
            (second, "p2", 3),
            (second, "p3", 4),
        ]

    async def test_idle_time_is_not_made_up(self, call: Caller, clock: FakeClock) -> None:
        """A batch that meets an empty queue begins when it comes."""
        await call.submit(prices(1))
        await clock.advance(100.0)
        ticket = await call.submit(prices(2))
        await clock.advance(1.0)
        assert (await call.status(ticket))["completedRequests"] == 1

    async def test_parallel(self, call: Caller, clock: FakeClock) -> None:
        """With allowParallelMode a hundred items run at once."""
        ticket = await call.submit(prices(20) * 8, allowParallelMode="true")
        await clock.advance(1.0)
        assert (await call.status(ticket))["completedRequests"] == 100
        await clock.advance(1.0)
        assert (await call.status(ticket))["status"] == "COMPLETED"

    async def test_item_time_of_nothing(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """Items that take no time are done when the create is answered."""
        sandbox.switches.item_time_s = 0.0
        ticket = await call.submit(prices(20))
        assert (await call.status(ticket))["status"] == "COMPLETED"

    async def test_trouble_is_tried_again(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A batch that goes on after failures runs a 5xx item up to five times more, 3 s apart."""
        sandbox.switches.item_5xx = -1
        ticket = await call.submit(prices(1), stopOnFirstFailure="false")
        await clock.advance(15.5)
        assert (await call.status(ticket))["status"] == "QUEUED"
        await clock.advance(0.5)
        assert (await call.status(ticket))["status"] == "COMPLETED"
        assert [e.status for e in sandbox.executions] == [500] * 6

    async def test_trouble_passes(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """An item that succeeds when it is tried again has succeeded."""
        sandbox.switches.item_5xx = 2
        ticket = await call.submit(prices(2), stopOnFirstFailure="false")
        await clock.advance(8.0)
        assert [r["httpStatusCode"] for r in await call.responses(ticket)] == [200, 200]
        assert [e.status for e in sandbox.executions] == [500, 500, 200, 200]

    async def test_a_failed_post_may_run_six_times(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """An item that fails with 500 after its effect has the effect each time it is tried."""
        sandbox.switches.item_5xx = -1
        sandbox.switches.item_5xx_executes = True
        item = {"method": "POST", "path": "/products", "body": {"name": "New"}}
        await call.submit([item], stopOnFirstFailure="false")
        await clock.advance(20.0)
        assert (await call("GET", "/products")).json["total"] == 26


class TestCreate:
    async def test_ticket(self, call: Caller) -> None:
        """The answer has a ticket and nothing else."""
        answer = await call("POST", "/batch", json=load("batch_create_request_2025_docs.json"))
        assert answer.status == 200
        assert answer.json.keys() == load("batch_create_response.json").keys()

    async def test_bad_id(self, call: Caller) -> None:
        """An id of another type than text refuses the whole batch."""
        answer = await call("POST", "/batch", json=[{**price(1), "id": 7}, price(2)])
        assert (answer.status, answer.json) == (400, load("batch_create_error_400.json"))

    @pytest.mark.parametrize(
        "body",
        [
            {"items": []},
            [],
            ["text"],
            [price(1)] * 501,
            [{"path": "/profile"}],
            [{"path": "/profile", "method": "PATCH"}],
            [{"path": "/profile", "method": "get"}],
            [{"method": "GET"}],
            [{"method": "GET", "path": 7}],
        ],
    )
    async def test_bad_body(self, call: Caller, sandbox: EcwidSandbox, body: Any) -> None:
        """What is no array of 1 to 500 items is refused whole."""
        answer = await call("POST", "/batch", json=body)
        assert answer.status == 400
        assert answer.json.keys() == {"error_message"}
        assert (await call("GET", "/batch")).json == {"items": []}

    async def test_no_json(self, call: Caller) -> None:
        """A body that is no JSON is refused."""
        headers = {"Content-Type": "application/json"}
        for body in (b"[", b"\xff", b"[NaN]", b"[" * 100_000):
            answer = await call("POST", "/batch", data=body, headers=headers)
            assert answer.status == 400

    async def test_most_items(self, call: Caller) -> None:
        """Five hundred items are taken."""
        await call.submit([price(1)] * 500)

    async def test_content_type(self, call: Caller) -> None:
        """A create that is not declared as JSON is answered 415."""
        body = json.dumps(prices(1))
        answer = await call("POST", "/batch", data=body, headers={"Content-Type": "text/plain"})
        assert answer.status == 415

    @pytest.mark.parametrize("name", ["stopOnFirstFailure", "allowParallelMode"])
    @pytest.mark.parametrize("text", ["True", "False", "1", ""])
    async def test_flags(self, call: Caller, name: str, text: str) -> None:
        """Flags are true or false, in lower case."""
        answer = await call("POST", "/batch", json=prices(1), params={name: text})
        assert answer.status == 400

    async def test_dedup(self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock) -> None:
        """For an hour the same deduplicationKey gets the first ticket, and nothing runs again."""
        first = await call.submit(prices(2), deduplicationKey="k")
        await clock.advance(3599.0)
        assert await call.submit(prices(2), deduplicationKey="k") == first
        assert await call.submit(prices(2), deduplicationKey="other") != first
        await clock.advance(1.0)
        assert await call.submit(prices(2), deduplicationKey="k") != first
        await clock.advance(10.0)
        assert len(sandbox.executions) == 6

    async def test_wrong_method(self, call: Caller) -> None:
        """The batch calls take no other methods."""
        assert (await call("PUT", "/batch")).status == 405
        assert (await call("GET", "/batch/cancel-group")).status == 405


class TestItems:
    async def run(self, call: Caller, clock: FakeClock, *items: Item) -> list[tuple[int, Any]]:
        ticket = await call.submit([*items], stopOnFirstFailure="false")
        await clock.advance(len(items) + 0.0)
        return [
            (r["httpStatusCode"], json.loads(r["escapedHttpBody"]))
            for r in await call.responses(ticket)
        ]

    async def test_products(self, call: Caller, clock: FakeClock) -> None:
        """Products can be read, made, changed and deleted, with or without a leading slash."""
        got = await self.run(
            call,
            clock,
            {"method": "POST", "path": "/products", "body": {"name": "New", "price": 1}},
            {"method": "PUT", "path": "products/21", "body": {"price": 2.5}},
            {"method": "GET", "path": "/products/21"},
            {"method": "DELETE", "path": "/products/21"},
            {"method": "GET", "path": "/products/21", "body": ""},
        )
        assert [status for status, _ in got] == [200, 200, 200, 200, 404]
        bodies = [body for _, body in got]
        assert bodies[:2] == [{"id": 21}, {"updateCount": 1}]
        assert (bodies[2]["name"], bodies[2]["price"]) == ("New", 2.5)
        assert bodies[3] == {"deleteCount": 1}
        assert bodies[4].keys() == {"errorMessage", "errorCode"}

    async def test_wrong_products(self, call: Caller, clock: FakeClock) -> None:
        """A price of a wrong type is 400; a negative one, and a sku that is taken, are 409."""
        new = {"method": "POST", "path": "/products"}
        got = await self.run(
            call,
            clock,
            price(1, "5"),
            price(1, True),
            price(1, -1),
            price("one"),
            {**new, "body": {"name": "New", "sku": "SKU-1"}},
            {**new, "body": {"price": 1}},
            {**new, "body": [1]},
            {**new, "body": "{"},
            {**new, "body": '{"name": "Text"}'},
        )
        assert [status for status, _ in got] == [400, 400, 409, 404, 409, 400, 400, 400, 200]

    async def test_orders_and_profile(self, call: Caller, clock: FakeClock) -> None:
        """Orders are real ones, found by any of their names and searched page by page."""
        got = await self.run(
            call,
            clock,
            {"method": "GET", "path": "/orders/K8XTQ"},
            {"method": "GET", "path": "/orders/1028"},
            {"method": "GET", "path": "/orders?limit=1&offset=1"},
            {"method": "GET", "path": "/profile"},
            {"method": "GET", "path": "/orders/NONE"},
        )
        assert [status for status, _ in got] == [200, 200, 200, 200, 404]
        assert got[0][1] == load("order_get_K8XTQ_2025.json")
        assert got[1][1] == load("order_get_2019.json")
        search = got[2][1]
        assert search.keys() == load("orders_search_EBJFT_2025.json").keys()
        assert (search["total"], search["count"], search["items"][0]["id"]) == (3, 1, "EBJFT")
        assert got[3][1]["generalInfo"]["storeId"] == 1003

    async def test_form_decoding(self, call: Caller, clock: FakeClock) -> None:
        """Paths and queries are decoded like forms: a plus sign must be written %2B."""
        new = {"method": "POST", "path": "/products", "body": {"name": "N", "sku": "A+B C"}}
        wrong = {"method": "GET", "path": "/products?sku=A+B+C"}
        right = {"method": "GET", "path": "/products?sku=A%2BB+C"}
        got = await self.run(call, clock, new, wrong, right)
        assert [body["total"] for _, body in got[1:]] == [0, 1]

    async def test_elsewhere(self, call: Caller, clock: FakeClock) -> None:
        """Paths the sandbox does not have are 404, wrong methods 405, wrong paging 400."""
        got = await self.run(
            call,
            clock,
            {"method": "POST", "path": "/batch", "body": prices(1)},
            {"method": "GET", "path": "/"},
            {"method": "DELETE", "path": "/profile"},
            {"method": "POST", "path": "/products/1", "body": {}},
            {"method": "GET", "path": "/orders?limit=x"},
        )
        assert [status for status, _ in got] == [404, 404, 405, 405, 400]

    async def test_outside_a_batch(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """The same calls work outside a batch, at once."""
        assert (await call("PUT", "/products/3", json={"price": 8})).json == {"updateCount": 1}
        assert (await call("GET", "/products/3")).json["price"] == 8
        assert [(e.ticket, e.status) for e in sandbox.executions] == [(None, 200)] * 2
