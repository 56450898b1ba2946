"""How the command says things: numbers, times, and text that comes from outside."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from batchhub.models import BatchState, BatchStatus, Contact, Counts, Finding, ItemState, Outcome

_CLOCK_ENDS_S: Final = 2 * 86400
_STEPS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def clean(text: str, limit: int = 300) -> str:
    """
    Make one line of a text from outside: no control characters, at most `limit` characters.

    What a vendor or an item says must not move the cursor or colour the terminal.
    """
    line = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def number(value: int) -> str:
    """Write a whole number with commas: 1,200."""
    return f"{value:,}"


def count(value: int, noun: str) -> str:
    """Write a number of things: 1 item, 1,200 items."""
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def duration(seconds: float) -> str:
    """Write a time span in its largest unit: 12 s, 3 min, 2 h, 5 d."""
    for step_s, unit in _STEPS:
        if seconds >= step_s:
            return f"{seconds / step_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def moment(at: datetime, now: datetime) -> str:
    """Write a moment and how long ago it was."""
    ago = duration((now - at).total_seconds())
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S} ({ago} ago)"


def elapsed(seconds: float) -> str:
    """Write how long something has lasted as a clock does: 0:00:26; from two days on as 2 d."""
    whole = max(0, int(seconds))
    if whole >= _CLOCK_ENDS_S:
        return duration(whole)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def cooling_text(until: datetime, now: datetime) -> str:
    """Write until when nothing is sent: cooling down until 14:02:11, 48 s more."""
    left_s = math.ceil((until - now).total_seconds())
    local, today = until.astimezone(), now.astimezone().date()
    day = "" if local.date() == today else f"{local:%Y-%m-%d} "
    return f"cooling down until {day}{local:%H:%M:%S}, {duration(left_s)} more"


def done_count(status: BatchStatus) -> int:
    """Return how many items are done, by the counts or by what the vendor says, if that is more."""
    total = status.counts.total
    settled = total - status.counts.pending
    return max(settled, min(total, round((status.progress or 0.0) * total)))


def done_text(status: BatchStatus) -> str:
    """Write how many items are done: 550/1,200."""
    return f"{number(done_count(status))}/{number(status.counts.total)}"


def counts_text(counts: Counts) -> str:
    """Write the counts that are not zero: 1,152 succeeded, 48 failed."""
    parts = {
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "not executed": counts.not_executed,
        "unknown": counts.unknown,
        "pending": counts.pending,
    }
    return ", ".join(f"{number(n)} {word}" for word, n in parts.items() if n)


def state_text(state: BatchState | ItemState) -> str:
    """Write a state in words."""
    return state.value.replace("_", " ")


def finding_text(finding: Finding) -> str:
    """Write a finding in one line."""
    times = f" ({number(finding.count)} times)" if finding.count > 1 else ""
    examples = ", ".join(clean(example, 60) for example in finding.examples)
    return f"{finding.code}{times}: {clean(finding.message)}" + (
        f": {examples}" if examples else ""
    )


def stand_text(status: BatchStatus) -> str:
    """Say how a job stands: its state, or what came of it, with its end where that is unusual."""
    if status.is_held:
        return "held"
    if status.outcome is None:
        return state_text(status.state)
    if status.state is BatchState.COMPLETED:
        return status.outcome.value
    is_plain = status.outcome is Outcome.FAILED
    return status.state.value + ("" if is_plain else f" ({status.outcome.value})")


def contact_text(status: BatchStatus) -> str | None:
    """Say why the vendor of an open job is not heard; `None` if it is, or the job has ended."""
    if status.contact is Contact.OK or status.state.is_terminal:
        return None
    why = f": {clean(status.contact_note)}" if status.contact_note else ""
    return f"{status.contact.value}{why}"


def vendor_words(status: BatchStatus) -> str:
    """Return the vendor's own words for what is open, where they say more than the state."""
    words = dict.fromkeys(
        clean(ticket.vendor_state, 40)
        for ticket in status.tickets
        if ticket.vendor_state and not ticket.state.is_terminal
    )
    plain = {state.value for state in BatchState}
    return ", ".join(w for w in words if w.strip().casefold() not in plain)
