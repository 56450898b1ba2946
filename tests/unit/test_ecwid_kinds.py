"""What the fields of an Ecwid item take: its path says what it is about."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchhub.adapter import Kind
from batchhub.errors import InputError
from batchhub.models import BatchItem
from batchhub_ecwid import EcwidAdapter
from batchhub_ecwid.items import encode_item
from batchhub_ecwid.paths import make_path

PLACES = {
    "/products": "product",
    "/products/7": "product",
    "/products/7/inventory": "stock",
    "/products/7/combinations": "variation",
    "/products/7/combinations/8": "variation",
    "/products/7/combinations/8/inventory": "stock",
    "/orders/A-1": "order",
    "/orders/A-1/extraFields/tips": "extra field",
    "/customers/5": "customer",
    "/customer_groups/5": "group",
    "/categories/5": "category",
    "/discount_coupons/SALE": "coupon",
}
A_FIELD = {
    "product": ("body.nameYourPriceEnabled", Kind.FLAG),
    "variation": ("body.options.value", Kind.TEXT),
    "stock": ("body.quantityDelta", Kind.INTEGER),
    "order": ("body.items.quantity", Kind.INTEGER),
    "extra field": ("body.orderBy", Kind.TEXT),
    "customer": ("body.billingPerson.postalCode", Kind.TEXT),
    "group": ("body.name", Kind.TEXT),
    "category": ("body.parentId", Kind.INTEGER),
    "coupon": ("body.totalLimit", Kind.NUMBER),
}
ONLY_TOP = dict.fromkeys(("id", "method", "path"), Kind.TEXT)


def fields(path: object) -> dict[str, Kind]:
    return dict(EcwidAdapter.fields("batch", {"path": path}))


def encode(path: str, body: Any, method: str = "PUT") -> str:
    item = BatchItem(id="a", payload={"method": method, "path": path, "body": body})
    return encode_item(item).decode().partition('"body":')[2][:-1]


@pytest.mark.parametrize(("path", "thing"), PLACES.items())
@pytest.mark.parametrize(
    "spelling",
    [
        "{}",
        "{}?checkLowStockNotification=true",
        "{}?x=/orders/1&y=/combinations/2",
        "{};v=1",
    ],
)
def test_the_path_says_what_an_item_is_about(path: str, thing: str, spelling: str) -> None:
    """However it is spelled."""
    name, kind = A_FIELD[thing]
    for spelled in (path, path[1:], path.upper(), path.replace("s/", "%73/")):
        found = fields(spelling.format(spelled))
        assert found[name] is kind
        assert found == fields(path)


@pytest.mark.parametrize(
    "path",
    [
        "/carts/5",
        "/x/products/5",
        "/products/5/files/6",
        "/orders/5/items/6/options/7",
        "/productss/5",
        "",
        "/",
        "//",
        "?/products/5",
        "/%ff/5",
        "%2525252525252525252525/5",
    ],
)
def test_of_an_unknown_path_nothing_is_guessed(path: str) -> None:
    """Only the texts beside the body are certain."""
    assert fields(path) == ONLY_TOP


@pytest.mark.parametrize("path", [None, 5])
def test_without_a_path_text_is_what_is_text_in_all_things(path: object) -> None:
    """Such as for a table whose rows say each what they are about."""
    found = fields(path)
    assert set(found.values()) == {Kind.TEXT}
    assert {"path", "body.sku", "body.name", "body.shippingPerson.postalCode"} <= set(found)
    # A whole number in some of them.
    assert "body.orderBy" not in found


def test_what_is_a_number_a_flag_and_a_text_of_a_product() -> None:
    """As the vendor's page has it."""
    found = fields("/products/7")
    for name in ("price", "compareToPrice", "costPrice", "weight", "wholesalePrices.price"):
        assert found[f"body.{name}"] is Kind.NUMBER
    for name in ("quantity", "warningLimit", "productClassId"):
        assert found[f"body.{name}"] is Kind.INTEGER
    for name in ("enabled", "unlimited", "isShippingRequired", "tax.taxable"):
        assert found[f"body.{name}"] is Kind.FLAG
    for name in ("sku", "name", "attributes.value", "nameTranslated"):
        assert found[f"body.{name}"] is Kind.TEXT


