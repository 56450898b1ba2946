"""The items of Mircate's batches: what is sent, and what is refused before it is."""

from __future__ import annotations

import json
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

import batchhub_mircate
from batchhub.adapter import Kind, WireItem
from batchhub.errors import InputError
from batchhub_mircate import MircateAdapter
from batchhub_mircate.items import ItemRules, encode_item, find_key, read_keys

RULES = ItemRules(item_keys=("sku", "barcode"), number_fields=("price", "stock"))
LOOP: dict[str, Any] = {"sku": "A-1"}
LOOP["self"] = LOOP


def encode(
    payload: Any, operation: str = "receive-price", data_type: str | None = None
) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(encode_item(operation, payload, RULES, data_type))
    return wire


def test_the_package_exports_the_account_and_the_adapter() -> None:
    """The public names are exactly those in `__all__`."""
    assert batchhub_mircate.__all__ == ["MircateAccount", "MircateAdapter"]
    assert all(hasattr(batchhub_mircate, name) for name in batchhub_mircate.__all__)


def test_a_price_goes_out_as_it_came() -> None:
    """An item is compact JSON, its fields in their order, digits of a decimal kept."""
    payload = MappingProxyType({"sku": "A-1", "price": Decimal("9.90"), "tags": ("a", None)})
    wire = encode_item("receive-price", payload, RULES, None)
    assert wire == b'{"sku":"A-1","price":9.90,"tags":["a",null]}'


@pytest.mark.parametrize("payload", [{}, {"price": 1}, {"code": "A-1"}])
def test_an_item_names_its_product(payload: dict[str, Any]) -> None:
    """Without one of the keys a failure could not be told from another: they are named."""
    with pytest.raises(InputError, match="sku, barcode"):
        encode(payload)


@pytest.mark.parametrize("name", ["", "  ", None, True, 1.5, [], {}, ["A-1"]])
def test_what_names_a_product_is_text_or_a_whole_number(name: object) -> None:
    """A name that is none is refused, also beside a good one."""
    with pytest.raises(InputError, match="barcode must be text"):
        encode({"sku": "A-1", "barcode": name})


@pytest.mark.parametrize("name", ["A-1", 8690000000001, 5.0])
def test_numbers_name_products_too(name: object) -> None:
    """Barcodes are often numbers."""
    assert encode({"barcode": name, "price": 1}) == {"barcode": name, "price": 1}


@pytest.mark.parametrize("value", ["9,9", "$9.90", "N/A", True, [1], {"a": 1}])
@pytest.mark.parametrize("key", ["price", "stock"])
def test_a_number_field_holds_a_number(key: str, value: object) -> None:
    """Text that is none, booleans, lists and nothing at all are no price."""
    with pytest.raises(InputError, match=f"{key} must be a number"):
        encode({"sku": "A-1", key: value})
    with pytest.raises(InputError, match=f"{key} must be a number, not null; leave it out"):
        encode({"sku": "A-1", "other": 1, key: None})


def test_a_text_that_is_a_number_is_one() -> None:
    """Every digit of it is kept; also in what a product is made of."""
    wire = encode_item("receive-price", {"sku": "1", "price": "9.90"}, RULES, None)
    assert wire == b'{"sku":"1","price":9.90}'
    wire = encode_item("product-upsert", {"sku": "1", "price": "9.90"}, RULES, "P")
    assert wire == b'{"dataType":"P","data":{"sku":"1","price":9.90}}'


@pytest.mark.parametrize(
    ("operation", "payload", "missing"),
    [
        ("receive-price", {"barcode": "8690000000003"}, "price"),
        ("receive-price", {"sku": "A-1", "barcode": "8690000000003", "code": "x"}, "price"),
        ("receive-price", {"sku": "A-1", "currency": ""}, "price"),
        ("receive-stock", {"sku": "A-1"}, "stock"),
        ("receive-stock", {"sku": "A-1", "note": None}, "stock"),
        ("product-upsert", {"sku": "A-1"}, "field to set"),
        ("product-upsert", {"data": {"sku": "A-1", "code": ""}, "parent": ""}, "field to set"),
        ("product-upsert", {"data": {"sku": "A-1", "attributes": {}}}, "field to set"),
    ],
)
def test_an_item_that_changes_nothing_is_refused(
    operation: str, payload: dict[str, Any], missing: str
) -> None:
    """The vendor would call it a success."""
    with pytest.raises(InputError, match=f"^there is no {missing}: the item only names a product"):
        encode_item(operation, payload, RULES, "P")


@pytest.mark.parametrize(
    ("operation", "payload"),
    [
        ("receive-price", {"sku": "A-1", "price": 0}),
        ("receive-price", {"sku": "A-1", "fiyat": "9.90"}),
        ("receive-stock", {"sku": "A-1", "stock": 0}),
        ("product-upsert", {"sku": "A-1", "enabled": False}),
        ("product-upsert", {"data": {"sku": "A-1", "barcode": "5"}}),
        ("product-upsert", {"data": {"sku": "A-1"}, "parent": "A"}),
    ],
)
def test_an_item_that_may_change_something_is_taken(
    operation: str, payload: dict[str, Any]
) -> None:
    """Also to nothing, or by a field of a name that nobody documents."""
    assert encode_item(operation, payload, RULES, "P")


