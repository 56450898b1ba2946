"""The verbs of the Mircate adapter: each call as it goes out, each answer as it is taken."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ServerDisconnectedError
from aioresponses import aioresponses
from support.reports import entries_of
from support.verbs import NO_STEPS, make_transport, mocked_calls, only_call
from support.verbs import make_submission as _make_submission
from support.verbs import make_ticket as _make_ticket
from yarl import URL

from batchhub.adapter import Submission, WireItem
from batchhub.errors import (
    BusyError,
    CredentialsError,
    InputError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    ReplyError,
    UnsupportedError,
)
from batchhub.models import BatchItem, BatchState, ItemState
from batchhub.testing import FakeClock
from batchhub.transport import open_session
from batchhub_mircate import MircateAccount, MircateAdapter

KEY = "key_4f6RkQz8"
SUBMIT_KEY = "key_submit_77"
BASE = "https://api.b2b.retter.io/5p1hp1d2t/CALL"
PRICE = f"{BASE}/MerchantStockPriceImporter/receivePrice/m-1"
STOCK = f"{BASE}/MerchantStockPriceImporter/receiveStock/m-1"
UPSERT = f"{BASE}/PIMAPI/bulkUpsertProduct/5p1hp1d2t"
OPERATIONS = ["receive-price", "receive-stock", "product-upsert"]
REF = "b/1 +&?=é"
ENCODED_REF = "b%2F1%20%2B%26%3F%3D%C3%A9"
ITEMS = [WireItem(id="1", wire=b'{"sku":"A-1"}'), WireItem(id="2", wire=b'{"sku":"A-2"}')]

MakeAdapter = Callable[..., MircateAdapter]


def status_url(ref: str) -> URL:
    return URL(f"{BASE}/MerchantImportJob/checkBatchStatus/{ref}", encoded=True)


def make_account(**settings: Any) -> MircateAccount:
    enough = {
        "project_id": "5p1hp1d2t",
        "merchant_project_id": "m-1",
        "api_key": KEY,
        "submit_api_key": SUBMIT_KEY,
    }
    return MircateAccount(**(enough | settings))


make_ticket = partial(_make_ticket, operation="receive-price", total=2)


def make_submission(**changes: Any) -> Submission:
    usual = {"operation": "receive-price", "items": ITEMS, "options": {"frequency": 0}}
    return _make_submission(**(usual | changes))


@pytest.fixture
def vendor() -> Iterator[aioresponses]:
    with mocked_calls() as mocked:
        yield mocked


@pytest.fixture
async def make_adapter() -> AsyncIterator[MakeAdapter]:
    session, clock = open_session(), FakeClock()

    def make(**settings: Any) -> MircateAdapter:
        account = make_account(**settings)
        transport = make_transport(MircateAdapter, account, session, clock)
        return MircateAdapter(account, transport)

    async with clock.running():
        yield make
    await session.close()


@pytest.fixture
def adapter(make_adapter: MakeAdapter) -> MircateAdapter:
    return make_adapter()


# Submit.


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


@pytest.mark.parametrize("body", ["", "{}", "[]", "<html>", '{"batchId":""}', '{"ok":1}', '"b"'])
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


# Poll.


async def test_a_poll_asks_for_one_batch(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """A poll is one GET with the status key; the id is percent-encoded as one part of the path."""
    vendor.get(
        status_url(ENCODED_REF),
        payload={
            "batchStatus": "RUNNING",
            "failCount": 1,
            "successCount": 0,
            "failedProducts": [{"sku": "A-1"}],
            "ratio": "1/2",
            "new": 1,
        },
        headers={"Age": "12"},
    )
    seen = await adapter.poll_one(make_ticket(REF))
    assert seen.words == ("RUNNING",)
    assert (seen.succeeded, seen.failed, seen.progress, seen.done) == (0, 1, 0.5, None)
    assert seen.vendor == {"failCount": 1, "successCount": 0, "ratio": "1/2", "new": 1}
    assert (seen.findings, seen.age_s) == ((), 12.0)
    method, url, call = only_call(vendor)
    assert (method, url.raw_path) == ("GET", status_url(ENCODED_REF).raw_path)
    assert call["headers"]["x-api-key"] == KEY
    assert call["data"] is None


@pytest.mark.parametrize(("ref", "part"), [(".", "%2E"), ("..", "%2E%2E"), ("a.b", "a.b")])
async def test_an_id_of_dots_climbs_nowhere(
    vendor: aioresponses, adapter: MircateAdapter, ref: str, part: str
) -> None:
    """Whatever the vendor calls a batch stays one part of the path."""
    sent: list[str] = []

    def answer(url: URL, **_: Any) -> None:
        sent.append(url.raw_path)

    vendor.get(status_url(part), payload={}, callback=answer)
    await adapter.poll_one(make_ticket(ref))
    assert sent == [f"/5p1hp1d2t/CALL/MerchantImportJob/checkBatchStatus/{part}"]


async def test_each_batch_of_a_ticket_is_asked_about(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """Several ids are one observation, with a word each and sums."""
    vendor.get(status_url("b-1"), payload={"batchStatus": "DONE", "successCount": 1})
    vendor.get(status_url("b-2"), payload={"batchStatus": "QUEUED", "successCount": 0})
    seen = await adapter.poll_one(make_ticket("b-1", "b-2"))
    assert (seen.words, seen.succeeded, seen.failed) == (("DONE", "QUEUED"), 1, None)
    assert seen.vendor == {"batches": [{"successCount": 1}, {"successCount": 0}]}
    assert len(vendor.requests) == 2


async def test_products_are_asked_about_by_post(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """The status call for products is a POST, with the id in its path and in its body."""
    vendor.post(f"{BASE}/PIMAPI/checkBatchStatus/b-1", payload={"batchStatus": "DONE"})
    seen = await adapter.poll_one(make_ticket("b-1", operation="product-upsert"))
    assert seen.words == ("DONE",)
    assert only_call(vendor)[2]["data"] == b'{"batchId":"b-1"}'


async def test_where_batches_are_asked_about_is_a_setting(
    vendor: aioresponses, make_adapter: MakeAdapter
) -> None:
    """Path and verb of the status call come from the settings."""
    adapter = make_adapter(
        status_paths={"receive-price": "POST /{project_id}/status"}, batch_id_keys=["ticket"]
    )
    vendor.post("https://api.b2b.retter.io/5p1hp1d2t/status", payload={})
    await adapter.poll_one(make_ticket("b-1"))
    assert only_call(vendor)[2]["data"] == b'{"ticket":"b-1"}'


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null", '{"batchStatus":"DO'])
async def test_a_poll_that_makes_no_sense_is_a_broken_reply(
    vendor: aioresponses, adapter: MircateAdapter, body: str
) -> None:
    """What is no JSON object is a `ReplyError`."""
    vendor.get(status_url("b-1"), body=body)
    with pytest.raises(ReplyError, match="project 5p1hp1d2t/m-1"):
        await adapter.poll_one(make_ticket("b-1"))


async def test_one_unknown_batch_is_enough(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """A 404 for one of several ids passes through."""
    vendor.get(status_url("b-1"), payload={"batchStatus": "DONE"})
    vendor.get(status_url("b-2"), status=404, payload={"message": "Record Not Found"})
    with pytest.raises(NotFoundError, match="Record Not Found"):
        await adapter.poll_one(make_ticket("b-1", "b-2"))


async def test_a_cut_connection_passes(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """What the transport raises passes unchanged."""
    vendor.get(status_url("b-1"), exception=ServerDisconnectedError())
    with pytest.raises(NoAnswerError):
        await adapter.poll_one(make_ticket("b-1"))


async def test_words_of_the_settings_win(make_adapter: MakeAdapter) -> None:
    """The table starts with the guesses; the settings add to it and change it, in any case."""
    plain = make_adapter().states
    assert plain["done"] is BatchState.COMPLETED
    assert plain["running"] is BatchState.IN_PROGRESS
    assert plain["failed"] is BatchState.FAILED
    mended = make_adapter(states={"Bitti": "completed", "DONE": "in_progress"}).states
    extra = {"bitti": BatchState.COMPLETED, "done": BatchState.IN_PROGRESS}
    assert mended == {**plain, **extra}


# Results.


async def test_results_are_told_from_names_and_counts(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """Who is named failed; the others succeeded, as the counts say."""
    failure = {"sku": "A-2", "reason": "no such product"}
    vendor.get(
        status_url("b-1"),
        payload={"failCount": 1, "successCount": 1, "failedProducts": [failure]},
    )
    report = await adapter.fetch_results(make_ticket("b-1"), ITEMS)
    (item,) = entries_of(report)
    assert (item.id, item.state, item.message) == ("2", ItemState.FAILED, "no such product")
    assert item.raw == json.dumps(failure).encode()
    assert (report.rest, report.findings) == (ItemState.SUCCEEDED, ())


async def test_results_of_several_batches_are_one_report(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """All batches are asked again; a failure says which it came from."""
    failed = {"failCount": 1, "successCount": 0, "failedProducts": [{"sku": "A-1"}]}
    vendor.get(status_url("b-1"), payload=failed)
    vendor.get(status_url("b-2"), payload={"failCount": 0, "successCount": 1})
    report = await adapter.fetch_results(make_ticket("b-1", "b-2"), ITEMS)
    assert [(item.id, item.vendor_ref) for item in entries_of(report)] == [("1", "b-1")]
    assert report.rest is ItemState.SUCCEEDED


async def test_results_of_products_are_found_in_their_data(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """An upsert's item is named within its data."""
    vendor.post(
        f"{BASE}/PIMAPI/checkBatchStatus/b-1",
        payload={"failCount": 1, "successCount": 0, "failedProducts": [{"data": {"sku": "A-1"}}]},
    )
    items = [WireItem(id="1", wire=b'{"dataType":"x","data":{"sku":"A-1"}}')]
    ticket = make_ticket("b-1", operation="product-upsert", total=1)
    report = await adapter.fetch_results(ticket, items)
    assert [(item.id, item.state) for item in entries_of(report)] == [("1", ItemState.FAILED)]


