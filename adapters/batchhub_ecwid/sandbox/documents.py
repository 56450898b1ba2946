"""Status answers, as both generations of the vendor's documents have them, and distorted ones."""

from __future__ import annotations

import json
from http import HTTPStatus
from random import Random
from typing import Any, Final

from batchhub.sandbox import Batch, ItemOutcome, Stage, count_of, distort

from .switches import EcwidSwitches

WORDS: Final = {Stage.QUEUED: "QUEUED", Stage.RUNNING: "IN_PROGRESS"}
"""Source: newer page "Get batch status", response. What has ended is COMPLETED."""

Entry = dict[str, Any]


def get_word(batch: Batch) -> str:
    """Return the vendor's word for the state of a batch."""
    return WORDS.get(batch.stage, "COMPLETED")


def make_status(
    batch: Batch, switches: EcwidSwitches, *, escaped: bool, random: Random
) -> dict[str, Any]:
    """
    Build the answer to a status call.

    Source: older page "Get batch request status", response; newer page "Get batch
    status", query params and response. Assumed: items that did not run don't count as
    completed requests; while a batch runs, the newer form has null for `responses`.

    Args:
        batch: What it is about.
        switches: Which form it has, and how it is distorted.
        escaped: Whether bodies were asked for as text (``escapedJson=true``).
        random: Shuffles the responses; made anew for each answer, so that they stay as they are.
    """
    is_renamed = batch.stage is Stage.RUNNING and switches.unknown_word
    document: dict[str, Any] = {
        "status": switches.unknown_word if is_renamed else get_word(batch),
        "totalRequests": len(batch.items),
        "completedRequests": len(batch.outcomes),
    }
    if switches.is_older or escaped:
        shown = batch.has_ended or (switches.is_older and bool(batch.outcomes))
        document["responses"] = (
            _make_responses(batch, switches, escaped=escaped, random=random) if shown else None
        )
    return document


def _make_responses(
    batch: Batch, switches: EcwidSwitches, *, escaped: bool, random: Random
) -> list[Entry]:
    entries: list[Entry] = []
    for index, item in enumerate(batch.items):
        outcome = batch.outcomes.get(index)
        entry = {} if item.id is None else {"id": item.id}
        if outcome is not None:
            entries.append(entry | _make_response(outcome, switches, escaped=escaped))
        elif batch.has_ended:
            entries.append(entry | _make_not_run(switches))
    return _distort(entries, switches, random)


def _make_response(outcome: ItemOutcome, switches: EcwidSwitches, *, escaped: bool) -> Entry:
    """
    Build what came of an item that ran.

    Source: newer page "Get batch status", responses: the line is a reason phrase, or what went
    wrong in a sentence.
    """
    line = outcome.body["errorMessage"] if outcome.failed else HTTPStatus(outcome.status).phrase
    body: Any = json.dumps(outcome.body) if escaped else outcome.body
    if outcome.failed and switches.non_json_bodies:
        body = f"<html><body>{outcome.status}</body></html>"
    status = "FAILED" if outcome.failed else "COMPLETED"
    return {"escapedHttpBody" if escaped else "httpBody": body} | _make_entry(
        outcome.status, line, status, switches
    )


def _make_not_run(switches: EcwidSwitches) -> Entry:
    """Assumed: an item that did not run has neither a body nor a code."""
    if not switches.completed_not_run:
        return {"status": "NOT_EXECUTED"}
    return _make_entry(0, "", "COMPLETED", switches)


def _make_entry(code: int, line: str, status: str, switches: EcwidSwitches) -> Entry:
    code_key = "httpCode" if switches.http_code_key else "httpStatusCode"
    return {code_key: code, "httpStatusLine": line, "status": status}


def _distort(entries: list[Entry], switches: EcwidSwitches, random: Random) -> list[Entry]:
    """Apply the faults; which entries they strike is the same in every answer for a batch."""
    found = _make_entry(200, "OK", "COMPLETED", switches)
    numbers = range(1, switches.foreign_ids + 1)
    kept = distort(
        entries,
        missing=switches.missing_responses,
        doubled=switches.double_ids,
        foreign=[{"id": f"foreign-{number}"} | found for number in numbers],
    )
    size = len(entries) - count_of(switches.missing_responses, entries)
    nameless = count_of(switches.drop_ids, kept[:size])
    kept[:nameless] = [{k: v for k, v in entry.items() if k != "id"} for entry in kept[:nameless]]
    if switches.shuffle_responses:
        random.shuffle(kept)
    return kept
