"""Joining what was sent with what the vendor reports: exactly one result per item, pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve, frozen

from batchhub._adapter.exchange import ItemReport
from batchhub.models import Finding, ItemResult, ItemState
from batchhub.models.tickets import merge_findings

_CONTRADICTED: Final = "not reported, and a result of no item sent may be of this one"


@frozen(kw_only=True)
class ReadReport:
    """
    A report that was read to its end.

    Attributes:
        entries: Its entries.

    The others are those of `batchhub.adapter.Report`.
    """

    entries: Sequence[ItemReport]
    rest: ItemState = ItemState.UNKNOWN
    rest_message: str | None = None
    is_settled: bool = True
    findings: tuple[Finding, ...] = ()


def join_report(
    ids: Sequence[str],
    report: ReadReport,
    vendor_ref: str | None,
    *,
    keys: Callable[[], Sequence[str | None]] = tuple,
) -> tuple[list[ItemResult], tuple[Finding, ...]]:
    """
    Give every item sent exactly one result.

    Items are matched by id, by the key that names them at the vendor or by their place, as each
    entry says; by position only when no entry says anything, there are as many entries as items,
    and the vendor has no names for them: one that has is free to report in any order. An item
    that comes back twice is UNKNOWN, since nobody can tell which entry is the true one. Items that
    come back twice, never, or uninvited are findings. Entries that belong to no item may be about
    items that are not reported: if one of them says anything but `Report.rest`, those are UNKNOWN.

    Args:
        ids: The ids of the items sent, unique, in their order.
        report: What the adapter read.
        vendor_ref: The vendor's id of the ticket, for entries that have no own.
        keys: Gives what names the items at the vendor, in the order of `ids`.

    Returns:
        One result per id, in the order of `ids`, and what must be known of them.
    """
    findings = list(report.findings)
    entries = _find_ids(report.entries, ids, keys)
    stray: list[ItemReport] = []
    # By position only if nothing else is possible: one entry too few shifts all that follow.
    if entries and all(entry.id is None for entry in entries):
        if len(entries) == len(ids) and not any(keys()):
            entries = [evolve(e, id=item_id) for e, item_id in zip(entries, ids, strict=True)]
            findings.append(_by_position(len(ids)))
        else:
            stray, entries = list(entries), []
    else:
        stray = [entry for entry in entries if entry.id is None]
    if stray:
        findings.append(_anonymous(len(stray), len(ids)))
    by_id: dict[str, ItemReport] = {e.id: e for e in entries if e.id is not None}
    times = Counter(entry.id for entry in entries if entry.id is not None)
    findings += _odd_ids(ids, times, rest_is_unknown=report.rest is ItemState.UNKNOWN)
    sent = set(ids)
    stray += [entry for entry in entries if entry.id is not None and entry.id not in sent]
    rest, why = report.rest, report.rest_message
    if rest is ItemState.UNKNOWN:
        why = why or "the vendor did not report this item"
    elif any(entry.state is not rest for entry in stray):
        rest, why = ItemState.UNKNOWN, _CONTRADICTED
        if missing := [item_id for item_id in ids if not times[item_id]]:
            message = "items not reported, while entries of no item sent say otherwise of some"
            findings.append(_finding("rest_in_doubt", message, missing))
    results = [
        _result(item_id, by_id.get(item_id), times[item_id], (rest, why), vendor_ref)
        for item_id in ids
    ]
    return results, merge_findings(findings)


def _find_ids(
    entries: Sequence[ItemReport], ids: Sequence[str], keys: Callable[[], Sequence[str | None]]
) -> Sequence[ItemReport]:
    """Return entries that name their item by its key or its place with its id instead."""
    if all(entry.key_value is None and entry.at is None for entry in entries):
        return entries
    sent = set(ids)
    by_key: dict[str, str | None] = {}
    if any(entry.key_value is not None for entry in entries):
        for item_id, key in zip(ids, keys(), strict=True):
            if key is not None:
                by_key[key] = None if key in by_key else item_id  # of two, nobody can tell which

    def find(entry: ItemReport) -> ItemReport:
        if entry.id is not None:
            return entry
        if entry.key_value is not None:
            name, found = entry.key_value, by_key.get(entry.key_value)
        elif entry.at is not None:
            name = f"at {entry.at}"
            found = ids[entry.at] if 0 <= entry.at < len(ids) else None
        else:
            return entry
        # Of no item that was sent: by its own name, unless that is the id of another.
        foreign = None if name in sent else name
        return evolve(entry, id=found or foreign)

    return [find(entry) for entry in entries]


def _result(
    item_id: str,
    entry: ItemReport | None,
    times: int,
    unreported: tuple[ItemState, str | None],
    vendor_ref: str | None,
) -> ItemResult:
    if times > 1:
        return ItemResult(
            id=item_id,
            state=ItemState.UNKNOWN,
            message=f"the vendor reported this item {times} times",
            vendor_ref=vendor_ref,
        )
    if entry is None:
        rest, why = unreported
        return ItemResult(id=item_id, state=rest, message=why, vendor_ref=vendor_ref)
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
        message=f"entries that do not say which item they are about ({items} items sent)",
        count=entries,
    )


def _finding(code: str, message: str, ids: list[str]) -> Finding:
    return Finding(code=code, message=message, count=len(ids), examples=tuple(ids))
