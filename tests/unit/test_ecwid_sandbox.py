"""The Ecwid stand-in keeps to the vendor's documents, and misbehaves as it is told to."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import frozen

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ecwid"
Item = dict[str, Any]


@frozen(kw_only=True)
class Answer:
    """An answer, read to its end."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)


class Caller:
    """Calls the sandbox as a client would, on a new connection each time."""

    def __init__(self, session: aiohttp.ClientSession, sandbox: EcwidSandbox, url: str) -> None:
        self._session = session
        self._sandbox = sandbox
        self.url = url
        self.token = sandbox.token
        self.store_id: Any = sandbox.store_id

    async def __call__(self, method: str, path: str, *, root: str = "", **kwargs: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        url = f"{self.url}{root or f'/api/v3/{self.store_id}'}{path}"
        async with self._session.request(method, url, headers=headers, **kwargs) as response:
            text = await response.text()
            return Answer(status=response.status, text=text, headers=dict(response.headers))

    async def create(self, items: list[Item], **params: str) -> str:
        answer = await self("POST", "/batch", json=items, params=params)
        assert answer.status == 200, answer.text
        ticket: str = answer.json["ticket"]
        return ticket

    async def status(self, ticket: str, **params: str) -> Any:
        answer = await self("GET", "/batch", params={"ticket": ticket, **params})
        assert answer.status == 200, answer.text
        return answer.json

    async def responses(self, ticket: str) -> list[Any]:
        document = await self.status(ticket, escapedJson="true")
        assert document["status"] == "COMPLETED"
        responses: list[Any] = document["responses"]
        return responses

    async def control(self, method: str, path: str, **kwargs: Any) -> Answer:
        return await self(method, path, root="/_sandbox", **kwargs)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> EcwidSandbox:
    sandbox = EcwidSandbox(clock=clock, products=20)
    sandbox.switches.item_time_s = 1.0
    return sandbox


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        # aiohttp would send a GET again by itself when its connection is cut.
        session._retry_connection = False
        yield session


@pytest.fixture
async def call(sandbox: EcwidSandbox, session: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield Caller(session, sandbox, url)


def price(number: Any, value: Any = 5.5, item_id: str | None = None) -> Item:
    item = {"method": "PUT", "path": f"/products/{number}", "body": {"price": value}}
    return item if item_id is None else {"id": item_id, **item}


def prices(count: int) -> list[Item]:
    return [price(number, item_id=f"p{number}") for number in range(1, count + 1)]


def load(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text())


class TestQueue:
    async def test_words(self, call: Caller, clock: FakeClock) -> None:
        """A batch is QUEUED until an item is done, IN_PROGRESS until all are, then COMPLETED."""
        ticket = await call.create(prices(3))
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
        first, second = await call.create(prices(2)), await call.create(prices(3))
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
        await call.create(prices(1))
        await clock.advance(100.0)
        ticket = await call.create(prices(2))
        await clock.advance(1.0)
        assert (await call.status(ticket))["completedRequests"] == 1

    async def test_parallel(self, call: Caller, clock: FakeClock) -> None:
        """With allowParallelMode a hundred items run at once."""
        ticket = await call.create(prices(20) * 8, allowParallelMode="true")
        await clock.advance(1.0)
        assert (await call.status(ticket))["completedRequests"] == 100
        await clock.advance(1.0)
        assert (await call.status(ticket))["status"] == "COMPLETED"

    async def test_item_time_of_nothing(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """Items that take no time are done when the create is answered."""
        sandbox.switches.item_time_s = 0.0
        ticket = await call.create(prices(20))
        assert (await call.status(ticket))["status"] == "COMPLETED"

    async def test_trouble_is_tried_again(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A batch that goes on after failures runs a 5xx item up to five times more, 3 s apart."""
        sandbox.switches.item_5xx = -1
        ticket = await call.create(prices(1), stopOnFirstFailure="false")
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
        ticket = await call.create(prices(2), stopOnFirstFailure="false")
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
        await call.create([item], stopOnFirstFailure="false")
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
        await call.create([price(1)] * 500)

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
        first = await call.create(prices(2), deduplicationKey="k")
        await clock.advance(3599.0)
        assert await call.create(prices(2), deduplicationKey="k") == first
        assert await call.create(prices(2), deduplicationKey="other") != first
        await clock.advance(1.0)
        assert await call.create(prices(2), deduplicationKey="k") != first
        await clock.advance(10.0)
        assert len(sandbox.executions) == 6

    async def test_wrong_method(self, call: Caller) -> None:
        """The batch calls take no other methods."""
        assert (await call("PUT", "/batch")).status == 405
        assert (await call("GET", "/batch/cancel-group")).status == 405


class TestItems:
    async def run(self, call: Caller, clock: FakeClock, *items: Item) -> list[tuple[int, Any]]:
        ticket = await call.create([*items], stopOnFirstFailure="false")
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


class TestStatus:
    async def test_unknown_ticket(self, call: Caller) -> None:
        """A ticket nobody gave out is answered 404."""
        answer = await call("GET", "/batch", params={"ticket": "none"})
        assert answer.status == 404
        assert answer.json["errorMessage"] == "Ticket not found"

    async def test_newer_generation(self, call: Caller, clock: FakeClock) -> None:
        """In 2025 there are responses only for escapedJson=true, and null until the end."""
        ticket = await call.create(prices(2))
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
        ticket = await call.create(prices(2))
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
        ticket = await call.create([*prices(1), price(999, item_id="bad"), *prices(2)[1:]])
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
        ticket = await call.create(items, stopOnFirstFailure="false")
        await clock.advance(2.0)
        responses = await call.responses(ticket)
        assert [r["status"] for r in responses] == ["FAILED", "COMPLETED"]
        assert "id" not in responses[0]

    async def test_list(self, call: Caller, clock: FakeClock) -> None:
        """The list is searched by status, page by page, and says nothing of groups or keys."""
        tickets = [await call.create(prices(1), groupId="g") for _ in range(3)]
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
        running = await call.create(prices(3), groupId="g")
        queued = await call.create(prices(1), groupId="g")
        other = await call.create(prices(1), groupId="h")
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
        ticket = await call.create(prices(3))
        await clock.advance(1.0)
        answer = await call("DELETE", "/batch", params={name: ticket})
        assert answer.json == {"deleteCount": 1}
        assert (await call("GET", "/batch", params={"ticket": ticket})).status == 404

    async def test_delete_in_2019(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """In 2019 a delete takes away only what has not begun."""
        sandbox.switches.generation = 2019
        running, queued = await call.create(prices(3)), await call.create(prices(3))
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

    async def test_revoked_token(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """A token is refused after so many calls, and taken again when the switch is set back."""
        sandbox.switches.revoke_after = 2
        assert [(await call("GET", "/batch")).status for _ in range(4)] == [200, 200, 403, 403]
        sandbox.switches.revoke_after = -1
        assert (await call("GET", "/batch")).status == 200


class TestFaults:
    async def test_lost_create_answers(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A create whose answer is lost has run; asked again with its key it gives the ticket."""
        sandbox.switches.lost_create_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.create(prices(2), deduplicationKey="k")
        assert [(e.method, e.status) for e in sandbox.journal] == [("POST", 0)]
        await call.create(prices(2), deduplicationKey="k")
        await clock.advance(10.0)
        assert len(sandbox.executions) == 2

    async def test_cut_before_create(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """A create that is cut before it is looked at has run nothing."""
        sandbox.switches.cut_before_create = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.create(prices(2))
        await clock.advance(10.0)
        assert sandbox.executions == []
        await call.create(prices(2))

    @pytest.mark.parametrize("executes", [True, False])
    async def test_create_5xx(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock, executes: bool
    ) -> None:
        """A create answered 500 has run or not, as the switch says."""
        sandbox.switches.create_5xx = 1
        sandbox.switches.create_5xx_executes = executes
        assert (await call("POST", "/batch", json=prices(2))).status == 500
        await clock.advance(10.0)
        assert len(sandbox.executions) == (2 if executes else 0)

    async def test_status_troubles(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """Status calls can be cut, answered 5xx, or answered 404; then all is well again."""
        ticket = await call.create(prices(1))
        sandbox.switches.cut_polls = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.status(ticket)
        sandbox.switches.answer_5xx = 3
        sandbox.switches.forget_tickets = 1
        answers = [await call("GET", "/batch", params={"ticket": ticket}) for _ in range(5)]
        assert [answer.status for answer in answers] == [500, 502, 503, 404, 200]

    async def test_html_error(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """A proxy's page is HTML of any status, and nothing runs."""
        sandbox.switches.html_error = 2
        for status in (502, 200):
            sandbox.switches.html_error_status = status
            answer = await call("POST", "/batch", json=prices(1))
            assert answer.status == status
            assert answer.headers["Content-Type"].startswith("text/html")
        assert (await call("GET", "/batch")).json == {"items": []}

    async def test_cut_json(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """An answer whose JSON breaks off is whole to HTTP."""
        sandbox.switches.cut_json = 1
        answer = await call("POST", "/batch", json=prices(1))
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(answer.text)
        with pytest.raises(ValueError):
            json.loads(answer.text)

    async def test_answer_delay(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """An answer is held back for so many seconds of the clock."""
        sandbox.switches.answer_delay_s = 30.0
        async with clock.running():
            await call.create(prices(1))
        assert clock.monotonic() == 30.0

    async def test_ticket_id_param(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """With the switch a ticket must be named ticketId, without it ticket."""
        ticket = await call.create(prices(1), groupId="g")

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
        ticket = await call.create([*prices(4), price(999, item_id="bad"), *prices(5)[4:]])
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
        ticket = await call.create(prices(2))
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
        ticket = await call.create(prices(count))
        await clock.advance(10_000.0)
        document = await call.status(ticket)
        assert (document["status"], document["completedRequests"]) == ("IN_PROGRESS", count - 1)
        sandbox.switches.never_ends = False
        assert (await call.status(ticket))["status"] == "COMPLETED"
        assert sandbox.executions[-1].at == clock.now()


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
