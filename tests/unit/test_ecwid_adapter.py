"""The verbs of the Ecwid adapter: each call as it goes out, each answer as it is taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError
from aioresponses import aioresponses
from support.reports import entries_of
from support.verbs import NO_STEPS, make_ticket, make_transport, mocked_calls, only_call
from support.verbs import make_submission as _make_submission
from yarl import URL

from batchhub.adapter import WireItem
from batchhub.errors import (
    CredentialsError,
    InputError,
    NoAnswerError,
    NotFoundError,
    RefusedError,
    ReplyError,
    ResultsMissingError,
    ServerError,
)
from batchhub.models import BatchItem, BatchState, ItemState
from batchhub.testing import FakeClock
from batchhub.transport import open_session
from batchhub_ecwid import EcwidAccount, EcwidAdapter

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ecwid"
TOKEN = "secret_4f6RkQz"
ACCOUNT = EcwidAccount(store_id=1003, token=TOKEN)
BATCH = "https://app.ecwid.com/api/v3/1003/batch"
REF = "11kl140a2-966f/1a9f+b&c"
STATUS = URL(BATCH).with_query(ticket=REF)
STATUS_BY_ID = URL(BATCH).with_query(ticketId=REF)
RESULTS = URL(BATCH).with_query(ticket=REF, escapedJson="true")
ITEMS = [WireItem(id="a", wire=b'{"id":"a"}'), WireItem(id="b", wire=b'{"id":"b"}')]
TICKET = make_ticket(REF, operation="batch", total=2)
QUEUED = {"status": "QUEUED", "totalRequests": 2, "completedRequests": 0}


def load(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


@pytest.fixture
def vendor() -> Iterator[aioresponses]:
    with mocked_calls() as mocked:
        yield mocked


@pytest.fixture
async def adapter() -> AsyncIterator[EcwidAdapter]:
    clock = FakeClock()
    async with open_session() as session, clock.running():
        transport = make_transport(EcwidAdapter, ACCOUNT, session, clock)
        adapter = EcwidAdapter(ACCOUNT, transport)
        transport.bind(adapter.authorize)
        yield adapter


make_submission = partial(_make_submission, "batch", ITEMS)


@pytest.mark.parametrize(
    ("changes", "query"),
    [
        ({}, {"stopOnFirstFailure": "false"}),
        ({"stop_on_first_failure": True}, {"stopOnFirstFailure": "true"}),
        (
            {"options": {"allow_parallel_mode": True}},
            {"stopOnFirstFailure": "false", "allowParallelMode": "true"},
        ),
        ({"options": {}}, {"stopOnFirstFailure": "false"}),
    ],
)
async def test_a_batch_goes_out_with_its_key_and_group(
    vendor: aioresponses, adapter: EcwidAdapter, changes: dict[str, Any], query: dict[str, str]
) -> None:
    """A create has its key, its group and an explicit stop flag; the body is a bare array."""
    key = "6f1c1bb0-0000-4000-8000-000000000001"
    expected = URL(BATCH).with_query(query | {"groupId": "group 1", "deduplicationKey": key})
    vendor.post(expected, body=load("batch_create_response"))
    accepted = await adapter.submit(make_submission(**changes), NO_STEPS)
    assert accepted.vendor_refs == ("11kl140a2-966f-1a9f-b4e6-fc451bc78570",)
    assert accepted.vendor == {}
    method, url, call = only_call(vendor)
    assert method == "POST"
    assert dict(url.query) == dict(expected.query)
    assert call["data"] == b'[{"id":"a"},{"id":"b"}]'
    assert call["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert call["headers"]["Content-Type"] == "application/json"


async def test_other_fields_of_a_create_are_kept(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """What the answer has besides the ticket is kept as it came."""
    vendor.add(_create_url(), "POST", payload={"ticket": "t", "new": [1]})
    accepted = await adapter.submit(make_submission(), NO_STEPS)
    assert (accepted.vendor_refs, accepted.vendor) == (("t",), {"new": [1]})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        *(
            (body, "no ticket")
            for body in (
                "",
                "{}",
                "[]",
                '{"ticket":""}',
                '{"ticket":null}',
                '{"ticket":true}',
                '"t"',
            )
        ),
        ("<html>", "a page of HTML"),
    ],
)
async def test_a_create_without_a_ticket_may_have_run(
    vendor: aioresponses, adapter: EcwidAdapter, body: str, words: str
) -> None:
    """An answer without a ticket is a broken reply: the batch may exist."""
    vendor.post(_create_url(), body=body)
    with pytest.raises(ReplyError, match=words) as caught:
        await adapter.submit(make_submission(), NO_STEPS)
    assert caught.value.may_have_run
    assert (caught.value.vendor, caught.value.account, caught.value.status) == (
        "ecwid",
        "1003",
        200,
    )


async def test_a_refused_create_says_the_vendors_words(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """A 400 is final, and its words are read in the spelling that only creates use."""
    vendor.post(_create_url(), status=400, body=load("batch_create_error_400"))
    with pytest.raises(RefusedError, match="contains bad value"):
        await adapter.submit(make_submission(), NO_STEPS)


async def test_a_refused_token_passes(vendor: aioresponses, adapter: EcwidAdapter) -> None:
    """A 403 is the token's: it is reported as such, without the token."""
    vendor.post(_create_url(), status=403, payload={"errorMessage": f"bad {TOKEN}"})
    with pytest.raises(CredentialsError) as caught:
        await adapter.submit(make_submission(), NO_STEPS)
    assert TOKEN not in str(caught.value)


