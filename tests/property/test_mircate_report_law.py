"""Laws of what is read from Mircate: whatever it answers, nothing is invented."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from support.reports import entries_of, read
from support.verbs import NO_STEPS, Answers, anything, make_ticket, scalars

from batchhub._engine.join import join_report
from batchhub.adapter import Observation, Report, Submission, TicketRef, WireItem
from batchhub.errors import InputError, ReplyError
from batchhub.models import BatchItem, ItemState
from batchhub_mircate import MircateAccount, MircateAdapter
from batchhub_mircate.wire import read_ratio

SKUS = ["A-1", "A-2", "A-3"]
SENT = [
    WireItem(id=str(n), wire=json.dumps({"sku": sku, "barcode": n}).encode())
    for n, sku in enumerate(SKUS, 1)
]
counts = st.integers(-1, 4) | st.sampled_from(["0", "3", 3.0, "x"]) | scalars
names = st.sampled_from([*SKUS, "foreign", 1, 2, "3"]) | scalars
products = st.dictionaries(st.sampled_from(["sku", "barcode", "code", "error", "x"]), names)
failed_products = products | st.fixed_dictionaries({"product": products}) | anything
statuses = st.fixed_dictionaries(
    {},
    optional={
        "batchStatus": st.sampled_from(["DONE", "running", "FAILED", "ODD"]) | anything,
        "failCount": counts,
        "successCount": counts,
        "failedProducts": st.lists(failed_products, max_size=4) | anything,
        "ratio": st.sampled_from(["50%", "1/3", "0,5", "50"]) | anything,
        "new": anything,
    },
)


def make_adapter(*bodies: bytes) -> MircateAdapter:
    account = MircateAccount(project_id="p", merchant_project_id="m", api_key="key_of_the_shop")
    transport: Any = Answers(*bodies)
    return MircateAdapter(account, transport)


def make_refs(refs: int) -> TicketRef:
    names = [f"b-{n}" for n in range(refs)]
    return make_ticket(*names, operation="receive-price", total=len(SENT))


def write(answer: Any) -> bytes:
    return json.dumps(answer).encode("utf-8", "surrogatepass")


async def fetch(*bodies: bytes) -> Report | None:
    try:
        return await make_adapter(*bodies).fetch_results(make_refs(len(bodies)), SENT)
    except ReplyError:
        return None


async def poll(*bodies: bytes) -> Observation | None:
    try:
        seen = await make_adapter(*bodies).poll_one(make_refs(len(bodies)))
    except ReplyError:
        return None
    return seen


def plain_count(answers: list[Any], key: str) -> int | None:
    """Sum a count by the plainest reading; `None` if one of the answers has an odd one."""
    total = 0
    for answer in answers:
        value = answer.get(key, 0)
        value = 0 if value is None else value
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        if number < 0 or not number.is_integer():
            return None
        total += int(number)
    return total


@given(answers=st.lists(statuses | anything, min_size=1, max_size=2))
@example(answers=[{"successCount": 3}])
@example(answers=[{"successCount": "2", "failCount": 1, "failedProducts": [{"sku": "A-1"}]}])
@example(answers=[{"successCount": 1}, {"successCount": 2.0, "failCount": None}])
async def test_success_is_what_the_counts_say(answers: list[Any]) -> None:
    """No answer raises anything but `ReplyError`, and as many succeeded as are counted, or none."""
    report = await fetch(*map(write, answers))
    if report is None:
        return
    assert ItemState.SUCCEEDED not in {item.state for item in entries_of(report)}
    results, _ = join_report([item.id for item in SENT], read(report), None)
    succeeded = [result for result in results if result.state is ItemState.SUCCEEDED]
    if report.rest is ItemState.SUCCEEDED:
        assert len(succeeded) == plain_count(answers, "successCount")
        assert len(SENT) - len(succeeded) == plain_count(answers, "failCount")
        assert {finding.code for finding in report.findings} <= {"odd_form"}
    else:
        assert not succeeded
        assert report.findings


@given(answers=st.lists(statuses | anything, min_size=1, max_size=2))
async def test_a_failure_is_one_the_answer_names(answers: list[Any]) -> None:
    """An item fails only by an element of `failedProducts`, kept as it came."""
    report = await fetch(*map(write, answers))
    for item in () if report is None else entries_of(report):
        assert item.id in {"1", "2", "3"}
        if item.raw is not None:
            entry = json.loads(item.raw)
            lists = [answer.get("failedProducts") for answer in answers]
            assert any(entry in given for given in lists if isinstance(given, list))
        else:
            assert item.state is ItemState.UNKNOWN


@given(answers=st.lists(statuses | anything, min_size=1, max_size=3))
async def test_any_json_is_an_observation_or_a_reply_error(answers: list[Any]) -> None:
    """A poll has a word for each batch, figures in their range, and never carries failures."""
    seen = await poll(*map(write, answers))
    if seen is None:
        return
    assert len(seen.words) == len(answers)
    for word, answer in zip(seen.words, answers, strict=True):
        assert word is None or word == str(answer["batchStatus"])
    assert seen.succeeded is None or seen.succeeded >= 0
    assert seen.failed is None or seen.failed >= 0
    assert seen.progress is None or 0.0 <= seen.progress <= 1.0
    for fields in seen.vendor["batches"] if len(answers) > 1 else [seen.vendor]:
        assert "failedProducts" not in fields


@given(body=st.binary() | st.text().map(str.encode))
@example(body=b'{"failedProducts":[{"sku":"\\ud800"}]}')
@example(body=b'{"failedProducts":[{"sku":"\xff"}]}')
@example(body=b'{"failedProducts":[1e999]}')
@example(body=b'{"successCount":1' + b"0" * 4000 + b"}")
@example(body=b"[" * 100_000)
async def test_any_bytes_are_read_or_a_reply_error(body: bytes) -> None:
    """Bytes that are no JSON at all raise nothing but `ReplyError`, whatever is asked."""
    await fetch(body)
    await poll(body)
    with suppress(ReplyError):
        await make_adapter(body).probe("b-1")
    MircateAdapter.explain(400, {}, body)


@given(answer=statuses | anything)
async def test_any_json_makes_a_probe(answer: Any) -> None:
    """What a probe reads can be written as JSON."""
    try:
        probe = await make_adapter(write(answer)).probe("b-1")
    except ReplyError:
        return
    json.dumps(probe.reading)


@given(
    answer=st.dictionaries(st.sampled_from(["batchId", "batchIds", "id", "x"]), anything) | anything
)
async def test_any_answer_to_a_batch_has_ids_or_is_a_reply_error(answer: Any) -> None:
    """A batch that is accepted has ids: texts, none twice, that stand in the answer."""
    submission = Submission(
        operation="receive-price",
        items=SENT,
        options={"frequency": 0},
        stop_on_first_failure=False,
        group="g",
        idempotency_key="k",
    )
    body = write(answer)
    try:
        accepted = await make_adapter(body).submit(submission, NO_STEPS)
    except ReplyError:
        return
    refs = accepted.vendor_refs
    assert refs
    assert len(set(refs)) == len(refs)
    assert all(ref.strip() and json.dumps(ref)[1:-1].encode() in body for ref in refs)


@given(
    operation=st.sampled_from(list(MircateAdapter.operations)),
    payload=st.dictionaries(st.text() | st.sampled_from(["sku", "price", "data"]), anything)
    | anything,
)
def test_any_item_is_encoded_or_refused(operation: str, payload: Any) -> None:
    """No payload raises anything but `InputError`, and what is sent has the name it is known by."""
    adapter = make_adapter(b"")
    item = BatchItem(id="1", payload=payload)
    try:
        wire = adapter.encode(operation, item, {"data_type": "kind"})
    except InputError:
        adapter.target(operation, item)
        return
    sent = BatchItem(id="1", payload=json.loads(wire))
    key = adapter.target(operation, item)
    assert key is not None
    assert adapter.target(operation, sent) == key


@given(done=st.integers(0, 10**6), total=st.integers(1, 10**6), spaced=st.booleans())
def test_every_form_of_a_ratio_is_the_same_share(done: int, total: int, spaced: bool) -> None:
    """As a fraction, a percentage or a share, the same work is the same share of the whole."""
    done, space = min(done, total), " " * spaced
    share = done / total
    forms = [f"{done}{space}/{space}{total}", f"{100 * share:.9f}{space}%", f"{share:.9f}"]
    forms += [form.replace(".", ",") for form in forms]
    for form in forms:
        read = read_ratio(form)
        assert read is not None
        assert abs(read - share) < 1e-8
