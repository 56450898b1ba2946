"""`watch` and `resume`: following jobs that exist until they end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batchhub.cli.screen.closing import show_closing
from batchhub.cli.screen.console import (
    make_console,
    say,
    say_error,
    say_warning,
    stream_json,
    write_json,
)
from batchhub.cli.screen.progress import make_display
from batchhub.cli.screen.tables import jobs_table, show_aside
from batchhub.cli.shell.exits import ExitCode, exit_code, worst
from batchhub.cli.shell.follow import Ending, Patience, follow_all
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.on_complete import running_command
from batchhub.cli.shell.open import (
    explain_account,
    find_store,
    no_store,
    open_driver,
    open_reader,
    store_exists,
)
from batchhub.errors import BatchHubError, WaitTimeoutError
from batchhub.models import BatchState, BatchStatus

if TYPE_CHECKING:
    from batchhub.hub import BatchHub, BatchJob

OPEN: Final = [state for state in BatchState if not state.is_terminal]
"""The states of an unfinished job."""

_MOST_CLOSINGS: Final = 3


async def watch_jobs(
    invocation: Invocation, job_id: str | None, patience: Patience, on_complete: str | None = None
) -> ExitCode:
    """Follow one job, or all unfinished jobs; drive those that no other process drives."""
    found = await _find(invocation, job_id)
    if not found:
        await _run_command(invocation, on_complete)
        return _say_nothing_left(invocation, "watch")
    return await _watch(
        invocation, found, patience, takes_all=job_id is None, on_complete=on_complete
    )


async def resume_jobs(
    invocation: Invocation, patience: Patience, on_complete: str | None = None
) -> ExitCode:
    """Drive all unfinished jobs."""
    found = await _find(invocation, None)
    if not found:
        await _run_command(invocation, on_complete)
        return _say_nothing_left(invocation, "resume")
    return await _resume(invocation, found, patience, on_complete)


async def _run_command(invocation: Invocation, on_complete: str | None) -> None:
    """Run the command of --on-complete for jobs that have ended, where none is unfinished."""
    if on_complete is not None and store_exists(find_store(invocation.common)):
        async with open_reader(invocation.common) as hub, running_command(hub, on_complete):
            pass


async def _find(invocation: Invocation, job_id: str | None) -> list[BatchJob]:
    common = invocation.common
    if job_id is None and not store_exists(find_store(common)):
        return []
    async with open_reader(common, job_id) as hub:
        if job_id is not None:
            return [await hub.job(job_id)]
        return await hub.jobs(state=OPEN)


async def _watch(
    invocation: Invocation,
    found: Sequence[BatchJob],
    patience: Patience,
    *,
    takes_all: bool,
    on_complete: str | None,
) -> ExitCode:
    """Follow jobs; with `takes_all` also those that are submitted meanwhile."""
    common = invocation.common
    invocation.resumable = True
    async with open_driver(common, None if takes_all else _unfinished(found)) as hub:
        jobs = [await hub.job(job.id) for job in found]
        for job in jobs:
            _warn_if_left(job, hub)
        with make_display(common, jobs) as display:

            def show(status: BatchStatus) -> None:
                display.show(status)
                if common.json:
                    stream_json(status)

            async def find_new() -> Sequence[BatchJob]:
                known = {job.id for job in jobs}
                new = [job for job in await hub.jobs(state=OPEN) if job.id not in known]
                for job in new:
                    _warn_if_left(job, hub)
                    display.add(job)
                jobs.extend(new)
                return new

            ids = None if takes_all else [job.id for job in jobs]
            async with running_command(hub, on_complete, ids):
                endings = await follow_all(
                    hub, list(jobs), patience, show, find_new if takes_all else None
                )
        _note_end(invocation, endings)
        await _show_endings(invocation, jobs, endings)
    return worst(ending.code for ending in endings)


async def _resume(
    invocation: Invocation,
    found: Sequence[BatchJob],
    patience: Patience,
    on_complete: str | None,
) -> ExitCode:
    """Drive jobs to their end; those whose account can't be reached are left as they are."""
    common = invocation.common
    invocation.resumable = True
    async with open_driver(common, _unfinished(found)) as hub:
        jobs = [await hub.job(job.id) for job in found]
        followed = [job for job in jobs if not _is_left(job)]
        with make_display(common, followed) as display:
            async with running_command(hub, on_complete):
                endings = await follow_all(hub, followed, patience, display.show)
        endings += [_left_ending(job, hub) for job in jobs if _is_left(job)]
        _note_end(invocation, endings)
        if common.json:
            for ending in endings:
                write_json(ending.status)
        await _show_endings(invocation, followed, endings)
    return worst(ending.code for ending in endings)


def _unfinished(jobs: Sequence[BatchJob]) -> list[BatchJob]:
    return [job for job in jobs if not job.status.state.is_terminal]


def _note_end(invocation: Invocation, endings: Sequence[Ending]) -> None:
    """Record the outcome, whatever goes wrong while it is shown."""
    if all(ending.error is None for ending in endings):
        invocation.ended = worst(ending.code for ending in endings)


def _is_left(job: BatchJob) -> bool:
    """Whether a job's account can't be reached from here."""
    return not job.is_ours and not job.status.state.is_terminal


def _warn_if_left(job: BatchJob, hub: BatchHub) -> None:
    if _is_left(job):
        why = explain_account(job, hub.accounts)
        say_warning(f"{why}; it continues only if another process drives it")


def _left_ending(job: BatchJob, hub: BatchHub) -> Ending:
    why = explain_account(job, hub.accounts)
    error = WaitTimeoutError(f"{why}; the job was not changed")
    return Ending(status=job.status, error=error)


async def _show_endings(
    invocation: Invocation, jobs: Sequence[BatchJob], endings: Sequence[Ending]
) -> None:
    common = invocation.common
    whole = [job for job, e in zip(jobs, endings, strict=False) if e.error is None]
    if len(whole) <= _MOST_CLOSINGS:
        for job in whole:
            await show_closing(job, common)
    elif not common.quiet:
        show_aside(jobs_table([job.status for job in whole], make_console(sys.stderr)))
    # All jobs of an account fail alike; each error is shown once.
    errors = {str(e.error): e.error for e in endings if e.error is not None}
    for error in errors.values():
        say_error(str(error))
    if any(_is_resumable(error) for error in errors.values()):
        invocation.say_resume()


def _is_resumable(error: BatchHubError) -> bool:
    return exit_code(error) is not ExitCode.USAGE


def _say_nothing_left(invocation: Invocation, verb: str) -> ExitCode:
    if not invocation.common.quiet:
        store = find_store(invocation.common)
        why = f"no unfinished jobs in {store}" if store_exists(store) else no_store(store)
        say(f"nothing to {verb}: {why}")
    return ExitCode.OK
