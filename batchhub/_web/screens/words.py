"""Filters of the templates: times, states and counts as a page shows them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from batchhub._base.show import clean, count, duration
from batchhub.models import BatchState, BatchStatus, Finding, ItemState, Outcome
from batchhub.models.status import done_count

_TONES: Final = {
    Outcome.SUCCEEDED: "good",
    Outcome.PARTIAL: "warn",
    Outcome.FAILED: "bad",
    Outcome.INDETERMINATE: "odd",
}
_STATE_TONES: Final = {
    BatchState.PENDING: "calm",
    BatchState.QUEUED: "busy",
    BatchState.IN_PROGRESS: "busy",
    BatchState.UNCONFIRMED: "odd",
    BatchState.COMPLETED: "good",
    BatchState.FAILED: "bad",
    BatchState.CANCELLED: "calm",
    BatchState.LOST: "odd",
}
_ITEM_TONES: Final = {
    ItemState.SUCCEEDED: "good",
    ItemState.FAILED: "bad",
    ItemState.NOT_EXECUTED: "calm",
    ItemState.UNKNOWN: "odd",
}
_LEAST_SHARE: Final = 1.5
"""The least width of a part of a bar, in hundredths of it: what there is must be seen."""

Segment = tuple[str, float, float]
"""A part of a bar: its tone, where it begins and how wide it is, in hundredths."""


def iso(at: datetime) -> str:
    """Write a moment for `datetime` attributes."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(at: datetime, now: datetime) -> str:
    """Write how long ago a moment is, or how long it is until then."""
    seconds = (now - at).total_seconds()
    if seconds < 0:
        return f"in {duration(-seconds)}"
    return f"{duration(seconds)} ago" if seconds >= 1 else "just now"


def utc(at: datetime, now: datetime) -> str:
    """Write a moment in UTC: the time alone if it is of today."""
    there, today = at.astimezone(UTC), now.astimezone(UTC).date()
    return there.strftime("%H:%M:%S UTC" if there.date() == today else "%Y-%m-%d %H:%M UTC")


def took(seconds: float) -> str:
    """Write how long something took, with tenths where it was short."""
    if seconds < 0.1:  # noqa: PLR2004
        return "under 0.1 s"
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)  # noqa: PLR2004


def tone(status: BatchStatus) -> str:
    """Return the tone of a job's state; it never says more than the word beside it."""
    if status.is_held:
        return "odd"
    return _STATE_TONES[status.state] if status.outcome is None else _TONES[status.outcome]


def state_tone(state: BatchState) -> str:
    """Return the tone of a ticket's state."""
    return _STATE_TONES[state]


def item_tone(state: ItemState | None) -> str:
    """Return the tone of an item's state."""
    return "calm" if state is None else _ITEM_TONES[state]


def segments(status: BatchStatus) -> list[Segment]:
    """Return the parts of the bar of a job's items; what waits is its empty end."""
    counts = status.counts
    return share(
        [
            ("good", counts.succeeded),
            ("bad", counts.failed),
            ("calm", counts.not_executed),
            ("odd", counts.unknown),
            ("busy", vendor_done(status)),
        ],
        counts.total,
    )


def vendor_done(status: BatchStatus) -> int:
    """Return how many more items are done by the vendor's count than have a result."""
    counts = status.counts
    settled = counts.succeeded + counts.failed + counts.unknown
    return 0 if status.state.is_terminal else max(0, done_count(status) - settled)


def share(parts: Sequence[tuple[str, int]], total: int) -> list[Segment]:
    """Return the parts of a bar that stand for some of a total."""
    found: list[Segment] = []
    start = 0.0
    for name, number in parts:
        if not number or not total:
            continue
        width = max(_LEAST_SHARE, 100.0 * number / total)
        found.append((name, round(min(start, 100.0 - _LEAST_SHARE), 1), round(width, 1)))
        start += width
    return found


def sentence(text: str) -> str:
    """Write a message of ours as a sentence."""
    text = clean(text).strip()
    return text[:1].upper() + text[1:] + ("" if text[-1:] in {".", "!", "?", "…"} else ".")


def finding(found: Finding) -> str:
    """Write what a finding means, and how often there was reason for it."""
    times = f" ({count(found.count, 'time')})" if found.count > 1 else ""
    return f"{sentence(found.message)[:-1]}{times}."


def shell(words: Iterable[str]) -> str:
    """Write a command of batchhub's as it is typed."""
    return shlex.join(["batchhub", *words])


def text(value: str | None, limit: int = 500) -> str:
    """Make a text from outside one line that can be shown; a dash for none."""
    return clean(value, limit) if value else "-"
