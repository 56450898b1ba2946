"""What an Ecwid item may be, and the bytes it becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import batchhub_ecwid
from batchhub.errors import InputError
from batchhub.models import BatchItem
from batchhub_ecwid import delete, get, orders, paths, post, put
from batchhub_ecwid.items import encode_item, find_target
from batchhub_ecwid.paths import make_path

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ecwid"
LOOP: dict[str, Any] = {}
LOOP["self"] = LOOP


class Colour(StrEnum):
    RED = "red"


def encode(payload: Any, item_id: str | None = "a1") -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(encode_item(BatchItem(id=item_id, payload=payload)))
    return wire


def item(**payload: Any) -> dict[str, Any]:
    return {"method": "GET", "path": "/orders/1"} | payload


def test_the_package_exports_what_users_need() -> None:
    """Account and adapter, functions that make items and look things up, the types of orders."""
    plain = {"EcwidAccount", "EcwidAdapter", "delete", "get", "post", "put"}
    plain |= {"FoundProducts", "ProductId", "find_product_ids", "submit_pages"}

    assert set(batchhub_ecwid.__all__) == plain | set(orders.__all__)
    assert all(hasattr(batchhub_ecwid, name) for name in batchhub_ecwid.__all__)


def test_an_item_is_compact_json_with_its_id_first() -> None:
    """The wire form is one compact element of the array, ready to be joined."""
    wire = encode_item(BatchItem(id="a1", payload=item(method="PUT", body={"price": 9.9})))
    assert wire == b'{"id":"a1","method":"PUT","path":"/orders/1","body":{"price":9.9}}'


def test_documented_items_are_taken_as_they_are() -> None:
    """Every item of the vendor's own example is accepted; an empty body is left out."""
    for item in json.loads((FIXTURES / "batch_create_request_2025_docs.json").read_bytes()):
        expected = {key: value for key, value in item.items() if value != ""}
        expected["path"] = item["path"]
        assert encode(item, item["id"]) == expected


@pytest.mark.parametrize(
    ("made", "wire"),
    [
        (get("/orders/XJ12H"), {"method": "GET", "path": "/orders/XJ12H"}),
        (get("orders"), {"method": "GET", "path": "/orders"}),
        (delete("/products/5"), {"method": "DELETE", "path": "/products/5"}),
        (
            post("/products", {"name": "Tea"}),
            {"method": "POST", "path": "/products", "body": {"name": "Tea"}},
        ),
        (put("/x", [1, 2]), {"method": "PUT", "path": "/x", "body": [1, 2]}),
        (put("/x", (1, {})), {"method": "PUT", "path": "/x", "body": [1, {}]}),
        (
            post("/products/5/image", None, params={"externalUrl": "https://x.test/a b.png"}),
            {
                "method": "POST",
                "path": "/products/5/image?externalUrl=https%3A%2F%2Fx.test%2Fa%20b.png",
            },
        ),
    ],
)
def test_every_way_to_make_an_item_comes_out_as_written(
    made: BatchItem, wire: Mapping[str, Any]
) -> None:
    """What get, post, put and delete make is accepted and says what was asked for."""
    assert made.id is None
    assert encode(made.payload, "7") == {"id": "7"} | dict(wire)