def test_what_is_text_in_a_product_stays_text() -> None:
    """In its data, and as the bare data; a flag and numbers are what they are."""
    for operation in ("receive-price", "receive-stock", "product-upsert"):
        fields = MircateAdapter.fields(operation, {})
        assert fields["barcode"] is fields["name"] is Kind.TEXT
        assert fields["price"] is fields["stock"] is Kind.NUMBER
    fields = MircateAdapter.fields("product-upsert", {})
    assert {fields[f"data.{name}"] for name in ("sku", "name", "size", "gtin")} == {Kind.TEXT}
    assert fields["data.enabled"] is fields["enabled"] is Kind.FLAG
    wire = encode_item("product-upsert", {"sku": "1", "enabled": "true"}, RULES, "P")
    assert wire == b'{"dataType":"P","data":{"sku":"1","enabled":true}}'


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "price is nan"),
        (float("inf"), "price is inf"),
        (Decimal("NaN"), "price is NaN"),
        (Decimal("Infinity"), "price is Infinity"),
        (2**2000, "price has too many digits"),
    ],
)
def test_a_number_without_a_form_in_json_is_refused(value: object, says: str) -> None:
    """No NaN, no infinity, no integer longer than any reader takes."""
    with pytest.raises(InputError, match=says):
        encode({"sku": "A-1", "price": value})


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"sku": "A-1", "image": b"x"}, "image is binary"),
        ({"sku": "A-1", "a": [{"b": bytearray(b"x")}]}, r"a\[0\].b is binary"),
        ({"sku": "A-1", 5: "x"}, "the item has the key 5"),
        ({"sku": "A-1", "when": object()}, "when is of type object"),
        ({"sku": "\ud800", "price": 1}, r"^sku has U\+D800 half of a character"),
        (LOOP, "contains itself"),
        (["A-1"], "an item is an object"),
        ("A-1", "an item is an object"),
    ],
)
def test_what_json_does_not_have_is_refused(payload: Any, says: str) -> None:
    """Nothing changes silently on its way; the place is named."""
    with pytest.raises(InputError, match=says):
        encode(payload)


def test_a_bare_product_is_wrapped() -> None:
    """The data alone becomes an upsert; `dataType` and `parent` stand beside it."""
    payload = {"sku": "A-1", "status": "DRAFT", "parent": "P-1", "dataType": "kind"}
    assert encode(payload, "product-upsert", "other") == {
        "dataType": "kind",
        "parent": "P-1",
        "data": {"sku": "A-1", "status": "DRAFT"},
    }


def test_a_wrapped_product_stays() -> None:
    """An upsert in the vendor's form gets its missing type from the option, and keeps the rest."""
    payload = {"data": {"sku": "A-1"}, "parent": "P-1", "new": [1]}
    wire = encode(payload, "product-upsert", "kind")
    assert wire == {"dataType": "kind"} | payload


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"data": {"sku": "A-1"}}, "dataType is missing.*data_type"),
        ({"data": {"sku": "A-1"}, "dataType": ""}, "dataType must be text"),
        ({"data": {"sku": "A-1"}, "dataType": 5}, "dataType must be text"),
        ({"data": {}, "dataType": "kind", "sku": "A-1"}, "has no name"),
        ({"data": {"sku": ""}, "dataType": "kind"}, "sku must be text"),
        ({"data": {"sku": "A-1", "price": "1,0"}, "dataType": "kind"}, "price must be a number"),
        ({"sku": "A-1", "status": "LIVE", "dataType": "kind"}, "DRAFT, ACTIVE, ARCHIVED"),
        ({"sku": "A-1", "status": [], "dataType": "kind"}, "status must be one of"),
        ({"data": "A-1", "dataType": "kind"}, "has no name"),
    ],
)
def test_a_product_that_would_fail_is_refused(payload: dict[str, Any], says: str) -> None:
    """A product has a type, a name within its data, and a status there is."""
    with pytest.raises(InputError, match=says):
        encode(payload, "product-upsert")


def test_a_refusal_quotes_little() -> None:
    """A long value is cut in the message."""
    with pytest.raises(InputError) as caught:
        encode({"sku": "A-1", "price": "x" * 5000})
    assert len(str(caught.value)) < 100


def test_the_best_name_is_the_first_there_is() -> None:
    """Two items are the same product if their first key in the order of the settings is alike."""
    keys = ("sku", "barcode")
    assert find_key("receive-price", {"barcode": 5, "sku": " A-1 "}, keys) == "sku=A-1"
    assert find_key("receive-price", {"barcode": 5.0}, keys) == "barcode=5"
    assert find_key("product-upsert", {"data": {"sku": "A-1"}}, keys) == "sku=A-1"
    assert find_key("product-upsert", {"sku": "A-1"}, keys) == "sku=A-1"
    assert find_key("receive-price", {"data": {"sku": "A-1"}}, keys) is None
    assert find_key("receive-price", {"sku": []}, keys) is None
    assert find_key("receive-price", "A-1", keys) is None


@pytest.mark.parametrize("operation", ["receive-price", "product-upsert"])
def test_names_are_read_back_from_what_was_sent(operation: str) -> None:
    """What names an item is found again in its stored form."""
    payload = {"sku": "A-1", "barcode": 5, "note": "x"}
    wire = encode_item(operation, payload, RULES, "kind")
    item = WireItem(id="1", wire=wire)
    assert read_keys(operation, item, ("code", "sku", "barcode")) == {"sku": "A-1", "barcode": "5"}
