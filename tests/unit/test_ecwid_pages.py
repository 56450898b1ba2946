"""All pages of a search, as one job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.pages import Stage
from support.sync_hubs import LoopClock

from batchhub import BatchHub, sync
from batchhub.errors import BodyError, InputError, ItemFailedError, KeyConflictError
from batchhub.tables import write_results
from batchhub.testing import FakeClock
from batchhub_ecwid import EcwidAdapter, submit_pages
from batchhub_ecwid.sandbox import EcwidSandbox


@asynccontextmanager
async def shop(store: Path, **switches: Any) -> AsyncIterator[tuple[BatchHub, EcwidSandbox]]:
    """Open a hub with the account ``shop`` at a stand-in; time runs by itself."""
    clock = FakeClock()
    sandbox = EcwidSandbox(clock=clock)
    sandbox.change_switches(switches)
    async with (
        clock.running(),
        sandbox.running() as url,
        BatchHub(store, {"shop": sandbox.account(url)}, clock=clock) as hub,
    ):
        yield hub, sandbox


def paths_of(sandbox: EcwidSandbox) -> list[str]:
    """Return what was asked of a stand-in in batches."""
    return [execution.path for execution in sandbox.executions]


async def test_a_page_after_another(tmp_path: Path) -> None:
    """The job has an item for each page, named by its offset, and all orders once."""
    async with shop(tmp_path / "jobs.db", orders=250) as (hub, sandbox):
        job = await submit_pages(hub, "shop", "/orders", label="all")
        status = await job.wait()
        results = [result async for result in job.results()]
    assert (status.counts.total, status.label) == (3, "all")
    assert [result.id for result in results] == ["0", "100", "200"]
    assert [len(result.body["items"]) for result in results] == [100, 100, 50]
    orders = [order for result in results for order in result.body["items"]]
    assert len({order["orderNumber"] for order in orders}) == 250
    assert paths_of(sandbox)[0] == "/orders?responseFields=total&limit=1"
    assert paths_of(sandbox)[-1] == "/orders?limit=100&offset=200"


@pytest.mark.parametrize(("orders", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2)])
async def test_the_last_page(tmp_path: Path, orders: int, pages: int) -> None:
    """No page is asked for in vain, but one where nothing is found."""
    async with shop(tmp_path / "jobs.db", orders=orders) as (hub, _):
        job = await submit_pages(hub, "shop", "/orders")
        assert (await job.wait()).counts.succeeded == pages


async def test_a_search(tmp_path: Path) -> None:
    """Every page has the search, encoded; the total is that of the search."""
    said: dict[str, Any] = {"params": {"priceFrom": 5.1, "keyword": "a+b c", "sortBy": None}}
    async with shop(tmp_path / "jobs.db", products=50) as (hub, sandbox):
        job = await submit_pages(hub, "shop", "/products", **said)
        assert (await job.wait()).counts.total == 1
    query = "priceFrom=5.1&keyword=a%2Bb%20c"
    assert paths_of(sandbox) == [
        f"/products?{query}&responseFields=total&limit=1",
        f"/products?{query}&limit=100&offset=0",
    ]


async def test_one_table(tmp_path: Path) -> None:
    """The pages taken apart are one table with a row for each order."""
    out = tmp_path / "orders.csv"
    async with shop(tmp_path / "jobs.db", orders=250) as (hub, _):
        job = await submit_pages(hub, "shop", "/orders")
        await job.wait()
        said: dict[str, Any] = {"as_type": "orders", "adapter": EcwidAdapter, "explode": "items"}
        await write_results(job.results(), out, fields=["items.id", "items.total"], **said)
    lines = text_of(out).splitlines()
    assert lines[:3] == ["items.id,items.total", "K8XTQ,10", "EBJFT,600"]
    assert len(lines) == 251


def text_of(path: Path) -> str:
    """Return what is in a file."""
    return path.read_text()


async def test_the_same_key(tmp_path: Path) -> None:
    """The same call with the same key is the same job, also if there are more orders since."""
    async with shop(tmp_path / "jobs.db", orders=150) as (hub, sandbox):
        first = await submit_pages(hub, "shop", "/orders", key="orders")
        sandbox.change_switches({"orders": 900})
        again = await submit_pages(hub, "shop", "/orders", key="orders")
        assert (again.id, (await again.wait()).counts.total) == (first.id, 2)
        with pytest.raises(KeyConflictError):
            await submit_pages(hub, "shop", "/orders", params={"email": "a@b.c"}, key="orders")
        other = await submit_pages(hub, "shop", "/orders", key="orders again")
        assert (await other.wait()).counts.total == 9


async def test_a_search_that_is_refused(tmp_path: Path) -> None:
    """The vendor's words come back, and no page is asked for."""
    async with shop(tmp_path / "jobs.db") as (hub, sandbox):
        with pytest.raises(ItemFailedError, match="createdForm"):
            await submit_pages(hub, "shop", "/orders", params={"createdForm": 1})
        sandbox.change_switches({"strict": False})
        with pytest.raises(BodyError, match="total"):
            await submit_pages(hub, "shop", "/products/1/combinations")
        assert len(sandbox.executions) == 2


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("/orders?limit=2", {}, "path '/orders?limit=2' has a query; hand it over as params"),
        ("/orders", {"offset": 5}, "params has 'offset', which is set for each page"),
    ],
    ids=["query", "offset"],
)
async def test_what_is_set_for_each_page(
    tmp_path: Path, path: str, params: Any, message: str
) -> None:
    """What would name a page, or clash with what does, is refused."""
    async with shop(tmp_path / "jobs.db") as (hub, sandbox):
        with pytest.raises(InputError) as raised:
            await submit_pages(hub, "shop", path, params=params)
        assert sandbox.executions == []
    assert str(raised.value) == message


def test_sync_hub(tmp_path: Path) -> None:
    """A sync hub returns the job, not a coroutine."""
    stage = Stage()
    try:
        with stage.running(sandbox := EcwidSandbox()) as url:
            sandbox.change_switches({"item_time_s": 0.0, "orders": 120})
            accounts = {"shop": sandbox.account(url)}
            with sync.BatchHub(tmp_path / "jobs.db", accounts, clock=LoopClock()) as hub:
                job = submit_pages(hub, "shop", "/orders")
                job.wait()
                found = [len(result.body["items"]) for result in job.results()]
    finally:
        stage.aclose()
    assert found == [100, 20]
