"""Amazon's items: rows with a price or a quantity, and messages in its own form."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, cast

import pytest
from support.amazon_scripts import FRANCE, GERMANY, make_account
from support.verbs import make_submission

from batchhub import BatchItem
from batchhub.adapter import WireItem
from batchhub.errors import InputError
from batchhub_amazon import AmazonAdapter


def encode(payload: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return an item as it is sent."""
    adapter = AmazonAdapter(make_account(**settings), cast("Any", None))
    item = BatchItem(id="1", payload=payload)
    made: dict[str, Any] = json.loads(adapter.encode("listings", item, {}))
    return made


def offer(made: dict[str, Any]) -> dict[str, Any]:
    """Return what a message sets of the offer."""
    (patch,) = [p for p in made["patches"] if p["path"] == "/attributes/purchasable_offer"]
    found: dict[str, Any] = patch["value"][0]
    return found


def test_messages_in_amazons_form_stay_as_they_are() -> None:
    """All four operations, with what each may have."""
    attributes = {"item_name": [{"value": "Bag", "marketplace_id": GERMANY}]}
    patches = [{"op": "delete", "path": "/attributes/item_name", "value": [{}]}]
    for message in (
        {"sku": "x", "operationType": "DELETE"},
        {"sku": "x", "operationType": "PATCH", "productType": "BAG", "patches": patches},
        {"sku": "x", "operationType": "UPDATE", "productType": "BAG", "attributes": attributes},
        {
            "sku": "x",
            "operationType": "UPDATE",
            "productType": "BAG",
            "attributes": attributes,
            "requirements": "LISTING",
        },
        {
            "sku": "x",
            "operationType": "PARTIAL_UPDATE",
            "productType": "BAG",
            "attributes": attributes,
        },
    ):
        assert encode(message) == message


def test_a_row_is_what_its_cells_say() -> None:
    """Empty cells are none; text with leading zeros stays text."""
    made = encode({"sku": "0815", "price": "9.90", "currency": "EUR", "quantity": None})
    assert made["sku"] == "0815"
    assert [patch["path"] for patch in made["patches"]] == ["/attributes/purchasable_offer"]
    made = encode({"sku": "x", "quantity": "7", "productType": "BAG"})
    assert made["productType"] == "BAG"
    assert made["patches"][0]["value"] == [{"fulfillment_channel_code": "DEFAULT", "quantity": 7}]


def test_settings_shape_a_row() -> None:
    """The product type, the channel, and how a price is written."""
    settings = {"product_type": "LUGGAGE", "channel": "AMAZON_EU", "price_op": "replace"}
    made = encode({"sku": "x", "price": 1, "currency": "EUR", "quantity": 2}, **settings)
    assert made["productType"] == "LUGGAGE"
    assert [patch["op"] for patch in made["patches"]] == ["replace", "merge"]
    assert made["patches"][1]["value"][0]["fulfillment_channel_code"] == "AMAZON_EU"


def test_a_price_is_for_a_marketplace_of_the_account() -> None:
    """The only one by itself; of several, the one that the row names."""
    row = {"sku": "x", "price": Decimal("1.10"), "currency": "EUR"}
    assert offer(encode(row))["marketplace_id"] == GERMANY
    several = {"marketplace_ids": [GERMANY, FRANCE]}
    made = encode({**row, "marketplace_id": FRANCE}, **several)
    assert offer(made)["marketplace_id"] == FRANCE
    with pytest.raises(InputError, match=f"marketplace_id is missing.* {GERMANY}, {FRANCE}"):
        encode(row, **several)
    with pytest.raises(InputError, match="marketplace_id can't be 'A0'"):
        encode({**row, "marketplace_id": "A0"}, **several)


def test_a_price_may_go_with_other_patches() -> None:
    """They are kept, before it."""
    patches = [{"op": "replace", "path": "/attributes/item_name", "value": [{"value": "Bag"}]}]
    made = encode({"sku": "x", "quantity": 1, "patches": patches})
    assert made["patches"][0] == patches[0]
    assert len(made["patches"]) == 2


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ({}, "missing required field `operationType`"),
        ({"sku": "x"}, "missing required field `operationType`"),
        ({"quantity": 1}, "missing required field `sku`"),
        ({"sku": 7, "quantity": 1}, "sku must be text; write it in quotes"),
        ({"sku": "x", "price": 1}, "currency is missing"),
        ({"sku": "x", "price": "1,5", "currency": "EUR"}, "price must be a number"),
        ({"sku": "x", "quantity": "1.5"}, "quantity must be a whole number"),
        ({"sku": "x", "quantity": 1, "marketplace_id": "A0"}, "marketplace_id can't be 'A0'"),
        ({"sku": "x", "currency": "EUR"}, "price and quantity are missing"),
        ({"sku": "x", "quantity": 1, "colour": "red"}, "unknown field `colour`"),
        ({"sku": "x", "operationType": "WIPE"}, "Invalid value 'WIPE'"),
        ({"sku": "x", "operationType": "DELETE", "productType": "B"}, "field `productType`"),
        ({"sku": "x", "operationType": "PATCH", "productType": "B"}, "field `patches`"),
        ({"sku": "x", "operationType": "PATCH", "patches": [{}]}, "field `productType`"),
        (
            {"sku": "x", "operationType": "UPDATE", "productType": "B", "attributes": []},
            r"Expected `object`, got `array` - at `\$.attributes`",
        ),
        (
            {"sku": "x", "messageId": 4, "operationType": "DELETE"},
            "unknown field `messageId`",
        ),
        (
            {"sku": "x", "quantity": 1, "operationType": "UPDATE", "productType": "B"},
            "unknown field `patches`|missing required field `attributes`",
        ),
    ],
)
def test_what_has_no_form_at_amazon_is_refused_by_its_field(
    item: dict[str, Any], says: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(InputError, match=says):
        encode(item)


def test_a_feed_is_never_larger_than_its_items_and_its_envelope() -> None:
    """So that a ticket keeps to the largest feed; the request that makes it is smaller."""
    adapter = AmazonAdapter(
        make_account(seller_id="A" * 300, issue_locale="de_DE"), cast("Any", None)
    )
    items = [WireItem(id=str(n), wire=b'{"sku":"x"}') for n in range(25_000)]
    submission = make_submission(operation="listings", items=items)
    feed = adapter._head() + submission.json_array(number="messageId") + b"}"
    json.loads(feed)
    room = adapter.envelope_bytes("listings", len(items))
    assert len(feed) <= sum(len(item.wire) for item in items) + room <= len(feed) * 1.1
    assert adapter.envelope_bytes("listings", 1) > 1024


def test_a_sku_names_an_item_and_what_it_changes() -> None:
    """Two of one job would be two values of one thing."""
    adapter = AmazonAdapter(make_account(), cast("Any", None))
    item = BatchItem(payload={"sku": "A-1", "quantity": 1})
    assert adapter.item_id("listings", item.payload) == "A-1"
    assert adapter.target("listings", item) == "A-1"
