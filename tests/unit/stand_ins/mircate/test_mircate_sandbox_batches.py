"""The Mircate stand-in runs batches as the little that is published says."""

from __future__ import annotations

import pytest
from support.mircate_calls import (
    PIM_STATUS,
    PRICE,
    STOCK,
    UPSERT,
    Caller,
    Item,
    price,
    prices,
)

from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox


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
