"""The closing table: what came of a job, what failed and why, and what to do next."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Collection, Iterator
from typing import TYPE_CHECKING, Final

from attrs import define, field
from rich.table import Table
from rich.text import Text

from batchhub.models import BatchState, BatchStatus, ItemResult, ItemState, Outcome

from ._advice import advise, write_advice
from ._console import make_console, say
from ._options import Common
from ._tables import finding_text, outcome_style, plain_table
from ._words import clean, count, counts_text, duration, number, state_text

if TYPE_CHECKING:
    from batchhub.hub import BatchJob

MOST_GROUPS: Final = 10
"""How many kinds of failure are shown."""

_MOST_KEPT: Final = 1000
_MOST_SCANNED: Final = 100_000
_MOST_IDS: Final = 3

_NUMBER: Final = re.compile(r"\d+")

GroupKey = tuple[ItemState, int | None, str]


@define
class FailureGroup:
    """
    Items that failed in the same way: how many, and the first of them.

    Attributes:
        message: What the vendor says; where the items differ in numbers, with dots for these.
    """

    message: str
    number: int = 0
    ids: list[str] = field(factory=list)

    def add(self, item_id: str, message: str) -> None:
        """Count one item."""
        self.number += 1
        if len(self.ids) < _MOST_IDS:
            self.ids.append(clean(item_id, 40))
        if message != self.message:
            self.message = _mask(message)


@define
class Failures:
    """
    What did not succeed, grouped by state, code and message, in bounded memory.

    Attributes:
        groups: The kinds of failure, as they were met.
        scanned: How many items were looked at, those of kinds after the first thousand, too.
        is_partial: Whether there are more items than were looked at.
    """

    groups: dict[GroupKey, FailureGroup] = field(factory=dict)
    scanned: int = 0
    is_partial: bool = False

    def add(self, result: ItemResult) -> None:
        """Count one item."""
        self.scanned += 1
        message = clean(result.message or "-", 160)
        # Many a vendor names the item in its message, so numbers make no kinds of their own.
        key = (result.state, result.code, _mask(message))
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= _MOST_KEPT:
                return
            group = self.groups[key] = FailureGroup(message)
        group.add(result.id, message)

    def largest(self) -> list[tuple[GroupKey, FailureGroup]]:
        """Return the largest groups, largest first."""
        return sorted(self.groups.items(), key=lambda entry: -entry[1].number)[:MOST_GROUPS]


async def find_failures(results: AsyncIterator[ItemResult], most: int = _MOST_SCANNED) -> Failures:
    """Look through results that are no successes, at most so many."""
    failures = Failures()
    async for result in results:
        if failures.scanned >= most:
            failures.is_partial = True
            break
        failures.add(result)
    return failures


async def show_closing(
    job: BatchJob, common: Common, *, results_in: str | None = None, may_drive: bool = True
) -> None:
    """
    Write the closing table, unless it is hidden, and what to do next.

    Args:
        job: The job.
        common: The options this command was given.
        results_in: Where its results were written, if they were.
        may_drive: Whether its account is still there to send anything to.
    """
    status = job.status
    if not common.quiet:
        console = make_console(sys.stderr)
        console.print(headline(status), soft_wrap=True)
        if table := await _failures_table(job):
            console.print(table)
        for line in _notes(status):
            console.print(Text(f"  {line}", style="yellow"), soft_wrap=True)
        if results_in is not None:
            say(f"  results are in {results_in}")
    has_results = results_in is not None
    for line in write_advice(advise(status, common, has_results=has_results, may_drive=may_drive)):
        say(line)


def headline(status: BatchStatus) -> Text:
    """Write in one line what came of a job."""
    took = duration((status.updated_at - status.created_at).total_seconds())
    parts = counts_text(status.counts)
    return Text.assemble(
        f"job {status.job_id} ({clean(status.account, 40)}): ",
        (_end_text(status), outcome_style(status.outcome)),
        f"; {parts}",
        f", of {number(status.counts.total)}" if "," in parts else "",
        f"; {took}" if status.state.is_terminal else "",
    )


def _end_text(status: BatchStatus) -> str:
    """Say how it ended: by its outcome, and first by its state where that is out of the usual."""
    if status.is_held:
        return "held"
    if status.outcome is None:
        return state_text(status.state)
    if status.state is BatchState.COMPLETED:
        return status.outcome.value
    is_plain = status.outcome is Outcome.FAILED
    return status.state.value + ("" if is_plain else f" ({status.outcome.value})")


async def _failures_table(job: BatchJob) -> Table | None:
    counts = job.status.counts
    states = {
        ItemState.FAILED: counts.failed,
        ItemState.NOT_EXECUTED: counts.not_executed,
        ItemState.UNKNOWN: counts.unknown,
    }
    wanted: Collection[ItemState] = [state for state, number in states.items() if number]
    if not wanted:
        return None
    failures = await find_failures(job.results(only=wanted))
    headers = ("  items", "state", "code", "message", "first ids")
    table = plain_table(*headers, right=("  items",), wraps="message")
    for (state, code, _), group in failures.largest():
        more = ", …" if group.number > len(group.ids) else ""
        table.add_row(
            number(group.number),
            state_text(state),
            "-" if code is None else str(code),
            Text(group.message),
            Text(", ".join(group.ids) + more),
        )
    for line in _rest(failures):
        table.add_row("", "", "", Text(line, style="dim"), "")
    return table


def _mask(message: str) -> str:
    return _NUMBER.sub("…", message)


def _rest(failures: Failures) -> Iterator[str]:
    shown = sum(group.number for _, group in failures.largest())
    if rest := failures.scanned - shown:
        yield f"… and {count(rest, 'item')} of other kinds"
    if failures.is_partial:
        yield f"only the first {number(failures.scanned)} were looked at"


def _notes(status: BatchStatus) -> Iterator[str]:
    if status.is_held:
        held = [t for t in status.tickets if t.message and not t.state.is_terminal]
        for ticket in held[:3]:
            yield f"ticket {ticket.position}: {clean(ticket.message or '')}"
    for finding in status.findings:
        yield f"finding {finding_text(finding)}"