def test_an_id_may_be_handed_over() -> None:
    """An id handed over is the item's id."""
    items = [get("/a", id="g"), post("/a", {}, id="p"), put("/a", {}, id="u"), delete("/a", id="d")]
    assert [json.loads(encode_item(made))["id"] for made in items] == ["g", "p", "u", "d"]


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, ""),
        ({}, ""),
        ({"limit": None}, ""),
        ({"limit": 5, "price": Decimal("1.50"), "rate": 0.5}, "?limit=5&price=1.50&rate=0.5"),
        ({"enabled": True, "hidden": False}, "?enabled=true&hidden=false"),
        ({"status": ["PAID", "SHIPPED"]}, "?status=PAID,SHIPPED"),
        ({"ids": (1, True)}, "?ids=1,true"),
        ({"email": "a+b@x.test"}, "?email=a%2Bb%40x.test"),
        ({"a&b=c": "d&e=f#g %"}, "?a%26b%3Dc=d%26e%3Df%23g%20%25"),
        ({"keyword": "thé"}, "?keyword=th%C3%A9"),
        ({"a": np.int64(5), "b": np.bool_(True)}, "?a=5&b=true"),
        ({"ids": np.array([1, 2]), "rate": [np.float32(9.9)]}, "?ids=1,2&rate=9.9"),
    ],
)
def test_params_are_encoded_safely(params: Any, query: str) -> None:
    """Whatever stands in params stays inside its own parameter."""
    assert encode(get("/orders", params=params).payload)["path"] == f"/orders{query}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2026, 1, 2, tzinfo=UTC), "params: from is the time 2026-01-02 00:00:00+00:00; "),
        ([1, None], "params: from has None in it; give texts and numbers"),
        (b"x", "params: from has b'x' in it; give texts and numbers"),
        (float("nan"), "params: from is nan, which has no form in JSON; leave it out"),
        (object(), "params: from is of type object"),
    ],
    ids=["time", "none-in-list", "bytes", "NaN", "object"],
)
def test_params_that_are_none_are_refused(value: Any, words: str) -> None:
    """What no query has is named, and nothing is guessed of it."""
    with pytest.raises(InputError) as caught:
        get("/orders", params={"from": value})
    assert str(caught.value).startswith(words)


def test_params_follow_a_query_that_is_there() -> None:
    """Params are appended to the query the path has."""
    assert get("/orders?limit=1", params={"offset": 2}).payload["path"] == (
        "/orders?limit=1&offset=2"
    )


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/orders?email=a+b@x.test", "/orders?email=a%2Bb@x.test"),
        ("/orders/a+b", "/orders/a%2Bb"),
        ("/orders?email=a%2Bb", "/orders?email=a%2Bb"),
        ("/orders?keyword=a%20b", "/orders?keyword=a%20b"),
        ("/products?keyword=thé", "/products?keyword=th%C3%A9"),
        ("/orders?x=[1]", "/orders?x=%5B1%5D"),
        ("/orders?next=https://x.test/../batch", "/orders?next=https://x.test/../batch"),
        ("/batches/1", "/batches/1"),
        ("/orders/50%25", "/orders/50%25"),
        ("/orders?ticket=1&x", "/orders?ticket=1&x"),
    ],
)
def test_a_path_is_sent_so_that_it_is_read_as_written(path: str, sent: str) -> None:
    """A literal plus stays a plus, escapes stay as they are, and encoding again changes nothing."""
    assert make_path(path) == sent
    assert make_path(sent) == sent


@pytest.mark.parametrize("method", ["get", "Get", "GET"])
def test_a_method_may_be_in_any_case(method: str) -> None:
    """Methods go out in upper case."""
    assert encode(item(method=method))["method"] == "GET"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("body", ["", None])
