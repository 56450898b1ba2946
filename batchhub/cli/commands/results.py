"""`results`: writing the results of a job, without any account."""

from __future__ import annotations

from typing import Any

from batchhub._base.show import count, number, words
from batchhub._settings.registry import Registry
from batchhub.adapter import Adapter
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.files import STDOUT
from batchhub.cli.shell.filters import parse_codes, parse_row_states, parse_states
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.job_options import ResultsOptions
from batchhub.cli.shell.open import open_reader, own_files
from batchhub.cli.shell.output import Output, Which
from batchhub.errors import UnsupportedError
from batchhub.hub import BatchJob
from batchhub.models import BatchStatus
from batchhub.models.status import stand_text
from batchhub.models.words import counts_text


async def export_results(invocation: Invocation, name: str, options: ResultsOptions) -> ExitCode:
    """Write the results that a job has so far."""
    common = invocation.common
    only = options.only or ()
    states, row_states = parse_row_states(only) if options.with_input else (parse_states(only), [])
    which = Which(
        states=states,
        row_states=row_states,
        codes=parse_codes(options.code or ()),
        with_retries=options.with_retries,
    )
    output = Output(options, sends=False)
    output.spare(own_files(common))
    async with open_reader(common, name) as hub:
        job = await find_job(common, hub, name)
        status = job.status
        if output.needs_adapter:
            output.fit(get_adapter(status))
        await output.spare_input(job)
        await output.check(hub, [job])
        written = await output.write(job, which)
        waiting = await _find_waiting(job) if options.with_retries else []
    if common.json:
        write_json(status)
    if not common.quiet:
        if options.out not in (None, STDOUT):
            say(f"{count(written, output.unit)} in {output.name}")
        if not status.state.is_terminal:
            _say_unfinished(status)
        for retry in waiting:
            _say_waiting(retry)
    return ExitCode.OK


def get_adapter(status: BatchStatus) -> type[Adapter[Any]]:
    """Return the adapter of a job, for the types it knows; a file has none, and is not read."""
    registry = Registry()
    if status.adapter not in registry.names:
        raise UnsupportedError(
            f"--as needs the types of adapter {status.adapter!r}, which is not installed; an "
            "adapter that is a file has none"
        )
    return registry.get(status.adapter)


async def _find_waiting(job: BatchJob) -> list[BatchStatus]:
    """Return the retries of a job, and theirs, that have not ended."""
    found: list[BatchStatus] = []
    for retry in await job.find_retries():
        if not retry.status.state.is_terminal:
            found.append(retry.status)
        found += await _find_waiting(retry)
    return found


def _say_waiting(retry: BatchStatus) -> None:
    pending = retry.counts.pending
    what = f"{number(pending)} of its {count(retry.counts.total, 'item')}"
    have = "has" if pending == 1 else "have"
    say(
        f"job {retry.job_id}, which retries job {retry.retry_of}, is {stand_text(retry)}: "
        f"{what} {have} no result there yet; the result before stands"
    )


def _say_unfinished(status: BatchStatus) -> None:
    settled = status.counts.total - status.counts.pending
    say(
        f"job {status.job_id} is {words(status.state)}: "
        f"{number(settled)} of {count(status.counts.total, 'item')} have a result so far"
        + (f" ({counts_text(status.counts)})" if settled else "")
    )
