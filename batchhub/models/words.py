"""Tickets, counts and findings in words, the same wherever they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from batchhub._base.show import clean, count, moment, number, words

from .tickets import Counts, Finding, Ticket

_MOST_TICKETS: Final = 10
_MOST_REFS: Final = 3


def counts_text(counts: Counts) -> str:
    """Write the counts other than zero: 1,152 succeeded, 48 failed."""
    parts = {
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "not executed": counts.not_executed,
        "unknown": counts.unknown,
        "pending": counts.pending,
    }
    return ", ".join(f"{number(n)} {word}" for word, n in parts.items() if n)


def finding_text(finding: Finding) -> str:
    """Write a finding in one line."""
    times = f" ({number(finding.count)} times)" if finding.count > 1 else ""
    examples = ", ".join(clean(example, 60) for example in finding.examples)
    text = f"{clean(finding.code)}{times}: {clean(finding.message)}"
    return f"{text}: {examples}" if examples else text


def ticket_facts(tickets: Sequence[Ticket], now: datetime | None) -> Iterator[tuple[str, str]]:
    """Yield the number of tickets, and those that need attention first if there are many."""
    states = Counter(words(ticket.state) for ticket in tickets)
    parts = ", ".join(f"{number(n)} {state}" for state, n in states.items())
    yield "tickets", f"{number(len(tickets))}: {parts}"
    shown = sorted(tickets, key=_weight)[:_MOST_TICKETS]
    for ticket in sorted(shown, key=lambda ticket: ticket.position):
        yield f"  ticket {ticket.position}", _ticket_text(ticket, now)
    if rest := len(tickets) - len(shown):
        yield "", f"… and {count(rest, 'ticket')} more"


def _weight(ticket: Ticket) -> int:
    if ticket.message or ticket.state.value == "unconfirmed":
        return 0
    if ticket.state.is_terminal:
        return 1 if ticket.counts.succeeded < ticket.counts.total else 4
    return 3 if ticket.state.value == "pending" else 2


def _ticket_text(ticket: Ticket, now: datetime | None) -> str:
    is_untouched = ticket.counts.pending == ticket.counts.total
    what = count(ticket.counts.total, "item") if is_untouched else counts_text(ticket.counts)
    parts = [f"{words(ticket.state)}, {what}"]
    if ticket.progress is not None and not ticket.state.is_terminal:
        parts[0] += f", {ticket.progress:.0%}"
    if ticket.vendor_refs:
        refs = ", ".join(clean(ref, 60) for ref in ticket.vendor_refs[:_MOST_REFS])
        more = ", …" if len(ticket.vendor_refs) > _MOST_REFS else ""
        parts.append(f"at the vendor {refs}{more}")
    if ticket.state.value == "unconfirmed" and ticket.attempted_at is not None:
        parts.append(f"attempt {ticket.attempt_id} of {moment(ticket.attempted_at, now)}")
    if ticket.message:
        parts.append(clean(ticket.message))
    return "; ".join(parts)
