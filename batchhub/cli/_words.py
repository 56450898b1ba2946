"""How the command says things: numbers, times, and text that comes from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from batchhub.models import BatchState, BatchStatus, Counts, ItemState

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


def vendor_words(status: BatchStatus) -> str:
    """Return the vendor's own words for what is open, where they say more than the state."""
    words = dict.fromkeys(
        clean(ticket.vendor_state, 40)
        for ticket in status.tickets
        if ticket.vendor_state and not ticket.state.is_terminal
    )
    plain = {state.value for state in BatchState}
    return ", ".join(w for w in words if w.strip().casefold() not in plain)
