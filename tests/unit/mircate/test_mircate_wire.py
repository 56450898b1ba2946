"""Mircate's JSON: the answer to a batch, errors, the frame around the items, status answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from batchhub.adapter import Observation
from batchhub_mircate.status import Status, observe, read_status
from batchhub_mircate.wire import make_frame, read_accepted, read_error

KEYS = ("batchId", "batchIds", "id")


def read(**fields: Any) -> Status:
    return read_status(json.dumps(fields).encode(), "b-1")


@pytest.mark.parametrize(
    ("answer", "refs", "others"),
    [
        ({"batchId": "b-1"}, ("b-1",), {}),
        ({"batchId": 7}, ("7",), {}),
        ({"batchId": ["b-1", "b-2"]}, ("b-1", "b-2"), {}),
        ({"batchIds": ["b-1", 2]}, ("b-1", "2"), {}),
        ({"batchIds": ["b-1", "b-1"]}, ("b-1",), {}),
        ({"batchIds": [{"id": "b-1"}, {"batchId": 2}]}, ("b-1", "2"), {}),
        ({"batchIds": ["b-1", None, "", {}, [], True]}, ("b-1",), {}),
        ({"batchId": {"id": "b-1"}}, ("b-1",), {}),
        ({"id": "b-1", "ok": True}, ("b-1",), {"ok": True}),
        ({"id": "x", "batchId": "b-1"}, ("b-1",), {"id": "x"}),
        ({"batchId": None, "id": "b-1"}, ("b-1",), {"batchId": None}),
        ({"batchId": [], "id": "b-1"}, ("b-1",), {"batchId": []}),
        ([{"batchId": "b-1"}, {"batchId": "b-2"}], ("b-1", "b-2"), {}),
    ],
)
def test_ids_are_found_in_any_form(
    answer: Any, refs: tuple[str, ...], others: dict[str, Any]
) -> None:
    """A text, a number, a list of them, objects carrying one; the other fields are kept."""
    assert read_accepted(json.dumps(answer).encode(), KEYS) == (refs, others)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'"b-1"',
        b'["error"]',
        b"7",
        b'{"batchId":""}',
        b'{"batchId":" "}',
        b'{"batchId":true}',
        b'{"batchId":1.5}',
        b'{"batchId":[[]]}',
        b'{"batchId":{"x":1}}',
        b'{"other":"b-1"}',
    ],
)
def test_what_is_no_id_is_none(body: bytes) -> None:
    """Nothing is taken for an id that could be something else."""
    assert read_accepted(body, KEYS)[0] == ()


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (b'{"code":"ACCESS_DENIED"}', "ACCESS_DENIED", None),
        (b'{"code":"VALIDATION","message":"bad body"}', "VALIDATION", "bad body"),
        (
            b'{"code":"VALIDATION","message":"bad","issues":[{"path":["products",0],"message":"m"}]}',
            "VALIDATION",
            "bad: products.0: m",
        ),
        (
            b'{"issues":[{"message":"m"},{"path":"sku","message":"n"},"text"]}',
            None,
            "m; sku: n; text",
        ),
        (b'{"message":"a","issues":[{},null,5]}', None, "a: 5"),
        (b'{"message":"a","issues":{}}', None, "a"),
        (b'{"code":403,"message":{"a":1}}', "403", None),
        (b'{"message":"two\\nlines"}', None, "two lines"),
        (b"<html>", None, None),
        (b"[]", None, None),
        (b"", None, None),
    ],
)
def test_errors_are_read(body: bytes, code: str | None, words: str | None) -> None:
    """Code, message and the first issues of the platform's errors, each of them optional."""
    assert read_error(body) == (code, words)


def test_a_frame_makes_a_body() -> None:
    """What stands before and after the items is JSON together with them."""
    head, tail = make_frame('the "items"', {"frequency": 3, "bulkOperationId": "x"})
    assert json.loads(head + b'{"a":1},{"b":2}' + tail) == {
        'the "items"': [{"a": 1}, {"b": 2}],
        "frequency": 3,
        "bulkOperationId": "x",
    }


