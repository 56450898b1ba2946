"""What Ecwid's answers mean, of both generations of its API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.reports import entries_of

from batchhub.adapter import ItemReport, Report
from batchhub.models import ItemState
from batchhub_ecwid import wire
from batchhub_ecwid.report import item_state, make_report

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ecwid"
OK = {"id": "1", "status": "COMPLETED", "httpStatusCode": 200, "httpStatusLine": "OK"}


def load(name: str) -> bytes:
    return (FIXTURES / f"{name}.json").read_bytes()


def report_of(*responses: Any, sent: int | None = None) -> Report:
    status = {"status": "COMPLETED", "responses": list(responses)}
    answer = wire.read_answer(json.dumps(status).encode())
    return make_report(answer, len(responses) if sent is None else sent)


def item_of(**entry: Any) -> ItemReport:
    return entries_of(report_of(OK | entry))[0]


def codes_of(report: Report) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {finding.code: (finding.count, finding.examples) for finding in report.findings}


def test_a_new_status_is_an_observation() -> None:
    """The newer light answer gives the word, the number of items done, and its other fields."""
    seen = wire.read_observation(load("batch_status_completed_no_responses_2025"))
    assert (seen.words, seen.done) == (("COMPLETED",), 3)
    assert seen.vendor == {"totalRequests": 3, "completedRequests": 3}


def test_an_old_status_is_an_observation_without_its_results() -> None:
    """The older answer has results also where nobody asked; they are not taken along."""
    seen = wire.read_observation(load("batch_status_completed_full_2019"))
    assert (seen.words, seen.done) == (("COMPLETED",), 2)
    assert seen.vendor == {"totalRequests": 2, "completedRequests": 2}


def test_the_documented_template_names_no_field_that_is_lost() -> None:
    """An unknown word and counts that are no numbers are kept as they came."""
    seen = wire.read_observation(load("batch_status_format_template"))
    assert seen.words == ("{QUEUED,IN_PROGRESS,COMPLETED}",)
    assert seen.done is None
    assert seen.vendor["completedRequests"] == "{COMPLETED_NUMBER_OF_REQUESTS}"


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (0, 0),
        (7, 7),
        ("7", 7),
        ("", None),
        ("-1", None),
        (-1, -1),
        (True, None),
        (1.5, None),
        (None, None),
        ([], None),
    ],
)
def test_a_count_is_a_whole_number_or_nothing(given: object, count: int | None) -> None:
    """What is no number is nothing, rather than a guess; below 0 is for the core to report."""
    body = json.dumps({"status": "QUEUED", "completedRequests": given}).encode()
    assert wire.read_observation(body).done == count


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{",
        b"{}",
        b'{"status":null}',
        b'{"status":""}',
        b'{"status":" "}',
        b'{"status":3}',
        b'{"status":["COMPLETED"]}',
        b'{"status":"COMPLETED","totalRequests":1e999}',
        b'{"status":"COMPLETED"} {}',
        b'{"status":"COMPLETED","x":' + b"[" * 100_000,
    ],
)
def test_a_status_answer_without_a_word_is_refused(body: bytes) -> None:
    """An answer that is no JSON object with a word for its state makes no sense."""
    with pytest.raises(ValueError, match="answer"):
        wire.read_observation(body)
    with pytest.raises(ValueError, match="answer"):
        wire.read_answer(body)


@pytest.mark.parametrize("responses", ["absent", None, {}, "x", 5])
def test_an_answer_without_a_list_of_results_has_none(responses: object) -> None:
    """Results that are absent, null or no list are missing results, not an empty list."""
    status = {"status": "COMPLETED", "responses": responses}
    if responses == "absent":
        del status["responses"]
    answer = wire.read_answer(json.dumps(status).encode())
    assert answer.status == "COMPLETED"
    assert answer.responses is None


def test_an_old_answer_keeps_bodies_as_they_came() -> None:
    """The recorded answer of 2019 gives both items with their bodies, byte for byte."""
    raw = load("batch_status_completed_full_2019")
    report = make_report(wire.read_answer(raw), 2)
    assert [(e.id, e.state, e.code) for e in entries_of(report)] == [
        ("123456", ItemState.SUCCEEDED, 200),
        ("1234567", ItemState.SUCCEEDED, 200),
    ]
    for entry, recorded in zip(entries_of(report), json.loads(raw)["responses"], strict=True):
        assert entry.raw is not None
        assert entry.raw in raw
        assert json.loads(entry.raw) == recorded["httpBody"]
        assert entry.message is None
    assert report.findings == ()


@pytest.mark.parametrize(
    ("fields", "raw"),
    [
        ({}, None),
        ({"httpBody": None}, None),
        ({"httpBody": ""}, None),
        ({"httpBody": {"id": 5}}, b'{"id": 5}'),
        ({"httpBody": "text"}, b'"text"'),
        ({"escapedHttpBody": ""}, None),
        ({"escapedHttpBody": None}, None),
        ({"escapedHttpBody": '{"id":5}'}, rb'"{\"id\":5}"'),
        ({"escapedHttpBody": "<html>thé"}, "<html>thé".encode()),
        ({"escapedHttpBody": '{"a":1}', "httpBody": {"b": 2}}, rb'"{\"a\":1}"'),
        ({"escapedHttpBody": None, "httpBody": {"b": 2}}, b'{"b": 2}'),
    ],
)
def test_a_body_is_read_in_either_form(fields: Mapping[str, Any], raw: bytes | None) -> None:
    """A body comes as escaped text or as JSON, and stays as it came; an empty one is none."""
    assert item_of(**fields).raw == raw


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"httpStatusCode": 200}, 200),
        ({"httpStatusCode": "200"}, 200),
        ({"httpStatusCode": None, "httpCode": 404}, 404),
        ({"httpStatusCode": None, "httpCode": "404"}, 404),
        ({"httpStatusCode": 500, "httpCode": 200}, 500),
        ({"httpStatusCode": None}, None),
        ({"httpStatusCode": 0}, None),
        ({"httpStatusCode": -1}, None),
        ({"httpStatusCode": 700}, None),
        ({"httpStatusCode": "OK"}, None),
        ({"httpStatusCode": ""}, None),
    ],
)
def test_a_code_is_an_http_status_or_nothing(fields: Mapping[str, Any], code: int | None) -> None:
    """The code is read under both its names, also as text; what is no HTTP status is nothing."""
    assert item_of(**fields).code == code


@pytest.mark.parametrize(
    ("word", "code", "state", "finding"),
    [
        ("COMPLETED", 200, ItemState.SUCCEEDED, None),
        ("COMPLETED", None, ItemState.UNKNOWN, "contradictory_item"),
        ("COMPLETED", 201, ItemState.UNKNOWN, "contradictory_item"),
        ("COMPLETED", 302, ItemState.UNKNOWN, "contradictory_item"),
        ("COMPLETED", 404, ItemState.FAILED, None),
        ("COMPLETED", 500, ItemState.FAILED, None),
        ("FAILED", 404, ItemState.FAILED, None),
        ("FAILED", None, ItemState.FAILED, None),
        ("FAILED", 302, ItemState.FAILED, None),
        ("FAILED", 200, ItemState.UNKNOWN, "contradictory_item"),
        ("NOT_EXECUTED", None, ItemState.NOT_EXECUTED, None),
        ("NOT_EXECUTED", 424, ItemState.NOT_EXECUTED, None),
        ("NOT_EXECUTED", 200, ItemState.UNKNOWN, "contradictory_item"),
        ("SKIPPED", 200, ItemState.UNKNOWN, "unknown_item_word"),
        (None, 200, ItemState.UNKNOWN, "broken_item"),
        ("", 200, ItemState.UNKNOWN, "broken_item"),
    ],
)
def test_word_and_code_decide_together(
    word: str | None, code: int | None, state: ItemState, finding: str | None
) -> None:
    """Only COMPLETED with 200 is success; words that contradict the code are UNKNOWN."""
    assert item_state(word, code) == (state, finding)
    report = report_of(OK | {"status": word, "httpStatusCode": code})
    assert entries_of(report)[0].state is state
    assert set(codes_of(report)) == ({finding} if finding else set())


def test_findings_name_what_they_were_met_at() -> None:
    """An unknown word is an example by itself; a contradiction is named by its item's id."""
    report = report_of(
        OK | {"id": "a", "status": "SKIPPED"},
        OK | {"id": "b", "status": "SKIPPED"},
        OK | {"id": "c", "httpStatusCode": 0},
        {"status": "COMPLETED"},
    )
    assert codes_of(report) == {
        "unknown_item_word": (2, ("SKIPPED",)),
        "contradictory_item": (2, ("c", "no id")),
    }


