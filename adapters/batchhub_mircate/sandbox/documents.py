"""Answers to a submit and to a status call, as assumed, and distorted ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from batchhub.sandbox import Batch, ItemOutcome, Stage, distort

from .catalogue import Json, get_name
from .switches import MircateSwitches


def make_submit_answer(batches: Sequence[Batch], form: str) -> Any:
    """
    Build the answer to a submit.

    Source: page "Check Batch Status": the ids are returned from both receive calls.
    Assumed: everything else; a key in the singular holds an array if there are several.
    """
    ids = [batch.id for batch in batches]
    match form:
        case "list_of_objects":
            return [{"batchId": batch_id} for batch_id in ids]
        case "objects":
            return {"batchIds": [{"batchId": batch_id} for batch_id in ids]}
        case "none":
            return {}
        case "batchIds":
            return {form: ids}
    return {form: ids[0] if len(ids) == 1 else ids}


def make_status(batch: Batch, switches: MircateSwitches, at: float) -> Json:
    """
    Build the answer to a status call.

    Source: page "Check Batch Status", response. Assumed: every word and format.

    Args:
        batch: What it is about.
        switches: How it is written, and how it is distorted.
        at: The moment it describes, in monotonic seconds.
    """
    counted = batch.outcomes_at(at - switches.late_counts_s)
    named = batch.outcomes_at(at - switches.late_failures_s)
    failed = sum(outcome.failed for outcome in counted)
    succeeded = len(counted) - failed + switches.wrong_counts
    document: Json = {
        "batchStatus": _get_word(batch, switches, at),
        "failCount": failed + switches.excess_counts,
        "successCount": max(0, succeeded),
        "failedProducts": _make_failed(named, switches),
        "ratio": _make_ratio(len(batch.outcomes_at(at)), len(batch.items), switches.ratio_format),
        "pushPriceFrequency": round(batch.gap_s),
        "bulkOperationType": batch.about.name,
    }
    for name in _find_left_out(switches):
        document.pop(name, None)
    return document


def _get_word(batch: Batch, switches: MircateSwitches, at: float) -> str:
    stage = batch.stage_at(at)
    ended = switches.word_running if switches.stuck_word else switches.word_done
    words = {
        Stage.QUEUED: switches.word_queued,
        Stage.RUNNING: switches.word_running,
        Stage.FAILED: switches.word_running if switches.stuck_word else switches.word_failed,
    }
    return words.get(stage, ended)


def _make_failed(outcomes: Iterable[ItemOutcome], switches: MircateSwitches) -> list[Json]:
    """Name the failures; which of them a fault strikes is the same in every answer."""
    entries = [
        _make_entry(
            get_name(outcome.item.body, switches.failed_key), outcome.body["message"], switches
        )
        for outcome in outcomes
        if outcome.failed
    ]
    numbers = range(1, switches.unmatched_failures + 1)
    return distort(
        entries,
        missing=switches.silent_failures,
        doubled=switches.doubled_failures,
        foreign=[_make_entry(f"unmatched-{n}", "product not found", switches) for n in numbers],
    )


def _make_entry(name: str | None, problem: str, switches: MircateSwitches) -> Json:
    product = {} if name is None else {switches.failed_key: name}
    entry: Json = {"product": product} if switches.failed_nested else product
    return entry | {switches.failed_message_key: problem}


def _make_ratio(done: int, total: int, form: str) -> str | int | None:
    """Source: page "Check Batch Status", response: a text. Assumed: all of its forms."""
    percent = 100 * done // total
    forms: dict[str, str | int] = {
        "percent": f"{percent}%",
        "fraction": f"{done / total:.4g}",
        "slash": f"{done}/{total}",
        "number": f"{percent}",
        "json_number": percent,
        "garbage": "almost",
    }
    return forms.get(form)


def _find_left_out(switches: MircateSwitches) -> list[str]:
    names = [name.strip() for name in switches.missing_fields.split(",")]
    if switches.no_counts:
        names += ["failCount", "successCount"]
    if switches.ratio_format == "absent":
        names.append("ratio")
    return names
