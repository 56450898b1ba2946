"""
The outcome of the items of a batch: failures by name, successes only as far as they are counted.

Mircate names the products that failed and counts those that succeeded. So an item that is not
named has succeeded only if every failure that is counted was traced to an item, and the counts
add up to what was sent; otherwise its outcome is unknown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import Factory, define, evolve, field, frozen

from batchhub.adapter import ItemReport, Report, one_line
from batchhub.models import BatchState, Finding, ItemState

from .items import key_text
from .status import ODD_COUNT, ODD_FORM, Status, find_state, make_odd_form
from .wire import MESSAGE_KEYS, read_count, read_entry

Keys: TypeAlias = Mapping[str, str]
"""What names an item's product, by key."""

_MESSAGES: Final = {
    "odd_failures": "failedProducts is not a list",
    "unmatched_failure": "failed products that are none of the items sent",
    "ambiguous_failure": "failed products that could be any of several items",
    "duplicate_failure": "items named twice among the failed products",
    "failures_differ": "more or fewer items named as failed than are counted as failed",
    "counts_differ": "counts that do not add up to the items sent",
    "word_differs": "batches called failed without a failure counted",
    "no_effect": "counts of products left as they were, which the counted successes may include",
}
_PERHAPS: Final = "Mircate names a failed product that may be this one"
_EXAMPLE: Final = 200
_NO_EFFECT: Final = re.compile(
    r"skip|ignor|unchang|not_?(?:found|changed|updated)|reject|invalid", re.IGNORECASE
)
"""Names of fields about products on which a batch had no effect. Assumed: no page has any."""


@frozen(kw_only=True)
class Sent:
    """
    The items of a ticket, by what names their products.

    Attributes:
        keys: What names each item's product, by the item's id.
        by_key: The ids of the items a key and its text stand for.
        by_text: The ids of the items a text stands for, under whatever key.
        by_folded: The same, without regard to case.
    """

    keys: Mapping[str, Keys]
    by_key: Mapping[tuple[str, str], Sequence[str]]
    by_text: Mapping[str, Sequence[str]]
    by_folded: Mapping[str, Sequence[str]]


@frozen
class Match:
    """
    The item a failed product belongs to; if that is not certain, the candidates.

    Attributes:
        item_id: The item.
        candidates: The candidates.
        is_folded: Whether its name has other letters than the item's, large or small.
    """

    item_id: str | None
    candidates: Sequence[str] = ()
    is_folded: bool = False


@define
class _Reading:
    """What has been read so far: entries by item, items in doubt, and findings."""

    named: dict[str, list[ItemReport]] = field(default=Factory(lambda: defaultdict(list)))
    in_doubt: dict[str, None] = field(factory=dict)
    odd: dict[str, list[str]] = field(default=Factory(lambda: defaultdict(list)))
    read_so: list[Finding] = field(factory=list)


def index_items(keys: Mapping[str, Keys]) -> Sent:
    """Index the items of a ticket by what names their products."""
    by_key: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    by_text: defaultdict[str, list[str]] = defaultdict(list)
    by_folded: defaultdict[str, list[str]] = defaultdict(list)
    for item_id, names in keys.items():
        for key, text in names.items():
            by_key[key, text].append(item_id)
            by_text[text].append(item_id)
            by_folded[text.casefold()].append(item_id)
    return Sent(keys=keys, by_key=by_key, by_text=by_text, by_folded=by_folded)


