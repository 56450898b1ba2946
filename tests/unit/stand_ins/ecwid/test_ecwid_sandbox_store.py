"""The Ecwid stand-in is given products, orders and failures, and searched as the vendor is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.ecwid_calls import Caller, price, prices

from batchhub.errors import SettingsError
from batchhub.testing import FakeClock
from batchhub.wire import converter, dumps
from batchhub_ecwid import Order
from batchhub_ecwid.sandbox import EcwidSandbox


async def find(call: Caller, path: str, **params: Any) -> Any:
    """Search, and return what is found."""
    answer = await call("GET", path, params={k: str(v) for k, v in params.items()})
    assert answer.status == 200, answer.text
    return answer.json


async def find_ids(call: Caller, **params: Any) -> list[int]:
    return [product["id"] for product in (await find(call, "/products", **params))["items"]]


class TestCounts:
    @pytest.mark.parametrize("count", [0, 1, 1_000_000])
    async def test_products(self, call: Caller, sandbox: EcwidSandbox, count: int) -> None:
        """It has as many products as the switch says, and a page of them costs nothing."""
        sandbox.set_switch("products", str(count))
        found = await find(call, "/products", offset=max(0, count - 2))
        assert (found["total"], found["count"]) == (count, min(count, 2))
        assert (await call("GET", f"/products/{count}")).status == (200 if count else 404)
        assert (await call("GET", f"/products/{count + 1}")).status == 404
        assert (await call("PUT", f"/products/{count}", json={"price": 1})).status == (
            200 if count else 404
        )

    @pytest.mark.parametrize("count", [0, 2, 500])
    async def test_orders(self, call: Caller, sandbox: EcwidSandbox, count: int) -> None:
        """It has as many orders; each can be found by its id and its number, and is an order."""
        sandbox.switches.orders = count
        ids: list[str] = []
        for offset in range(0, count, 100):
            found = await find(call, "/orders", offset=offset)
            assert found["total"] == count
            ids += [str(order.get("id") or order["orderNumber"]) for order in found["items"]]
        assert len({*ids}) == count
        for name in ids[-2:]:
            order = (await call("GET", f"/orders/{name}")).json
            by_number = (await call("GET", f"/orders/{order['orderNumber']}")).json
            assert by_number == order
            typed = converter.structure(dumps(order), Order)
            assert float(typed.total or 0) == order["total"]

    async def test_the_same_each_time(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """Products and orders depend on nothing but their numbers."""
        sandbox.switches.orders = 50
        other = EcwidSandbox(products=20, clock=FakeClock(), seed=7)
        other.switches.orders = 50
        for path in ("/products", "/orders", "/customers", "/categories"):
            first = await find(call, path)
            async with other.running() as url:
                call.url, before = url, call.url
                assert await find(call, path) == first
                call.url = before

    @pytest.mark.parametrize(("name", "value"), [("products", -1), ("orders", "x"), ("orders", -3)])
    def test_refused(self, sandbox: EcwidSandbox, name: str, value: Any) -> None:
        """A count is a whole number of 0 or more."""
        with pytest.raises(SettingsError, match=name):
            sandbox.set_switch(name, value)

    async def test_changed_in_mid_run(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """What was changed, made and deleted stays so when the number of products changes."""
        await call("PUT", "/products/3", json={"price": 8})
        await call("DELETE", "/products/4")
        made = (await call("POST", "/products", json={"name": "New"})).json["id"]
        assert made == 21
        sandbox.switches.products = 30
        assert (await call("GET", "/products/3")).json["price"] == 8
        assert (await call("GET", "/products/4")).status == 404
        assert (await call("GET", "/products/21")).json["name"] == "New"
        assert (await find(call, "/products"))["total"] == 29
        assert (await call("POST", "/products", json={"name": "Newer"})).json["id"] == 31


class TestProducts:
    async def test_realistic(self, call: Caller) -> None:
        """A product has what the vendor's have; some are reduced, hidden or varied."""
        product = (await call("GET", "/products/10")).json
        assert (product["id"], product["sku"], product["price"]) == (10, "SKU-10", 5.09)
        assert product["compareToPrice"] > product["price"]
        assert [v["sku"] for v in product["combinations"]] == [f"SKU-10-{s}" for s in "SML"]
        assert product["created"] == "2024-01-01 00:10:00 +0000"
        assert product["inStock"] is (product["quantity"] > 0)
        plain = (await call("GET", "/products/11")).json
        assert "compareToPrice" not in plain
        assert plain["combinations"] == []

    @pytest.mark.parametrize(
        ("params", "ids"),
        [
            ({"keyword": "sku-1"}, [1, *range(10, 20)]),
            ({"keyword": '"Red Clock"'}, []),
            ({"keyword": "red 2"}, [2]),
            ({"sku": "SKU-7"}, [7]),
            ({"sku": "SKU-10-M"}, [10]),
            ({"sku": "SKU-11-M"}, []),
            ({"sku": "SKU-21"}, []),
            ({"productId": "3,1,99"}, [1, 3]),
            ({"priceFrom": 5.17}, [18, 19, 20]),
            ({"priceFrom": 5.0, "priceTo": 5.01}, [1, 2]),
            ({"priceTo": 5}, [1]),
            ({"onsale": "onsale"}, [5, 10, 15, 20]),
            ({"option_Size": "M,XL"}, [10, 20]),
            ({"option_Size": "XL"}, []),
            ({"category": 4}, [3, 13]),
            ({"limit": 2, "offset": 18}, [19, 20]),
            ({"limit": 2, "offset": 20}, []),
            ({"limit": 0}, []),
            ({"sortBy": "PRICE_DESC", "limit": 2}, [20, 19]),
        ],
    )
    async def test_search(self, call: Caller, params: Any, ids: list[int]) -> None:
        """A search finds what its parameters say, and nothing else."""
        assert await find_ids(call, **params) == ids

    async def test_search_sees_changes(self, call: Caller, clock: FakeClock) -> None:
        """A search finds a product by what it is now."""
        assert await find_ids(call, enabled="false") == []
        before = int(clock.now().timestamp())
        await clock.advance(60.0)
        await call("PUT", "/products/3", json={"enabled": False, "name": "Teapot", "sku": "T-1"})
        assert await find_ids(call, enabled="false") == [3]
        assert await find_ids(call, keyword="teapot") == [3]
        assert await find_ids(call, sku="T-1") == [3]
        assert await find_ids(call, sku="SKU-3") == []
        assert await find_ids(call, updatedFrom=before + 1) == [3]
        await call("DELETE", "/products/3")
        assert await find_ids(call, keyword="teapot") == []
        assert await find_ids(call, sku="T-1") == []

    @pytest.mark.parametrize(
        ("path", "fields", "expected"),
        [
            ("/products/3", "id,sku", {"id": 3, "sku": "SKU-3"}),
            (
                "/products?productId=2,3",
                "total,items(id)",
                {"total": 2, "items": [{"id": 2}, {"id": 3}]},
            ),
            (
                "/products/10",
                "combinations(sku,price)",
                {
                    "combinations": [
                        {"sku": f"SKU-10-{size}", "price": round(5.09 + n, 2)}
                        for n, size in enumerate("SML", 1)
                    ]
                },
            ),
            ("/profile", "generalInfo(storeId)", {"generalInfo": {"storeId": 1003}}),
            ("/orders?ids=EBJFT", "items(id)", {"items": [{"id": "EBJFT"}]}),
        ],
    )
    async def test_response_fields(
        self, call: Caller, path: str, fields: str, expected: Any
    ) -> None:
        """An answer has the fields that were asked for, in whatever they are."""
        mark = "&" if "?" in path else "?"
        assert (await call("GET", f"{path}{mark}responseFields={fields}")).json == expected

    async def test_variations(self, call: Caller) -> None:
        """Variations can be read, made, changed and deleted; stock is changed by a difference."""
        path = "/products/10/combinations"
        assert [v["id"] for v in (await call("GET", path)).json] == [1001, 1002, 1003]
        assert (await call("PUT", f"{path}/1002", json={"price": 2})).json == {"updateCount": 1}
        assert (await call("GET", f"{path}/1002")).json["price"] == 2
        assert (await call("GET", "/products/10")).json["combinations"][1]["price"] == 2
        made = await call("POST", path, json={"options": [{"name": "Size", "value": "XL"}]})
        assert made.json == {"id": 1004}
        assert (await call("DELETE", f"{path}/1001")).json == {"deleteCount": 1}
        assert (await call("DELETE", f"{path}/1001")).json == {
            "errorMessage": "Variation #1001 not found",
            "errorCode": "COMBINATION_NOT_FOUND",
        }
        stock = (await call("GET", f"{path}/1002")).json["quantity"]
        await call("PUT", f"{path}/1002/inventory", json={"quantityDelta": -3})
        assert (await call("GET", f"{path}/1002")).json["quantity"] == stock - 3
        before = (await call("GET", "/products/1")).json["quantity"]
        await call("PUT", "/products/1/inventory", json={"quantityDelta": 5})
        assert (await call("GET", "/products/1")).json["quantity"] == before + 5

    @pytest.mark.parametrize(
        ("path", "answer"),
        [
            ("/products/3", (200, {"deleteCount": 1})),
            ("/products/999", (200, {"deleteCount": 0})),
            ("/categories/999", (200, {"deleteCount": 0})),
            (
                "/orders/NONE",
                (404, {"errorMessage": "Order #NONE not found", "errorCode": "ORDER_NOT_FOUND"}),
            ),
            (
                "/customers/999",
                (
                    404,
                    {"errorMessage": "Customer #999 not found", "errorCode": "CUSTOMER_NOT_FOUND"},
                ),
            ),
        ],
    )
    async def test_delete(self, call: Caller, path: str, answer: tuple[int, Any]) -> None:
        """What isn't there is deleted with a count of 0, or 404, as each page says."""
        got = await call("DELETE", path)
        assert (got.status, got.json) == answer
        assert (await call("GET", path)).status == 404

    @pytest.mark.parametrize("number", ["21", "999999", "x1", "0", "-1", "9" * 30])
    async def test_unknown_product(self, call: Caller, number: str) -> None:
        """A change of a product that isn't there is answered 404, in the vendor's words."""
        answer = await call("PUT", f"/products/{number}", json={"price": 1})
        assert (answer.status, answer.json) == (
            404,
            {"errorMessage": f"Product #{number} not found", "errorCode": "PRODUCT_NOT_FOUND"},
        )

    async def test_skus_of_variations(self, call: Caller) -> None:
        """A variation is found by the SKU it was given, and all that have it are found."""
        await call("PUT", "/products/10/combinations/1001", json={"sku": "V-1"})
        await call("PUT", "/products/20/combinations/2001", json={"sku": "V-1"})
        new = {"options": [{"name": "Size", "value": "XL"}], "sku": "V-2"}
        await call("POST", "/products/20/combinations", json=new)
        assert await find_ids(call, sku="V-1") == [10, 20]
        assert await find_ids(call, sku="V-2") == [20]
        assert await find_ids(call, sku="SKU-10-S") == []
        assert (await call("PUT", "/products/3", json={"sku": "V-1"})).status == 409
        await call("PUT", "/products/20/combinations/2001", json={"sku": "V-3"})
        assert await find_ids(call, sku="V-1") == [10]

    @pytest.mark.parametrize("sku", ["SKU-1", "SKU-10-M", "T-1"])
    async def test_sku_is_taken(self, call: Caller, sku: str) -> None:
        """No two products have one SKU, whoever comes second; a product keeps its own."""
        await call("PUT", "/products/5", json={"sku": "T-1"})
        change = await call("PUT", "/products/2", json={"sku": sku})
        create = await call("POST", "/products", json={"name": "New", "sku": sku})
        assert (change.status, create.status) == (409, 409)
        assert change.json["errorCode"] == "SKU_ALREADY_EXISTS"
        assert (await call("PUT", "/products/5", json={"sku": "T-1"})).status == 200