def test_an_empty_body_is_no_body(method: str, body: object) -> None:
    """Null and empty text mean no body where none is sent."""
    assert "body" not in encode(item(method=method, body=body))


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        ({"price": Decimal("12.3456789012345678")}, b'{"price":12.3456789012345678}'),
        ({"n": 2**70}, b'{"n":1180591620717411303424}'),
        ({"c": Colour.RED, "t": "thé", "x": None, "b": False}, None),
    ],
)
def test_a_body_goes_out_unchanged(body: dict[str, Any], wire: bytes | None) -> None:
    """Numbers keep every digit, also as a `Decimal`."""
    encoded = encode_item(BatchItem(id="1", payload=item(method="PUT", body=body)))
    if wire is None:
        assert json.loads(encoded)["body"] == body
    else:
        assert wire in encoded


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (None, "path is missing"),
        ("", "path is missing"),
        (5, "path is missing"),
        ("/", "path is empty"),
        ("?limit=1", "path is empty"),
        ("https://app.ecwid.com/api/v3/1003/orders", "whole URL"),
        ("javascript:x", "whole URL"),
        ("//evil.test/orders", "whole URL"),
        ("/orders#top", "fragment"),
        ("/orders x", "space"),
        ("/orders\n", "control character"),
        ("/orders\x00", "control character"),
        ("/orders\u00a0", "space"),
        ("/orders/\ud800", "control character"),
        ("/orders\\..", "backslash"),
        ("/orders%5c..", "backslash"),
        ("/orders%0a", "control character"),
        ("/orders?q=100%", "write % as %25"),
        ("/orders/%zz", "write % as %25"),
        ("/orders/%ff", "no UTF-8"),
        ("/orders/%c0%ae%c0%ae/x", "no UTF-8"),
        ("/../1004/orders", "climbs"),
        ("../1004/orders", "climbs"),
        ("/orders/..", "climbs"),
        ("/orders/%2e%2e/x", "climbs"),
        ("/orders/%2E./x", "climbs"),
        ("/orders%2f..%2fx", "climbs"),
        ("/orders/%252e%252e/x", "climbs"),
        ("/orders/..;a=b/x", "climbs"),
        ("/orders/..%3fx", "climbs"),
        ("/./batch", "climbs"),
        ("/orders/%" + "25" * 20 + "2e", "escapes of percent escapes"),
        ("/products//image", "empty part"),
        ("/products/5/gallery/", "empty part"),
        ("/%2fevil.test", "empty part"),
        ("/api/v3/1003/orders", "leave it out"),
        ("api/v3/1003/orders", "leave it out"),
        ("app.ecwid.com/api/v3/1003/orders", "leave it out"),
        ("/api%2fv3/1003/orders", "leave it out"),
        ("/batch", "batch in a batch"),
        ("batch", "batch in a batch"),
        ("/BATCH", "batch in a batch"),
        ("/batch?ticket=1", "batch in a batch"),
        ("/batch%3fticket=1", "batch in a batch"),
        ("/batch;x=1", "batch in a batch"),
        ("/batch/cancel-group?groupId=1", "batch in a batch"),
        ("/%62atch", "batch in a batch"),
        ("/%2562atch", "batch in a batch"),
        ("/orders?token=secret_abc", "credential"),
        ("/orders?limit=1&TOKEN=secret_abc", "credential"),
        ("/orders?%74oken=secret_abc", "credential"),
        ("/orders?access_token=secret_abc", "credential"),
    ],
)
def test_a_path_that_could_do_harm_is_refused(path: object, says: str) -> None:
    """A path that is none, leaves the store's tree, nests a batch or shows a secret is refused."""
    with pytest.raises(InputError, match=says) as caught:
        encode({"method": "GET", "path": path})
    assert "secret_abc" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ([], "an item is an object"),
        ("GET /orders", "an item is an object"),
        (item(methd="GET"), "did you mean 'method'"),
        (item(url="/x"), "did you mean 'path'"),
        (item(httpMethod="GET"), "did you mean 'method'"),
        (item(json={}), "did you mean 'body'"),
        (item(Body={}), "did you mean 'body'"),
        (item(zzz=1), "an item has id, method, path, body"),
        ({1: 2}, "unknown key '1'"),
        ({"path": "/x"}, "method is missing"),
        (item(method=""), "method is missing"),
        (item(method="PATCH"), "one of GET, POST, PUT, DELETE, not 'PATCH'"),
        (item(method=1), "one of GET"),
        (item(method=["GET"]), "one of GET"),
        (item(body={}), "GET takes no body"),
        (item(body="x"), "GET takes no body"),
        (item(method="delete", body={"a": 1}), "DELETE takes no body"),
        (item(method="POST"), "POST needs a body"),
        (item(method="PUT", body=None), "PUT needs a body"),
        (item(method="PUT", body=""), "PUT needs a body"),
        (item(method="POST", path="/products/5/image?externalUrl="), "POST needs a body"),
        (item(method="PUT", body='{"price": 1}'), "body is text"),
        (item(method="PUT", body=5), "not int"),
        (item(method="PUT", body=True), "not bool"),
        (item(method="PUT", body={1, 2}), "not set"),
        (item(method="PUT", body=b"x"), "body is binary"),
        (item(method="PUT", body={"a": [{"b": b"x"}]}), r"body\.a\[0\]\.b is binary"),
        (item(method="PUT", body=[bytearray(b"x")]), r"body\[0\] is binary"),
        (item(method="PUT", body={"a": float("nan")}), "body.a is nan"),
        (item(method="PUT", body={"a": float("inf")}), "body.a is inf"),
        (item(method="PUT", body={"a": Decimal("sNaN")}), "body.a is sNaN"),
        (item(method="PUT", body={"a": {1: 2}}), "body.a has the key 1"),
        (item(method="PUT", body={"a": {1, 2}}), "type set"),
        (
            item(method="PUT", body={"at": datetime(2026, 1, 1, tzinfo=UTC)}),
            "is the time 2026-01-01",
        ),
        (item(method="PUT", body={"a": "\ud800"}), "no form in JSON"),
        (item(method="PUT", body=LOOP), "nested too deeply"),
        (item(id=""), "id must be text"),
        (item(id=5), "id must be text"),
        (item(id=["x"]), "id must be text"),
        (item(id="other"), "two ids, 'a1' and 'other'"),
    ],
)
def test_an_item_that_cannot_be_sent_is_refused(payload: Any, says: str) -> None:
    """What the vendor would refuse or misread is refused here, in one line that says what to do."""
    with pytest.raises(InputError, match=says) as caught:
        encode(payload)
    assert "\n" not in str(caught.value)


