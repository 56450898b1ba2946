"""Products by SKU: each SKU that is asked for is found, missing, ambiguous or unanswered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from attrs import evolve
from support.pages import Stage
from support.sync_hubs import LoopClock

from batchhub import BatchHub, sync
from batchhub.errors import InputError, KeyConflictError, WaitTimeoutError
from batchhub.sandbox import Item
from batchhub.testing import FakeClock
from batchhub_ecwid import FoundProducts, ProductId, find_product_ids
from batchhub_ecwid.sandbox import EcwidSandbox

NOT_TEXT = "the SKU 42 is an int, not text; read the column as text so that leading zeros are kept"


class LenientShop(EcwidSandbox):
    """A shop whose search minds neither case nor spaces, and that ignores `responseFields`."""

    def _execute(self, item: Item) -> Any:
        if item.method == "GET":
            path = item.path.partition("&")[0].replace("sku-", "SKU-").replace("%20", "")
            item = evolve(item, path=path)
        return super()._execute(item)


class BrokenShop(EcwidSandbox):
    """A shop that answers one search with something else, and refuses another."""

    def _execute(self, item: Item) -> Any:
        if "SKU-3&" in item.path:
            return {"id": 3, "sku": "SKU-3"}
        if "SKU-4&" in item.path:
            raise self.refuse(500, "Try again later")
        return super()._execute(item)


@asynccontextmanager
async def shop(
    store: Path, sandbox: EcwidSandbox | None = None, clock: FakeClock | None = None
) -> AsyncIterator[tuple[BatchHub, EcwidSandbox]]:
    """Open a hub with the account ``shop`` at a stand-in; time runs by itself."""
    clock = clock or FakeClock()
    sandbox = sandbox or EcwidSandbox(clock=clock)
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(store, {"shop": sandbox.account(url)}, clock=clock) as hub,
    ):
        yield hub, sandbox


async def change(hub: BatchHub, *items: dict[str, Any]) -> None:
    """Change the shop, one item after another."""
    job = await hub.submit("shop", [{"method": "PUT", **item} for item in items])
    assert (await job.wait()).counts.succeeded == len(items)


async def test_products_and_variations(tmp_path: Path) -> None:
    """A SKU of a product is found with its id, one of a variation with both ids and its path."""
    async with shop(tmp_path / "jobs.db") as (hub, _):
        found = await find_product_ids(hub, "shop", ["SKU-7", "SKU-10-M", "SKU-10"])
    assert dict(found) == {
        "SKU-7": ProductId(product_id=7),
        "SKU-10-M": ProductId(product_id=10, combination_id=1002),
        "SKU-10": ProductId(product_id=10),
    }
    assert found["SKU-7"].path == "/products/7"
    assert found["SKU-10-M"].path == "/products/10/combinations/1002"
    assert (found.missing, found.ambiguous, found.unanswered) == ({}, {}, {})


async def test_what_is_found_can_be_changed(tmp_path: Path) -> None:
    """The path of what was found is that of its price, also of a variation."""
    async with shop(tmp_path / "jobs.db") as (hub, _):
        found = await find_product_ids(hub, "shop", ["SKU-10-M"])
        await change(hub, {"path": found["SKU-10-M"].path, "body": {"price": 77}})
        again = await hub.submit("shop", [{"method": "GET", "path": "/products/10"}])
        await again.wait()
        prices = [v["price"] async for r in again.results() for v in r.body["combinations"]]
    assert prices == [6.09, 77, 8.09]


async def test_missing_with_a_reason(tmp_path: Path) -> None:
    """What no product has is missing and says so; nothing is sent for an empty SKU."""
    skus: list[Any] = ["SKU-1", "NONE", "", "  ", None, float("nan"), " SKU-2"]
    async with shop(tmp_path / "jobs.db") as (hub, sandbox):
        found = await find_product_ids(hub, "shop", skus)
        sent = [execution.path for execution in sandbox.executions]
    assert list(found) == ["SKU-1"]
    assert found.missing == {
        "NONE": "nothing in the shop has the SKU 'NONE'",
        "": "the SKU is empty",
        "  ": "the SKU is empty",
        " SKU-2": "nothing in the shop has the SKU ' SKU-2'; it begins or ends with a space",
    }
    assert len(sent) == 3
    with pytest.raises(KeyError, match="nothing in the shop has the SKU 'NONE'"):
        found["NONE"]
    assert "NONE" not in found
    assert found.why_not("SKU-1") == ""
    assert found.why_not("SKU-99") == "the SKU 'SKU-99' was not asked for"


async def test_another_case_is_missing(tmp_path: Path) -> None:
    """A shop that finds a SKU in other letters does not make it the same SKU."""
    clock = FakeClock()
    sandbox = LenientShop(clock=clock)
    async with shop(tmp_path / "jobs.db", sandbox, clock) as (hub, _):
        found = await find_product_ids(hub, "shop", ["sku-7", " SKU-10-M", "SKU-8"])
    assert dict(found) == {"SKU-8": ProductId(product_id=8)}
    assert found.missing == {
        "sku-7": "nothing in the shop has the SKU 'sku-7'; it has 'SKU-7' (/products/7)",
        " SKU-10-M": "nothing in the shop has the SKU ' SKU-10-M'; it has 'SKU-10-M' "
        "(/products/10/combinations/1002)",
    }


async def test_two_with_one_sku(tmp_path: Path) -> None:
    """A SKU that two have is ambiguous with both, and never one of them."""
    async with shop(tmp_path / "jobs.db") as (hub, _):
        await change(
            hub,
            {"path": "/products/10/combinations/1001", "body": {"sku": "TWIN"}},
            {"path": "/products/20/combinations/2003", "body": {"sku": "TWIN"}},
            {"path": "/products/30/combinations/3001", "body": {"sku": "SKU-30"}},
        )
        found = await find_product_ids(hub, "shop", ["TWIN", "SKU-30", "SKU-10-S"])
    assert dict(found) == {}
    assert found.ambiguous == {
        "TWIN": (
            ProductId(product_id=10, combination_id=1001),
            ProductId(product_id=20, combination_id=2003),
        ),
        "SKU-30": (ProductId(product_id=30), ProductId(product_id=30, combination_id=3001)),
    }
    assert list(found.missing) == ["SKU-10-S"]
    assert found.why_not("TWIN") == (
        "2 have the SKU 'TWIN': /products/10/combinations/1001, /products/20/combinations/2003"
    )


async def test_an_answer_that_is_none(tmp_path: Path) -> None:
    """A search that failed, or has some other answer, says nothing about its SKU."""
    clock = FakeClock()
    sandbox = BrokenShop(clock=clock)
    async with shop(tmp_path / "jobs.db", sandbox, clock) as (hub, _):
        found = await find_product_ids(hub, "shop", ["SKU-3", "SKU-4", "SKU-5"])
    assert list(found) == ["SKU-5"]
    assert found.missing == {}
    assert list(found.unanswered) == ["SKU-3", "SKU-4"]
    assert found.unanswered["SKU-3"].startswith("the answer is no page of products: ")
    assert found.why_not("SKU-4") == "Try again later"
    assert repr(found) == "<FoundProducts: 1 found, 0 missing, 0 ambiguous, 2 unanswered>"


async def test_each_once(tmp_path: Path) -> None:
    """A SKU that is given twice is asked for once; commas, quotes and plus signs are its own."""
    odd = ["A,B", 'A"B', "A+B", "A&limit=1", "Ä/ß", "x" * 200]
    async with shop(tmp_path / "jobs.db") as (hub, sandbox):
        await change(
            hub, *({"path": f"/products/{n}", "body": {"sku": sku}} for n, sku in enumerate(odd, 1))
        )
        before = len(sandbox.executions)
        found = await find_product_ids(hub, "shop", [*odd, *odd])
        assert len(sandbox.executions) - before == len(odd)
    assert {sku: each.product_id for sku, each in found.items()} == dict(
        zip(odd, range(1, 7), strict=True)
    )


async def test_ten_thousand(tmp_path: Path) -> None:
    """10,000 SKUs are one job, and come back in their order."""
    skus = [f"SKU-{n}" for n in range(10_000, 0, -1)]
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock, products=9_000)
    async with shop(tmp_path / "jobs.db", sandbox, clock) as (hub, _):
        found = await find_product_ids(hub, "shop", skus)
        jobs = await hub.jobs()
    assert [each.product_id for each in found.values()] == list(range(9_000, 0, -1))
    assert list(found.missing) == skus[:1_000]
    assert [job.id for job in jobs] == [found.job_id]


async def test_nothing_to_ask_for(tmp_path: Path) -> None:
    """Without a SKU there is no job, and the answer is empty."""
    async with shop(tmp_path / "jobs.db") as (hub, _):
        found = await find_product_ids(hub, "shop", ["", None])
        assert (len(found), found.job_id, found.missing) == (0, None, {"": "the SKU is empty"})
        assert (await find_product_ids(hub, "shop", [])).missing == {}
        assert await hub.jobs() == []


@pytest.mark.parametrize(
    ("skus", "message"),
    [
        ("SKU-1", "skus is one text; hand over a list of SKUs"),
        (
            ["SKU-1", 42],
            NOT_TEXT,
        ),
        (None, "skus is None; hand over a list of SKUs, or one column"),
        (pd.DataFrame({"SKU-1": [1]}), "skus is a frame; hand over a list of SKUs, or one column"),
    ],
    ids=["text", "number", "nothing", "frame"],
)
async def test_no_skus(tmp_path: Path, skus: Any, message: str) -> None:
    """What is no list of texts is refused before anything is sent."""
    async with shop(tmp_path / "jobs.db") as (hub, _):
        with pytest.raises(InputError) as raised:
            await find_product_ids(hub, "shop", skus)
        assert await hub.jobs() == []
    assert str(raised.value) == message


async def test_the_same_key_joins(tmp_path: Path) -> None:
    """After a time-out the same call joins its job; nothing is asked for a second time."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches({"item_time_s": 1.0})
    skus = ["SKU-1", "SKU-2", "NONE"]
    async with shop(tmp_path / "jobs.db", sandbox, clock) as (hub, _):
        with pytest.raises(WaitTimeoutError):
            await find_product_ids(hub, "shop", skus, key="monday", timeout_s=0.5)
        found = await find_product_ids(hub, "shop", skus, key="monday")
        assert len(await hub.jobs()) == 1
        with pytest.raises(KeyConflictError):
            await find_product_ids(hub, "shop", [*skus, "SKU-3"], key="monday")
        later = await find_product_ids(hub, "shop", skus, key="tuesday")
    assert found.job_id != later.job_id
    assert dict(found) == dict(later)
    assert len(sandbox.executions) == 6


def test_sync_hub(tmp_path: Path) -> None:
    """A sync hub gives the same answer, not a coroutine."""
    stage = Stage()
    try:
        with stage.running(sandbox := EcwidSandbox()) as url:
            sandbox.change_switches({"item_time_s": 0.0})
            accounts = {"shop": sandbox.account(url)}
            with sync.BatchHub(tmp_path / "jobs.db", accounts, clock=LoopClock()) as hub:
                found = find_product_ids(hub, "shop", ["SKU-10-L", "NONE", ""])
                empty = find_product_ids(hub, "shop", [])
    finally:
        stage.aclose()
    assert isinstance(found, FoundProducts)
    assert dict(found) == {"SKU-10-L": ProductId(product_id=10, combination_id=1003)}
    assert list(found.missing) == ["NONE", ""]
    assert len(empty) == 0
