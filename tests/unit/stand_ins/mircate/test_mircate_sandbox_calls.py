"""The Mircate stand-in answers submits and status calls, and refuses who may not call."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from support.mircate_calls import (
    NOT_FOUND,
    PIM_STATUS,
    PRICE,
    STATUS,
    UPSERT,
    Caller,
    Item,
    price,
    prices,
)

from batchhub.sandbox import KNOCK
from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox


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