def test_a_status_is_read_whole() -> None:
    """The documented fields are read; what is not is kept as it came, failures apart."""
    status = read(
        batchStatus="RUNNING",
        failCount=1,
        successCount="2",
        failedProducts=[{"sku": "A-1"}],
        ratio="50%",
        pushPriceFrequency=1,
        new={"a": 1},
    )
    assert (status.word, status.failed, status.succeeded, status.progress) == ("RUNNING", 1, 2, 0.5)
    assert status.fields == {
        "failCount": 1,
        "successCount": "2",
        "ratio": "50%",
        "pushPriceFrequency": 1,
        "new": {"a": 1},
    }
    assert [bytes(raw) for raw in status.failures or ()] == [b'{"sku": "A-1"}']
    assert [(f.code, f.examples) for f in status.findings] == [
        ("odd_form", ("successCount, a text",))
    ]


def test_an_empty_status_says_nothing() -> None:
    """Every field is optional."""
    assert observe([read()]) == Observation(words=(None,), vendor={})


@pytest.mark.parametrize(
    ("fields", "code", "example"),
    [
        ({"ratio": "almost"}, "odd_ratio", "'almost'"),
        ({"ratio": "-5%"}, "odd_ratio", "'-5%'"),
        ({"ratio": ["50%"]}, "odd_ratio", "['50%']"),
        ({"failCount": -1}, "odd_count", "-1"),
        ({"successCount": "many"}, "odd_count", "'many'"),
        ({"successCount": 1.5}, "odd_count", "1.5"),
        ({"batchStatus": ["DONE"]}, "odd_word", "['DONE']"),
        ({"batchStatus": True}, "odd_word", "True"),
    ],
)
def test_what_cannot_be_read_is_a_finding(fields: Any, code: str, example: str) -> None:
    """A figure without sense is none, and said so; the answer still counts."""
    seen = observe([read(**fields)])
    assert (seen.words, seen.succeeded, seen.failed, seen.progress) == ((None,), None, None, None)
    (finding,) = seen.findings
    assert (finding.code, finding.examples) == (code, (example,))


@pytest.mark.parametrize(
    ("word", "kept"), [("Done ", "Done "), (3, "3"), ("", None), (" ", None), (None, None)]
)
def test_a_word_is_kept_as_it_came(word: object, kept: str | None) -> None:
    """A word is text or a number; a blank one is none."""
    assert read(batchStatus=word).word == kept


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'{"a":', b'{"a":1e999}', b"7"])
def test_what_is_no_object_is_no_status(body: bytes) -> None:
    """Anything but a JSON object is refused."""
    with pytest.raises(ValueError, match="JSON"):
        read_status(body, "b-1")


def test_a_text_cut_inside_a_character_hides_nothing() -> None:
    """Half a character in one name leaves counts and failures readable."""
    body = b'{"successCount":1,"name":"\\ud83d","failedProducts":[{"sku":"a\xff"}],"ratio":"5%"}'
    status = read_status(body, "b-1")
    assert (status.succeeded, status.fields["name"]) == (1, "\ufffd")
    assert len(status.failures or ()) == 1


def test_several_batches_are_summed() -> None:
    """Counts are added, shares averaged, words and fields kept apart, the oldest age told."""
    one = read(batchStatus="DONE", successCount=2, failCount=1, ratio="100%")
    two = read_status(b'{"successCount":3,"ratio":"50%"}', "b-2", 7.0)
    seen = observe([one, two])
    assert seen == Observation(
        words=("DONE", None),
        succeeded=5,
        failed=1,
        progress=0.75,
        vendor={"batches": [one.fields, two.fields]},
        age_s=7.0,
    )


def test_a_share_unknown_for_one_is_unknown_for_all() -> None:
    """Progress is not invented for a batch that tells none."""
    assert observe([read(ratio="50%"), read()]).progress is None