def make_report(
    statuses: Sequence[Status],
    sent: Sent,
    *,
    total: int,
    item_keys: Sequence[str],
    states: Mapping[str, BatchState],
) -> Report:
    """
    Work out the outcome of the items of a ticket.

    Args:
        statuses: The last answers, one for each of its batches.
        sent: Its items.
        total: The number of its items.
        item_keys: Fields that name a product.
        states: What the vendor's words mean; keys case-folded.
    """
    reading = _Reading()
    for status in statuses:
        _read_failures(status, sent, item_keys, reading, with_ref=len(statuses) > 1)
    items = [_settle(item_id, entries, reading) for item_id, entries in reading.named.items()]
    items += [
        ItemReport(id=item_id, state=ItemState.UNKNOWN, message=_PERHAPS)
        for item_id in reading.in_doubt
        if item_id not in reading.named
    ]
    noted = [f for status in statuses for f in status.findings if f.code in {ODD_COUNT, ODD_FORM}]
    is_unread = any(finding.code == ODD_COUNT for finding in noted)
    _weigh(statuses, len(reading.named), total, states, reading.odd)
    rest = ItemState.UNKNOWN if reading.odd or is_unread else ItemState.SUCCEEDED
    return Report(
        items=items,
        rest=rest,
        rest_message=None if rest is ItemState.SUCCEEDED else _explain(statuses, reading.odd),
        # Assumed: names may come later than counts, as counts may come later than words.
        is_settled=len(reading.named) >= sum(status.failed or 0 for status in statuses),
        findings=(
            *noted,
            *reading.read_so,
            *(_finding(code, met) for code, met in reading.odd.items()),
        ),
    )


def find_items(entry: Any, sent: Sent, item_keys: Sequence[str]) -> Match:
    """
    Find the items a failed product may be.

    A product is named at the top level or one below it, by one or several keys. Where no item
    has a key's text under the same key, any key counts, and then any case of its letters. An item
    that is named by one key and contradicted by another is only a candidate, and not even that if
    another item fits.

    Source: page "Check Batch Status", responses (objects). Assumed: what is in them.
    """
    names = _read_names(entry, item_keys)
    pairs = [(key, text) for key, texts in names.items() for text in texts]
    hits = dict.fromkeys(i for pair in pairs for i in sent.by_key.get(pair, ()))
    hits = hits or dict.fromkeys(i for _, text in pairs for i in sent.by_text.get(text, ()))
    is_folded = not hits
    if is_folded:
        folded = (text.casefold() for _, text in pairs)
        hits = dict.fromkeys(i for text in folded for i in sent.by_folded.get(text, ()))
    clean = [item_id for item_id in hits if not _contradicts(sent.keys[item_id], names)]
    if len(clean) == 1:
        return Match(clean[0], is_folded=is_folded)
    return Match(None, tuple(clean or hits))


def read_message(entry: Any, item_keys: Sequence[str]) -> str | None:
    """Return the vendor's message on a failure: under a usual key, else its first text, if any."""
    if not isinstance(entry, Mapping):
        return None
    usual = (entry.get(key) for key in MESSAGE_KEYS)
    others = (value for key, value in entry.items() if key not in item_keys)
    return next(filter(None, map(_first_text, usual)), None) or next(
        filter(None, (one_line(value) for value in others if isinstance(value, str))), None
    )


def _read_failures(
    status: Status, sent: Sent, item_keys: Sequence[str], reading: _Reading, *, with_ref: bool
) -> None:
    if status.failures is None:
        reading.odd["odd_failures"].append(status.ref)
    for raw in status.failures or ():
        body = bytes(raw)
        entry = read_entry(body)
        match = find_items(entry, sent, item_keys)
        if match.item_id is not None:
            if match.is_folded:
                reading.read_so.append(make_odd_form(_show(body)))
            report = ItemReport(
                id=match.item_id,
                state=ItemState.FAILED,
                message=read_message(entry, item_keys),
                raw=body,
                vendor_ref=status.ref if with_ref else None,
            )
            reading.named[match.item_id].append(report)
            continue
        code = "ambiguous_failure" if match.candidates else "unmatched_failure"
        reading.odd[code].append(_show(body))
        reading.in_doubt.update(dict.fromkeys(match.candidates))