async def test_a_poll_is_light(vendor: aioresponses, adapter: EcwidAdapter) -> None:
    """A poll asks by ticket, escaped, and does not ask for results."""
    vendor.get(STATUS, payload=QUEUED | {"new": 1})
    seen = await adapter.poll_one(TICKET)
    assert (seen.words, seen.done) == (("QUEUED",), 0)
    assert seen.vendor == {"totalRequests": 2, "completedRequests": 0, "new": 1}
    method, url, call = only_call(vendor)
    assert method == "GET"
    assert dict(url.query) == {"ticket": REF}
    assert call["data"] is None
    assert call["headers"]["Authorization"] == f"Bearer {TOKEN}"


async def test_a_poll_of_the_old_generation_drops_results(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """Results that come unasked are not taken along."""
    vendor.get(STATUS, body=load("batch_status_completed_full_2019"))
    seen = await adapter.poll_one(TICKET)
    assert (seen.words, seen.done) == (("COMPLETED",), 2)
    assert "responses" not in seen.vendor


@pytest.mark.parametrize(
    ("body", "words"),
    [
        *((body, "store 1003") for body in ("", "{}", '{"status":5}', '{"status":"QUE')),
        ("<html>", "a page of HTML"),
    ],
)
async def test_a_poll_that_makes_no_sense_is_a_broken_reply(
    vendor: aioresponses, adapter: EcwidAdapter, body: str, words: str
) -> None:
    """Broken JSON, a page, or no word for the state, is a `ReplyError`."""
    vendor.get(STATUS, body=body)
    with pytest.raises(ReplyError, match=words):
        await adapter.poll_one(TICKET)


async def test_a_ticket_the_vendor_does_not_know_is_not_found(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """A 404 passes through, and no other spelling is tried."""
    vendor.get(STATUS, status=404, payload={"errorMessage": "Ticket not found"})
    with pytest.raises(NotFoundError, match="Ticket not found"):
        await adapter.poll_one(TICKET)


async def test_the_other_spelling_is_tried_once_and_kept(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """A 400 to `ticket` is answered by `ticketId`; from then on only that is asked."""
    vendor.get(STATUS, status=400)
    vendor.get(STATUS_BY_ID, payload=QUEUED, repeat=True)
    await adapter.poll_one(TICKET)
    await adapter.poll_one(TICKET)
    assert [len(calls) for calls in vendor.requests.values()] == [1, 2]


async def test_a_spelling_that_worked_is_never_changed(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """After a success a 400 is what it says, not a question of spelling."""
    vendor.get(STATUS, payload=QUEUED)
    vendor.get(STATUS, status=400)
    await adapter.poll_one(TICKET)
    with pytest.raises(RefusedError):
        await adapter.poll_one(TICKET)


async def test_two_refusals_say_nothing_of_the_spelling(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """If both are refused the first refusal counts, and the question stays open."""
    vendor.get(STATUS, status=400, payload={"errorMessage": "first"}, repeat=True)
    vendor.get(STATUS_BY_ID, status=400, payload={"errorMessage": "second"})
    with pytest.raises(RefusedError, match="first"):
        await adapter.poll_one(TICKET)
    vendor.get(STATUS_BY_ID, payload=QUEUED)
    assert (await adapter.poll_one(TICKET)).words == ("QUEUED",)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "payload": {"errorMessage": "Ticket not found"}},
        {"payload": {"items": []}},
        {"payload": {"status": "error", "errorMessage": "no ticket given"}},
        {"body": "<html><title>Hello</title></html>"},
    ],
)
async def test_what_is_no_status_proves_no_spelling(
    vendor: aioresponses, adapter: EcwidAdapter, answer: dict[str, Any]
) -> None:
    """A stray 400 stays what it is, and the usual spelling is asked for the next time."""
    vendor.get(STATUS, status=400, payload={"errorMessage": "stray"})
    vendor.get(STATUS_BY_ID, **answer)
    with pytest.raises(RefusedError, match="stray") as caught:
        await adapter.poll_one(TICKET)
    assert not isinstance(caught.value, NotFoundError)
    vendor.get(STATUS, payload=QUEUED)
    assert (await adapter.poll_one(TICKET)).words == ("QUEUED",)


async def test_a_404_to_a_proven_spelling_is_an_answer(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """Once the other spelling brought a status, its 404 says that the ticket is gone."""
    vendor.get(STATUS, status=400)
    vendor.get(STATUS_BY_ID, payload=QUEUED)
    await adapter.poll_one(TICKET)
    vendor.get(STATUS_BY_ID, status=404)
    with pytest.raises(NotFoundError):
        await adapter.poll_one(TICKET)


async def test_a_spelling_is_proven_by_another_ticket_meanwhile(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """A ticket whose 400 came before another one proved the other spelling is judged by that."""
    is_proven = asyncio.Event()
    gone = make_ticket("gone", operation="batch", total=2)

    async def answer_late(*_: Any, **__: Any) -> None:
        await is_proven.wait()

    vendor.get(STATUS, status=400)
    vendor.get(STATUS_BY_ID, payload=QUEUED)
    vendor.get(URL(BATCH).with_query(ticket="gone"), status=400, callback=answer_late)
    vendor.get(URL(BATCH).with_query(ticketId="gone"), status=404)
    late = asyncio.create_task(adapter.poll_one(gone))
    await adapter.poll_one(TICKET)
    is_proven.set()
    with pytest.raises(NotFoundError):
        await late


async def test_two_polls_at_once_both_find_the_other_spelling(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """A poll that was on its way while another changed the spelling is asked again, not failed."""
    barrier = asyncio.Barrier(2)

    async def answer_together(*_: Any, **__: Any) -> None:
        await barrier.wait()

    vendor.get(STATUS, status=400, callback=answer_together, repeat=True)
    vendor.get(STATUS_BY_ID, payload=QUEUED, repeat=True)
    both = await asyncio.gather(adapter.poll_one(TICKET), adapter.poll_one(TICKET))
    assert [seen.words for seen in both] == [("QUEUED",), ("QUEUED",)]
    assert [len(calls) for calls in vendor.requests.values()] == [2, 2]


async def test_trouble_settles_no_spelling(vendor: aioresponses, adapter: EcwidAdapter) -> None:
    """Where the second try gets no real answer the question stays open."""
    vendor.get(STATUS, status=400, repeat=True)
    vendor.get(STATUS_BY_ID, status=500)
    with pytest.raises(ServerError):
        await adapter.poll_one(TICKET)
    vendor.get(STATUS_BY_ID, payload=QUEUED)
    await adapter.poll_one(TICKET)


async def test_results_are_fetched_escaped(vendor: aioresponses, adapter: EcwidAdapter) -> None:
    """Results are asked for with escaped bodies and read in either form."""
    responses = [
        {"id": "a", "status": "COMPLETED", "httpStatusCode": 200, "escapedHttpBody": '{"id":1}'},
        {"id": "b", "status": "FAILED", "httpStatusCode": 404, "httpStatusLine": "Not here"},
    ]
    vendor.get(RESULTS, payload={"status": "COMPLETED", "responses": responses})
    report = await adapter.fetch_results(TICKET, ITEMS)
    assert [(e.id, e.state, e.code, e.message, e.raw) for e in entries_of(report)] == [
        ("a", ItemState.SUCCEEDED, 200, None, rb'"{\"id\":1}"'),
        ("b", ItemState.FAILED, 404, "Not here", None),
    ]
    assert report.rest is ItemState.UNKNOWN
    _, url, _ = only_call(vendor)
    assert dict(url.query) == {"ticket": REF, "escapedJson": "true"}


async def test_results_of_the_old_generation_are_read(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """The recorded answer of 2019 is a report with two successes."""
    vendor.get(RESULTS, body=load("batch_status_completed_full_2019"))
    report = await adapter.fetch_results(TICKET, ITEMS)
    assert [entry.state for entry in entries_of(report)] == [ItemState.SUCCEEDED] * 2


async def test_results_are_asked_for_in_the_spelling_that_works(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """The other spelling is tried for results, too."""
    vendor.get(RESULTS, status=400)
    by_id = URL(BATCH).with_query(ticketId=REF, escapedJson="true")
    vendor.get(by_id, body=load("batch_status_completed_full_2019"))
    assert len(entries_of(await adapter.fetch_results(TICKET, ITEMS))) == 2


@pytest.mark.parametrize("responses", ["absent", None, [], {}, "x"])
async def test_finished_without_results_is_never_a_success(
    vendor: aioresponses, adapter: EcwidAdapter, responses: object
) -> None:
    """COMPLETED without a list of results is told apart, so that it can be asked for again."""
    status = {"status": "COMPLETED"}
    vendor.get(
        RESULTS, payload=status if responses == "absent" else status | {"responses": responses}
    )
    with pytest.raises(ResultsMissingError):
        await adapter.fetch_results(TICKET, ITEMS)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"status":"COMPLETED","responses":[{"id":'])
async def test_results_that_make_no_sense_are_a_broken_reply(
    vendor: aioresponses, adapter: EcwidAdapter, body: str
) -> None:
    """An answer that breaks off is no report, and not a missing one either."""
    vendor.get(RESULTS, body=body)
    with pytest.raises(ReplyError) as caught:
        await adapter.fetch_results(TICKET, ITEMS)
    assert not isinstance(caught.value, ResultsMissingError)


@pytest.mark.parametrize("word", ["QUEUED", "IN_PROGRESS", "ODD"])
async def test_a_batch_that_is_not_finished_has_no_results(
    vendor: aioresponses, adapter: EcwidAdapter, word: str
) -> None:
    """If the batch is not finished any more, what came of its items is not read."""
    vendor.get(RESULTS, payload={"status": word, "responses": []})
    with pytest.raises(ReplyError, match=word):
        await adapter.fetch_results(TICKET, ITEMS)


async def test_a_word_the_settings_add_ends_a_batch(
    vendor: aioresponses, adapter: EcwidAdapter
) -> None:
    """The table of words decides what finished means, in any case."""
    adapter.states = {**adapter.states, "Done": BatchState.COMPLETED}
    recorded = json.loads(load("batch_status_completed_full_2019"))
    vendor.get(RESULTS, payload=recorded | {"status": "DONE"})
    assert len(entries_of(await adapter.fetch_results(TICKET, ITEMS))) == 2


@pytest.mark.parametrize("body", ['{"updateCount":2}', '{"updateCount":0}', ""])
async def test_a_cancel_names_the_group_and_the_ticket(
    vendor: aioresponses, adapter: EcwidAdapter, body: str
) -> None:
    """A cancel goes by group, with the ticket besides, and never deletes."""
    expected = URL(f"{BATCH}/cancel-group").with_query(groupId="group 1", ticketId=REF)
    vendor.post(expected, body=body)
    await adapter.cancel(TICKET)
    method, url, call = only_call(vendor)
    assert (method, dict(url.query)) == ("POST", {"groupId": "group 1", "ticketId": REF})
    assert call["headers"]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("body", "words"), [("<html>", "a page of HTML"), ("[]", "a cancel")])
async def test_a_cancel_that_makes_no_sense_is_a_broken_reply(
    vendor: aioresponses, adapter: EcwidAdapter, body: str, words: str
) -> None:
    """A page, or what is no object, in the place of an answer is not taken for a cancel."""
    url = URL(f"{BATCH}/cancel-group").with_query(groupId="group 1", ticketId=REF)
    vendor.post(url, body=body)
    with pytest.raises(ReplyError, match=words):
        await adapter.cancel(TICKET)


async def test_a_cut_connection_passes(vendor: aioresponses, adapter: EcwidAdapter) -> None:
    """What the transport raises passes unchanged."""
    vendor.get(STATUS, exception=ServerDisconnectedError())
    with pytest.raises(NoAnswerError):
        await adapter.poll_one(TICKET)


async def test_the_vendor_stops_where_it_is_told_to_answer(adapter: EcwidAdapter) -> None:
    """The limits are the vendor's, and the account's own bound on bytes."""
    capabilities = adapter.capabilities("batch")
    assert capabilities.max_items == 500
    assert capabilities.max_bytes == ACCOUNT.max_request_bytes
    assert capabilities.can_cancel
    assert capabilities.stops_on_first_failure
    assert capabilities.dedup_window_s == 3600.0
    small = EcwidAdapter(
        EcwidAccount(store_id=1, token="t", max_request_bytes=9), adapter.transport
    )
    assert small.capabilities("batch").max_bytes == 9


async def test_only_parallel_batches_run_in_no_order(adapter: EcwidAdapter) -> None:
    """The vendor runs first in, first out, unless the job lets it run items at once."""
    for given in ({}, {"allow_parallel_mode": "false"}):
        options = adapter.check_options("batch", given)
        assert adapter.capabilities("batch", options).runs_in_order
    options = adapter.check_options("batch", {"allow_parallel_mode": "true"})
    assert not adapter.capabilities("batch", options).runs_in_order
    assert adapter.capabilities("batch", options).max_bytes == ACCOUNT.max_request_bytes
    item = BatchItem(id="a", payload={"method": "put", "path": "products/7?x=1"})
    assert adapter.target("batch", item) == "/products/7"


def test_parallel_items_take_less_time() -> None:
    """A deadline counts items in turn, or hundreds of them in parallel mode."""
    deadline_s = EcwidAdapter.operations["batch"].deadline_s
    assert deadline_s(500, {"allow_parallel_mode": False}) == 5600.0
    assert deadline_s(500, {"allow_parallel_mode": True}) == 650.0
    assert deadline_s(1, {}) == 610.0


@pytest.mark.parametrize(
    ("options", "checked"),
    [
        ({}, False),
        ({"allow_parallel_mode": True}, True),
        ({"allow_parallel_mode": False}, False),
        ({"allow_parallel_mode": "true"}, True),
        ({"allow_parallel_mode": "False"}, False),
    ],
)
async def test_the_one_option_is_a_boolean(
    adapter: EcwidAdapter, options: dict[str, Any], checked: bool
) -> None:
    """`allow_parallel_mode` is true or false, also as text, and false if left out."""
    assert adapter.check_options("batch", options) == {"allow_parallel_mode": checked}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"allow_parallel_mode": 1}, "must be true or false"),
        ({"allow_parallel_mode": None}, "must be true or false"),
        ({"allow_parallel_mode": "yes"}, "must be true or false"),
        ({"allowParallelMode": True}, "did you mean allow_parallel_mode"),
        ({"priority": 1}, "there is only allow_parallel_mode"),
    ],
)
async def test_other_options_are_refused(
    adapter: EcwidAdapter, options: dict[str, Any], says: str
) -> None:
    """An option nobody knows, or a value that is none, is refused by name."""
    with pytest.raises(InputError, match=says):
        adapter.check_options("batch", options)


async def test_an_item_with_the_token_in_it_is_refused(adapter: EcwidAdapter) -> None:
    """An item is stored, so it may not hold the account's token, wherever it stands."""
    payload = {"method": "PUT", "path": "/products/1", "body": {"note": f"use {TOKEN}"}}
    with pytest.raises(InputError, match="token") as caught:
        adapter.encode("batch", BatchItem(id="1", payload=payload), {})
    assert TOKEN not in str(caught.value)
    payload["body"] = {"note": "use it"}
    assert adapter.encode("batch", BatchItem(id="1", payload=payload), {}).startswith(b'{"id":"1"')


def _create_url() -> URL:
    return URL(BATCH).with_query(
        stopOnFirstFailure="false",
        groupId="group 1",
        deduplicationKey="6f1c1bb0-0000-4000-8000-000000000001",
    )
