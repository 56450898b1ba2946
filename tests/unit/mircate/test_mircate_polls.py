"""Mircate is asked about batches and their results; a batch can't be cancelled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError
from aioresponses import aioresponses
from support.mircate_verbs import (
    BASE,
    ENCODED_REF,
    ITEMS,
    KEY,
    REF,
    MakeAdapter,
    make_ticket,
    status_url,
)
from support.reports import entries_of
from support.verbs import only_call
from yarl import URL

from batchhub.adapter import WireItem
from batchhub.errors import (
    NoAnswerError,
    NotFoundError,
    ReplyError,
    UnsupportedError,
)
from batchhub.models import BatchState, ItemState
from batchhub_mircate import MircateAdapter


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

    vendor.get(status_url(part), payload={"ratio": None}, callback=answer)
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
    vendor.post("https://api.b2b.retter.io/5p1hp1d2t/status", payload={"batchStatus": None})
    await adapter.poll_one(make_ticket("b-1"))
    assert only_call(vendor)[2]["data"] == b'{"ticket":"b-1"}'


@pytest.mark.parametrize("body", ["", "busy", "[]", "null", '{"batchStatus":"DO'])
async def test_a_poll_that_makes_no_sense_is_a_broken_reply(
    vendor: aioresponses, adapter: MircateAdapter, body: str
) -> None:
    """What is no JSON object is a `ReplyError`."""
    vendor.get(status_url("b-1"), body=body)
    with pytest.raises(ReplyError, match="project 5p1hp1d2t/m-1"):
        await adapter.poll_one(make_ticket("b-1"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"success": False, "message": "Merchant suspended"}, "; it says: Merchant suspended"),
        ({"error": {"code": "X", "message": "no\r\n\x1b[31mquota"}}, "; it says: no [31mquota"),
        ({"errors": [{"message": "first"}, {"message": "second"}]}, "; it says: first"),
        ({"errorCode": "SUSPENDED"}, "; it says: SUSPENDED"),
        ({"data": {"batchStatus": "DONE"}}, ""),
        ({}, ""),
    ],
)
async def test_an_answer_without_any_field_of_a_status_is_none(
    vendor: aioresponses, adapter: MircateAdapter, answer: dict[str, Any], words: str
) -> None:
    """Nothing is taken for queued because nothing is said; what is said stands in the error."""
    vendor.get(status_url("b-1"), payload=answer, repeat=True)
    for ask in (
        adapter.poll_one(make_ticket("b-1")),
        adapter.fetch_results(make_ticket("b-1"), []),
    ):
        with pytest.raises(ReplyError) as caught:
            await ask
        assert f"no field of a status{words} (mircate" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"batchStatus": None},
        {"ratio": None},
        {"failedProducts": []},
        {"bulkOperationType": "price", "message": "working"},
    ],
)
async def test_any_field_of_a_status_makes_one(
    vendor: aioresponses, adapter: MircateAdapter, answer: dict[str, Any]
) -> None:
    """All fields are optional, and one without a value is one."""
    vendor.get(status_url("b-1"), payload=answer)
    seen = await adapter.poll_one(make_ticket("b-1"))
    assert (seen.words, seen.message) == ((None,), None)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"batchStatus": "FAILED", "message": "file broken"}, "file broken"),
        ({"batchStatus": "error", "error": {"message": "no quota"}}, "no quota"),
        ({"successCount": 0, "success": False, "message": "suspended"}, "suspended"),
        ({"batchStatus": "DONE", "message": "thank you"}, None),
        ({"batchStatus": "FAILED"}, None),
    ],
)
async def test_a_batch_that_failed_says_why(
    vendor: aioresponses, adapter: MircateAdapter, answer: dict[str, Any], message: str | None
) -> None:
    """The vendor's words on a failure are the ticket's message."""
    vendor.get(status_url("b-1"), payload=answer)
    assert (await adapter.poll_one(make_ticket("b-1"))).message == message


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