async def test_results_that_are_only_counted_are_unknown(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """A failure nobody names leaves every item in doubt."""
    vendor.get(status_url("b-1"), payload={"failCount": 1, "successCount": 1})
    report = await adapter.fetch_results(make_ticket("b-1"), ITEMS)
    assert (list(entries_of(report)), report.rest) == ([], ItemState.UNKNOWN)
    assert [finding.code for finding in report.findings] == ["failures_differ"]


async def test_results_that_make_no_sense_are_a_broken_reply(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """A page in the place of an answer is no report."""
    vendor.get(status_url("b-1"), body="<html>")
    with pytest.raises(ReplyError):
        await adapter.fetch_results(make_ticket("b-1"), ITEMS)


async def test_a_batch_cannot_be_cancelled(adapter: MircateAdapter) -> None:
    """The vendor has no call for it, and the capabilities say so."""
    assert not adapter.capabilities("receive-price").can_cancel
    with pytest.raises(UnsupportedError):
        await adapter.cancel(make_ticket("b-1"))


# Probe.


async def test_a_probe_reads_a_real_answer(vendor: aioresponses, adapter: MircateAdapter) -> None:
    """A probe shows the answer as it came, and what was made of it."""
    answer = {
        "batchStatus": "Bitti",
        "failCount": "1",
        "successCount": -1,
        "failedProducts": [{"product": {"sku": "A-1"}, "why": "x"}, "odd"],
        "ratio": "50%",
        "new": 1,
    }
    vendor.get(status_url("b-1"), payload=answer)
    probe = await adapter.probe("b-1")
    assert probe.request == "GET /5p1hp1d2t/CALL/MerchantImportJob/checkBatchStatus/b-1"
    assert (probe.status, json.loads(probe.raw)) == (200, answer)
    assert probe.reading == {
        "word": "Bitti",
        "means": None,
        "succeeded": None,
        "failed": 1,
        "ratio": "50%",
        "progress": 0.5,
        "failed_products": 2,
        "failed_product_keys": ["product", "why", "sku"],
        "item_keys_found": ["sku"],
        "undocumented_fields": ["new"],
        "findings": ["odd_count: counts that are not whole numbers; their meaning is not known"],
        "age_s": None,
    }
    assert only_call(vendor)[2]["headers"]["x-api-key"] == KEY


async def test_a_probe_says_what_a_word_means(
    vendor: aioresponses, adapter: MircateAdapter
) -> None:
    """A word of the table is shown with its state."""
    vendor.get(status_url("b-1"), payload={"batchStatus": "Done"})
    assert (await adapter.probe("b-1")).reading["means"] == "completed"


@pytest.mark.parametrize(
    ("ref", "status", "says"),
    [
        (None, 404, "vendor and key work"),
        ("b-1", 404, "does not know this batch"),
        (None, 400, "did not refuse the key"),
        ("b-1", 400, "did not refuse the key"),
    ],
)
async def test_a_refused_question_is_an_answer(
    vendor: aioresponses, adapter: MircateAdapter, ref: str | None, status: int, says: str
) -> None:
    """A made-up batch is asked about if none is given; that it is unknown shows that all works."""
    vendor.get(status_url(ref or "batchhub-probe"), status=status, payload={"code": "C"})
    probe = await adapter.probe(ref)
    assert (probe.status, json.loads(probe.raw)) == (status, {"code": "C"})
    assert says in probe.reading["meaning"]
    assert (probe.reading["credentials"], probe.reading["code"]) == ("not refused", "C")


@pytest.mark.parametrize(("status", "error"), [(403, CredentialsError), (429, RateLimitedError)])
async def test_a_probe_hides_no_trouble(
    vendor: aioresponses, adapter: MircateAdapter, status: int, error: type[Exception]
) -> None:
    """Refused credentials, and what is no answer to the question, pass."""
    vendor.get(status_url("batchhub-probe"), status=status)
    with pytest.raises(error):
        await adapter.probe()


# What can be done, options, items.


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
    item = BatchItem(id="1", payload={"sku": "A-1"})
    assert adapter.encode("receive-price", item, {}) == b'{"sku":"A-1"}'


async def test_items_follow_the_settings(make_adapter: MakeAdapter) -> None:
    """Which fields name a product, and which are numbers, is a setting."""
    adapter = make_adapter(item_keys=["gtin"], number_fields=["cost"])
    item = BatchItem(id="1", payload={"gtin": 5, "price": "9,90"})
    assert adapter.encode("receive-price", item, {}) == b'{"gtin":5,"price":"9,90"}'
    assert adapter.target("receive-price", item) == "gtin=5"
    with pytest.raises(InputError, match="cost"):
        adapter.encode("receive-price", BatchItem(payload={"gtin": 5, "cost": "1"}), {})


async def test_the_type_of_products_comes_from_the_option(adapter: MircateAdapter) -> None:
    """`data_type` is the `dataType` of an item that has none."""
    item = BatchItem(id="1", payload={"sku": "A-1"})
    options = adapter.check_options("product-upsert", {"data_type": "kind"})
    wire = adapter.encode("product-upsert", item, options)
    assert wire == b'{"dataType":"kind","data":{"sku":"A-1"}}'
    assert adapter.target("product-upsert", item) == "sku=A-1"