def test_an_item_needs_an_id() -> None:
    """Without an id of its own an item can't be matched with its result."""
    with pytest.raises(InputError, match="id must be text"):
        encode(item(), None)
    assert encode(item(id="own"), None)["id"] == "own"


@given(st.from_regex(r"/?[a-zA-Z0-9_./-]{1,12}", fullmatch=True))
@example("batch")
@example("/Batch/x")
@example("/batches")
@example("/a/api/v3/b")
@example("/api/v3")
@example("/a/../b")
@example("//a")
@example("/")
def test_the_short_way_for_plain_paths_changes_nothing(path: str) -> None:
    """A path that is taken as it is comes out as one that went through every check."""

    def outcome() -> str:
        try:
            return make_path(path)
        except InputError as error:
            return str(error)

    short = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "_PLAIN", re.compile(r"(?!)"))
        assert outcome() == short


# What an item changes.


def target(method: str, path: str) -> str | None:
    return find_target(BatchItem(id="a1", payload={"method": method, "path": path}))


@pytest.mark.parametrize(
    "path",
    [
        "/products/7",
        "products/7",
        "/Products/7",
        "/products/7/",
        "/products/007",
        "/products/%37",
        "/pro%2564ucts/7",
        "/products/7;v=1",
        "/products/7?lang=de",
        "/products/7/?lang=de&responseFields=id",
    ],
)
@pytest.mark.parametrize("method", ["PUT", "put", "DELETE"])
def test_every_spelling_of_a_path_is_one_target(method: str, path: str) -> None:
    """Case, query, slashes, percent escapes and zeros name the same product."""
    assert target(method, path) == "/products/7"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/products/7", "/products/70"),
        ("/products/7", "/categories/7"),
        ("/products/7", "/products/7/combinations/3"),
        ("/products/0", "/products/00/1"),
        ("/orders/0A", "/orders/A"),
        ("/products/7%2B1", "/products/7%201"),
    ],
)
def test_other_things_are_other_targets(one: str, other: str) -> None:
    """Only what names one thing is one target."""
    assert target("PUT", one) != target("PUT", other)


@pytest.mark.parametrize(
    ("method", "path", "changed"),
    [
        ("GET", "/products/7", None),
        ("POST", "/products", None),
        ("POST", "/products/7/gallery", None),
        ("POST", "/products/7/image?externalUrl=x", "/products/7/image"),
        ("post", "/profile/logo", "/profile/logo"),
    ],
)
def test_what_reads_or_makes_something_new_has_no_target(
    method: str, path: str, changed: str | None
) -> None:
    """A picture that its owner has one of is replaced."""
    assert target(method, path) == changed


@given(st.text(max_size=30))
def test_whatever_can_be_sent_has_one_target(path: str) -> None:
    """A target of what `make_path` lets through is the same for its sent form."""
    try:
        sent = make_path(path)
    except InputError:
        return
    assert target("PUT", path) == target("PUT", sent)
