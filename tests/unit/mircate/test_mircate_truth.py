"""What a status says of products it does not name, and what is read although it is odd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.reports import entries_of

from batchhub.adapter import Report
from batchhub.models import ItemState
from batchhub_mircate.report import index_items, make_report
from batchhub_mircate.status import STATES, read_status
from batchhub_mircate.wire import read_ratio

SKUS = {"1": "A-1", "2": "123", "3": "2190"}
SENT = index_items({item_id: {"sku": sku} for item_id, sku in SKUS.items()})


def report(**answer: Any) -> Report:
    done = {
        "batchStatus": "DONE",
        "successCount": 3,
        "failCount": 0,
        "failedProducts": [],
        **answer,
    }
    status = read_status(json.dumps(done).encode(), "b-1")
    return make_report([status], SENT, total=3, item_keys=("sku",), states=STATES)


def codes(made: Report) -> set[str]:
    return {finding.code for finding in made.findings}


@pytest.mark.parametrize(
    "answer",
    [
        {"skippedCount": 1},
        {"unchangedCount": "3"},
        {"notFoundCount": 2},
        {"not_found": ["A-1"]},
        {"rejectedProducts": [{"sku": "A-1"}]},
        {"ignoredCount": 3.0},
    ],
)
def test_products_without_an_effect_leave_the_rest_unknown(answer: dict[str, Any]) -> None:
    """If some were left as they were the counted successes may be these."""
    made = report(**answer)
    assert (made.rest, codes(made)) == (ItemState.UNKNOWN, {"no_effect"})
    assert next(iter(answer)) in (made.rest_message or "")


@pytest.mark.parametrize(
    "answer",
    [
        {"skippedCount": 0},
        {"skippedCount": None},
        {"skippedProducts": []},
        {"unchanged": "no"},
        {"totalCount": 3},
        {"warnings": 1},
    ],
)
def test_fields_that_speak_of_no_product_left_alone_do_no_harm(answer: dict[str, Any]) -> None:
    """Neither a count of 0 nor a field about something else says anything."""
    assert (report(**answer).rest, report(**answer).findings) == (ItemState.SUCCEEDED, ())


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        ({"successCount": 0}, "0 succeeded and 0 failed of 3"),
        ({"successCount": None, "failCount": None}, "no succeeded and no failed of 3"),
        ({"successCount": 2, "failCount": 1}, "0 named, 1 counted"),
        ({"successCount": 0, "message": "Store closed"}, "Mircate says: Store closed"),
    ],
)
def test_an_unknown_item_has_the_vendors_facts(answer: dict[str, Any], facts: str) -> None:
    """Why nobody knows is in each item's message."""
    made = report(**answer)
    assert made.rest is ItemState.UNKNOWN
    assert facts in (made.rest_message or "")


@pytest.mark.parametrize("name", ["a-1", "a-1 ", " A-1"])
def test_a_name_in_other_letters_is_that_of_one_item(name: str) -> None:
    """There is no other item that it could be; the finding says so where letters differ."""
    made = report(successCount=2, failCount=1, failedProducts=[{"sku": name, "message": "bad"}])
    assert [(item.id, item.state, item.message) for item in entries_of(made)] == [
        ("1", ItemState.FAILED, "bad")
    ]
    assert made.rest is ItemState.SUCCEEDED
    assert codes(made) == ({"odd_form"} if name.strip() != "A-1" else set())


def test_a_name_in_other_letters_of_two_items_is_that_of_neither() -> None:
    """Then it is a question of which, as with any two."""
    sent = index_items({"1": {"sku": "AB"}, "2": {"sku": "Ab"}, "3": {"sku": "x"}})
    answer = b'{"successCount":2,"failCount":1,"failedProducts":[{"sku":"ab"}]}'
    made = make_report([read_status(answer, "b")], sent, total=3, item_keys=("sku",), states=STATES)
    assert "ambiguous_failure" in codes(made)
    assert {item.id: item.state for item in entries_of(made)} == dict.fromkeys(
        "12", ItemState.UNKNOWN
    )
    exact = b'{"successCount":2,"failCount":1,"failedProducts":[{"sku":"AB"}]}'
    made = make_report([read_status(exact, "b")], sent, total=3, item_keys=("sku",), states=STATES)
    assert [(item.id, item.state) for item in entries_of(made)] == [("1", ItemState.FAILED)]


@pytest.mark.parametrize(
    ("failures", "rest"),
    [
        ({}, ItemState.SUCCEEDED),
        ({"A-1": "bad"}, ItemState.UNKNOWN),
        ("", ItemState.UNKNOWN),
        (0, ItemState.UNKNOWN),
    ],
)
def test_an_empty_object_is_an_empty_list(failures: Any, rest: ItemState) -> None:
    """Some writers of JSON make the one of the other; anything else may hold failures."""
    made = report(failedProducts=failures)
    assert (made.rest, codes(made)) == (
        rest,
        {"odd_form"} if rest is ItemState.SUCCEEDED else {"odd_failures"},
    )


def test_counts_that_are_text_are_read() -> None:
    """They are said to be odd, and count."""
    made = report(successCount="3", failCount="0")
    assert (made.rest, codes(made)) == (ItemState.SUCCEEDED, {"odd_form"})
    assert [finding.count for finding in made.findings] == [1, 1]


@pytest.mark.parametrize(
    ("text", "share"), [("%50", 0.5), ("% 100", 1.0), ("%12,5", 0.125), ("50%", 0.5), ("%0", 0.0)]
)
def test_a_share_may_have_its_sign_in_front(text: str, share: float) -> None:
    """As Turkish writes it."""
    assert read_ratio(text) == share


@pytest.mark.parametrize("text", ["%", "%50%", "%-5", "%101", "50%5"])
def test_what_is_no_share_is_none(text: str) -> None:
    """A sign makes no number of anything."""
    with pytest.raises(ValueError, match="no share"):
        read_ratio(text)
