"""`status`, `list` and `results`: reading the store, without any account."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batchhub._settings.registry import Registry
from batchhub.cli.screen.advice import advise, find_retries, write_advice
from batchhub.cli.screen.console import make_console, say, write, write_json
from batchhub.cli.screen.tables import jobs_table, show_page, status_page
from batchhub.cli.screen.words import count, counts_text, number, state_text
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.files import STDOUT, make_writer
from batchhub.cli.shell.files import write_results as write_to
from batchhub.cli.shell.filters import Wanted, parse_wanted
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import (
    find_store,
    no_store,
    open_reader,
    own_files,
    read_settings,
    store_exists,
)
from batchhub.cli.shell.options import Export
from batchhub.errors import NotKnownError, UsageError
from batchhub.models import BatchStatus, ItemState

if TYPE_CHECKING:
    from batchhub.hub import BatchJob
    from batchhub.settings import Settings

_LONGEST_CODE: Final = 9


async def show_status(invocation: Invocation, job_id: str) -> ExitCode:
    """Show all there is to know of a job."""
    common = invocation.common
    async with open_reader(common, job_id) as hub:
        job = await hub.job(job_id)
        status, retries = job.status, await find_retries(job)
    if common.json:
        write_json(status)
        return ExitCode.OK
    if common.quiet:
        outcome = "" if status.outcome is None else f" {status.outcome.value}"
        write(f"{status.state.value}{outcome}")
    else:
        show_page(status_page(status))
    for line in write_advice(advise(status, common, retries=retries)):
        say(line)
    return ExitCode.OK


async def list_jobs(
    invocation: Invocation, states: Sequence[str], account: str | None, since: str | None
) -> ExitCode:
    """
    Show a line for each job.

    Args:
        invocation: This run of the command.
        states: States, groups of states or outcomes, one or several with commas in each text.
        account: The name of the account they are of.
        since: When they were handed over, at the earliest: a time span ago, or a date.
    """
    common = invocation.common
    wanted = parse_wanted(states, account, since)
    statuses = await _find(invocation, wanted)
    if common.json:
        write_json(statuses)
    elif common.quiet:
        for status in statuses:
            write(status.job_id)
    elif statuses:
        show_page(jobs_table(statuses, make_console(sys.stdout)))
    else:
        store, such = find_store(common), "such job" if wanted else "jobs"
        say(f"no {such} in {store}" if store_exists(store) else no_store(store))
    return ExitCode.OK


async def write_results(invocation: Invocation, job_id: str, export: Export) -> ExitCode:
    """Write the results a job has so far."""
    common = invocation.common
    states, codes = parse_states(export.only or ()), parse_codes(export.code or ())
    writer = make_writer(export)
    writer.spare(own_files(common))
    async with open_reader(common, job_id) as hub:
        job = await hub.job(job_id)
        status = job.status
        if writer.needs_adapter:
            writer.fit(Registry().get(status.adapter))
        written = await write_to(writer, job.results(only=states or None, code=codes or None))
    if common.json:
        write_json(status)
    if not common.quiet:
        if export.out not in (None, STDOUT):
            say(f"{count(written, 'result')} in {writer.name}")
        if not status.state.is_terminal:
            _tell_unfinished(status)
    return ExitCode.OK


def parse_codes(texts: Sequence[str]) -> list[int]:
    """
    Read HTTP statuses, one or several with commas in each text.

    Raises:
        UsageError: One is no number.
    """
    words = [word.strip() for text in texts for word in text.split(",")]
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= _LONGEST_CODE):
            raise UsageError(f"--code takes HTTP statuses such as 404 or 404,500, not {word!r}")
    return [int(word) for word in words]


def parse_states(texts: Sequence[str]) -> list[ItemState]:
    """
    Read item states, one or several with commas in each text.

    Raises:
        UsageError: There is no such state.
    """
    states: list[ItemState] = []
    for word in (word.strip() for text in texts for word in text.split(",")):
        try:
            states.append(ItemState(word.lower().replace("-", "_")))
        except ValueError:
            known = ", ".join(state.value for state in ItemState)
            raise UsageError(f"--only takes {known}, not {word!r}") from None
    return states


async def _find(invocation: Invocation, wanted: Wanted) -> list[BatchStatus]:
    common = invocation.common
    if not store_exists(find_store(common)):
        return []
    async with open_reader(common) as hub:
        jobs = await hub.jobs(state=wanted.states, account=wanted.account, since=wanted.since)
        if not jobs and wanted.account is not None:
            _check_account(wanted.account, await hub.jobs(), read_settings(common))
        return [job.status for job in jobs if wanted.fits(job.status)]


def _check_account(name: str, jobs: Sequence[BatchJob], settings: Settings) -> None:
    """Tell a name that is mistyped from an account without such jobs."""
    known = {*settings.accounts, *(job.status.account for job in jobs)}
    if name not in known:
        raise NotKnownError("account", name, sorted(known))


def _tell_unfinished(status: BatchStatus) -> None:
    settled = status.counts.total - status.counts.pending
    say(
        f"job {status.job_id} is {state_text(status.state)}: "
        f"{number(settled)} of {count(status.counts.total, 'item')} have a result so far"
        + (f" ({counts_text(status.counts)})" if settled else "")
    )