class TestOthers:
    @pytest.mark.parametrize(
        ("params", "count"),
        [
            ({"paymentStatus": "PAID"}, 15),
            ({"paymentStatus": "PAID,CANCELLED"}, 27),
            ({"email": "mscott@gmail.com"}, 1),
            ({"createdFrom": 1_725_434_529}, 1),
            ({"createdFrom": "2024-09-04 07:22:09 +0000"}, 1),
            ({"createdTo": "2020-01-01"}, 1),
            ({"keywords": "pizza"}, 1),
            ({"orderNumber": "1028,492512057"}, 2),
            ({"totalFrom": 600}, 2),
        ],
    )
    async def test_orders(
        self, call: Caller, sandbox: EcwidSandbox, params: Any, count: int
    ) -> None:
        """Orders are searched by status, customer, time, words, number and total."""
        sandbox.switches.orders = 40
        assert (await find(call, "/orders", **params))["total"] == count

    async def test_order_is_changed(self, call: Caller) -> None:
        """An order can be changed, made and deleted."""
        path = "/orders/EBJFT"
        body = {"fulfillmentStatus": "DELIVERED", "trackingNumber": "00123"}
        assert (await call("PUT", path, json=body)).json == {"updateCount": 1}
        order = (await call("GET", path)).json
        assert (order["fulfillmentStatus"], order["trackingNumber"]) == ("DELIVERED", "00123")
        made = (await call("POST", "/orders", json={"paymentStatus": "PAID", "total": 5})).json[
            "id"
        ]
        assert (await call("GET", f"/orders/{made}")).json["total"] == 5
        assert (await call("DELETE", path)).json == {"deleteCount": 1}
        assert (await find(call, "/orders"))["total"] == 3

    @pytest.mark.parametrize(
        ("path", "params", "ids"),
        [
            ("/customers", {"email": "customer7@example.com"}, [7]),
            ("/customers", {"keyword": "ada"}, [7, 14]),
            ("/customers", {"name": "evans", "limit": 1}, [4]),
            ("/categories", {"keyword": "cups"}, [8]),
            ("/categories", {"parent": 0, "limit": 2}, [1, 2]),
            ("/categories", {"categoryIds": "2,3"}, [2, 3]),
        ],
    )
    async def test_search(self, call: Caller, path: str, params: Any, ids: list[int]) -> None:
        """Customers and categories are searched as their pages say."""
        found = await find(call, path, **params)
        assert [each["id"] for each in found["items"]] == ids


