"""Whole jobs at vendors that answer oddly: each ends as it truly went, or says why it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.hubs import results_of
from support.odd_vendors import OddVendor, Say, done, each, ecwid_at, mircate_at, row

from batchhub import BatchHub
from batchhub.adapter import Account
from batchhub.models import BatchStatus, ItemResult
from batchhub.testing import FakeClock

CALLS = [{"id": n, "method": "PUT", "path": f"/products/{n}", "body": {"price": 1}} for n in "123"]
PRICES = [{"sku": sku, "price": 1} for sku in ("A-1", "123", "2190")]
S, F, U = "succeeded", "failed", "unknown"
PAGE = "<!DOCTYPE html><html><head><title>We'll be back soon</title></head></html>"


def text(**body: Any) -> dict[str, str]:
    return {"escapedHttpBody": json.dumps(body)}


async def run(
    vendor: OddVendor, account_at: Callable[[str], Account], items: list[Any], path: Path
) -> tuple[BatchStatus, list[ItemResult]]:
    clock = FakeClock()
    async with (
        clock.running(),
        vendor.running() as url,
        BatchHub(path / "jobs.db", {"shop": account_at(url)}, clock=clock, seed=1) as hub,
    ):
        job = await hub.submit("shop", items)
        try:
            status = await job.wait(timeout_s=600)
        except TimeoutError:
            return job.status, []
        return status, await results_of(job)


def codes(status: BatchStatus) -> set[str]:
    return {finding.code for finding in status.findings}


def shuffled(items: list[Any], _: int) -> Any:
    rows = [row(item) for item in reversed(items)]
    rows[-1].update(status="FAILED", httpStatusCode=404, **text(errorMessage="no such product 1"))
    return done(items, responses=rows)


def doubled(items: list[Any], _: int) -> Any:
    rows = [row(item) for item in items]
    rows[1] = {**rows[0], "status": "FAILED", "httpStatusCode": 404}
    return done(items, responses=rows)


def stray_400(items: list[Any], polls: int) -> Any:
    return (400, {"errorMessage": "Bad Request"}) if polls == 1 else done(items)


def late_400(items: list[Any], polls: int) -> Any:
    if polls == 1:
        return {"status": "IN_PROGRESS", "totalRequests": 3, "completedRequests": 1}
    return (400, {"errorMessage": "Bad Request"}) if polls <= 3 else done(items)


@pytest.mark.parametrize(
    ("say", "states", "found", "message"),
    [
        (each(**text(updateCount=0)), [F, F, F], set(), "updateCount 0: nothing was changed"),
        (each(**text(errorMessage="It is locked")), [F, F, F], set(), "It is locked"),
        (each(escapedHttpBody=PAGE), [U, U, U], {"page_body"}, "We'll be back soon"),
        (each(status="Completed"), [S, S, S], {"odd_form"}, None),
        (
            lambda items, _: done(items, responses=[row(i, id=int(i["id"])) for i in items]),
            [S, S, S],
            {"odd_form"},
            None,
        ),
        (each(httpStatusCode="200"), [S, S, S], set(), None),
        (shuffled, [F, S, S], set(), "no such product 1"),
        (doubled, [U, U, S], {"duplicate_id", "missing_id"}, "2 times"),
        (
            lambda items, _: done(items, responses=[row(item) for item in items[1:]]),
            [U, S, S],
            {"missing_id"},
            "did not report",
        ),
        (
            lambda items, _: done(items, totalRequests=None, completedRequests=None),
            [S, S, S],
            set(),
            None,
        ),
        (lambda items, _: done(items, completedRequests=-2), [S, S, S], {"impossible_count"}, None),
        (lambda items, _: done(items, totalRequests="3"), [S, S, S], {"odd_form"}, None),
        (stray_400, [S, S, S], set(), None),
        (late_400, [S, S, S], set(), None),
    ],
)
async def test_a_job_at_an_odd_ecwid_ends_truly(
    say: Say, states: list[str], found: set[str], message: str | None, tmp_path: Path
) -> None:
    """What is certain is read, what is a failure is one, and what nobody knows is unknown."""
    status, results = await run(OddVendor(say), ecwid_at, CALLS, tmp_path)
    assert [result.state.value for result in results] == states
    assert codes(status) == found
    assert message is None or message in (results[0].message or "")


@pytest.mark.parametrize(
    ("done", "states", "found", "message"),
    [
        ({"successCount": "3", "failCount": "0"}, [S, S, S], {"odd_form"}, None),
        ({"successCount": 3, "failCount": 0, "failedProducts": {}}, [S, S, S], {"odd_form"}, None),
        ({"successCount": 3.0, "failCount": 0.0, "ratio": "%100"}, [S, S, S], set(), None),
        (
            {"successCount": None, "failCount": None, "failedProducts": None},
            [U, U, U],
            {"counts_short", "counts_differ", "missing_id"},
            "no succeeded and no failed of 3",
        ),
        (
            {"successCount": 2, "failCount": 1, "failedProducts": [{"sku": "a-1 ", "why": "bad"}]},
            [F, S, S],
            {"odd_form"},
            "bad",
        ),
        (
            {"successCount": 2, "failCount": 1, "failedProducts": [{"sku": 123, "reason": "bad"}]},
            [S, F, S],
            set(),
            None,
        ),
        (
            {"successCount": 2, "failCount": 1, "failedProducts": [{"sku": 2190.0, "error": "x"}]},
            [S, S, F],
            set(),
            None,
        ),
        (
            {"successCount": 2, "failCount": 1, "failedProducts": []},
            [U, U, U],
            {"failures_differ", "missing_id"},
            "0 named, 1 counted",
        ),
        (
            {"successCount": 3, "failCount": 0, "failedProducts": [{"sku": "A-1", "error": "low"}]},
            [F, U, U],
            {"failures_differ", "missing_id"},
            "low",
        ),
        (
            {"successCount": 1, "failCount": 2, "failedProducts": [{"sku": "A-1"}] * 2},
            [U, U, U],
            {"duplicate_failure", "failures_differ", "missing_id"},
            "2 times",
        ),
        (
            {"successCount": 3, "failCount": 0, "skippedCount": 1},
            [U, U, U],
            {"no_effect", "missing_id"},
            "skippedCount: 1",
        ),
        (
            {
                "batchStatus": "COMPLETED_WITH_ERRORS",
                "successCount": 2,
                "failCount": 1,
                "failedProducts": [{"sku": "A-1", "reason": "x"}],
            },
            [F, S, S],
            {"unknown_word", "completed_by_counts"},
            "x",
        ),
        (
            {"batchStatus": "TAMAMLANDI", "successCount": 3, "failCount": 0},
            [S, S, S],
            {"unknown_word", "completed_by_counts"},
            None,
        ),
    ],
)
async def test_a_job_at_an_odd_mircate_ends_truly(
    done: dict[str, Any], states: list[str], found: set[str], message: str | None, tmp_path: Path
) -> None:
    """Successes are what is counted, if nothing speaks against it."""
    vendor = OddVendor(lambda *_: {"batchStatus": "DONE", **done})
    status, results = await run(vendor, mircate_at, PRICES, tmp_path)
    assert [result.state.value for result in results] == states
    assert codes(status) == found
    assert message is None or message in (results[0].message or "")


@pytest.mark.parametrize(
    ("account_at", "items", "words"),
    [
        (ecwid_at, CALLS, "Store is in read-only mode"),
        (mircate_at, PRICES, "Merchant suspended"),
    ],
)
async def test_an_error_in_place_of_a_status_is_said(
    account_at: Callable[[str], Account], items: list[Any], words: str, tmp_path: Path
) -> None:
    """Nothing is known of the job, and the vendor's words say why."""
    vendor = OddVendor(lambda *_: {"success": False, "message": words})
    status, _ = await run(vendor, account_at, items, tmp_path)
    assert (status.state.value, status.contact.value) == ("queued", "stale")
    assert words in (status.contact_note or "")


