"""What status answers come to: one observation of a ticket, one reading of a probe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from batchhub.adapter import Observation
from batchhub.errors import NotFoundError, RefusedError
from batchhub.models import BatchState

from .status import STATUS_FIELDS, Status
from .wire import read_entry

_SHOWN_KEYS: Final = 20


def observe(statuses: Sequence[Status]) -> Observation:
    """
    Sum up the answers on the batches of one ticket.

    Counts are sums of those that are given; the share that is done is the mean, and only
    known where every batch has one.
    """
    return Observation(
        words=tuple(status.word for status in statuses),
        succeeded=_sum(status.succeeded for status in statuses),
        failed=_sum(status.failed for status in statuses),
        progress=_mean([status.progress for status in statuses]),
        vendor=_join_fields(statuses),
        findings=tuple(finding for status in statuses for finding in status.findings),
        age_s=max((s.age_s for s in statuses if s.age_s is not None), default=None),
    )


def read_probe(
    status: Status, states: Mapping[str, BatchState], item_keys: Sequence[str]
) -> dict[str, Any]:
    """
    Say what was made of one answer, so that the settings can be mended.

    Returns:
        The word and what it means, the figures as they were understood, the names of fields no
        page documents, how many failed products are named, and by which keys.
    """
    state = states.get((status.word or "").strip().casefold())
    entries = [read_entry(bytes(raw)) for raw in status.failures or ()]
    levels = [level for entry in entries for level in _levels(entry)]
    return {
        "word": status.word,
        "means": None if state is None else state.value,
        "succeeded": status.succeeded,
        "failed": status.failed,
        "ratio": status.fields.get("ratio"),
        "progress": status.progress,
        "failed_products": len(entries),
        "failed_product_keys": list(dict.fromkeys(k for level in levels for k in level))[
            :_SHOWN_KEYS
        ],
        "item_keys_found": [key for key in item_keys if any(key in level for level in levels)],
        "undocumented_fields": [name for name in status.fields if name not in STATUS_FIELDS],
        "findings": [f"{finding.code}: {finding.message}" for finding in status.findings],
        "age_s": status.age_s,
    }


def explain_refusal(error: RefusedError, *, is_made_up: bool) -> dict[str, Any]:
    """Say what a refused probe means; refused credentials never come here."""
    if not isinstance(error, NotFoundError):
        meaning = "the vendor was reached and did not refuse the key, but it refused the question"
    elif is_made_up:
        meaning = "vendor and key work: the batch asked about was made up, and it says so"
    else:
        meaning = "the vendor does not know this batch, or status_paths is not right"
    return {"credentials": "not refused", "meaning": meaning, "code": error.code}


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if known and len(known) == len(shares) else None


def _join_fields(statuses: Sequence[Status]) -> Mapping[str, Any]:
    """One batch's fields stand alone; those of several are a list, in the order of the ids."""
    if len(statuses) == 1:
        return statuses[0].fields
    return {"batches": [dict(status.fields) for status in statuses]}


def _levels(entry: Any) -> list[Mapping[str, Any]]:
    if not isinstance(entry, Mapping):
        return []
    return [entry, *(value for value in entry.values() if isinstance(value, Mapping))]
