"""The closing table: the outcome of a job, what failed and why, and what to do next."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Final

from attrs import define, field
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batchhub._base.show import clean, count, duration, moment, number, words
from batchhub.cli.shell.options import Common
from batchhub.hub import BatchJob
from batchhub.models import BatchState, BatchStatus, ItemResult, ItemState
from batchhub.models.words import counts_text

from .advice import advise, find_retries, write_advice
from .console import make_console, say
from .findings import SaidFindings
from .tables import fits, plain_table, show_aside, stand_style
from .words import stand_text

MOST_GROUPS: Final = 10
"""Kinds of failure that are shown."""

_MOST_KEPT: Final = 1000
_MOST_SCANNED: Final = 100_000
_MOST_IDS: Final = 3
_LEFT_WIDTH: Final = 29
"""Width of the columns before the message."""

_NUMBER: Final = re.compile(r"\d+")

GroupKey = tuple[ItemState, int | None, str]


@define
class FailureGroup:
    """
    Items that failed in the same way.

    Attributes:
        message: The vendor's message; numbers that differ between items are replaced by dots.
        number: How many items.
        ids: The ids of the first of them.
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
        groups: The kinds of failure, in the order they appeared; at most a thousand.
        scanned: How many items were read.
        is_partial: Whether there are items that were not read.
    """

    groups: dict[GroupKey, FailureGroup] = field(factory=dict)
    scanned: int = 0
    is_partial: bool = False

    def add(self, result: ItemResult) -> None:
        """Count one item."""
        self.scanned += 1
        message = clean(result.message or "-", 160)
        # Vendors often name the item in the message, so numbers don't distinguish kinds.
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
    """Group results that did not succeed; reads at most `most` of them."""
    failures = Failures()
    async for result in results:
        if failures.scanned >= most:
            failures.is_partial = True
            break
        failures.add(result)
    return failures


async def show_closing(
    job: BatchJob,
    common: Common,
    said: SaidFindings,
    *,
    results_in: str | None = None,
) -> None:
    """
    Write the closing table, unless it is hidden, and what to do next.

    Args:
        job: The job.
        common: The options of this command.
        said: The findings that it has written.
        results_in: Where its results were written, if they were.
    """
    if not common.quiet:
        await show_outcome(job, said)
        if results_in is not None:
            say(f"  results written to {results_in}")
    advice = advise(
        job.status,
        common,
        has_results=results_in is not None,
        retries=await find_retries(job),
    )
    for line in write_advice(advice):
        say(line)


async def show_outcome(job: BatchJob, said: SaidFindings) -> None:
    """Write what became of a job, what failed and why, and what else there is to know of it."""
    show_aside(headline(job.status), breaks=False)
    if failures := await _look_for_failures(job):
        show_aside(failures_table(failures, make_console(sys.stderr)))
    for line in _notes(job.status, said):
        show_aside(Text(f"  {line}", style="yellow"), breaks=False)


def headline(status: BatchStatus) -> Text:
    """Return the outcome of a job in one line."""
    took = duration((status.updated_at - status.created_at).total_seconds())
    parts = counts_text(status.counts)
    return Text.assemble(
        f"job {status.job_id} ({clean(status.account, 40)}): ",
        (stand_text(status), stand_style(status)),
        f"; {parts}",
        f", of {number(status.counts.total)}" if "," in parts else "",
        f"; {took}" if status.state.is_terminal else "",
    )


def failures_table(failures: Failures, console: Console) -> Table:
    """
    Draw a line for each kind of failure, with the first ids beside or below the message.

    Args:
        failures: What did not succeed.
        console: The console whose width decides where the ids are.
    """
    wide = _draw_failures(failures, room=None)
    return wide if fits(console, wide) else _draw_failures(failures, console.width - _LEFT_WIDTH)


async def _look_for_failures(job: BatchJob) -> Failures | None:
    counts = job.status.counts
    bad = (ItemState.FAILED, ItemState.NOT_EXECUTED, ItemState.UNKNOWN)
    wanted = [state for state in bad if getattr(counts, state)]
    return await find_failures(job.results(only=wanted)) if wanted else None


def _draw_failures(failures: Failures, room: int | None) -> Table:
    """Draw the table: the ids in a column of their own, or in `room` columns with the messages."""
    message = "message" if room is None else "message and first ids"
    headers = ["  items", "state", "code", message] + ["first ids"] * (room is None)
    table = plain_table(*headers, right=("  items",), wraps=[message])
    for (state, code, _), group in failures.largest():
        ids = ", ".join(group.ids) + (", …" if group.number > len(group.ids) else "")
        last = [Text(group.message), Text(ids)] if room is None else [_join(group, ids, room)]
        table.add_row(number(group.number), words(state), "-" if code is None else str(code), *last)
    for line in _rest(failures):
        table.add_row("", "", "", Text(line, style="dim"))
    return table


def _join(group: FailureGroup, ids: str, room: int) -> Text:
    line = f"{group.message}: {ids}"
    return Text(line if cell_len(line) <= room else f"{group.message}\n{ids}")


def _mask(message: str) -> str:
    return _NUMBER.sub("…", message)


def _rest(failures: Failures) -> Iterator[str]:
    shown = sum(group.number for _, group in failures.largest())
    if rest := failures.scanned - shown:
        yield f"… and {count(rest, 'item')} of other kinds"
    if failures.is_partial:
        yield f"only the first {number(failures.scanned)} were read"


def _notes(status: BatchStatus, said: SaidFindings) -> Iterator[str]:
    if status.is_held:
        yield from _held_notes(status)
    yield from said.take_last(status)


def _held_notes(status: BatchStatus) -> Iterator[str]:
    """Yield what is known of each unconfirmed ticket: the vendor may or may not have it."""
    now, first = datetime.now(UTC), 1
    for ticket in status.tickets:
        last = first + ticket.counts.total - 1
        if ticket.state is BatchState.UNCONFIRMED:
            yield f"ticket {ticket.position}, items {number(first)} to {number(last)}:"
            if ticket.attempted_at is not None:
                yield f"  sent {moment(ticket.attempted_at, now)} with the key {ticket.attempt_id}"
            yield f"  {clean(ticket.message or 'no answer came')}"
        first = last + 1
