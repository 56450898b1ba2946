"""The WooCommerce stand-in runs batches as the plugin's code does."""

from __future__ import annotations

from typing import Any

import pytest
from support.shop_calls import Caller, price, prices

from batchhub_woocommerce.sandbox import WooCommerceSandbox

INVALID = "woocommerce_rest_product_invalid_id"
VARIABLE = 1_000_001
VARIATION = 10_000_010
OF_IT = f"/products/{VARIABLE}/variations/batch"


class TestLists:
    async def test_three_lists(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """The answer has the same lists in the same order; what failed has id 0, or its own."""
        found = await call.batch(
            create=[{"name": "New", "sku": "N-1", "regular_price": "3"}, {"id": 5}],
            update=[price(1), price(999), price("2", "7.00")],
            delete=[3, 998],
        )
        assert [*found] == ["create", "update", "delete"]
        created, refused = found["create"]
        assert (created["sku"], created["price"]) == ("N-1", "3")
        assert sandbox.find_product(created["id"]) == created
        assert refused == {
            "id": 0,
            "error": {
                "code": "woocommerce_rest_product_exists",
                "message": "Cannot create existing product.",
                "data": {"status": 400},
            },
        }
        first, unknown, third = found["update"]
        assert (first["id"], first["regular_price"], first["price"]) == (1, "5.50", "5.50")
        assert (unknown["id"], unknown["error"]["code"]) == (999, INVALID)
        assert unknown["error"]["data"] == {"status": 400}
        assert (third["id"], third["price"]) == (2, "7.00")
        gone, never = found["delete"]
        assert (gone["id"], gone["sku"]) == (3, "W-3")
        assert (never["id"], never["error"]["data"]) == (998, {"status": 404})
        assert sandbox.find_product(3) is None

    async def test_executions(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """The journal knows creates first, then updates, then deletes, all of one batch."""
        await call.batch(
            delete=[3], update=[price(1), price(999)], create=[{"name": "New"}, {"sku": "W-1"}]
        )
        assert [(e.method, e.path, e.item_id, e.status) for e in sandbox.executions] == [
            ("POST", "/products", "New", 200),
            ("POST", "/products", "W-1", 400),
            ("PUT", "/products/1", "1", 200),
            ("PUT", "/products/999", "999", 400),
            ("DELETE", "/products/3", "3", 200),
        ]
        assert len({e.ticket for e in sandbox.executions} - {None}) == 1

    @pytest.mark.parametrize("body", [{}, {"update": []}, [], {"upsert": [1]}, None, b""])
    async def test_nothing(self, call: Caller, sandbox: WooCommerceSandbox, body: Any) -> None:
        """Where nothing is sent there is no list, and PHP's empty one is no object."""
        assert (await call.post(body)).json == []
        assert sandbox.executions == []

    async def test_most_objects(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """A hundred objects in all are taken, one more is refused whole; a shop may differ."""
        lists: dict[str, Any] = {"update": prices(20) * 4, "delete": [900] * 20}
        await call.batch(**lists)
        answer = await call.post({**lists, "create": [{"name": "One more"}]})
        assert (answer.status, answer.json["code"]) == (
            413,
            "woocommerce_rest_request_entity_too_large",
        )
        assert len(sandbox.executions) == 100
        sandbox.switches.batch_limit = 2
        assert (await call.post({"update": prices(3)})).status == 413

    @pytest.mark.parametrize("body", [b"{", b"\xff", b"[NaN]"])
    async def test_no_json(self, call: Caller, body: bytes) -> None:
        """A body that is no JSON is refused."""
        answer = await call.post(body)
        assert (answer.status, answer.json["code"]) == (400, "rest_invalid_json")

    @pytest.mark.parametrize(
        ("lists", "ran"),
        [
            ({"update": 7}, 0),
            ({"create": "x"}, 0),
            ({"update": [price(1), 7, price(2)]}, 1),
            ({"create": [{"name": "a"}, "b"], "update": [price(1)]}, 1),
        ],
    )
    async def test_what_php_dies_of(
        self, call: Caller, sandbox: WooCommerceSandbox, lists: Any, ran: int
    ) -> None:
        """What is of another type ends the request, after the items before it."""
        answer = await call.post(lists)
        assert (answer.status, answer.json["code"]) == (500, "internal_server_error")
        assert len(sandbox.executions) == ran

    async def test_ids_to_delete(self, call: Caller) -> None:
        """An id is made a number as PHP does: no number is passed over, an object is 1."""
        codes = await call.codes(delete=["4 of them", "x", 0, None, {"id": 5}])
        assert codes == [(4, None), (1, None)]


class TestProducts:
    async def test_sku(self, call: Caller) -> None:
        """A SKU that another product has is refused, and the product named."""
        found = await call.batch(
            create=[{"sku": "W-2"}, {"sku": "new"}, {"sku": "new"}],
            update=[{"id": 3, "sku": "W-4"}, {"id": 3, "sku": "W-3"}],
        )
        first, second, third = found["create"]
        assert first["error"] == {
            "code": "product_invalid_sku",
            "message": "Invalid or duplicated SKU.",
            "data": {"status": 400, "resource_id": 2, "unique_sku": "W-2-1"},
        }
        assert third["error"]["data"]["resource_id"] == second["id"]
        assert ["error" in entry for entry in found["update"]] == [True, False]

    async def test_a_deleted_sku_is_free(self, call: Caller) -> None:
        """The SKU of what was deleted or renamed can be had."""
        await call.batch(delete=[2], update=[{"id": 3, "sku": "other"}])
        codes = await call.codes(create=[{"sku": "W-2"}, {"sku": "W-3"}, {"sku": "other"}])
        assert [code for _, code in codes] == [None, None, "product_invalid_sku"]

    @pytest.mark.parametrize(
        ("value", "kept"),
        [("9.90", "9.90"), ("9,90 EUR", "9.90"), ("-5", "-5"), ("on request", ""), ("", "")],
    )
    async def test_prices(
        self, call: Caller, sandbox: WooCommerceSandbox, value: str, kept: str
    ) -> None:
        """A price is a text; what is no figure of it is dropped without a word."""
        await call.batch(update=[price(1, value)])
        product = sandbox.find_product(1)
        assert product is not None
        assert product["regular_price"] == kept

    @pytest.mark.parametrize("value", [9.9, 9, True, [1]])
    async def test_strict_prices(
        self, call: Caller, sandbox: WooCommerceSandbox, value: Any
    ) -> None:
        """A price that is no text fails its item, unless the shop takes numbers."""
        assert await call.codes(update=[price(1, value)]) == [(1, "rest_invalid_param")]
        sandbox.switches.strict_prices = False
        assert await call.codes(update=[price(1, value)]) == [(1, None)]

    async def test_stock(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """A stock is only taken where it is managed; otherwise nothing happens, and it is 200."""
        found = await call.batch(
            update=[
                {"id": 1, "stock_quantity": 7},
                {"id": 2, "stock_quantity": 7, "manage_stock": False},
                {"id": 3, "stock_quantity": "8 left", "manage_stock": "yes"},
                {"id": 4, "stock_quantity": None, "sale_price": "1.00"},
            ]
        )
        assert [entry["stock_quantity"] for entry in found["update"]] == [7, None, 8, 10]
        assert found["update"][3]["price"] == "1.00"


class TestVariations:
    async def test_variations(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """Variations have batches of their own, below their product."""
        found = await call.batch(
            OF_IT,
            create=[{"sku": "V-new", "regular_price": "2.00"}],
            update=[price(VARIATION), price(999)],
            delete=[VARIATION + 1],
        )
        [created] = found["create"]
        assert (created["type"], created["parent_id"]) == ("variation", VARIABLE)
        first, unknown = found["update"]
        assert first["price"] == "5.50"
        assert unknown["error"]["code"] == "woocommerce_rest_product_variation_invalid_id"
        assert sandbox.find_product(VARIATION + 1) is None
        assert sandbox.executions[1].path == f"/products/{VARIABLE}/variations/{VARIATION}"

    async def test_at_the_wrong_place(self, call: Caller) -> None:
        """A variation is no product, and a product no variation."""
        assert await call.codes(update=[price(VARIATION)], delete=[VARIATION]) == [
            (VARIATION, "woocommerce_rest_invalid_product_id"),
            (VARIATION, "woocommerce_rest_invalid_product_id"),
        ]
        assert await call.codes(OF_IT, update=[price(1)], delete=[1]) == [
            (1, "woocommerce_rest_product_variation_invalid_id"),
            (1, "woocommerce_rest_product_variation_invalid_id"),
        ]

    async def test_another_parent(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """The product of a variation is not checked: it moves."""
        other = f"/products/{VARIABLE + 1}/variations/batch"
        assert await call.codes(other, update=[price(VARIATION)]) == [(VARIATION, None)]
        moved = sandbox.find_product(VARIATION)
        assert moved is not None
        assert moved["parent_id"] == VARIABLE + 1

    async def test_deleted_with_their_product(
        self, call: Caller, sandbox: WooCommerceSandbox
    ) -> None:
        """A product takes its variations with it."""
        await call.batch(delete=[VARIABLE])
        assert sandbox.find_product(VARIATION) is None