def _settle(item_id: str, entries: Sequence[ItemReport], reading: _Reading) -> ItemReport:
    """Return the one entry of an item; with several, its outcome is unknown."""
    if len(entries) == 1:
        return entries[0]
    reading.odd["duplicate_failure"].append(item_id)
    message = f"Mircate names it {len(entries)} times among the failed products"
    return evolve(entries[0], state=ItemState.UNKNOWN, message=message)


def _weigh(
    statuses: Sequence[Status],
    named: int,
    total: int,
    states: Mapping[str, BatchState],
    odd: dict[str, list[str]],
) -> None:
    """Note what contradicts that the items that are not named have succeeded."""
    failed = sum(status.failed or 0 for status in statuses)
    succeeded = sum(status.succeeded or 0 for status in statuses)
    if named != failed:
        odd["failures_differ"].append(f"{named} named, {failed} counted")
    if succeeded + failed != total:
        odd["counts_differ"].append(_show_counts(statuses, total))
    for status in statuses:
        odd_names = (n for n, value in status.fields.items() if _NO_EFFECT.search(n) and value)
        for name in odd_names:
            if (number := _count_of(status.fields[name])) is not None:
                odd["no_effect"].append(f"{name}: {number}")
        state = find_state(status, states)
        if state in {BatchState.FAILED, BatchState.CANCELLED} and not status.failed:
            odd["word_differs"].append(f"{status.ref}: {status.word}")


def _explain(statuses: Sequence[Status], odd: Mapping[str, Sequence[str]]) -> str:
    """Return why nobody knows of the items that are not named, with the vendor's own facts."""
    facts = [
        f"{_MESSAGES[code]} ({examples[0]})" for code, examples in odd.items() if examples
    ] or [_MESSAGES["counts_differ"]]
    words = next(filter(None, (status.words for status in statuses)), None)
    return "; ".join([*facts[:2], *([f"Mircate says: {words}"] if words else [])])


def _show_counts(statuses: Sequence[Status], total: int) -> str:
    def show(counts: Sequence[int | None]) -> str:
        return "no" if all(count is None for count in counts) else str(sum(c or 0 for c in counts))

    succeeded = show([status.succeeded for status in statuses])
    failed = show([status.failed for status in statuses])
    return f"{succeeded} succeeded and {failed} failed of {total}"


def _count_of(value: Any) -> int | None:
    """Return how many products a field is about: a count, or a list; `None` for none."""
    if isinstance(value, list):
        return len(value)
    try:
        return read_count(value) or None
    except ValueError:
        return None


def _show(body: bytes) -> str:
    return body.decode("utf-8", "replace")[:_EXAMPLE]


def _read_names(entry: Any, item_keys: Sequence[str]) -> dict[str, set[str]]:
    """Read all that may name a product, by key; a bare text stands under no key."""
    if not isinstance(entry, Mapping):
        text = key_text(entry)
        return {"": {text}} if text else {}
    levels = [entry, *(value for value in entry.values() if isinstance(value, Mapping))]
    names: dict[str, set[str]] = {}
    for key in item_keys:
        found = {text for level in levels if (text := key_text(level.get(key)))}
        if found:
            names[key] = found
    return names


def _contradicts(keys: Keys, names: Mapping[str, Iterable[str]]) -> bool:
    return any(
        key in names and text.casefold() not in {name.casefold() for name in names[key]}
        for key, text in keys.items()
    )


def _first_text(value: Any) -> str | None:
    """Read words that may be wrapped in an object or a list."""
    if isinstance(value, Mapping):
        return next(filter(None, (one_line(value.get(key)) for key in MESSAGE_KEYS)), None)
    if isinstance(value, list):
        return next(filter(None, (_first_text(part) for part in value[:3])), None)
    return one_line(value)


def _finding(code: str, examples: Sequence[str]) -> Finding:
    return Finding(
        code=code,
        message=_MESSAGES[code],
        count=len(examples),
        examples=tuple(dict.fromkeys(examples)),
    )
