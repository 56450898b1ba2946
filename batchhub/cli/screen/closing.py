"""The closing table: the outcome of a job, what failed and why, and what to do next."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.text import Text

from batchhub._base.show import clean, duration, moment, number
from batchhub.cli.shell.options import Common
from batchhub.hub import BatchJob
from batchhub.job import find_all_retries
from batchhub.models import BatchState, BatchStatus, FailureGroup
from batchhub.models.status import stand_text
from batchhub.models.words import counts_text

from .advice import advise, write_advice
from .console import make_console, say
from .failures import failures_table
from .findings import SaidFindings
from .tables import show_aside, stand_style


async def show_closing(
    job: BatchJob,
    common: Common,
    said: SaidFindings,
    *,
    results_in: str | None = None,
    later: Sequence[str] = (),
) -> None:
    """
    Write the closing table, unless it is hidden, and what to do next.

    Args:
        job: The job.
        common: The options of this command.
        said: The findings that it has written.
        results_in: Where its results were written, if they were.
        later: The options of `results` that write them, if a file for them was named.
    """
    failures = await find_failures(job)
    if not common.quiet:
        show_outcome(job, said, failures)
        if results_in is not None:
            say(f"  results written to {results_in}")
    advice = advise(
        job.status,
        common,
        has_results=results_in is not None,
        later=later,
        retries=await find_all_retries(job),
        failures=failures,
        driver=await find_driver(job),
        needs_worker=job.needs_worker,
    )
    for line in write_advice(advice):
        say(line)


async def find_driver(job: BatchJob) -> str | None:
    """Return which other process goes on with a job; `None` if none does, or it has ended."""
    return None if job.status.state.is_terminal else await job.find_driver()


def show_outcome(job: BatchJob, said: SaidFindings, failures: Sequence[FailureGroup]) -> None:
    """Write what became of a job, what failed and why, and what else there is to know of it."""
    show_aside(headline(job.status), breaks=False)
    if failures:
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


async def find_failures(job: BatchJob) -> list[FailureGroup]:
    """Return why items of a job did not succeed; nothing is read if all did."""
    counts = job.status.counts
    return await job.failures() if counts.failed + counts.not_executed + counts.unknown else []


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
