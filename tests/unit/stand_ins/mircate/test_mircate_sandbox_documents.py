"""The Mircate stand-in writes its status answers as it is told to, and distorts them."""

from __future__ import annotations

from typing import Any

import pytest
from support.mircate_calls import (
    Caller,
    Item,
    price,
    prices,
)

from batchhub.testing import FakeClock
from batchhub_mircate.sandbox import MircateSandbox


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
