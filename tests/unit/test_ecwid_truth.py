"""What an item's own answer says against its success, and what is read all the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from support.reports import entries_of

from batchhub.adapter import ItemReport, Report, WireItem
from batchhub.models import ItemState
from batchhub_ecwid import wire
from batchhub_ecwid.report import make_report

PAGE = "<!DOCTYPE html>\n<html><head><title>Be right &amp; back</title></head></html>"


def make_item(item_id: str, method: str = "PUT", path: str = "/products/1") -> WireItem:
    text = json.dumps({"id": item_id, "method": method, "path": path})
    return WireItem(id=item_id, wire=text.encode())


def report_on(entries: Sequence[Any], items: Sequence[WireItem], **status: Any) -> Report:
    answer = {"status": "COMPLETED", "responses": entries, **status}
    return make_report(wire.read_answer(json.dumps(answer).encode()), len(items), items)


def read(body: Any, *, item: WireItem | None = None, **fields: Any) -> tuple[ItemReport, set[str]]:
    """Read an item with status 200 and a body: as text, or as JSON where `fields` has it so."""
    entry = {"id": "1", "status": "COMPLETED", "httpStatusCode": 200, **fields}
    if "httpBody" not in fields:
        entry["escapedHttpBody"] = body if isinstance(body, str) else json.dumps(body)
    report = report_on([entry], [item or make_item("1")])
    return entries_of(report)[0], {finding.code for finding in report.findings}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"updateCount": 0}, "updateCount 0: nothing was changed"),
        ({"deleteCount": 0}, "deleteCount 0: nothing was deleted"),
        ({"updateCount": "0"}, "updateCount 0: nothing was changed"),
        ({"updateCount": 0, "errorMessage": "Product 7 is archived"}, "Product 7 is archived"),
        (
            {"errorMessage": "Locked by\nanother \x1b[31msession", "errorCode": "LOCKED"},
            "Locked by",
        ),
        ({"errorCode": "LOCKED"}, "LOCKED"),
        ({"error_message": "Bad value"}, "Bad value"),
        ({"error": "quota"}, "quota"),
        ({"error": {"code": "X", "message": "quota"}}, "quota"),
        ({"success": False}, "success: false"),
        ({"args": "x" * 50, "errorMessage": "y" * 5000}, "yyy"),
        ({"updateCount": 0, "warnings": "x" * 5000}, "updateCount 0: nothing was changed"),
        ({"errorMessage": {"en": "Locked"}}, '{"en":"Locked"}'),
        ({"errorMessage": ["Locked", "Late"]}, '["Locked","Late"]'),
        ({"error": {"reason": "quota"}}, '{"reason":"quota"}'),
        ({"error": True}, "error: true"),
        ({"errorMessage": "Cut in half: \ud83d"}, "Cut in half"),
    ],
)
@pytest.mark.parametrize("is_escaped", [True, False])
def test_a_failure_inside_a_success_is_a_failure(
    body: dict[str, Any], message: str, is_escaped: bool
) -> None:
    """A count of 0 or an error makes a COMPLETED 200 a failure, in the vendor's words."""
    item, findings = read(body) if is_escaped else read(body, httpBody=body)
    assert (item.state, item.code, findings) == (ItemState.FAILED, 200, set())
    assert message in (item.message or "")
    assert (item.message or "").isprintable()


def test_a_mark_before_a_failure_hides_nothing() -> None:
    """Neither does a text that was cut within a character."""
    assert read('\ufeff{"updateCount": 0}')[0].state is ItemState.FAILED
    entry = rb'"{\"errorMessage\":\"Locked \ud83d\"}"'
    status = b'{"status":"COMPLETED","responses":[{"id":"1","status":"COMPLETED",' + (
        rb'"httpStatusCode":200,"escapedHttpBody":' + entry + b"}]}"
    )
    (item,) = entries_of(make_report(wire.read_answer(status), 1, [make_item("1")]))
    assert item.state is ItemState.FAILED
    assert (item.message or "").startswith("Locked")


@pytest.mark.parametrize(
    "body",
    [
        {"updateCount": 1},
        {"updateCount": 3},
        {"updateCount": "1"},
        {"deleteCount": 1},
        {"updateCount": None},
        {"id": 7, "updateCount": 1, "errorMessage": None, "success": True, "error": ""},
        {"id": 7},
        {"items": [{"errorMessage": "of an order, long ago", "updateCount": 0}]},
        {"errors": 0, "name": "errorMessage"},
        {"id": 7, "errorCode": 0, "errorMessage": [], "error": False},
        [],
        "OK",
        "",
        {"text": "<html><title>Hi</title></html>"},
        {"big": "x" * 9000, "updateCount": 0},
    ],
)
def test_a_body_that_says_nothing_against_it_leaves_a_success(body: Any) -> None:
    """What stands deeper, is empty or is nothing at all is no failure."""
    item, findings = read(body)
    assert (item.state, item.message, findings) == (ItemState.SUCCEEDED, None, set())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"updateCount": 1, "errorMessage": "partly"}, "updateCount 1, but also: partly"),
        ({"updateCount": -1}, "updateCount -1"),
        ({"updateCount": "many"}, "updateCount many"),
        ({"updateCount": [0]}, "updateCount [0]"),
        ({"deleteCount": True}, "deleteCount True"),
    ],
)
def test_a_body_that_says_two_things_leaves_the_item_unknown(body: Any, words: str) -> None:
    """A change beside an error, or a count that can't be one, is nothing to build on."""
    item, findings = read(body)
    assert (item.state, findings) == (ItemState.UNKNOWN, {"contradictory_item"})
    assert (item.message or "").endswith(words)


