"""Amazon's reports: what failed, what did not, and what nobody can tell."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.amazon_scripts import DOCUMENTS, Amazon, issue, report

from batchhub import BatchStatus, ItemResult


@pytest.fixture
async def amazon(tmp_path: Path) -> AsyncIterator[Amazon]:
    """Run a scripted Amazon."""
    async with Amazon.running(tmp_path / "jobs.db") as running:
        yield running


async def read(amazon: Amazon, body: bytes, word: str = "DONE") -> tuple[list[str], BatchStatus]:
    """Run three items, and return their states by a report."""
    amazon.runs(body, word)
    status, results = await amazon.run()
    return [result.state.value for result in results], status


def codes(status: BatchStatus) -> set[str]:
    """Return the codes of a job's findings."""
    return {finding.code for finding in status.findings}


async def test_warnings_are_no_failures(amazon: Amazon) -> None:
    """Nor is what only informs."""
    states, status = await read(amazon, report([issue(1, "WARNING"), issue(2, "INFO")]))
    assert states == ["succeeded"] * 3
    assert status.findings == ()


async def test_several_issues_are_one_failure(amazon: Amazon) -> None:
    """The first few are kept, also where a warning comes before them."""
    several = [issue(1, "WARNING"), *[issue(1, message=f"no {n}") for n in range(9)]]
    amazon.runs(report(several))
    _, results = await amazon.run()

    assert results[0].message == "90220: no 0; 90220: no 1; 90220: no 2"
    assert len(results[0].body) == 3


@pytest.mark.parametrize(
    ("severity", "state"),
    [("error", "failed"), ("Error", "failed"), ("Warning", "succeeded"), ("info", "succeeded")],
)
async def test_a_severity_is_read_in_any_case(amazon: Amazon, severity: str, state: str) -> None:
    """Its letters, large or small, change nothing of its meaning."""
    given = report([issue(2, severity)], invalid=1 if state == "failed" else 0)
    states, _ = await read(amazon, given)
    assert states == ["succeeded", state, "succeeded"]


async def test_a_severity_nobody_documented_fails_nothing(amazon: Amazon) -> None:
    """Nor does it succeed."""
    states, _ = await read(amazon, report([issue(2, "SEVERE")], invalid=1))
    assert states == ["succeeded", "unknown", "succeeded"]


@pytest.mark.parametrize("message_id", [0, 4, -1, 10**20])
async def test_a_message_nobody_sent_is_a_finding(amazon: Amazon, message_id: int) -> None:
    """And since it may be of another item, those not named are unknown."""
    states, status = await read(amazon, report([issue(message_id)]))
    assert states == ["unknown"] * 3
    assert "foreign_id" in codes(status)


async def test_an_issue_of_no_message_is_a_finding(amazon: Amazon) -> None:
    """If the messages were taken all the same, they were."""
    states, status = await read(amazon, report([issue(None)]))
    assert states == ["succeeded"] * 3
    assert codes(status) == {"feed_issues"}
    assert status.findings[0].examples == ("90220: is required",)


async def test_a_feed_of_the_wrong_form_ran_nothing(amazon: Amazon) -> None:
    """As Amazon reports it: DONE, an issue of no message, and nothing processed."""
    amazon.runs(report([issue(None, code="4002006")], processed=0))
    status, results = await amazon.run()

    assert {result.state.value for result in results} == {"not_executed"}
    assert results[0].message == "4002006: is required"
    assert codes(status) == {"feed_issues"}


@pytest.mark.parametrize(
    ("named", "processed", "invalid", "expected"),
    [
        ([], 2, 0, ["unknown"] * 3),
        ([], 3, 1, ["unknown"] * 3),
        ([1], 3, 2, ["failed", "unknown", "unknown"]),
        ([1], 2, 1, ["failed", "unknown", "unknown"]),
        ([1, 2], 3, 1, ["failed", "failed", "unknown"]),
        ([], 4, 0, ["unknown"] * 3),
        ([], 3, 3, ["unknown"] * 3),
        ([1], 4, 2, ["failed", "succeeded", "succeeded"]),
    ],
)
async def test_counts_that_disagree_are_a_finding(
    amazon: Amazon, named: list[int], processed: int, invalid: int, expected: list[str]
) -> None:
    """Nobody is said to have succeeded unless as many were accepted."""
    body = report([issue(n) for n in named], processed=processed, invalid=invalid)
    states, status = await read(amazon, body)
    assert states == expected
    assert "counts_differ" in codes(status)


