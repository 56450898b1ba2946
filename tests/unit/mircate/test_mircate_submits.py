"""A batch goes out to Mircate, and what its answer says is taken."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from aioresponses import aioresponses
from support.mircate_verbs import (
    OPERATIONS,
    PRICE,
    STOCK,
    SUBMIT_KEY,
    UPSERT,
    MakeAdapter,
    make_submission,
)
from support.verbs import NO_STEPS, only_call
from yarl import URL

from batchhub.adapter import WireItem
from batchhub.errors import (
    BusyError,
    CredentialsError,
    RefusedError,
    ReplyError,
)
from batchhub_mircate import MircateAdapter


@pytest.mark.parametrize(("operation", "url"), [("receive-price", PRICE), ("receive-stock", STOCK)])
async def test_a_batch_goes_out_with_its_frequency_and_its_bulk_id(
    vendor: aioresponses, adapter: MircateAdapter, operation: str, url: str
) -> None:
    """A batch is one POST with the submit key; its items are joined as they were encoded."""
    vendor.post(url, payload={"batchId": "b-1", "new": [1]})
    submission = make_submission(operation=operation, options={"frequency": 3})
    accepted = await adapter.submit(submission, NO_STEPS)
    assert (accepted.vendor_refs, accepted.vendor) == (("b-1",), {"new": [1]})
    method, called, call = only_call(vendor)
    assert (method, str(called)) == ("POST", url)
    assert call["headers"]["x-api-key"] == SUBMIT_KEY
    assert call["headers"]["Content-Type"] == "application/json"
    body = json.loads(call["data"])
    bulk_id = body.pop("bulkOperationId")
    assert str(UUID(bulk_id)) == bulk_id
    assert body == {"products": [{"sku": "A-1"}, {"sku": "A-2"}], "frequency": 3}
    assert call["data"].startswith(b'{"products":[{"sku":"A-1"},{"sku":"A-2"}],"frequency":3,')


async def test_products_go_out_alone(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """An upsert has no field besides the items: none is known."""
    vendor.post(UPSERT, payload={"batchId": "b-1"})
    await adapter.submit(make_submission(operation="product-upsert", options={}), NO_STEPS)
    assert only_call(vendor)[2]["data"] == b'{"products":[{"sku":"A-1"},{"sku":"A-2"}]}'


async def test_path_array_and_ids_are_settings(
    vendor: aioresponses, make_adapter: MakeAdapter
) -> None:
    """What is not published can be mended without a new version; ids are percent-encoded."""
    adapter = make_adapter(
        project_id="p:1",
        paths={"receive-price": "/x/{project_id}/{merchant_project_id}/put?v=2"},
        items_field="items",
        batch_id_keys=["ticket"],
    )
    url = URL("https://api.b2b.retter.io/x/p%3A1/m-1/put?v=2", encoded=True)
    vendor.post(url, payload={"ticket": ["t-1", "t-2"], "batchId": "no"})
    accepted = await adapter.submit(make_submission(), NO_STEPS)
    assert (accepted.vendor_refs, accepted.vendor) == (("t-1", "t-2"), {"batchId": "no"})
    _, called, call = only_call(vendor)
    assert str(called) == str(url)
    assert call["data"].startswith(b'{"items":[')


async def sent_bulk_id(vendor: aioresponses, adapter: MircateAdapter, **changes: Any) -> str:
    vendor.requests.clear()
    vendor.post(PRICE, payload={"batchId": "b"})
    vendor.post(STOCK, payload={"batchId": "b"})
    await adapter.submit(make_submission(**changes), NO_STEPS)
    return str(json.loads(only_call(vendor)[2]["data"])["bulkOperationId"])


async def test_a_bulk_id_belongs_to_a_job(vendor: aioresponses, make_adapter: MakeAdapter) -> None:
    """All requests of a job share it; from the user's key it is the same in any store."""
    adapter = make_adapter()
    by_group = await sent_bulk_id(vendor, adapter)
    assert await sent_bulk_id(vendor, adapter, idempotency_key="other") == by_group
    assert await sent_bulk_id(vendor, adapter, group="group 2") != by_group
    by_key = await sent_bulk_id(vendor, adapter, key="import 1")
    assert by_key != by_group
    assert await sent_bulk_id(vendor, adapter, key="import 1", group="group 2") == by_key
    assert await sent_bulk_id(vendor, adapter, key="import 2") != by_key
    assert await sent_bulk_id(vendor, adapter, key="import 1", operation="receive-stock") != by_key
    assert by_key == "25ab72ad-cee6-57b7-a637-eb62eab1278a"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("count", [1, 2, 500])
