"""A public client of the vendor's REST API works against the stand-in, as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import requests
from pyecwid import Ecwid

from batchhub.testing import FakeClock
from batchhub_ecwid.sandbox import EcwidSandbox

Run = Callable[[Callable[[Any], Any]], Any]


@pytest.fixture
def sandbox(clock: FakeClock) -> EcwidSandbox:
    sandbox = EcwidSandbox(products=250, clock=clock)
    sandbox.switches.orders = 120
    return sandbox


@pytest.fixture
async def url(sandbox: EcwidSandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setenv("NO_PROXY", "*")
    async with sandbox.running() as url:
        yield f"{url}/api/v3/{{0}}/"


@pytest.fixture
async def client(sandbox: EcwidSandbox, url: str) -> Ecwid:
    return await asyncio.to_thread(Ecwid, sandbox.token, str(sandbox.store_id), base_url=url)


async def test_all_products(client: Ecwid) -> None:
    """It reads all pages of the products."""
    products = await asyncio.to_thread(client.products.get)
    assert [product["id"] for product in products] == [*range(1, 251)]


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"keyword": "Red Cup"}, [30, 100, 170, 240]),
        ({"sku": "SKU-12"}, [12]),
        ({"priceFrom": 7.4, "priceTo": 7.46}, [*range(241, 248)]),
    ],
)
async def test_search(client: Ecwid, params: Any, ids: list[int]) -> None:
    """It searches products."""
    found = await asyncio.to_thread(client.products.get_by_params, params)
    assert [product["id"] for product in found] == ids


async def test_keyword(client: Ecwid) -> None:
    """It searches by a keyword, and finds an empty list where there is nothing."""
    found = await asyncio.to_thread(client.products.get_by_keyword, "Blue Bowl")
    assert [product["id"] for product in found] == [21, 91, 161, 231]
    assert await asyncio.to_thread(client.products.get_by_keyword, "nothing") == []


async def test_update(client: Ecwid, sandbox: EcwidSandbox) -> None:
    """It changes a product, and reads it back."""
    answer = await asyncio.to_thread(client.products.update, 7, {"price": 3.5})
    assert answer.json() == {"updateCount": 1}
    assert (await asyncio.to_thread(client.products.get_by_id, 7))["price"] == 3.5
    put, get = sandbox.executions[-2:]
    assert (put.method, put.path, put.body) == ("PUT", "/products/7", '{"price": 3.5}')
    # It sends the paging of its searches with every GET.
    assert get.path.startswith("/products/7?limit=100")


async def test_create_and_delete(client: Ecwid) -> None:
    """It makes a product and deletes it; once more, there is nothing to delete."""
    number = await asyncio.to_thread(client.products.add, {"name": "New", "price": 1})
    assert number == 251
    assert await asyncio.to_thread(client.products.delete, number) == 1
    assert await asyncio.to_thread(client.products.delete, number) == 0


async def test_orders(client: Ecwid) -> None:
    """It reads all orders, searches them, and changes one."""
    assert len(await asyncio.to_thread(client.orders.get)) == 120
    paid = await asyncio.to_thread(client.orders.get_by_params, {"paymentStatus": "PAID"})
    assert {order["paymentStatus"] for order in paid} == {"PAID"}
    body = {"fulfillmentStatus": "SHIPPED"}
    answer = await asyncio.to_thread(client.orders.update, 516483487, body)
    assert answer.json() == {"updateCount": 1}
    order = await asyncio.to_thread(client.orders.get_by_id, 516483487)
    assert (order["id"], order["fulfillmentStatus"]) == ("K8XTQ", "SHIPPED")


async def test_customers(client: Ecwid) -> None:
    """It finds a customer."""
    found = await asyncio.to_thread(client.customers.get_by_email, "customer7@example.com")
    assert [customer["id"] for customer in found] == [7]


async def test_mistakes(client: Ecwid, url: str) -> None:
    """It is told of its mistakes: a misspelt parameter, a misspelt field, a wrong token."""
    with pytest.raises(requests.HTTPError, match=r"400.*'keywrod'"):
        await asyncio.to_thread(client.products.get_by_params, {"keywrod": "x"})
    answer = await asyncio.to_thread(client.products.update, 7, {"prise": 3.5})
    assert (answer.status_code, answer.json()["errorMessage"]) == (
        400,
        "Field Product.prise is unknown",
    )
    with pytest.raises(requests.HTTPError, match="403"):
        await asyncio.to_thread(Ecwid, "secret_wrong", "1003", base_url=url)