@pytest.mark.parametrize(
    ("broken", "item_id"),
    [
        (None, None),
        ("COMPLETED", None),
        ([], None),
        ({"id": 5.5, "status": "COMPLETED", "httpStatusCode": 200}, None),
        ({"id": "b", "status": 5, "httpStatusCode": 200}, "b"),
        ({"id": "b", "status": "COMPLETED", "httpStatusCode": [200]}, "b"),
        ({"id": "b", "status": "COMPLETED", "httpStatusCode": True}, "b"),
        ({"id": "b", "status": "COMPLETED", "httpStatusCode": 200.5}, "b"),
        ({"id": "b", "status": "COMPLETED", "escapedHttpBody": {}}, "b"),
    ],
)
def test_a_broken_entry_costs_only_its_own_item(broken: object, item_id: str | None) -> None:
    """An ill-formed entry is UNKNOWN and a finding; its neighbours are read as ever."""
    report = report_of(OK | {"id": "a"}, broken, OK | {"id": "c", "httpBody": {"x": 1}})
    states = [ItemState.SUCCEEDED, ItemState.UNKNOWN, ItemState.SUCCEEDED]
    assert [entry.state for entry in entries_of(report)] == states
    assert [entry.id for entry in entries_of(report)] == ["a", item_id, "c"]
    assert codes_of(report) == {"broken_item": (1, (item_id or "no id",))}
    assert entries_of(report)[1].message
    assert entries_of(report)[2].raw == b'{"x": 1}'


