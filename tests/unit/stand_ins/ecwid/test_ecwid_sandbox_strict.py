"""The Ecwid stand-in refuses what it doesn't know, and wrong tokens, in the vendor's form."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from support.calls import send
from support.ecwid_calls import Caller, prices

from batchhub_ecwid.sandbox import EcwidSandbox


class TestToken:
    @pytest.mark.parametrize("path", ["/profile", "/products?limit=1", "/batch?limit=1"])
    async def test_in_the_query(
        self, call: Caller, session: aiohttp.ClientSession, sandbox: EcwidSandbox, path: str
    ) -> None:
        """The token may come as a parameter; it is in no journal."""
        mark = "&" if "?" in path else "?"
        url = f"{call.url}/api/v3/1003{path}{mark}token={sandbox.token}"
        answer = await send(session, "GET", url)
        assert answer.status == 200
        assert sandbox.token not in (await call.control("GET", "/journal")).text
        assert sandbox.token not in repr([*sandbox.journal, *sandbox.executions])

    @pytest.mark.parametrize("query", ["", "?token=secret_other", "?token=", "?Token={}"])
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_wrong(
        self,
        call: Caller,
        session: aiohttp.ClientSession,
        sandbox: EcwidSandbox,
        query: str,
        method: str,
    ) -> None:
        """A wrong token, or none, is answered 403; nothing happens."""
        url = f"{call.url}/api/v3/1003/products/1{query.format(sandbox.token)}"
        answer = await send(session, method, url)
        assert (answer.status, answer.json) == (
            403,
            {"errorMessage": "The access token is invalid", "errorCode": "INVALID_API_TOKEN"},
        )
        assert sandbox.executions == []

    async def test_the_header_counts(self, call: Caller, sandbox: EcwidSandbox) -> None:
        """Of two tokens that of the header counts."""
        call.token = "secret_other"
        assert (await call("GET", "/profile", params={"token": sandbox.token})).status == 403

    async def test_revoked(
        self, call: Caller, session: aiohttp.ClientSession, sandbox: EcwidSandbox
    ) -> None:
        """A token in the query can be revoked, too."""
        sandbox.switches.revoke_after = 0
        url = f"{call.url}/api/v3/1003/profile?token={sandbox.token}"
        assert (await send(session, "GET", url)).status == 403


class TestUnknown:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/products?keywrod=red"),
            ("GET", "/products?Keyword=red"),
            ("GET", "/products?limit=2&page=3"),
            ("GET", "/products/1?fields=id"),
            ("GET", "/orders?keyword=x"),
            ("GET", "/customers?mail=x"),
            ("GET", "/categories?search=x"),
            ("GET", "/profile?full=true"),
            ("PUT", "/products/1?dryRun=true"),
            ("DELETE", "/products/1?force=true"),
            ("GET", "/batch?tickets=x"),
            ("POST", "/batch?stopOnFirstFail=false"),
            ("DELETE", "/batch?id=x"),
            ("POST", "/batch/cancel-group?group=x"),
        ],
    )
    async def test_parameter(
        self, call: Caller, sandbox: EcwidSandbox, method: str, path: str
    ) -> None:
        """A parameter that a call does not have is refused by its name, unless told otherwise."""
        body = prices(1) if path.startswith("/batch?stop") else None
        kwargs: Any = {"json": body or {"price": 1}} if method in {"PUT", "POST"} else {}
        answer = await call(method, path, **kwargs)
        wrong = path.rpartition("?")[2].split("&")[-1].partition("=")[0]
        assert answer.status == 400
        assert answer.json["errorCode"] == "WRONG_PARAMETER"
        assert f"'{wrong}'" in answer.json["errorMessage"]
        assert (await call("GET", "/products/1")).json["price"] == 5.0
        sandbox.switches.strict = False
        assert "no such parameter" not in (await call(method, path, **kwargs)).text

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/products?limit=ten", "limit"),
            ("/products?offset=-1", "offset"),
            ("/products?priceFrom=1,5", "priceFrom"),
            ("/products?priceTo=inf", "priceTo"),
            ("/products?productId=1,x", "productId"),
            ("/products?enabled=ja", "enabled"),
            ("/products?sortBy=price", "sortBy"),
            ("/products?createdFrom=yesterday", "createdFrom"),
            ("/products?responseFields=items(prise)", "responseFields"),
            ("/products?responseFields=items(price", "responseFields"),
            ("/products?responseFields=price", "responseFields"),
            ("/orders?paymentStatus=PAYED", "paymentStatus"),
            ("/orders?responseFields=", "responseFields"),
        ],
    )
    async def test_value(self, call: Caller, path: str, name: str) -> None:
        """A value that can't be read is refused by the parameter's name."""
        answer = await call("GET", path)
        assert answer.status == 400
        assert answer.json["errorCode"] == "WRONG_PARAMETER"
        assert f"parameter '{name}' value" in answer.json["errorMessage"]

    @pytest.mark.parametrize(
        ("path", "body", "message"),
        [
            ("/products/1", {"prise": 1}, "Field Product.prise is unknown"),
            ("/products/1", {"price": 2, "Sku": "x"}, "Field Product.Sku is unknown"),
            ("/orders/EBJFT", {"status": "x"}, "Field Order.status is unknown"),
            ("/customers/1", {"mail": "x"}, "Field Customer.mail is unknown"),
            ("/products/10/combinations/1001", {"size": "x"}, "Field Variation.size is unknown"),
        ],
    )
    async def test_field(
        self, call: Caller, sandbox: EcwidSandbox, path: str, body: Any, message: str
    ) -> None:
        """A field that an entity does not have is refused by its name, unless told otherwise."""
        before = (await call("GET", path)).json
        answer = await call("PUT", path, json=body)
        assert (answer.status, answer.json["errorMessage"]) == (400, message)
        assert (await call("GET", path)).json == before
        sandbox.switches.strict = False
        assert (await call("PUT", path, json=body)).status == 200

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"price": "9.90"}, "Field Product.price is wrong: it must be a number"),
            ({"price": True}, "Field Product.price is wrong: it must be a number"),
            ({"price": [1]}, "Field Product.price is wrong: it must be a number"),
            ({"quantity": 1.5}, "Field Product.quantity is wrong: it must be a whole number"),
            ({"quantity": "3"}, "Field Product.quantity is wrong: it must be a whole number"),
            ({"enabled": "true"}, "Field Product.enabled is wrong: it must be true or false"),
            ({"enabled": 1}, "Field Product.enabled is wrong: it must be true or false"),
            ({"sku": 5}, "Field Product.sku is wrong: it must be a text"),
            ({"name": False}, "Field Product.name is wrong: it must be a text"),
            ({"categoryIds": 5}, "Field Product.categoryIds is wrong: it must be an array"),
            ({"dimensions": []}, "Field Product.dimensions is wrong: it must be an object"),
        ],
    )
    async def test_type(self, call: Caller, body: Any, message: str) -> None:
        """A value of a wrong type is refused by the field's name."""
        answer = await call("PUT", "/products/1", json=body)
        assert (answer.status, answer.json) == (
            400,
            {"errorMessage": message, "errorCode": "WRONG_PARAMETER"},
        )

    @pytest.mark.parametrize("body", [{"price": None}, {"quantity": 3.0}, {"id": 9, "price": 1}])
    async def test_taken(self, call: Caller, body: Any) -> None:
        """Null, a whole number with a point, and what can only be read are taken."""
        assert (await call("PUT", "/products/1", json=body)).json == {"updateCount": 1}
        assert (await call("GET", "/products/1")).json["id"] == 1
        assert (await call("GET", "/products?priceFrom=0")).status == 200

    @pytest.mark.parametrize(
        "path", ["/product/1", "/products/1/images", "/orders/EBJFT/items", "/v2/products"]
    )
    async def test_path(self, call: Caller, path: str) -> None:
        """A path that it does not have is refused by its name."""
        answer = await call("PUT", path, json={})
        assert answer.status == 404
        assert answer.json["errorMessage"] == f"There is nothing at {path}"

    @pytest.mark.parametrize("key", ["Id", "url", "headers"])
    async def test_key_of_an_item(self, call: Caller, key: str) -> None:
        """A key that an item of a batch does not have refuses the batch."""
        answer = await call("POST", "/batch", json=[*prices(1), {**prices(1)[0], key: "x"}])
        assert answer.status == 400
        assert f"Path $[1].{key} is unknown" in answer.json["error_message"]

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "application/x-www-form-urlencoded", "image/png"]
    )
    async def test_content_type(self, call: Caller, media_type: str) -> None:
        """A body that is not declared as JSON is answered 415."""
        headers = {"Content-Type": media_type}
        answer = await call("PUT", "/products/1", data=b'{"price": 1}', headers=headers)
        assert answer.status == 415

    async def test_reason(
        self, call: Caller, session: aiohttp.ClientSession, sandbox: EcwidSandbox
    ) -> None:
        """What is wrong is the reason phrase, too, as in the vendor's documents."""
        url = f"{call.url}/api/v3/1003/products?limit=x&token={sandbox.token}"
        async with session.get(url) as response:
            assert response.reason is not None
            assert response.reason.startswith("Wrong numeric parameter 'limit' value")
