"""What came of a batch's items: who is named, who is not, and when nobody can tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from support.reports import entries_of

from batchhub.adapter import Report
from batchhub.models import ItemState
from batchhub_mircate.report import find_items, index_items, make_report, read_message
from batchhub_mircate.status import STATES, read_status

ITEM_KEYS = ("sku", "barcode", "code", "productSku")
SENT = index_items(
    {
        "a": {"sku": "A-1", "barcode": "111"},
        "b": {"sku": "A-2", "barcode": "222"},
        "c": {"sku": "A-3", "barcode": "222"},
        "d": {"code": "A-9"},
    }
)


def report(*answers: dict[str, Any], total: int = 4) -> Report:
    statuses = [
        read_status(json.dumps(answer).encode(), f"b-{n}") for n, answer in enumerate(answers, 1)
    ]
    return make_report(statuses, SENT, total=total, item_keys=ITEM_KEYS, states=STATES)


def answer(failures: Any, failed: Any, succeeded: Any, word: str = "DONE") -> dict[str, Any]:
    return {
        "batchStatus": word,
        "failCount": failed,
        "successCount": succeeded,
        "failedProducts": failures,
    }


def codes(made: Report) -> list[str]:
    return [finding.code for finding in made.findings]


def states(made: Report) -> dict[str | None, ItemState]:
    return {item.id: item.state for item in entries_of(made)}


def test_a_failure_is_its_items_and_the_rest_succeeded() -> None:
    """When all that is counted is named, and all that was sent is counted, the rest succeeded."""
    made = report(answer([{"sku": "A-1", "message": "no such product"}], 1, 3))
    (item,) = entries_of(made)
    assert (item.id, item.state, item.message) == ("a", ItemState.FAILED, "no such product")
    assert item.raw == b'{"sku": "A-1", "message": "no such product"}'
    assert item.vendor_ref is None
    assert made.rest is ItemState.SUCCEEDED
    assert made.findings == ()


@pytest.mark.parametrize("failures", [None, []])
@pytest.mark.parametrize("failed", [0, None])
def test_all_counted_as_succeeded_have(failures: Any, failed: Any) -> None:
    """Without a failure, named or counted, and with all counted, all succeeded."""
    made = report(answer(failures, failed, 4))
    assert (list(entries_of(made)), made.rest, made.findings) == ([], ItemState.SUCCEEDED, ())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (answer([], 0, 3), "counts_differ"),
        (answer([], 0, 5), "counts_differ"),
        (answer([], 0, None), "counts_differ"),
        (answer([], None, None), "counts_differ"),
        (answer([], 1, 3), "failures_differ"),
        (answer(None, 1, 3), "failures_differ"),
        (answer([{"sku": "A-1"}], 0, 4), "failures_differ"),
        (answer([{"sku": "A-1"}], None, 3), "failures_differ"),
        (answer([{"sku": "A-1"}], 2, 2), "failures_differ"),
        (answer([{"sku": "X"}], 0, 4), "unmatched_failure"),
        (answer([{"barcode": "222"}], 0, 4), "ambiguous_failure"),
        (answer([5], 0, 4), "unmatched_failure"),
        (answer([None], 0, 4), "unmatched_failure"),
        (answer({"sku": "A-1"}, 0, 4), "odd_failures"),
        (answer("A-1", 0, 4), "odd_failures"),
        (answer([], -1, 4), "odd_count"),
        (answer([], 0, "4 of 4"), "odd_count"),
        (answer([], 0, 4, word="FAILED"), "word_differs"),
        (answer([], 0, 4, word=" Error "), "word_differs"),
    ],
)
def test_a_doubt_leaves_the_rest_unknown(given: dict[str, Any], code: str) -> None:
    """Whatever does not add up is a finding, and nobody who is not named counts as succeeded."""
    made = report(given)
    assert made.rest is ItemState.UNKNOWN
    assert code in codes(made)
    assert ItemState.SUCCEEDED not in states(made).values()


@pytest.mark.parametrize(
    ("given", "is_settled"),
    [
        (answer([], 0, 4), True),
        (answer([{"sku": "A-1"}], 1, 3), True),
        (answer([{"sku": "A-1"}], None, 3), True),
        (answer([{"sku": "A-1"}], 2, 2), False),
        (answer(None, 1, 3), False),
    ],
)
def test_names_may_come_later(given: dict[str, Any], is_settled: bool) -> None:
    """While fewer failures are named than are counted, the answer is not the last word."""
    assert report(given).is_settled is is_settled


def test_a_word_for_failure_with_failures_counted_is_no_doubt() -> None:
    """A batch called failed over its failed items still counts the others as succeeded."""
    made = report(answer([{"sku": "A-1"}], 1, 3, word="FAILED"))
    assert made.rest is ItemState.SUCCEEDED


def test_an_odd_ratio_is_no_doubt() -> None:
    """How far a batch was said to be does not matter once it is counted."""
    made = report(answer([], 0, 4) | {"ratio": "almost"})
    assert (made.rest, made.findings) == (ItemState.SUCCEEDED, ())


def test_items_a_failure_may_be_are_unknown() -> None:
    """An ambiguous failure makes each item it may be unknown, and quotes itself."""
    made = report(answer([{"barcode": "222"}, {"sku": "A-1"}], 2, 2))
    assert states(made) == {
        "a": ItemState.FAILED,
        "b": ItemState.UNKNOWN,
        "c": ItemState.UNKNOWN,
    }
    (finding,) = [f for f in made.findings if f.code == "ambiguous_failure"]
    assert finding.examples == ('{"barcode": "222"}',)


def test_an_item_that_failed_for_sure_stays_failed() -> None:
    """What one failure says clearly another's doubt does not undo."""
    made = report(answer([{"barcode": "222"}, {"sku": "A-2"}], 2, 2))
    assert states(made) == {"b": ItemState.FAILED, "c": ItemState.UNKNOWN}