class TestFailures:
    async def run(self, call: Caller, clock: FakeClock, count: int = 20) -> list[tuple[int, Any]]:
        ticket = await call.submit(prices(count), stopOnFirstFailure="false")
        await clock.advance(count * 1.0 + 20.0)
        answers = await call.responses(ticket)
        return [(r["httpStatusCode"], json.loads(r["escapedHttpBody"])) for r in answers]

    @pytest.mark.parametrize(("status", "message"), [(409, "Stock"), (402, "Plan"), (422, "Ö")])
    async def test_a_share_fails(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock, status: int, message: str
    ) -> None:
        """A share of the items fails, with the status and the words that were set."""
        sandbox.change_switches(
            {
                "item_fails_rate": "0.5",
                "item_fails_status": str(status),
                "item_fails_message": message,
            }
        )
        got = await self.run(call, clock)
        failed = [body for code, body in got if code == status]
        assert 3 < len(failed) < 17
        assert all(body == {"errorMessage": message} for body in failed)
        assert all(body == {"updateCount": 1} for code, body in got if code == 200)

    @pytest.mark.parametrize("times", [1, 3, -1])
    async def test_no_effect(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock, times: int
    ) -> None:
        """A write can be answered with a count of 0, and has no effect."""
        sandbox.switches.no_effect = times
        got = await self.run(call, clock, 5)
        without = 5 if times < 0 else times
        assert [body for _, body in got] == [{"updateCount": 0}] * without + [
            {"updateCount": 1}
        ] * (5 - without)
        changed = [p["id"] for p in (await find(call, "/products"))["items"] if p["price"] == 5.5]
        assert changed == [*range(without + 1, 6)]

    async def test_error_in_200(
        self, call: Caller, sandbox: EcwidSandbox, clock: FakeClock
    ) -> None:
        """An item can be answered 200 with an error in it; outside a batch too."""
        sandbox.switches.error_in_200 = 2
        got = await self.run(call, clock, 3)
        assert [code for code, _ in got] == [200] * 3
        assert ["errorMessage" in body for _, body in got] == [True, True, False]
        sandbox.switches.error_in_200 = 1
        answer = await call("PUT", "/products/9", json={"price": 1})
        assert answer.status == 200
        assert "errorMessage" in answer.json
        assert (await call("GET", "/products/9")).json["price"] != 1

    async def test_in_a_batch_as_outside(self, call: Caller, clock: FakeClock) -> None:
        """A call is answered in a batch as it is outside."""
        paths = ["/products?keyword=red&limit=2", "/orders/NONE", "/products?keywrod=red"]
        items: list[Any] = [{"method": "GET", "path": path} for path in paths]
        items += [price(1, "dear"), {"method": "DELETE", "path": "/products/77"}]
        ticket = await call.submit(items, stopOnFirstFailure="false")
        await clock.advance(10.0)
        inside = [
            (r["httpStatusCode"], json.loads(r["escapedHttpBody"]))
            for r in await call.responses(ticket)
        ]
        outside = [
            await call(item["method"], item["path"], json=item.get("body")) for item in items
        ]
        assert inside == [(answer.status, answer.json) for answer in outside]
