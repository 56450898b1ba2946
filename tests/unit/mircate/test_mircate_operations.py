"""What each operation of Mircate can do, and which options and items it takes."""

from __future__ import annotations

from typing import Any

import pytest
from support.mircate_verbs import (
    KEY,
    OPERATIONS,
    SUBMIT_KEY,
    MakeAdapter,
)

from batchhub.errors import (
    InputError,
)
from batchhub.models import BatchItem
from batchhub_mircate import MircateAdapter


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_limits_are_the_accounts(make_adapter: MakeAdapter, operation: str) -> None:
    """500 items, counted, neither deduplicated nor cancelled; bounds and graces are settings."""
    adapter = make_adapter(
        max_request_bytes=1000, count_grace_s=5, visibility_grace_s=7, resend_unconfirmed=True
    )
    capabilities = adapter.capabilities(operation)
    assert capabilities.max_items == 500
    assert capabilities.max_bytes == 1000
    assert capabilities.counts_items
    assert (capabilities.count_grace_s, capabilities.visibility_grace_s) == (5.0, 7.0)
    assert capabilities.resends_unanswered
    assert capabilities.dedup_window_s is None
    assert not capabilities.stops_on_first_failure
    assert not make_adapter().capabilities(operation).resends_unanswered


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_product_is_the_target(make_adapter: MakeAdapter, operation: str) -> None:
    """By its best name, in any form of an item; nothing says that batches run in order."""
    adapter = make_adapter()
    assert not adapter.capabilities(operation, {}).runs_in_order
    for payload in ({"sku": " A-1 ", "barcode": "7"}, {"sku": "A-1", "price": 2}):
        assert adapter.target(operation, BatchItem(id="1", payload=payload)) == "sku=A-1"
    assert adapter.target(operation, BatchItem(id="1", payload={"barcode": 7.0})) == "barcode=7"


def test_a_deadline_grows_with_items_and_frequency() -> None:
    """Ten minutes, and for each item its pause and a second."""
    deadline_s = MircateAdapter.operations["receive-price"].deadline_s
    assert deadline_s(500, {"frequency": 0}) == 1100.0
    assert deadline_s(500, {"frequency": 1}) == 1600.0
    assert deadline_s(500, {"frequency": 10}) == 6100.0
    assert deadline_s(5000, {}) == 5600.0


def test_the_operations_are_in_their_order() -> None:
    """Prices are the default; each operation is named as everywhere."""
    assert list(MircateAdapter.operations) == OPERATIONS
    assert MircateAdapter.sandbox == "batchhub_mircate.sandbox:MircateSandbox"


@pytest.mark.parametrize(
    ("operation", "options", "checked"),
    [
        ("receive-price", {}, {"frequency": 0}),
        ("receive-price", {"frequency": 10}, {"frequency": 10}),
        ("receive-stock", {"frequency": "7"}, {"frequency": 7}),
        ("product-upsert", {}, {}),
        ("product-upsert", {"data_type": "kind"}, {"data_type": "kind"}),
    ],
)
async def test_each_operation_has_one_option(
    adapter: MircateAdapter, operation: str, options: dict[str, Any], checked: dict[str, Any]
) -> None:
    """`frequency` is seconds, also as text, 0 if left out; `data_type` is text."""
    assert adapter.check_options(operation, options) == checked


@pytest.mark.parametrize("value", [-1, 11, "11", "-1", "x", "", 1.0, True, None, "1.5", "\u0663"])
async def test_a_frequency_is_0_to_10(adapter: MircateAdapter, value: object) -> None:
    """Anything else is refused before something is sent."""
    with pytest.raises(InputError, match="from 0 to 10"):
        adapter.check_options("receive-price", {"frequency": value})


@pytest.mark.parametrize(
    ("operation", "options", "says"),
    [
        ("receive-price", {"freqency": 1}, "did you mean frequency"),
        ("receive-price", {"data_type": "x"}, "there is only frequency"),
        ("product-upsert", {"dataType": "x"}, "did you mean data_type"),
        ("product-upsert", {"frequency": 1}, "there is only data_type"),
        ("product-upsert", {"data_type": ""}, "must be text"),
        ("product-upsert", {"data_type": 5}, "must be text"),
    ],
)
async def test_other_options_are_refused(
    adapter: MircateAdapter, operation: str, options: dict[str, Any], says: str
) -> None:
    """An option nobody knows, or a value that is none, is refused by name."""
    with pytest.raises(InputError, match=says):
        adapter.check_options(operation, options)


@pytest.mark.parametrize("key", [KEY, SUBMIT_KEY])
async def test_an_item_with_a_key_in_it_is_refused(adapter: MircateAdapter, key: str) -> None:
    """An item is stored, so it may not hold a key of the account, wherever it stands."""
    payload = {"sku": "A-1", "note": [f"use {key}"]}
    with pytest.raises(InputError, match="API key") as caught:
        adapter.encode("receive-price", BatchItem(id="1", payload=payload), {})
    assert key not in str(caught.value)


async def test_a_short_key_is_no_reason(make_adapter: MakeAdapter) -> None:
    """A key of a few characters could be a part of any word."""
    adapter = make_adapter(api_key="sku", submit_api_key=None)
    item = BatchItem(id="1", payload={"sku": "A-1", "price": 1})
    assert adapter.encode("receive-price", item, {}) == b'{"sku":"A-1","price":1}'


async def test_items_follow_the_settings(make_adapter: MakeAdapter) -> None:
    """Which fields name a product, and which are numbers, is a setting."""
    adapter = make_adapter(item_keys=["gtin"], number_fields=["cost"])
    item = BatchItem(id="1", payload={"gtin": 5, "price": "9,90"})
    assert adapter.encode("receive-price", item, {}) == b'{"gtin":5,"price":"9,90"}'
    assert adapter.target("receive-price", item) == "gtin=5"
    with pytest.raises(InputError, match="cost"):
        adapter.encode("receive-price", BatchItem(payload={"gtin": 5, "cost": "1,0"}), {})


async def test_the_type_of_products_comes_from_the_option(adapter: MircateAdapter) -> None:
    """`data_type` is the `dataType` of an item that has none."""
    item = BatchItem(id="1", payload={"sku": "A-1", "name": "Mug"})
    options = adapter.check_options("product-upsert", {"data_type": "kind"})
    wire = adapter.encode("product-upsert", item, options)
    assert wire == b'{"dataType":"kind","data":{"sku":"A-1","name":"Mug"}}'
    assert adapter.target("product-upsert", item) == "sku=A-1"
