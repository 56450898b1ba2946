"""The Mircate stand-in keeps to the little that is published, and misbehaves as it is told to."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from attrs import frozen
from yarl import URL

from batchhub.sandbox import KNOCK
from batchhub.testing import FakeClock
from batchhub_mircate.account import MircateAccount
from batchhub_mircate.sandbox import MircateSandbox

PRICE = "MerchantStockPriceImporter/receivePrice/m-1"
STOCK = "MerchantStockPriceImporter/receiveStock/m-1"
UPSERT = "PIMAPI/bulkUpsertProduct/5p1hp1d2t"
STATUS = "MerchantImportJob/checkBatchStatus"
PIM_STATUS = "PIMAPI/checkBatchStatus"
NOT_FOUND = {"code": "RECORD_NOT_FOUND", "message": "Record Not Found"}
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

    def __init__(self, session: aiohttp.ClientSession, sandbox: MircateSandbox, url: str) -> None:
        self._session = session
        self.sandbox = sandbox
        self.url = url
        self.key = sandbox.api_key
        self.project = sandbox.project_id

    async def __call__(self, method: str, path: str, **kwargs: Any) -> Answer:
        return await self.raw(method, f"/{self.project}/CALL/{path}", **kwargs)

    async def raw(self, method: str, path: str, **kwargs: Any) -> Answer:
        headers = {"x-api-key": self.key, **kwargs.pop("headers", {})}
        url = URL(f"{self.url}{path}", encoded=True)
        async with self._session.request(method, url, headers=headers, **kwargs) as response:
            text = await response.text()
            return Answer(status=response.status, text=text, headers=dict(response.headers))

    async def submit(self, items: list[Item], path: str = PRICE, **body: Any) -> str:
        answer = await self("POST", path, json={"products": items, **body})
        assert answer.status == 200, answer.text
        batch_id: str = answer.json["batchId"]
        return batch_id

    async def ask(self, batch_id: str, path: str = STATUS, method: str = "GET") -> Answer:
        return await self(method, f"{path}/{quote(batch_id, safe='')}")

    async def status(self, batch_id: str) -> Any:
        answer = await self.ask(batch_id)
        assert answer.status == 200, answer.text
        return answer.json


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(clock: FakeClock) -> MircateSandbox:
    sandbox = MircateSandbox(clock=clock, products=20)
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
async def call(sandbox: MircateSandbox, session: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with sandbox.running() as url:
        yield Caller(session, sandbox, url)


def price(sku: str, value: Any = 5.5) -> Item:
    return {"sku": sku, "price": value}


def prices(count: int) -> list[Item]:
    return [price(f"A-{number}") for number in range(1, count + 1)]


class TestBatches:
    async def test_story(self, call: Caller, clock: FakeClock) -> None:
        """A batch is QUEUED until an item is done, RUNNING until all are, then DONE."""
        batch_id = await call.submit([*prices(3), price("B-1")])
        seen = []
        for _ in range(5):
            seen.append(await call.status(batch_id))
            await clock.advance(1.0)
        assert [
            (s["batchStatus"], s["successCount"], s["failCount"], s["ratio"]) for s in seen
        ] == [
            ("QUEUED", 0, 0, "0%"),
            ("RUNNING", 1, 0, "25%"),
            ("RUNNING", 2, 0, "50%"),
            ("RUNNING", 3, 0, "75%"),
            ("DONE", 3, 1, "100%"),
        ]
        assert [s["failedProducts"] for s in seen[3:]] == [
            [],
            [{"sku": "B-1", "message": "product not found"}],
        ]
        assert seen[0] | {"pushPriceFrequency": 0, "bulkOperationType": "PRICE"} == seen[0]

    @pytest.mark.parametrize("frequency", [1, 10])
    async def test_frequency(self, call: Caller, clock: FakeClock, frequency: int) -> None:
        """`frequency` is the seconds between two items, and is told in the status."""
        batch_id = await call.submit(prices(5), frequency=frequency)
        await clock.advance(5.0 + 4 * frequency - 0.1)
        document = await call.status(batch_id)
        assert (document["successCount"], document["pushPriceFrequency"]) == (4, frequency)
        await clock.advance(0.1)
        assert (await call.status(batch_id))["batchStatus"] == "DONE"

    async def test_side_by_side(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """Batches run side by side, and the journal has their items in the order they ended."""
        first, second = await call.submit(prices(2), frequency=1), await call.submit(prices(2))
        await clock.advance(3.0)
        assert [(e.ticket, e.item_id) for e in sandbox.executions] == [
            (first, "A-1"),
            (second, "A-1"),
            (second, "A-2"),
            (first, "A-2"),
        ]
        times = [e.at for e in sandbox.executions]
        assert [(at - times[0]).total_seconds() for at in times] == [0.0, 0.0, 1.0, 2.0]

    async def test_one_at_a_time(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """With the switch batches run one after another; idle time is not made up."""
        sandbox.switches.one_at_a_time = True
        await clock.advance(100.0)
        ids = [await call.submit(prices(2)) for _ in range(3)]
        words = []
        for _ in range(3):
            await clock.advance(2.0)
            words.append([(await call.status(i))["batchStatus"] for i in ids])
        assert words == [
            ["DONE", "QUEUED", "QUEUED"],
            ["DONE", "DONE", "QUEUED"],
            ["DONE", "DONE", "DONE"],
        ]

    async def test_waiting_batches_begin_together(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """Once the switch is set back, what waits begins when the running batch has ended."""
        sandbox.switches.one_at_a_time = True
        ids = [await call.submit(prices(2)) for _ in range(3)]
        sandbox.switches.one_at_a_time = False
        await clock.advance(4.0)
        assert [(await call.status(i))["batchStatus"] for i in ids] == ["DONE"] * 3

    async def test_queue_time(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A batch can wait before its first item begins."""
        sandbox.switches.queue_time_s = 30.0
        batch_id = await call.submit(prices(1))
        await clock.advance(30.5)
        assert (await call.status(batch_id))["batchStatus"] == "QUEUED"
        await clock.advance(0.5)
        assert (await call.status(batch_id))["batchStatus"] == "DONE"

    async def test_item_time_of_nothing(self, call: Caller, sandbox: MircateSandbox) -> None:
        """Items that take no time are done when the submit is answered."""
        sandbox.switches.item_time_s = 0.0
        batch_id = await call.submit(prices(20))
        assert (await call.status(batch_id))["batchStatus"] == "DONE"

    async def test_batch_fails(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A batch that fails as a whole runs half of its items, the next one all."""
        sandbox.switches.batch_fails = 1
        failed, fine = await call.submit(prices(4)), await call.submit(prices(4))
        await clock.advance(10.0)
        document = await call.status(failed)
        assert (document["batchStatus"], document["successCount"]) == ("FAILED", 2)
        assert (document["ratio"], document["failedProducts"]) == ("50%", [])
        assert (await call.status(fine))["batchStatus"] == "DONE"
        assert len(sandbox.executions) == 6

    async def test_batch_of_one_fails(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """Half of one item is none."""
        sandbox.switches.batch_fails = 1
        batch_id = await call.submit(prices(1))
        await clock.advance(1.0)
        assert (await call.status(batch_id))["batchStatus"] == "FAILED"
        assert sandbox.executions == []

    async def test_item_fails(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """An item can fail for no fault of its sender's; it has no effect."""
        sandbox.switches.item_fails = 1
        batch_id = await call.submit(prices(2))
        await clock.advance(2.0)
        document = await call.status(batch_id)
        assert document["failedProducts"] == [{"sku": "A-1", "message": "internal error"}]
        assert [e.status for e in sandbox.executions] == [400, 200]
        product = sandbox.find_product("A-1")
        assert product is not None
        assert product["price"] == 5.0


class TestItems:
    @pytest.mark.parametrize(
        ("path", "item", "problem"),
        [
            (PRICE, {"sku": "A-1", "price": 0}, None),
            (PRICE, {"sku": "A-1", "price": 9.9, "currency": "TRY"}, None),
            (PRICE, {"barcode": "8690000000002", "price": 9.9}, None),
            (PRICE, {"sku": "B-1", "price": 9.9}, "product not found"),
            (PRICE, {"price": 9.9}, "product not found"),
            (PRICE, {"sku": 1, "price": 9.9}, "product not found"),
            (PRICE, {"sku": [1], "price": 9.9}, "product not found"),
            (PRICE, {"sku": None, "barcode": "8690000000002"}, "product not found"),
            (PRICE, {"sku": "A-1", "price": -0.1}, "price can't be negative"),
            (PRICE, {"sku": "A-1", "price": "9.9"}, "price must be a number"),
            (PRICE, {"sku": "A-1", "price": True}, "price must be a number"),
            (PRICE, {"sku": "A-1"}, "price must be a number"),
            (STOCK, {"sku": "A-1", "stock": 3}, None),
            (STOCK, {"sku": "A-1", "stock": 3.5}, "stock must be a whole number"),
            (STOCK, {"sku": "A-1", "stock": -1}, "stock can't be negative"),
        ],
    )
    async def test_price_and_stock(
        self,
        call: Caller,
        clock: FakeClock,
        path: str,
        item: Item,
        problem: str | None,
    ) -> None:
        """A price or stock changes the product it names, or fails and changes nothing."""
        before = call.sandbox.find_product("A-1")
        batch_id = await call.submit([item], path)
        await clock.advance(1.0)
        failed = (await call.status(batch_id))["failedProducts"]
        assert [entry["message"] for entry in failed] == ([] if problem is None else [problem])
        product = call.sandbox.find_product("A-1" if "sku" in item else "A-2")
        assert product is not None
        if problem is None:
            assert product == product | item
        else:
            assert product == before or "sku" not in item

    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            ({"sku": "N-1", "family": "shoes", "status": "DRAFT"}, None),
            ({"sku": "A-1", "enabled": False}, None),
            ({"sku": "A-1", "status": "GONE"}, "data.status must be one of"),
            ({"sku": "N-1", "family": "shoes"}, "data.status must be one of"),
            ({"sku": "N-1", "status": "ACTIVE"}, "data.family is missing"),
            ({"family": "shoes", "status": "ACTIVE"}, "data.sku is missing"),
            (None, "data must be an object"),
        ],
    )
    async def test_upsert(
        self,
        call: Caller,
        sandbox: MircateSandbox,
        clock: FakeClock,
        data: Item | None,
        problem: str | None,
    ) -> None:
        """A bulk upsert makes a product or changes one."""
        batch_id = await call.submit([{"dataType": "PRODUCT", "data": data}], UPSERT)
        await clock.advance(1.0)
        document = (await call.ask(batch_id, PIM_STATUS, "POST")).json
        assert document["bulkOperationType"] == "UPSERT"
        if problem is None:
            assert data is not None
            product = sandbox.find_product(data["sku"])
            assert product is not None
            assert product == product | data
        else:
            [entry] = document["failedProducts"]
            assert entry["message"].startswith(problem)
        assert sandbox.find_product("N-1") is None or problem is None

    async def test_a_product_made_is_a_product(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A product that was upserted can get a price, by its sku and by its barcode."""
        data = {"sku": "N-1", "barcode": "77", "family": "shoes", "status": "DRAFT"}
        await call.submit([{"data": data}], UPSERT)
        await clock.advance(1.0)
        await call.submit([price("N-1", 7), {"barcode": "77", "price": 8}])
        await clock.advance(2.0)
        product = sandbox.find_product("N-1")
        assert product is not None
        assert product["price"] == 8

    async def test_executions(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """Every item that ran is recorded: with its sku, its operation and how it ended."""
        batch_id = await call.submit([price("A-1"), price("A-1", -1)])
        await clock.advance(2.0)
        assert [e.to_json() for e in sandbox.executions] == [
            {
                "at": f"2026-01-01T00:00:0{second}+00:00",
                "ticket": batch_id,
                "item_id": "A-1",
                "method": "POST",
                "path": "receive-price",
                "body": price("A-1", value),
                "status": status,
            }
            for second, value, status in [(1, 5.5, 200), (2, -1, 400)]
        ]


class TestSubmit:
    @pytest.mark.parametrize(
        ("body", "path"),
        [
            (b"{", []),
            (b"[]", []),
            (b'{"products": [NaN]}', []),
            (b"[" * 100_000, []),
            (b'{"items": []}', ["products"]),
            (b'{"products": {}}', ["products"]),
            (b'{"products": []}', ["products"]),
            (json.dumps({"products": [{}] * 501}).encode(), ["products"]),
            (b'{"products": [{}, 1]}', ["products", 1]),
            (b'{"products": [{}], "frequency": 11}', ["frequency"]),
            (b'{"products": [{}], "frequency": -1}', ["frequency"]),
            (b'{"products": [{}], "frequency": 0.5}', ["frequency"]),
            (b'{"products": [{}], "frequency": true}', ["frequency"]),
        ],
    )
    async def test_validation(
        self, call: Caller, sandbox: MircateSandbox, body: bytes, path: list[str | int]
    ) -> None:
        """A body that is none is refused with 400 and says where it is wrong; nothing runs."""
        answer = await call("POST", PRICE, data=body)
        assert answer.status == 400
        assert answer.json["code"] == "VALIDATION"
        assert [issue["path"] for issue in answer.json["issues"]] == [path]
        assert sandbox.executions == []

    async def test_500_items(self, call: Caller) -> None:
        """A request takes 500 items."""
        await call.submit([price("A-1")] * 500)

    @pytest.mark.parametrize(
        ("form", "parts", "shape"),
        [
            ("batchId", 1, {"batchId": "0"}),
            ("batchId", 2, {"batchId": ["0", "1"]}),
            ("batchIds", 1, {"batchIds": ["0"]}),
            ("batchIds", 3, {"batchIds": ["0", "1", "2"]}),
            ("id", 1, {"id": "0"}),
            ("list_of_objects", 2, [{"batchId": "0"}, {"batchId": "1"}]),
            ("objects", 2, {"batchIds": [{"batchId": "0"}, {"batchId": "1"}]}),
            ("none", 2, {}),
        ],
    )
    async def test_ids_form(
        self,
        call: Caller,
        clock: FakeClock,
        form: str,
        parts: int,
        shape: Any,
    ) -> None:
        """The ids of a request's batches can come in each of these shapes."""
        call.sandbox.change_switches({"ids_form": form, "ids_per_request": parts})
        answer = await call("POST", PRICE, json={"products": prices(5)})
        await clock.advance(10.0)
        ids = [e.ticket for e in call.sandbox.executions if e.item_id is not None]
        text = answer.text
        for index, batch_id in enumerate(dict.fromkeys(ids)):
            text = text.replace(f"{batch_id}", str(index))
        assert json.loads(text) == shape

    async def test_split_request(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A request can become several batches, each with its share of the items, in order."""
        sandbox.change_switches({"ids_form": "batchIds", "ids_per_request": 3})
        answer = await call("POST", PRICE, json={"products": prices(5)})
        await clock.advance(10.0)
        ids = answer.json["batchIds"]
        shares = [[e.item_id for e in sandbox.executions if e.ticket == i] for i in ids]
        assert shares == [["A-1"], ["A-2", "A-3"], ["A-4", "A-5"]]
        assert [(await call.status(i))["successCount"] for i in ids] == [1, 2, 2]

    async def test_no_empty_share(self, call: Caller, sandbox: MircateSandbox) -> None:
        """A request never becomes more batches than it has items."""
        sandbox.change_switches({"ids_form": "batchIds", "ids_per_request": 3})
        answer = await call("POST", PRICE, json={"products": prices(2)})
        assert len(answer.json["batchIds"]) == 2

    async def test_odd_ids(self, call: Caller, sandbox: MircateSandbox) -> None:
        """An id can hold what a path must encode; as it is, it names nothing."""
        sandbox.switches.odd_ids = True
        batch_id = await call.submit(prices(1))
        assert {"/", " ", "+", "?", "é"} <= set(batch_id)
        assert not set("!#%") & set(batch_id)
        assert (await call.ask(batch_id)).status == 200
        for safe in ("/", "/ ", "/+", "?"):
            encoded = quote(batch_id, safe=safe).replace(" ", "+")
            assert (await call("GET", f"{STATUS}/{encoded}")).status == 404

    async def test_upsert_names(self, call: Caller) -> None:
        """Unless the switch names one, the PIM takes either likely name of its bulk upsert."""
        await call.submit([{}], UPSERT)
        await call.submit([{}], UPSERT.replace("bulkUpsertProduct", "bulkProductUpsert"))

    async def test_names_are_switches(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """Every name that is published nowhere can be another one."""
        sandbox.change_switches(
            {
                "importer_class": "Importer",
                "price_method": "prices",
                "stock_method": "stocks",
                "upsert_method": "upserts",
                "pim_status_method": "state",
                "items_key": "lines",
                "price_key": "amount",
                "stock_key": "quantity",
            }
        )

        async def submit(path: str, item: Item) -> str:
            answer = await call("POST", path, json={"lines": [item]})
            batch_id: str = answer.json["batchId"]
            return batch_id

        await submit("Importer/prices/m-1", {"sku": "A-1", "amount": 1.5})
        await submit("Importer/stocks/m-1", {"sku": "A-1", "quantity": 4})
        batch_id = await submit("PIMAPI/upserts/5p1hp1d2t", {"data": {"sku": "A-1"}})
        await clock.advance(1.0)
        assert (await call.ask(batch_id, "PIMAPI/state")).json["batchStatus"] == "DONE"
        product = sandbox.find_product("A-1")
        assert product is not None
        assert product == product | {"amount": 1.5, "quantity": 4}
        assert (await call("POST", PRICE, json={"lines": prices(1)})).status == 404


class TestAccess:
    @pytest.mark.parametrize("status", [403, 401])
    async def test_wrong_key(self, call: Caller, sandbox: MircateSandbox, status: int) -> None:
        """A wrong key is refused on every call, and nothing runs."""
        sandbox.switches.unauthorized_status = status
        call.key = "other"
        for method, path in [("POST", PRICE), ("POST", UPSERT), ("GET", f"{STATUS}/x")]:
            answer = await call(method, path, json={"products": prices(1)})
            assert (answer.status, answer.json) == (status, {"code": "ACCESS_DENIED"})
        assert sandbox.executions == []
        assert "other" not in repr(sandbox.journal)

    @pytest.mark.parametrize("path", [PRICE.replace("m-1", "m-2"), UPSERT.replace("5p", "6p")])
    async def test_foreign_instance(self, call: Caller, path: str) -> None:
        """A key does not open another merchant's project, nor another catalogue."""
        assert (await call("POST", path, json={"products": prices(1)})).status == 403

    async def test_foreign_project(self, call: Caller) -> None:
        """A key does not open another project."""
        call.project = "other"
        assert (await call("GET", f"{STATUS}/x")).status == 403

    async def test_two_keys(self, clock: FakeClock, session: aiohttp.ClientSession) -> None:
        """Submits can have a key of their own, which opens nothing else."""
        sandbox = MircateSandbox(clock=clock, api_key="reads", submit_api_key="writes")
        async with sandbox.running() as url:
            call = Caller(session, sandbox, url)
            assert (await call("POST", PRICE, json={"products": prices(1)})).status == 403
            call.key = "writes"
            batch_id = await call.submit(prices(1))
            assert (await call.ask(batch_id)).status == 403
            call.key = "reads"
            assert (await call.ask(batch_id)).status == 200

    async def test_revoked_key(self, call: Caller, sandbox: MircateSandbox) -> None:
        """Keys are refused after so many calls, and taken again when the switch is set back."""
        batch_id = await call.submit(prices(1))
        sandbox.switches.revoke_after = 2
        assert [(await call.ask(batch_id)).status for _ in range(4)] == [200, 200, 403, 403]
        sandbox.switches.revoke_after = -1
        assert (await call.ask(batch_id)).status == 200

    async def test_limit(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """One request too many in a minute begins a block; knocking does not prolong it."""
        batch_id = await call.submit(prices(1))
        sandbox.change_switches({"requests_per_minute": 3, "block_s": 30.0})
        answers = [await call.ask(batch_id) for _ in range(40)]
        assert [answer.status for answer in answers] == [200] * 2 + [429] * 38
        assert not any("Retry-After" in answer.headers for answer in answers)
        await clock.advance(30.0)
        assert (await call.ask(batch_id)).status == 200

    async def test_retry_after(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """Who is told how long to stay away, and does not, is a knock in the journal."""
        batch_id = await call.submit(prices(1))
        sandbox.change_switches({"answer_429": 1, "block_s": 10.0})
        assert (await call.ask(batch_id)).status == 429
        assert (await call.ask(batch_id)).status == 429
        assert sandbox.knocks == 0
        sandbox.switches.retry_after = True
        await clock.advance(2.5)
        assert (await call.ask(batch_id)).headers["Retry-After"] == "8"
        assert [entry.note for entry in sandbox.journal[-2:]] == [None, KNOCK]

    @pytest.mark.parametrize(
        "path", ["/", "/x", "/5p1hp1d2t/CALL/A/b", "/5p1hp1d2t/GET/A/b/c", "//CALL/A/b/c"]
    )
    async def test_nowhere(self, call: Caller, sandbox: MircateSandbox, path: str) -> None:
        """A path that calls nothing is answered 404, and journaled."""
        assert (await call.raw("GET", path)).status == 404
        assert [entry.status for entry in sandbox.journal] == [404]

    async def test_unknown_method(self, call: Caller) -> None:
        """A class or method that does not exist is answered 404."""
        assert (await call("POST", "PIMAPI/other/5p1hp1d2t")).status == 404


class TestStatus:
    async def test_unknown_batch(self, call: Caller) -> None:
        """An id nobody was given is answered 404."""
        answer = await call.ask("unknown")
        assert (answer.status, answer.json) == (404, NOT_FOUND)

    async def test_each_its_own(self, call: Caller) -> None:
        """The PIM's batches and the merchant's have a status path each."""
        merchant, pim = await call.submit(prices(1)), await call.submit([{}], UPSERT)
        codes = [
            [(await call.ask(batch_id, path)).status for path in (STATUS, PIM_STATUS)]
            for batch_id in (merchant, pim)
        ]
        assert codes == [[200, 404], [404, 200]]

    async def test_methods(self, call: Caller) -> None:
        """The merchant's status is a GET, the PIM's a GET or a POST, a submit a POST."""
        merchant, pim = await call.submit(prices(1)), await call.submit([{}], UPSERT)
        assert (await call.ask(merchant, method="POST")).status == 405
        assert (await call.ask(pim, PIM_STATUS, "POST")).status == 200
        assert (await call.ask(pim, PIM_STATUS, "PUT")).status == 405
        assert (await call("GET", PRICE)).status == 405

    async def test_visible_after(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A fresh batch can be answered 404 for so many seconds, and runs all the same."""
        sandbox.switches.visible_after_s = 5.0
        batch_id = await call.submit(prices(1))
        await clock.advance(4.9)
        assert (await call.ask(batch_id)).json == NOT_FOUND
        await clock.advance(0.1)
        assert (await call.status(batch_id))["batchStatus"] == "DONE"

    async def test_stale_answers(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A status can be as old as its Age header says, and never older than the batch."""
        batch_id = await call.submit(prices(4))
        assert "Age" not in (await call.ask(batch_id)).headers
        sandbox.switches.stale_age_s = 2.0
        seen = []
        for _ in range(7):
            answer = await call.ask(batch_id)
            document = answer.json
            seen.append((answer.headers["Age"], document["batchStatus"], document["ratio"]))
            await clock.advance(1.0)
        assert seen == [
            ("0", "QUEUED", "0%"),
            ("1", "QUEUED", "0%"),
            ("2", "QUEUED", "0%"),
            ("2", "RUNNING", "25%"),
            ("2", "RUNNING", "50%"),
            ("2", "RUNNING", "75%"),
            ("2", "DONE", "100%"),
        ]


class TestFaults:
    async def test_lost_submit_answers(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A submit whose answer is lost has run; sent again, it runs again."""
        sandbox.switches.lost_submit_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(prices(2))
        assert [(e.method, e.status) for e in sandbox.journal] == [("POST", 0)]
        await call.submit(prices(2))
        await clock.advance(10.0)
        assert len(sandbox.executions) == 4

    async def test_cut_before_submit(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A submit that is cut before it is looked at has run nothing."""
        sandbox.switches.cut_before_submit = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.submit(prices(2))
        await clock.advance(10.0)
        assert sandbox.executions == []
        await call.submit(prices(2))

    @pytest.mark.parametrize("executes", [True, False])
    async def test_submit_5xx(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock, executes: bool
    ) -> None:
        """A submit answered 500 has run or not, as the switch and the journal say."""
        sandbox.switches.submit_5xx = 1
        sandbox.switches.submit_5xx_executes = executes
        assert (await call("POST", PRICE, json={"products": prices(2)})).status == 500
        await clock.advance(10.0)
        assert len(sandbox.executions) == (2 if executes else 0)
        assert sandbox.journal[0].note == ("executed" if executes else "not executed")

    async def test_busy(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """A busy instance answers 570 to any call and has not run it."""
        sandbox.switches.busy_570 = 2
        answers = [await call("POST", PRICE, json={"products": prices(1)}) for _ in range(3)]
        assert [answer.status for answer in answers] == [570, 570, 200]
        sandbox.switches.busy_570 = 1
        assert (await call.ask("x")).status == 570
        await clock.advance(10.0)
        assert len(sandbox.executions) == 1

    async def test_status_troubles(self, call: Caller, sandbox: MircateSandbox) -> None:
        """Status calls can be cut, answered 5xx, or answered 404; then all is well again."""
        batch_id = await call.submit(prices(1))
        sandbox.switches.cut_polls = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.ask(batch_id)
        sandbox.switches.answer_5xx = 3
        sandbox.switches.forget_batches = 1
        answers = [await call.ask(batch_id) for _ in range(5)]
        assert [answer.status for answer in answers] == [500, 502, 503, 404, 200]
        assert answers[3].json == NOT_FOUND

    async def test_html_error(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A proxy's page is HTML of any status, and nothing runs."""
        sandbox.switches.html_error = 2
        for status in (502, 200):
            sandbox.switches.html_error_status = status
            answer = await call("POST", PRICE, json={"products": prices(1)})
            assert answer.status == status
            assert answer.headers["Content-Type"].startswith("text/html")
        await clock.advance(10.0)
        assert sandbox.executions == []

    async def test_cut_json(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """An answer whose JSON breaks off is whole to HTTP; its submit has run."""
        sandbox.switches.cut_json = 1
        answer = await call("POST", PRICE, json={"products": prices(1)})
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(answer.text)
        with pytest.raises(ValueError):
            json.loads(answer.text)
        await clock.advance(1.0)
        assert len(sandbox.executions) == 1

    async def test_answer_delay(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """An answer is held back for so many seconds of the clock."""
        sandbox.switches.answer_delay_s = 30.0
        async with clock.running():
            await call.submit(prices(1))
        assert clock.monotonic() == 30.0


class TestDistortedDocuments:
    @pytest.fixture
    async def batch_id(self, call: Caller, clock: FakeClock) -> str:
        """Four items that succeed, then two that fail, seven seconds ago."""
        batch_id = await call.submit([*prices(4), price("A-5", -1), price("B-1")], frequency=1)
        await clock.advance(18.0)
        return batch_id

    async def test_words(self, call: Caller, sandbox: MircateSandbox, clock: FakeClock) -> None:
        """The vocabulary is the switches'."""
        sandbox.change_switches(
            {
                "word_queued": "waiting",
                "word_running": "works",
                "word_done": "ok",
                "word_failed": "ko",
                "batch_fails": 1,
            }
        )
        failed, fine = await call.submit(prices(4)), await call.submit(prices(4))
        words = []
        for _ in range(3):
            words.append([(await call.status(i))["batchStatus"] for i in (failed, fine)])
            await clock.advance(2.0)
        assert words == [["waiting", "waiting"], ["ko", "works"], ["ko", "ok"]]

    @pytest.mark.parametrize("fails", [0, 1])
    async def test_stuck_word(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock, fails: int
    ) -> None:
        """A batch can go on saying RUNNING although it has ended."""
        sandbox.change_switches({"stuck_word": True, "batch_fails": fails})
        batch_id = await call.submit(prices(1))
        await clock.advance(100.0)
        assert (await call.status(batch_id))["batchStatus"] == "RUNNING"

    @pytest.mark.parametrize(
        ("form", "ratio"),
        [
            ("percent", "33%"),
            ("fraction", "0.3333"),
            ("slash", "2/6"),
            ("number", "33"),
            ("json_number", 33),
            ("garbage", "almost"),
            ("absent", "no such field"),
        ],
    )
    async def test_ratio(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock, form: str, ratio: Any
    ) -> None:
        """Progress can be written in each of these ways, or not at all."""
        sandbox.switches.ratio_format = form
        batch_id = await call.submit(prices(6))
        await clock.advance(2.0)
        assert (await call.status(batch_id)).get("ratio", "no such field") == ratio

    @pytest.mark.parametrize(
        ("switches", "counts"),
        [
            ({}, (4, 2)),
            ({"wrong_counts": -1}, (3, 2)),
            ({"wrong_counts": 3}, (7, 2)),
            ({"wrong_counts": -9}, (0, 2)),
            ({"excess_counts": 5}, (4, 7)),
            ({"no_counts": True}, (None, None)),
            ({"silent_failures": 1}, (4, 2)),
            ({"unmatched_failures": 2, "doubled_failures": -1}, (4, 2)),
        ],
    )
    async def test_counts(
        self, call: Caller, batch_id: str, sandbox: MircateSandbox, switches: Any, counts: Any
    ) -> None:
        """The counts can be wrong, too high or missing; what is named does not touch them."""
        sandbox.change_switches(switches)
        document = await call.status(batch_id)
        assert (document.get("successCount"), document.get("failCount")) == counts

    @pytest.mark.parametrize(
        ("name", "late"),
        [("late_counts_s", (3, 0, 2)), ("late_failures_s", (4, 2, 0))],
    )
    async def test_lateness(
        self,
        call: Caller,
        batch_id: str,
        clock: FakeClock,
        name: str,
        late: tuple[int, int, int],
    ) -> None:
        """Either of the counts and the names can lag behind a word that says DONE."""

        def tell(document: Any) -> tuple[int, int, int]:
            failed = len(document["failedProducts"])
            return document["successCount"], document["failCount"], failed

        call.sandbox.change_switches({name: 12.0})
        document = await call.status(batch_id)
        assert document["batchStatus"] == "DONE"
        assert tell(document) == late
        await clock.advance(12.0)
        assert tell(await call.status(batch_id)) == (4, 2, 2)

    @pytest.mark.parametrize(
        ("name", "value", "skus"),
        [
            ("silent_failures", 1, ["B-1"]),
            ("silent_failures", -1, []),
            ("unmatched_failures", 1, ["A-5", "B-1", "unmatched-1"]),
            ("doubled_failures", 1, ["A-5", "B-1", "A-5"]),
            ("doubled_failures", -1, ["A-5", "B-1", "A-5", "B-1"]),
        ],
    )
    async def test_failed_products(
        self,
        call: Caller,
        batch_id: str,
        name: str,
        value: int,
        skus: list[str],
    ) -> None:
        """Failures can be nameless, invented or doubled: the same in each answer."""
        call.sandbox.change_switches({name: value})
        for _ in range(2):
            document = await call.status(batch_id)
            assert [entry["sku"] for entry in document["failedProducts"]] == skus

    async def test_failed_keys(self, call: Caller, batch_id: str, sandbox: MircateSandbox) -> None:
        """A failure can name its product by another key, inside an object, with another reason."""
        sandbox.change_switches(
            {"failed_key": "productSku", "failed_nested": True, "failed_message_key": "reason"}
        )
        [_, entry] = (await call.status(batch_id))["failedProducts"]
        assert entry == {"product": {"productSku": "B-1"}, "reason": "product not found"}

    async def test_failed_barcode(
        self, call: Caller, sandbox: MircateSandbox, clock: FakeClock
    ) -> None:
        """A failure is named by what its item has under that key, else by its sku."""
        sandbox.switches.failed_key = "barcode"
        items: list[Item] = [{"sku": "B-1", "barcode": 12}, {"sku": "B-2"}, {}]
        batch_id = await call.submit(items)
        await clock.advance(3.0)
        entries = (await call.status(batch_id))["failedProducts"]
        assert [entry.get("barcode") for entry in entries] == ["12", "B-2", None]

    async def test_missing_fields(
        self, call: Caller, batch_id: str, sandbox: MircateSandbox
    ) -> None:
        """Every field of a status is optional."""
        whole = await call.status(batch_id)
        sandbox.switches.missing_fields = "batchStatus, failedProducts"
        assert (await call.status(batch_id)).keys() == whole.keys() - {
            "batchStatus",
            "failedProducts",
        }
        sandbox.switches.missing_fields = ",".join(whole)
        assert await call.status(batch_id) == {}


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