def test_an_entry_without_an_id_is_kept_without() -> None:
    """Which item an entry without an id belongs to is not guessed here."""
    entry = {key: value for key, value in OK.items() if key != "id"}
    assert [e.id for e in entries_of(report_of(entry, OK | {"id": None}))] == [None, None]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"httpBody": {"errorMessage": "Gone\x1b away\n", "errorCode": "X"}}, "Gone away"),
        ({"httpBody": {"errorMessage": " ", "error_message": "Bad value"}}, "Bad value"),
        ({"httpBody": {"errorCode": "SKU_EXISTS"}}, "SKU_EXISTS"),
        ({"escapedHttpBody": '{"errorMessage":"No such sku"}'}, "No such sku"),
        (
            {"escapedHttpBody": "<html>", "httpStatusLine": "It broke"},
            "It broke (a page of HTML without a title)",
        ),
        (
            {"escapedHttpBody": "<html><title>nginx</title>", "httpStatusLine": None},
            "Not Found (a page of HTML, 'nginx')",
        ),
        ({"escapedHttpBody": "No product\r\n7"}, "No product 7"),
        ({"httpBody": {"message": "upstream"}}, "upstream"),
        ({"httpBody": {"errorMessage": None}, "httpStatusLine": "Not there"}, "Not there"),
        ({"httpBody": ["errorMessage"], "httpStatusLine": ""}, "Not Found"),
        ({"httpStatusLine": None, "httpStatusCode": 599}, "HTTP status 599"),
        ({"httpStatusLine": None, "httpStatusCode": None}, None),
    ],
)
def test_a_failure_says_the_vendors_words(fields: Mapping[str, Any], message: str | None) -> None:
    """The body's words come first, then its code, the status line and the reason phrase."""
    failed: dict[str, Any] = {"status": "FAILED", "httpStatusCode": 404}
    assert item_of(**(failed | dict(fields))).message == message


def test_an_unknown_item_says_why() -> None:
    """An UNKNOWN item says which word and code left it open."""
    assert item_of(httpStatusCode=0).message == "Ecwid says COMPLETED with no HTTP status"
    assert item_of(status="ODD").message == "Ecwid says ODD with HTTP status 200"
    assert item_of(status=None).message == "Ecwid says nothing with HTTP status 200"


@pytest.mark.parametrize(("total", "differs"), [(2, False), ("2", False), (3, True), ("?", False)])
def test_a_total_that_differs_is_a_finding(total: object, differs: bool) -> None:
    """The vendor's number of items is compared with what was sent."""
    status = {"status": "COMPLETED", "totalRequests": total, "responses": [OK, OK]}
    report = make_report(wire.read_answer(json.dumps(status).encode()), 2)
    assert ("total_differs" in codes_of(report)) is differs


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (rb"a\ud83d", "a\ufffd"),
        (rb"\ude00b", "\ufffdb"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"\\ud83d", r"\ud83d"),
        (b"a\xff", "a\ufffd"),
    ],
)
def test_half_a_character_hides_no_result(text: bytes, mended: str) -> None:
    """A text cut inside a character is mended there, and everything else is read as it came."""
    body = b'{"id":"1","status":"COMPLETED","httpStatusCode":200,"httpBody":{"t":"%b","p":0.10}}'
    answer = wire.read_answer(b'{"status":"COMPLETED","responses":[%b]}' % (body % text))
    (entry,) = entries_of(make_report(answer, 1))
    assert entry.state is ItemState.SUCCEEDED
    assert entry.raw is not None
    assert entry.raw.endswith(b',"p":0.10}')
    assert json.loads(entry.raw.decode("utf-8", "replace"))["t"] == mended


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            load("batch_create_error_400"),
            (None, json.loads(load("batch_create_error_400"))["error_message"]),
        ),
        (b'{"errorMessage":"No","errorCode":"E1"}', ("E1", "No")),
        (b'{"errorMessage":"","errorCode":17}', ("17", None)),
        (b'{"errorMessage":true,"errorCode":[1]}', (None, None)),
        (b"", (None, None)),
        (b"<html>", (None, None)),
        (b"[]", (None, None)),
    ],
)
def test_an_error_is_read_in_either_spelling(
    body: bytes, error: tuple[str | None, str | None]
) -> None:
    """Code and message of an error are optional, and spelt in two ways."""
    assert wire.read_error(body) == error