@pytest.mark.parametrize("processed", [(0, 3), (3, 0), (3, 3)])
async def test_two_summaries_that_disagree_say_nothing(
    amazon: Amazon, processed: tuple[int, int]
) -> None:
    """Whichever comes last; two that say the same are as one."""
    one, other = (report(processed=each).split(b'"summary": ')[1][:-1] for each in processed)
    body = b'{"issues": [], "summary": %b, "summary": %b}' % (one, other)
    states, status = await read(amazon, body)
    is_clear = processed == (3, 3)
    assert states == ["succeeded" if is_clear else "unknown"] * 3
    assert ("counts_differ" in codes(status)) is not is_clear


async def test_messages_that_were_processed_and_are_nowhere_are_unknown(amazon: Amazon) -> None:
    """Only what was not looked at was certainly not executed, and may be sent again."""
    counts = {"messagesProcessed": 3, "messagesAccepted": 0, "messagesInvalid": 0}
    states, status = await read(amazon, json.dumps({"issues": [], "summary": counts}).encode())
    assert states == ["unknown"] * 3
    assert "counts_differ" in codes(status)


async def test_a_fatal_feed_says_why(amazon: Amazon) -> None:
    """Of what is not named nothing is known, whatever the counts say."""
    amazon.runs(report([issue(None, message="too large")]), "FATAL")
    status, results = await amazon.run()

    assert {result.state.value for result in results} == {"unknown"}
    assert results[0].message == "90220: too large"
    assert "feed_issues" in codes(status)


@pytest.mark.parametrize("body", [b"{}", report()[:-1]])
async def test_what_is_no_report_is_got_again_and_then_given_up(
    amazon: Amazon, body: bytes
) -> None:
    """The items are unknown, and the finding says why."""
    states, status = await read(amazon, body)
    assert states == ["unknown"] * 3
    assert "results_missing" in codes(status)
    asked = [each for each in amazon.vendor.requests if each.path == f"{DOCUMENTS}/r-1"]
    assert len(asked) > 1


async def test_broken_text_spoils_no_report(amazon: Amazon) -> None:
    """It is shown as far as it can be."""
    body = report([issue(1, message="caf\u00e9")]).replace(b"caf", b"caf\xff")
    states, _ = await read(amazon, body)
    assert states == ["failed", "succeeded", "succeeded"]


def make_results(results: list[ItemResult]) -> set[str]:
    """Return the states of results."""
    return {result.state.value for result in results}


async def test_a_large_report_is_never_in_memory(amazon: Amazon) -> None:
    """Of thousands of issues, those of each item's first three."""
    body = json.dumps(issue(2, message="x" * 3_000)).encode() + b","
    head, tail = report([issue(2)]).split(b'"issues": [', 1)
    amazon.takes_feeds().reply({"feedId": "f-1"}, status=202)
    amazon.feed("DONE", resultFeedDocumentId="r-1")
    packed = gzip.compress(head + b'"issues": [' + body * 6_000 + tail, 1)
    url = f"{amazon.vendor.url('files')}/down/r-1"
    amazon.vendor.on("GET", f"{DOCUMENTS}/r-1").reply({"feedDocumentId": "r-1", "url": url})
    amazon.vendor.on("GET", "/down/r-1", host="files").reply(packed)
    tracemalloc.start()
    try:
        _, results = await amazon.run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert make_results(results) == {"failed", "succeeded"}
    assert peak < 12 * 10**6 < len(body) * 6_000


def test_a_report_is_as_the_schema_has_it() -> None:
    """What the other tests are made of."""
    made: dict[str, Any] = json.loads(report([issue(1), issue(None)]))
    assert set(made) == {"header", "issues", "summary"}
    assert made["summary"]["messagesInvalid"] == 1
