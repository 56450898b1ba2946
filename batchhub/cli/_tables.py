"""Tables and pages that are read at leisure: the list of jobs, one job's status, the adapters."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from batchhub.models import BatchStatus, Contact, Finding, Outcome, Ticket

from ._console import make_console, write
from ._words import (
    clean,
    count,
    counts_text,
    done_text,
    duration,
    moment,
    number,
    state_text,
    vendor_words,
)

if TYPE_CHECKING:
    from batchhub._registry import AdapterInfo

_MOST_TICKETS: Final = 5
_OUTCOME_STYLES: Final = {
    Outcome.SUCCEEDED: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.FAILED: "red",
    Outcome.INDETERMINATE: "magenta",
}


def show_page(table: Table) -> None:
    """Write a table to standard output."""
    page = io.StringIO()
    make_console(sys.stdout, into=page).print(table)
    for line in page.getvalue().splitlines():
        write(line.rstrip())


def plain_table(*headers: str, right: Sequence[str] = (), wraps: str = "") -> Table:
    """
    Make a table without lines: columns in the width of what they hold.

    Args:
        headers: The columns' headers.
        right: Those of the columns with numbers.
        wraps: That of the column that gives way where the terminal is too narrow.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        justify: JustifyMethod = "right" if header in right else "left"
        table.add_column(header, justify=justify, no_wrap=header != wraps, overflow="fold")
    return table


def outcome_style(outcome: Outcome | None) -> str:
    """Return the colour of an outcome."""
    return "" if outcome is None else _OUTCOME_STYLES[outcome]


def jobs_table(statuses: Sequence[BatchStatus], now: datetime | None = None) -> Table:
    """Draw one line for each job."""
    now = now or datetime.now(UTC)
    headers = ("job", "account", "state", "outcome", "done", "failed", "age", "label")
    table = plain_table(*headers, right=("done",), wraps="label")
    for status in statuses:
        table.add_row(
            status.job_id,
            Text(clean(status.account, 24)),
            _state_cell(status),
            Text(status.outcome or "-", style=outcome_style(status.outcome)),
            done_text(status),
            number(status.counts.failed),
            duration((now - status.created_at).total_seconds()),
            Text(clean(status.label or "", 40)),
        )
    return table


def comparison_table(statuses: Sequence[BatchStatus]) -> Table:
    """Draw one line for each vendor: how many tickets it took, and what came of the items."""
    parts = ("succeeded", "failed", "not executed", "unknown")
    right = ("tickets", "items", *parts, "took")
    table = plain_table("vendor", "operation", "outcome", *right, right=right)
    for status in statuses:
        counts = status.counts
        figures = (counts.succeeded, counts.failed, counts.not_executed, counts.unknown)
        table.add_row(
            status.adapter,
            status.operation,
            Text(status.outcome or status.state, style=outcome_style(status.outcome)),
            number(len(status.tickets)),
            number(counts.total),
            *(number(figure) for figure in figures),
            duration((status.updated_at - status.created_at).total_seconds()),
        )
    return table


def status_page(status: BatchStatus, now: datetime | None = None) -> Table:
    """Draw all there is to know of a job, a fact a line."""
    now = now or datetime.now(UTC)
    page = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    page.add_column(style="bold", no_wrap=True)
    page.add_column(overflow="fold")
    for name, text in _facts(status, now):
        page.add_row(name, text)
    return page


def adapters_table(found: Sequence[AdapterInfo]) -> Table:
    """Draw one line for each installed adapter."""
    table = plain_table("adapter", "distribution", "operations", "sandbox", wraps="operations")
    for info in found:
        if info.adapter is None:
            row = Text(clean(info.error or "", 500), style="red"), ""
        else:
            row = Text(", ".join(info.adapter.operations)), "yes" if info.adapter.sandbox else "no"
        table.add_row(info.name, info.distribution, *row)
    return table


def finding_text(finding: Finding) -> str:
    """Write a finding in one line."""
    times = f" ({number(finding.count)} times)" if finding.count > 1 else ""
    examples = ", ".join(clean(example, 60) for example in finding.examples)
    return f"{finding.code}{times}: {clean(finding.message)}" + (
        f": {examples}" if examples else ""
    )


def _state_cell(status: BatchStatus) -> Text:
    if status.contact is Contact.OK or status.state.is_terminal:
        return Text(state_text(status.state))
    return Text(f"{state_text(status.state)}, {status.contact.value}", style="yellow")


def _facts(status: BatchStatus, now: datetime) -> Iterator[tuple[str, Text]]:
    yield "job", Text(status.job_id)
    operation = f"{status.adapter} {status.operation}"
    yield "account", Text(f"{clean(status.account)} ({operation})")
    if status.label:
        yield "label", Text(clean(status.label))
    words = vendor_words(status)
    said = f", the vendor says {words}" if words else ""
    yield "state", Text(state_text(status.state) + said)
    if status.outcome is not None:
        yield "outcome", Text(status.outcome.value, style=outcome_style(status.outcome))
    if status.contact is not Contact.OK and not status.state.is_terminal:
        note = f": {clean(status.contact_note)}" if status.contact_note else ""
        yield "contact", Text(status.contact.value + note, style="yellow")
    if status.progress is not None and not status.state.is_terminal:
        yield "progress", Text(f"{status.progress:.0%}")
    yield "items", Text(f"{number(status.counts.total)}: {counts_text(status.counts)}")
    yield "tickets", Text(_tickets_text(status.tickets))
    for ticket in [t for t in status.tickets if t.message][:_MOST_TICKETS]:
        yield f"  ticket {ticket.position}", Text(clean(ticket.message or ""))
    for finding in status.findings:
        yield "finding", Text(finding_text(finding), style="yellow")
    yield "created", Text(moment(status.created_at, now))
    yield "changed", Text(moment(status.updated_at, now))
    if status.observed_at is not None:
        yield "last answer", Text(moment(status.observed_at, now))


def _tickets_text(tickets: Sequence[Ticket]) -> str:
    states = Counter(state_text(ticket.state) for ticket in tickets)
    parts = ", ".join(f"{number(n)} {state}" for state, n in states.items())
    return f"{count(len(tickets), 'ticket').split()[0]}: {parts}"