async def test_an_error_in_place_of_a_ticket_is_said(tmp_path: Path) -> None:
    """The batch may exist; the vendor's words say why there is no ticket."""
    error = {"success": False, "errorMessage": "Store is in read-only mode"}
    vendor = OddVendor(each(), accept=lambda *_: error)
    status, _ = await run(vendor, ecwid_at, CALLS, tmp_path)
    assert status.contact.value == "stale"
    assert "no ticket; it says: Store is in read-only mode" in (status.contact_note or "")


@pytest.mark.parametrize("first", [PAGE, {"errorMessage": "a hiccup"}])
async def test_an_odd_answer_to_a_new_batch_is_asked_for_again(first: Any, tmp_path: Path) -> None:
    """Ecwid knows the batch by its key, so that the next answer can be awaited."""
    vendor = OddVendor(each(), accept=lambda ref, sends: first if sends == 1 else {"ticket": ref})
    _, results = await run(vendor, ecwid_at, CALLS, tmp_path)
    assert [result.state.value for result in results] == [S, S, S]


async def test_a_page_in_place_of_a_status_ends_nothing(tmp_path: Path) -> None:
    """Maintenance passes."""
    vendor = OddVendor(lambda items, polls: PAGE if polls <= 3 else done(items))
    _, results = await run(vendor, ecwid_at, CALLS, tmp_path)
    assert [result.state.value for result in results] == [S, S, S]


async def test_a_ticket_that_is_a_number_is_followed_digit_by_digit(tmp_path: Path) -> None:
    """Also past what a double can hold; the status says that it came as a number."""
    number = 9007199254740993
    vendor = OddVendor(each())

    def accept(ref: str, _: int) -> Any:
        vendor.batches[str(number)] = vendor.batches[ref]
        return {"ticket": number}

    vendor.accept = accept
    status, results = await run(vendor, ecwid_at, CALLS, tmp_path)
    assert [result.state.value for result in results] == [S, S, S]
    assert (status.tickets[0].vendor_refs, codes(status)) == ((str(number),), {"odd_form"})


async def test_a_store_that_knows_the_other_name_is_asked_by_it(tmp_path: Path) -> None:
    """In the next process too, which learns it anew."""
    say = each()
    vendor = OddVendor(lambda items, n: say(items, n) if items else (400, {}), knows="ticketId")
    for attempt in ("first", "second"):
        path = tmp_path / attempt
        path.mkdir()
        status, results = await run(vendor, ecwid_at, CALLS, path)
        assert [result.state.value for result in results] == [S, S, S], status


async def test_figures_in_an_odd_form_are_found_once(tmp_path: Path) -> None:
    """Whatever they are: what is found anew at each poll would be written at each poll."""

    def say(items: list[Any], polls: int) -> Any:
        counts = {"totalRequests": "3", "completedRequests": str(min(polls, 9))}
        return done(items) if polls > 9 else {"status": "IN_PROGRESS", **counts}

    status, results = await run(OddVendor(say), ecwid_at, CALLS, tmp_path)
    assert [result.state.value for result in results] == [S, S, S]
    assert [finding.count for finding in status.findings if finding.code == "odd_form"] == [2]