async def test_the_envelope_is_what_is_not_the_items(
    vendor: aioresponses, adapter: MircateAdapter, operation: str, count: int
) -> None:
    """At the longest frequency the body is exactly the items and the envelope."""
    for url in (PRICE, STOCK, UPSERT):
        vendor.post(url, payload={"batchId": "b"})
    items = [WireItem(id=str(n), wire=b'{"sku":"A"}') for n in range(count)]
    options = {} if operation == "product-upsert" else {"frequency": 10}
    await adapter.submit(
        make_submission(operation=operation, items=items, options=options), NO_STEPS
    )
    size = len(only_call(vendor)[2]["data"])
    assert size == sum(len(i.wire) for i in items) + adapter.envelope_bytes(operation, count)


@pytest.mark.parametrize("body", ["", "{}", "[]", "busy", '{"batchId":""}', '{"ok":1}', '"b"'])
async def test_an_answer_without_an_id_may_have_run(
    vendor: aioresponses, adapter: MircateAdapter, body: str
) -> None:
    """Without an id the reply is broken: the batch may exist, and the setting is named."""
    vendor.post(PRICE, body=body)
    with pytest.raises(ReplyError, match=r"batchId, batchIds, id.*batch_id_keys") as caught:
        await adapter.submit(make_submission(), NO_STEPS)
    assert caught.value.may_have_run
    assert (caught.value.vendor, caught.value.account, caught.value.status) == (
        "mircate",
        "5p1hp1d2t/m-1",
        200,
    )


async def test_an_answer_without_an_id_tells_its_fields(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """The names of what the answer has instead show which setting is right."""
    vendor.post(PRICE, payload={"ticketNo": "t-1", "ok": True})
    with pytest.raises(ReplyError, match="but ticketNo, ok"):
        await adapter.submit(make_submission(), NO_STEPS)


async def test_a_refused_batch_says_why(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """A 400 is final; its code, message and issues are read."""
    issue = {"path": ["products", 0, "price"], "message": "expected a number"}
    vendor.post(
        PRICE,
        status=400,
        payload={"code": "VALIDATION", "message": "The body is invalid", "issues": [issue]},
    )
    with pytest.raises(RefusedError, match=r"invalid: products\.0\.price: expected") as caught:
        await adapter.submit(make_submission(), NO_STEPS)
    assert caught.value.code == "VALIDATION"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_passes(
    vendor: aioresponses, adapter: MircateAdapter, status: int
) -> None:
    """A refused key is reported as such, and shows nowhere."""
    vendor.post(
        PRICE, status=status, payload={"code": "ACCESS_DENIED", "message": f"no {SUBMIT_KEY}"}
    )
    with pytest.raises(CredentialsError) as caught:
        await adapter.submit(make_submission(), NO_STEPS)
    assert caught.value.code == "ACCESS_DENIED"
    assert SUBMIT_KEY not in str(caught.value)


async def test_a_busy_instance_did_not_run_the_call(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """570 is the platform's word for a call that was not run: it is sent again, a few times."""
    vendor.post(PRICE, status=570)
    vendor.post(PRICE, payload={"batchId": "b-1"})
    assert (await adapter.submit(make_submission(), NO_STEPS)).vendor_refs == ("b-1",)
    vendor.post(PRICE, status=570, repeat=True)
    with pytest.raises(BusyError) as caught:
        await adapter.submit(make_submission(), NO_STEPS)
    assert not caught.value.may_have_run
