"""Joining what was sent with what the vendor reports: exactly one result per item, pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import evolve

from batchhub._adapter.exchange import ItemReport, Report
from batchhub.models import Finding, ItemResult, ItemState
from batchhub.models.tickets import merge_findings


def join_report(
    ids: Sequence[str], report: Report, vendor_ref: str | None
) -> tuple[list[ItemResult], tuple[Finding, ...]]:
    """
    Give every item sent exactly one result.

    Items are matched by id; by position only when no entry carries an id and
    there are as many entries as items. An id that comes back twice makes its item
    UNKNOWN, since nobody can tell which entry is the true one. Ids that come back
    twice, never, or uninvited are findings.

    Args:
        ids: The ids of the items sent, unique, in their order.
        report: What the adapter read.
        vendor_ref: The vendor's id of the ticket, for entries that have no own.

    Returns:
        One result per id, in the order of `ids`, and what must be known of them.
    """
    entries = list(report.items)
    findings = list(report.findings)
    # By position only if nothing else is possible: one entry too few shifts all that follow.
    if entries and all(entry.id is None for entry in entries):
        if len(entries) == len(ids):
            entries = [evolve(e, id=item_id) for e, item_id in zip(entries, ids, strict=True)]
            findings.append(_by_position(len(ids)))
        else:
            findings.append(_anonymous(len(entries), len(ids)))
            entries = []
    elif anonymous := sum(entry.id is None for entry in entries):
        findings.append(_anonymous(anonymous, len(ids)))
    by_id: dict[str, ItemReport] = {e.id: e for e in entries if e.id is not None}
    times = Counter(entry.id for entry in entries if entry.id is not None)
    findings += _odd_ids(ids, times, rest_is_unknown=report.rest is ItemState.UNKNOWN)
    results = [
        _result(item_id, by_id.get(item_id), times[item_id], report.rest, vendor_ref)
        for item_id in ids
    ]
    return results, merge_findings(findings)


def _result(
    item_id: str, entry: ItemReport | None, times: int, rest: ItemState, vendor_ref: str | None
) -> ItemResult:
    if times > 1:
        return ItemResult(
            id=item_id,
            state=ItemState.UNKNOWN,
            message=f"the vendor reported this item {times} times",
            vendor_ref=vendor_ref,
        )
    if entry is None:
        message = "the vendor did not report this item" if rest is ItemState.UNKNOWN else None
        return ItemResult(id=item_id, state=rest, message=message, vendor_ref=vendor_ref)
    return ItemResult(
        id=item_id,
        state=entry.state,
        code=entry.code,
        message=entry.message,
        raw=entry.raw,
        vendor_ref=entry.vendor_ref or vendor_ref,
    )


def _odd_ids(ids: Sequence[str], times: Counter[str], *, rest_is_unknown: bool) -> list[Finding]:
    sent = set(ids)
    findings = []
    if doubled := [item_id for item_id in ids if times[item_id] > 1]:
        findings.append(_finding("duplicate_id", "items the vendor reported twice", doubled))
    if foreign := [item_id for item_id in times if item_id not in sent]:
        findings.append(_finding("foreign_id", "items reported that were never sent", foreign))
    if rest_is_unknown and (missing := [item_id for item_id in ids if not times[item_id]]):
        findings.append(_finding("missing_id", "items the vendor did not report", missing))
    return findings


def _by_position(items: int) -> Finding:
    return Finding(
        code="joined_by_position",
        message="items reported without ids, taken to be in the order they were sent",
        count=items,
    )


def _anonymous(entries: int, items: int) -> Finding:
    return Finding(
        code="anonymous_results",
        message=f"entries without an id that can't be matched by position ({items} items sent)",
        count=entries,
    )


def _finding(code: str, message: str, ids: list[str]) -> Finding:
    return Finding(code=code, message=message, count=len(ids), examples=tuple(ids))
