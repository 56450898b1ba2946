"""Status answers, as both generations of the vendor's documents have them, and distorted ones."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from .batches import Batch
from .store import Reply
from .switches import EcwidSwitches

Entry = dict[str, Any]


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
    word = batch.word
    if word == "IN_PROGRESS" and switches.unknown_word:
        word = switches.unknown_word
    document: dict[str, Any] = {
        "status": word,
        "totalRequests": len(batch.items),
        "completedRequests": len(batch.replies),
    }
    if switches.is_older or escaped:
        shown = batch.ended or (switches.is_older and bool(batch.replies))
        document["responses"] = (
            _make_responses(batch, switches, escaped=escaped, random=random) if shown else None
        )
    return document


def _make_responses(
    batch: Batch, switches: EcwidSwitches, *, escaped: bool, random: Random
) -> list[Entry]:
    entries: list[Entry] = []
    for index, item in enumerate(batch.items):
        reply = batch.replies.get(index)
        entry = {} if item.id is None else {"id": item.id}
        if reply is not None:
            entries.append(entry | _make_outcome(reply, switches, escaped=escaped))
        elif batch.ended:
            entries.append(entry | _make_not_run(switches))
    return _distort(entries, switches, random)


def _make_outcome(reply: Reply, switches: EcwidSwitches, *, escaped: bool) -> Entry:
    if reply.failed and switches.non_json_bodies:
        body: Any = f"<html><body>{reply.status}</body></html>"
    else:
        body = json.dumps(reply.body) if escaped else reply.body
    return {
        "escapedHttpBody" if escaped else "httpBody": body,
        "httpCode" if switches.http_code_key else "httpStatusCode": reply.status,
        "httpStatusLine": reply.line,
        "status": "FAILED" if reply.failed else "COMPLETED",
    }


def _make_not_run(switches: EcwidSwitches) -> Entry:
    """Assumed: an item that did not run has neither a body nor a code."""
    if not switches.completed_not_run:
        return {"status": "NOT_EXECUTED"}
    code_key = "httpCode" if switches.http_code_key else "httpStatusCode"
    return {code_key: 0, "httpStatusLine": "", "status": "COMPLETED"}


def _distort(entries: list[Entry], switches: EcwidSwitches, random: Random) -> list[Entry]:
    """Apply the faults; which entries they strike is the same in every answer for a batch."""
    entries = entries[_amount(switches.missing_responses, entries) :]
    doubles = [dict(entry) for entry in entries[: _amount(switches.double_ids, entries)]]
    for entry in entries[: _amount(switches.drop_ids, entries)]:
        entry.pop("id", None)
    entries += doubles
    entries += [_make_foreign(number, switches) for number in range(1, switches.foreign_ids + 1)]
    if switches.shuffle_responses:
        random.shuffle(entries)
    return entries


def _amount(value: int, entries: list[Entry]) -> int:
    return len(entries) if value < 0 else min(value, len(entries))


def _make_foreign(number: int, switches: EcwidSwitches) -> Entry:
    code_key = "httpCode" if switches.http_code_key else "httpStatusCode"
    entry = {code_key: 200, "httpStatusLine": "OK", "status": "COMPLETED"}
    return {"id": f"foreign-{number}"} | entry
