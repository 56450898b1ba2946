"""
How a job shows itself: a line for `repr`, a table for a notebook, a table for a terminal.

All three say the same facts, in the same words. Text from outside, a label or a vendor's
message, is made one line without control characters before it is shown anywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.table import Table

    from .models import BatchStatus, Counts, Finding, Ticket

_STEPS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_MOST_TICKETS: Final = 10
_MOST_REFS: Final = 3

# In words.


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


def moment(at: datetime, now: datetime | None = None) -> str:
    """Write a moment in local time, and how long ago it was if it is known when it is read."""
    text = f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
    return text if now is None else f"{text} ({duration((now - at).total_seconds())} ago)"


def words(name: str) -> str:
    """Write a state in words."""
    return name.replace("_", " ")


def state_text(status: BatchStatus) -> str:
    """Write a job's state in words, and that it waits for a decision if it does."""
    return ("held: " if status.is_held else "") + words(status.state)


def done_count(status: BatchStatus) -> int:
    """
    Return how many items are done, by the counts or by what the vendor says, if that is more.

    What was not executed is over, and not done.
    """
    counts = status.counts
    total = counts.total
    settled = total - counts.pending - counts.not_executed
    if status.state.is_terminal:
        return settled
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


def vendor_words(status: BatchStatus) -> str:
    """Return the vendor's own words for what is open, where they say more than the state."""
    said = dict.fromkeys(
        clean(ticket.vendor_state, 40)
        for ticket in status.tickets
        if ticket.vendor_state and not ticket.state.is_terminal
    )
    plain = {state.value for state in type(status.state)}
    return ", ".join(word for word in said if word.strip().casefold() not in plain)


def finding_text(finding: Finding) -> str:
    """Write a finding in one line."""
    times = f" ({number(finding.count)} times)" if finding.count > 1 else ""
    examples = ", ".join(clean(example, 60) for example in finding.examples)
    text = f"{clean(finding.code)}{times}: {clean(finding.message)}"
    return f"{text}: {examples}" if examples else text


def contact_text(status: BatchStatus) -> str:
    """Write why the vendor is not heard; empty when it is, or when nothing more is awaited."""
    if status.contact.value == "ok" or status.state.is_terminal:
        return ""
    note = f": {clean(status.contact_note)}" if status.contact_note else ""
    return status.contact.value + note


# The facts.


def facts(status: BatchStatus, now: datetime | None = None) -> Iterator[tuple[str, str]]:
    """
    Yield what there is to know of a job: the name of each fact, and its text in one line.

    Args:
        status: What is known.
        now: When it is read; `None` where it may be read at any time, as in a notebook.
    """
    yield "job", clean(status.job_id)
    operation = clean(f"{status.adapter} {status.operation}")
    yield "account", f"{clean(status.account)} ({operation})"
    if status.label:
        yield "label", clean(status.label)
    said = vendor_words(status)
    yield "state", state_text(status) + (f", the vendor says {said}" if said else "")
    if status.outcome is not None:
        yield "outcome", status.outcome.value
    else:
        yield "contact", contact_text(status) or status.contact.value
        known = "unknown" if status.progress is None else f"{status.progress:.0%}"
        yield "progress", f"{known}, {_progress_text(status)}"
    yield "items", f"{number(status.counts.total)}: {counts_text(status.counts)}"
    yield from _tickets(status.tickets, now)
    for finding in status.findings:
        yield "finding", finding_text(finding)
    yield "created", moment(status.created_at, now)
    yield "changed", moment(status.updated_at, now)
    if status.observed_at is not None:
        yield "last answer", moment(status.observed_at, now)


def _progress_text(status: BatchStatus) -> str:
    """Write how many items are done, and whose word it is where no result says so yet."""
    done, counts = done_count(status), status.counts
    if done > counts.total - counts.pending:
        return f"{number(done)} of {number(counts.total)} by the vendor's count"
    return f"{done_text(status)} done"


def _tickets(tickets: Sequence[Ticket], now: datetime | None) -> Iterator[tuple[str, str]]:
    """Tell how many tickets there are; of many, show those first that need to be looked at."""
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


# Where it is shown.


def make_line(kind: str, status: BatchStatus) -> str:
    """Write a status in one line, for `repr`: `kind` is the name of what is shown."""
    ended = "" if status.outcome is None else f", {status.outcome.value}"
    contact = contact_text(status)
    heard = f"; contact {contact}" if contact else ""
    counts = f"{counts_text(status.counts)}, of {number(status.counts.total)}"
    return f"<{kind} {clean(status.job_id)}: {state_text(status)}{ended}; {counts}{heard}>"


def make_html(status: BatchStatus) -> str:
    """Draw a table for a notebook: its own colours, light or dark, and nothing from elsewhere."""
    left = ' style="text-align: left"'
    rows = "".join(
        f"<tr><th{left}>{escape(name)}</th><td{left}>{escape(text)}</td></tr>"
        for name, text in facts(status)
    )
    return f"<table><tbody>{rows}</tbody></table>"


def make_table(status: BatchStatus, now: datetime | None = None) -> Table:
    """Draw a table for a terminal, without colours: a fact a line."""
    from rich.table import Table  # noqa: PLC0415  # heavy, and most never ask for it
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts(status, now):
        table.add_row(name, Text(text))
    return table
