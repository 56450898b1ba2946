"""Laws of what is read from Ecwid: whatever it answers, nothing is invented."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from hypothesis import assume, example, given
from hypothesis import strategies as st
from support.reports import entries_of
from support.verbs import Answers, anything, make_ticket, scalars

from batchhub.adapter import Report, WireItem
from batchhub.errors import InputError, ReplyError
from batchhub.models import BatchItem, ItemResult, ItemState
from batchhub_ecwid import EcwidAccount, EcwidAdapter
from batchhub_ecwid.items import encode_item
from batchhub_ecwid.paths import add_params, make_path

SENT = [WireItem(id=str(number), wire=b"{}") for number in range(1, 4)]
TICKET = make_ticket("t", operation="batch", total=len(SENT))

words = st.sampled_from(["COMPLETED", "FAILED", "NOT_EXECUTED", "completed", "ODD"]) | scalars
codes = st.sampled_from([200, 201, 0, 404, 500, "200", "404", 200.0]) | scalars
entries = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", "2", "3", "foreign"]) | scalars,
        "status": words,
        "httpStatusCode": codes,
        "httpCode": codes,
        "httpStatusLine": scalars,
        "httpBody": anything,
        "escapedHttpBody": scalars,
        "new": anything,
    },
)
answers = st.fixed_dictionaries(
    {"status": st.sampled_from(["COMPLETED", "QUEUED", "DONE"]) | anything},
    optional={
        "totalRequests": scalars,
        "completedRequests": scalars,
        "responses": st.lists(entries | anything, max_size=4) | anything,
    },
)


def make_adapter(body: bytes) -> EcwidAdapter:
    account = EcwidAccount(store_id=1003, token="secret_of_the_store")
    transport: Any = Answers(body)
    return EcwidAdapter(account, transport)


async def fetch(body: bytes) -> Report | None:
    try:
        return await make_adapter(body).fetch_results(TICKET, SENT)
    except ReplyError:
        return None


def is_success(entry: Any) -> bool:
    """Tell by the plainest reading whether an entry says COMPLETED and 200."""
    if not isinstance(entry, dict) or entry.get("status") != "COMPLETED":
        return False
    code = entry.get("httpStatusCode")
    code = entry.get("httpCode") if code is None else code
    return not isinstance(code, bool) and str(code) == "200"


@given(answer=answers | anything)
async def test_any_json_is_a_report_or_a_reply_error(answer: Any) -> None:
    """No answer raises anything but `ReplyError`, and success needs COMPLETED and 200."""
    body = json.dumps(answer).encode("utf-8", "surrogatepass")
    report = await fetch(body)
    if report is None:
        return
    responses = answer["responses"]
    assert len(entries_of(report)) == len(responses)
    for item, entry in zip(entries_of(report), responses, strict=True):
        assert (item.state is ItemState.SUCCEEDED) <= is_success(entry)
    assert report.rest is ItemState.UNKNOWN


@given(body=st.binary() | st.text().map(str.encode))
@example(body=b'{"status":"COMPLETED","responses":[{"id":"\\ud800"}]}')
async def test_any_bytes_are_a_report_or_a_reply_error(body: bytes) -> None:
    """Bytes that are no JSON at all raise nothing but `ReplyError`."""
    await fetch(body)


@given(answer=answers | anything)
async def test_any_json_is_an_observation_or_a_reply_error(answer: Any) -> None:
    """A poll keeps the vendor's word as it came, and never carries results along."""
    try:
        seen = await make_adapter(json.dumps(answer).encode()).poll_one(TICKET)
    except ReplyError:
        return
    assert seen.words == (answer["status"],)
    assert "responses" not in seen.vendor
    assert seen.done is None or seen.done >= 0


@given(entries=st.lists(entries, min_size=1, max_size=4), broken=anything, place=st.integers(0, 4))
async def test_one_broken_entry_changes_no_other(
    entries: list[Any], broken: Any, place: int
) -> None:
    """What is read of an entry does not depend on the entries beside it."""
    place = min(place, len(entries))
    mixed = [*entries[:place], broken, *entries[place:]]
    alone = await fetch(json.dumps({"status": "COMPLETED", "responses": entries}).encode())
    beside = await fetch(json.dumps({"status": "COMPLETED", "responses": mixed}).encode())
    assert alone is not None
    assert beside is not None
    rest = [item for n, item in enumerate(entries_of(beside)) if n != place]
    assert rest == entries_of(alone)


@given(body=anything, escaped=st.booleans())
async def test_both_generations_read_the_same_body(body: Any, escaped: bool) -> None:
    """A body comes out as it went in, as JSON or as escaped text."""
    text = json.dumps(body)
    entry: dict[str, Any] = {"id": "1", "status": "COMPLETED", "httpStatusCode": 200}
    entry |= {"escapedHttpBody": text} if escaped else {"httpBody": body}
    report = await fetch(json.dumps({"status": "COMPLETED", "responses": [entry]}).encode())
    assert report is not None
    (item,) = entries_of(report)
    assert item.state is ItemState.SUCCEEDED
    if body == "" and not escaped:
        body = None
    assume(not (isinstance(body, str) and body.startswith(("{", "["))))
    assert ItemResult(id="1", state=item.state, raw=item.raw).body == body


@given(
    payload=st.dictionaries(st.text() | st.sampled_from(["id", "method", "path", "body"]), anything)
)
def test_any_item_is_encoded_or_refused(payload: dict[str, Any]) -> None:
    """No payload raises anything but `InputError`, and what is sent has the item's id."""
    try:
        wire = encode_item(BatchItem(id="1", payload=payload))
    except InputError:
        return
    assert json.loads(wire)["id"] == "1"


@given(path=st.text() | st.text(alphabet="/.%2e\\;?#=batchpi+v3 ", max_size=20))
def test_a_path_that_passes_is_plain_and_stays_the_same(path: str) -> None:
    """A path that passes is ASCII with a leading slash, and passes again unchanged."""
    try:
        sent = make_path(path)
    except InputError:
        return
    assert sent.isascii()
    assert sent.startswith("/")
    assert "+" not in sent
    assert make_path(sent) == sent


texts = st.text(alphabet=st.characters(codec="utf-8"))


@given(params=st.dictionaries(texts.filter(bool), texts))
def test_params_come_back_as_they_went_in(params: dict[str, str]) -> None:
    """Read as a form, a query made of params has these params and no other."""
    query = add_params("/orders", params).partition("?")[2]
    assert parse_qsl(query, keep_blank_values=True) == list(params.items())