@pytest.mark.parametrize(
    ("path", "body", "written"),
    [
        ("/products/7", {"price": "9.90"}, '{"price":9.90}'),
        ("/products/7", {"price": 9.9, "sku": "007"}, '{"price":9.9,"sku":"007"}'),
        ("products/7?x=1", {"price": "1234567890.123456789"}, '{"price":1234567890.123456789}'),
        ("/PRODUCTS/7", {"enabled": "true", "quantity": "3.0"}, '{"enabled":true,"quantity":3}'),
        (
            "/products/7/combinations/8",
            {"price": "1", "options": [{"name": "Size", "value": "1E2"}]},
            '{"price":1,"options":[{"name":"Size","value":"1E2"}]}',
        ),
        (
            "/orders/A-1",
            {"total": "10.00", "items": [{"quantity": "2", "price": "5.00", "sku": "1"}]},
            '{"total":10.00,"items":[{"quantity":2,"price":5.00,"sku":"1"}]}',
        ),
        ("/customers/5", {"taxExempt": "false", "lang": "no"}, '{"taxExempt":false,"lang":"no"}'),
        ("/products/7", {"price": None, "other": "9.90"}, '{"price":null,"other":"9.90"}'),
        ("/carts/7", {"price": "$9.90"}, '{"price":"$9.90"}'),
    ],
)
def test_a_body_goes_out_in_its_kinds(path: str, body: dict[str, Any], written: str) -> None:
    """A text that is a number becomes one where the field takes one, every digit kept."""
    assert encode(path, body) == encode(path, body, "POST") == written


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/products/7", {"price": "$9.90"}, "body.price must be a number, not '$9.90'"),
        ("/Products/7", {"price": "9,-"}, "body.price must be a number, not '9,-'"),
        ("/products/7", {"quantity": 1.5}, "body.quantity must be a whole number, not 1.5"),
        ("/products/7", {"enabled": "WAHR"}, "body.enabled must be true or false, not 'WAHR'"),
        ("/products/7", {"sku": 7}, "body.sku must be text; write it in quotes, not 7"),
        (
            "/products/7/combinations/8",
            {"weight": "9.90\u200b"},
            "body.weight must be a number, not '9.90\\u200b', which has U+200B ZERO WIDTH SPACE",
        ),
        (
            "/orders/A-1",
            {"items": [{"price": 1}, {"price": "N/A"}]},
            "body.items.price must be a number, not 'N/A'",
        ),
        ("/orders/A-1", {"total": "9.90 €"}, "body.total must be a number, not '9.90 €'"),
        ("/customers/5", {"customerGroupId": "VIP"}, "body.customerGroupId must be a number"),
        ("/products/7/inventory", {"quantityDelta": "+5"}, "body.quantityDelta must be a number"),
    ],
)
def test_what_a_field_does_not_take_is_refused(
    path: str, body: dict[str, Any], message: str
) -> None:
    """Before anything is sent; the message names the field and the value."""
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        encode(path, body)


def test_an_items_body_is_left_as_it_was() -> None:
    """What the user handed over is theirs."""
    body = {"price": "9.90", "items": [{"price": "1"}]}
    encode("/orders/1", body)
    encode("/products/1", body)
    assert body == {"price": "9.90", "items": [{"price": "1"}]}


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("PUT /products/{product_id}", "/products/7"),
        ("PUT products/{a}{b}?x={c}", "/products/7"),
        ("PUT /products/{a}/combinations/{b}", "/products/7/combinations/8"),
        ("POST /Orders", "/orders"),
        ("PUT /products/{{a}}", "/products/7"),
        ("PUT /carts/{a}", "/carts/7"),
        ("PUT /products/{a}/{b}", None),
        ("PUT /{thing}/{a}", None),
        ("PUT /x{thing}/7", None),
    ],
)
def test_a_map_says_what_its_items_take(text: str, same_as: str | None) -> None:
    """Unless a column says what they are about."""
    kinds = EcwidAdapter.read_map("batch", text).kinds
    assert kinds == (None if same_as is None else fields(same_as))


@given(st.text(min_size=1), st.sampled_from([*PLACES, "/carts/5"]))
def test_no_cell_changes_what_an_item_is_about(cell: str, path: str) -> None:
    """A column fills in one part of a path, whatever is in it."""
    try:
        quoted = quote(cell.strip(), safe="")
        made = make_path(path.replace("7", quoted).replace("A-1", quoted).replace("5", quoted))
    except (InputError, UnicodeEncodeError):
        return
    template = path.replace("7", "{a}").replace("A-1", "{a}").replace("5", "{a}")
    kinds = EcwidAdapter.read_map("batch", f"PUT {template}").kinds
    assert kinds == fields(made)