def test_an_item_named_twice_is_unknown() -> None:
    """Two entries for one item leave open which is true, and which item the other meant."""
    made = report(answer([{"sku": "A-1"}, {"sku": "A-1"}], 2, 2))
    (item,) = entries_of(made)
    assert (item.id, item.state) == ("a", ItemState.UNKNOWN)
    assert "2 times" in (item.message or "")
    assert codes(made) == ["duplicate_failure", "failures_differ"]
    assert made.rest is ItemState.UNKNOWN


def test_several_batches_are_one_ticket() -> None:
    """Counts and failures are summed; each failure says which batch it came from."""
    made = report(answer([{"sku": "A-1"}], 1, 1), answer([{"code": "A-9"}], 1, 1))
    assert [(item.id, item.vendor_ref) for item in entries_of(made)] == [("a", "b-1"), ("d", "b-2")]
    assert made.rest is ItemState.SUCCEEDED
    doubled = report(answer([{"sku": "A-1"}], 1, 1), answer([{"sku": "A-1"}], 1, 1))
    assert "duplicate_failure" in codes(doubled)


def test_examples_are_cut_and_few() -> None:
    """A finding counts all and quotes a little."""
    made = report(answer([{"sku": f"X-{n}", "note": "x" * 5000} for n in range(9)], 9, 0))
    finding = made.findings[0]
    assert (finding.code, finding.count, len(finding.examples)) == ("unmatched_failure", 9, 5)
    assert max(map(len, finding.examples)) == 200


@pytest.mark.parametrize(
    ("entry", "item_id", "perhaps"),
    [
        ({"sku": "A-1"}, "a", []),
        ({"sku": " A-1 "}, "a", []),
        ({"barcode": 111}, "a", []),
        ({"barcode": 111.0}, "a", []),
        ({"data": {"sku": "A-1"}}, "a", []),
        ({"product": {"barcode": "111"}, "sku": None}, "a", []),
        ({"sku": "A-2", "barcode": "222"}, "b", []),
        ({"barcode": "222", "data": {"sku": "A-3"}}, "c", []),
        ({"sku": "A-1", "code": "new"}, "a", []),
        ({"productSku": "A-2"}, "b", []),
        ({"sku": "A-9"}, "d", []),
        ("A-1", "a", []),
        (111, "a", []),
        ({"barcode": "222"}, None, ["b", "c"]),
        ({"sku": "A-1", "barcode": "222"}, None, ["a", "b", "c"]),
        ({"sku": "X", "barcode": "111"}, None, ["a"]),
        ({"sku": "111"}, None, ["a"]),
        ({"sku": "A-1", "data": {"sku": "A-2"}}, None, ["a", "b"]),
        ({"a": {"b": {"sku": "A-1"}}}, None, []),
        ({"sku": "a-1"}, "a", []),
        ({"barcode": "111", "sku": "a-1 "}, "a", []),
        ({"sku": "a-1", "barcode": "222"}, None, ["b", "c"]),
        ({"name": "A-1"}, None, []),
        ({"sku": ["A-1"]}, None, []),
        ({}, None, []),
        ([{"sku": "A-1"}], None, []),
        (None, None, []),
        (True, None, []),
    ],
)
def test_a_failed_product_is_found_by_its_names(
    entry: Any, item_id: str | None, perhaps: Sequence[str]
) -> None:
    """By any key, one level deep, as text; a contradiction or a choice decides nothing."""
    match = find_items(entry, SENT, ITEM_KEYS)
    assert (match.item_id, sorted(match.candidates)) == (item_id, perhaps)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sku": "A-1", "message": "m"}, "m"),
        ({"errorMessage": "m"}, "m"),
        ({"error": "m"}, "m"),
        ({"reason": "m"}, "m"),
        ({"description": "m"}, "m"),
        ({"description": "d", "message": "m"}, "m"),
        ({"message": "", "reason": "m"}, "m"),
        ({"error": {"code": 5, "message": "m"}}, "m"),
        ({"errors": ["m", "n"]}, "m"),
        ({"errors": [{"message": "m"}]}, "m"),
        ({"message": "two\nlines"}, "two lines"),
        ({"sku": "A-1", "note": "m"}, "m"),
        ({"sku": "A-1"}, None),
        ({"sku": "A-1", "errors": [], "price": 5}, None),
        ("A-1", None),
        (None, None),
    ],
)
def test_the_vendors_words_are_found(entry: Any, message: str | None) -> None:
    """Under a usual key, also wrapped; else the first text that names no product."""
    assert read_message(entry, ITEM_KEYS) == message
