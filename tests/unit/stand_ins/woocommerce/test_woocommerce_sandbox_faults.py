"""The WooCommerce stand-in misbehaves as shops do: slow, dying, behind walls, ill-formed."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from support.shop_calls import Caller, prices

from batchhub.testing import FakeClock
from batchhub_woocommerce.sandbox import WooCommerceSandbox


class TestLogin:
    @pytest.mark.parametrize(
        ("login", "reads", "writes"),
        [
            ("other:cs", "woocommerce_rest_cannot_view", "woocommerce_rest_cannot_batch"),
            ("", "woocommerce_rest_cannot_view", "woocommerce_rest_cannot_batch"),
            ("ck_sandbox:", "woocommerce_rest_cannot_view", "woocommerce_rest_cannot_batch"),
            ("ck_sandbox:other", *["woocommerce_rest_authentication_error"] * 2),
        ],
    )
    async def test_wrong_login(
        self, call: Caller, sandbox: WooCommerceSandbox, login: str, reads: str, writes: str
    ) -> None:
        """An unknown key is nobody, a wrong secret an error of its own; both are 401."""
        call.login = login
        read, written = await call.get(), await call.post({"update": prices(1)})
        assert (read.status, read.json["code"]) == (401, reads)
        assert (written.status, written.json["code"]) == (401, writes)
        assert sandbox.executions == []

    @pytest.mark.parametrize(
        ("switches", "statuses"),
        [
            ({"permissions": "read"}, (200, 401)),
            ({"permissions": "write"}, (401, 200)),
            ({"user_may": False}, (403, 403)),
            ({"drops_authorization": True}, (401, 401)),
        ],
    )
    async def test_what_a_key_may(
        self,
        call: Caller,
        sandbox: WooCommerceSandbox,
        switches: dict[str, Any],
        statuses: tuple[int, int],
    ) -> None:
        """A key may read, write or both; its user may not; its header may never arrive."""
        sandbox.change_switches(switches)
        answers = await call.get(), await call.post({"update": prices(1)})
        assert tuple(answer.status for answer in answers) == statuses


class TestAddress:
    async def test_no_route(self, call: Caller) -> None:
        """What the API does not have is 404 in its form; the rest of the site is a page."""
        for method, path in [("GET", "/orders"), ("DELETE", "/products"), ("POST", "/products")]:
            answer = await call(method, f"{call.root}{path}")
            assert (answer.status, answer.json["code"]) == (404, "rest_no_route")
        answer = await call("GET", "/")
        assert (answer.status, answer.headers["Content-Type"][:9]) == (404, "text/html")

    async def test_no_api(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """Where there is no shop every path is a page."""
        sandbox.switches.no_rest = True
        for answer in (await call.get(), await call.get("/orders"), await call.post({})):
            assert (answer.status, answer.headers["Content-Type"][:9]) == (404, "text/html")

    async def test_prefix(self, session: aiohttp.ClientSession, clock: FakeClock) -> None:
        """A shop may be below a path of its site, and nowhere else; control stays in its place."""
        sandbox = WooCommerceSandbox(clock=clock, products=5, prefix="/de/shop")
        async with sandbox.running() as url:
            call = Caller(session, sandbox, url)
            assert (await call.get()).status == 200
            assert (await call("GET", "/_sandbox/journal")).json["executions"] == []
            call.root = "/wp-json/wc/v3"
            assert (await call.get()).status == 404

    async def test_methods(self, call: Caller) -> None:
        """WordPress takes PUT and PATCH for what is editable."""
        for method in ("PUT", "PATCH"):
            body = {"update": prices(1)}
            assert (await call(method, f"{call.root}/products/batch", json=body)).status == 200


class TestReading:
    async def test_pages(self, call: Caller) -> None:
        """Products come in pages, the newest first, and the headers say how many there are."""
        answer = await call.get(per_page="2", page="2", _fields="id,sku")
        assert answer.json == [
            {"id": 1_000_001, "sku": "W-1000001"},
            {"id": 20, "sku": "W-20"},
        ]
        assert (answer.headers["X-WP-Total"], answer.headers["X-WP-TotalPages"]) == ("23", "12")
        assert [p["id"] for p in (await call.get(sku="W-7")).json] == [7]
        for wrong in ("0", "101", "x"):
            assert (await call.get(per_page=wrong)).status == 400

    async def test_one(self, call: Caller) -> None:
        """A product is shown by its id."""
        assert (await call.get("/products/7")).json["sku"] == "W-7"
        assert (await call.get("/products/70")).status == 404


class TestTrouble:
    async def test_slow(self, call: Caller, sandbox: WooCommerceSandbox, clock: FakeClock) -> None:
        """A batch is answered after the time all its items take."""
        sandbox.switches.item_time_s = 2.0
        async with clock.running():
            await call.batch(update=prices(20))
        assert clock.monotonic() == 40.0

    async def test_dies(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """A batch may die in the middle: some items ran, and nobody says which."""
        sandbox.change_switches({"dies": 1, "dies_after": 3})
        answer = await call.post({"update": prices(5)})
        assert (answer.status, answer.json["code"]) == (500, "internal_server_error")
        assert [e.item_id for e in sandbox.executions] == ["1", "2", "3"]
        assert sandbox.journal[-1].note == "died after 3 items"

    async def test_gateway(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """The server before PHP may give up: all ran, and the answer is its page."""
        sandbox.switches.gateway_timeout = 1
        answer = await call.post({"update": prices(2)})
        assert (answer.status, answer.headers["Content-Type"][:9]) == (504, "text/html")
        assert len(sandbox.executions) == 2

    async def test_lost_answer(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """An answer may be lost, and the batch have run."""
        sandbox.switches.lost_submit_answers = 1
        with pytest.raises(aiohttp.ClientConnectionError):
            await call.post({"update": prices(2)})
        assert len(sandbox.executions) == 2

    @pytest.mark.parametrize("status", [200, 403, 503])
    async def test_firewall(self, call: Caller, sandbox: WooCommerceSandbox, status: int) -> None:
        """A firewall answers with a page of any status, and nothing ran."""
        sandbox.change_switches({"html_error": 1, "html_error_status": status})
        answer = await call.post({"update": prices(2)})
        assert (answer.status, answer.headers["Content-Type"][:9]) == (status, "text/html")
        assert sandbox.executions == []

    async def test_php_warning(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """A warning before the JSON makes it none."""
        sandbox.switches.php_warning = 1
        answer = await call.post({"update": prices(1)})
        assert answer.status == 200
        with pytest.raises(ValueError):
            json.loads(answer.text)
        assert len(sandbox.executions) == 1

    async def test_item_fails(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """An item may fail without an effect and without a reason of its own."""
        sandbox.switches.item_fails = 1
        codes = await call.codes(update=prices(2))
        assert codes == [(1, "woocommerce_rest_error"), (2, None)]


class TestDistorted:
    @pytest.mark.parametrize(
        ("switches", "ids"),
        [
            ({"missing_results": 1}, [2, 3]),
            ({"missing_results": -1}, []),
            ({"doubled_results": 1}, [1, 2, 3, 1]),
            ({"foreign_results": 1}, [1, 2, 3, 9_000_001]),
            ({"text_ids": True}, ["1", "2", "3"]),
        ],
    )
    async def test_lists(
        self, call: Caller, sandbox: WooCommerceSandbox, switches: dict[str, Any], ids: list[Any]
    ) -> None:
        """Results can be missing, doubled, foreign, and called otherwise."""
        sandbox.change_switches(switches)
        assert [found for found, _ in await call.codes(update=prices(3))] == ids

    async def test_order(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """Results can come in another order."""
        sandbox.switches.shuffle_results = True
        found = [found for found, _ in await call.codes(update=prices(20))]
        assert found != sorted(found) == [*range(1, 21)]

    async def test_no_lists(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """The answer can be empty, and all have run."""
        sandbox.switches.no_lists = 1
        assert await call.batch(update=prices(2)) == []
        assert len(sandbox.executions) == 2

    async def test_null_data_and_size(self, call: Caller, sandbox: WooCommerceSandbox) -> None:
        """An error can be without data, and an answer as large as one likes."""
        sandbox.change_switches({"null_data": True, "padding_bytes": 5000})
        found = await call.batch(update=[{"id": 99}, {"id": 1}])
        assert found["update"][0]["error"]["data"] is None
        assert len(found["update"][1]["description"]) == 5000