def test_a_page_with_escaped_brackets_is_one() -> None:
    """Gson, with which Java writes JSON, escapes them by default."""
    escaped = json.dumps(PAGE).replace("<", r"\u003c").replace(">", r"\u003e")
    status = f"""{{"status":"COMPLETED","responses":[{{"id":"1","status":"COMPLETED",
        "httpStatusCode":200,"httpBody":{escaped}}}]}}"""
    (item,) = entries_of(make_report(wire.read_answer(status.encode()), 1, [make_item("1")]))
    assert item.state is ItemState.UNKNOWN
    assert "right & back" in (item.message or "")


@pytest.mark.parametrize("is_escaped", [True, False])
@pytest.mark.parametrize("page", [PAGE, f"  \n{PAGE}", PAGE + "x" * 9000, PAGE.lower()])
def test_a_page_in_place_of_an_answer_is_never_a_success(page: str, is_escaped: bool) -> None:
    """A gateway's page says nothing of the item: UNKNOWN, with the page's title."""
    item, findings = read(page) if is_escaped else read(page, httpBody=page)
    assert (item.state, findings) == (ItemState.UNKNOWN, {"page_body"})
    assert "right & back" in (item.message or "")


@pytest.mark.parametrize(
    ("method", "path", "state"),
    [
        ("GET", "/orders/XJ12H/invoice", ItemState.SUCCEEDED),
        ("GET", "/orders/XJ12H/invoice?lang=tr", ItemState.SUCCEEDED),
        ("GET", "/orders/XJ12H", ItemState.UNKNOWN),
        ("PUT", "/orders/XJ12H/invoice", ItemState.UNKNOWN),
    ],
)
def test_an_invoice_is_a_page(method: str, path: str, state: ItemState) -> None:
    """An item that asks for an invoice gets a page, and that is what it wanted."""
    assert read(PAGE, item=make_item("1", method, path))[0].state is state


@pytest.mark.parametrize("word", ["Completed", "completed", " COMPLETED "])
def test_a_word_is_read_in_any_case(word: str) -> None:
    """It can mean only one thing, and a finding says that it was read so."""
    item, findings = read({"updateCount": 1}, status=word)
    assert (item.state, findings) == (ItemState.SUCCEEDED, {"odd_form"})
    assert read({"updateCount": 0}, status=word)[0].state is ItemState.FAILED
    assert read("", status="not_executed", httpStatusCode=None)[0].state is ItemState.NOT_EXECUTED


@pytest.mark.parametrize(
    ("sent", "given", "matched"),
    [
        (["1", "2"], [2, 1], ["2", "1"]),
        (["9007199254740993", "a"], [9007199254740993, "a"], ["9007199254740993", "a"]),
        (["007", "a"], [7, "a"], ["007", "a"]),
        (["7", "007"], [7, "7"], ["7, a number", "7"]),
        (["a", "b"], [1, 2], ["1, a number", "2, a number"]),
        (["-1", "1"], [-1, 1], ["-1, a number", "1"]),
    ],
)
def test_a_number_is_an_id_if_it_can_be_only_one(
    sent: list[str], given: list[Any], matched: list[str]
) -> None:
    """A number is the one id of this value; where two have it, or none, it is nobody's."""
    entries = [
        {"id": each, "status": "COMPLETED", "httpStatusCode": 200, "httpBody": None}
        for each in given
    ]
    report = report_on(entries, [make_item(each) for each in sent])
    assert [item.id for item in entries_of(report)] == matched
    is_odd = any(isinstance(g, int) and "," not in m for g, m in zip(given, matched, strict=True))
    assert ("odd_form" in {finding.code for finding in report.findings}) is is_odd


@pytest.mark.parametrize(
    ("fields", "example"),
    [
        ({"status": "Completed"}, "status 'Completed'"),
        ({"completedRequests": "3"}, "completedRequests, a text"),
        ({"totalRequests": "3"}, "totalRequests, a text"),
        ({}, None),
        ({"status": "DONE", "completedRequests": "x"}, None),
    ],
)
def test_an_odd_form_of_a_status_is_a_finding(fields: Any, example: str | None) -> None:
    """What is read although it is not as documented is said."""
    body = {"status": "COMPLETED", "totalRequests": 3, "completedRequests": 3, **fields}
    seen = wire.read_observation(json.dumps(body).encode())
    if "status" not in fields or example:
        assert [e for f in seen.findings for e in f.examples] == ([example] if example else [])
    else:
        assert seen.findings == ()


@pytest.mark.parametrize(
    ("given", "ticket"),
    [
        (b'{"ticket": 7}', "7"),
        (b'{"ticket": 9007199254740993}', "9007199254740993"),
        (b'{"ticket": 123456789012345678901234567890}', "123456789012345678901234567890"),
        (b'{"ticket": "t-1"}', "t-1"),
        (b'{"ticket": -1}', None),
        (b'{"ticket": 1.5}', None),
        (b'{"ticket": true}', None),
        (b'{"ticket": " "}', None),
    ],
)
def test_a_ticket_may_be_a_number_of_any_length(given: bytes, ticket: str | None) -> None:
    """Each of its digits counts, and the finding says that it is no text."""
    found, finding = wire.read_ticket(wire.read_object(given) or {})
    assert found == ticket
    assert (finding is not None) is (ticket is not None and ticket.isdigit())
