"""`watch` and `resume`: following jobs that exist until they end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from batchhub._base.store_place import show_store
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
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.follow import Ending, follow_all
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.on_complete import running_command
from batchhub.cli.shell.open import (
    explain_account,
    find_store,
    needs_worker,
    no_store,
    open_driver,
    open_reader,
    store_exists,
)
from batchhub.cli.shell.options import FollowOptions
from batchhub.errors import CredentialsError, WaitTimeoutError
from batchhub.hub import BatchHub, BatchJob
from batchhub.models import BatchState, BatchStatus

OPEN: Final = [state for state in BatchState if not state.is_terminal]
"""The states of an unfinished job."""

_MOST_CLOSINGS: Final = 3


async def watch_jobs(
    invocation: Invocation, name: str | None, following: FollowOptions
) -> ExitCode:
    """
    Follow one job, or all unfinished jobs and those that are submitted meanwhile.

    Those that no other process drives are driven, unless workers do.
    """
    common, takes_all = invocation.common, name is None
    found = await _find(invocation, name)
    if not found:
        return await _end_at_once(invocation, "watch", following)
    invocation.resumable = True
    unfinished = [job for job in found if not job.status.state.is_terminal]
    async with _open(invocation, None if takes_all else unfinished) as hub:
        jobs = [await hub.job(job.id) for job in found]
        _warn_of_left(jobs, hub)
        with make_display(common, jobs, invocation.said) as display:

            def show(status: BatchStatus) -> None:
                display.show(status)
                if common.json:
                    stream_json(status)

            async def find_new() -> Sequence[BatchJob]:
                known = {job.id for job in jobs}
                new = [job for job in await hub.jobs(state=OPEN) if job.id not in known]
                _warn_of_left(new, hub)
                for job in new:
                    display.add(job)
                jobs.extend(new)
                return new

            ids = None if takes_all else [job.id for job in jobs]
            async with running_command(hub, following, ids):
                endings = await follow_all(
                    hub,
                    list(jobs),
                    following,
                    show,
                    find_new if takes_all else None,
                    tickets=common.json,
                )
        return await _show_endings(invocation, jobs, endings)


async def resume_jobs(invocation: Invocation, following: FollowOptions) -> ExitCode:
    """
    Drive all unfinished jobs; those whose account can't be reached are left as they are.

    Where workers drive them, they are only followed.
    """
    common = invocation.common
    found = await _find(invocation, None)
    if not found:
        return await _end_at_once(invocation, "resume", following)
    invocation.resumable = True
    async with _open(invocation, found) as hub:
        jobs = [await hub.job(job.id) for job in found]
        followed = [job for job in jobs if not _is_left(job)]
        with make_display(common, followed, invocation.said) as display:
            async with running_command(hub, following):
                endings = await follow_all(hub, followed, following, display.show)
        endings += [_left_ending(job, hub) for job in jobs if _is_left(job)]
        return await _show_endings(invocation, followed, endings, writes_json=common.json)


def _open(invocation: Invocation, jobs: Sequence[BatchJob] | None) -> BatchHub:
    """Make a hub that drives; or one that only follows, where others drive."""
    if needs_worker(invocation.common):
        return open_reader(invocation.common)
    return open_driver(invocation.common, jobs)


async def _find(invocation: Invocation, name: str | None) -> list[BatchJob]:
    common = invocation.common
    if name is None and not store_exists(find_store(common)):
        return []
    async with open_reader(common, name) as hub:
        if name is None:
            return await hub.jobs(state=OPEN)
        return [await find_job(common, hub, name)]


async def _end_at_once(invocation: Invocation, verb: str, following: FollowOptions) -> ExitCode:
    """Say that no job is unfinished; --on-complete still runs for jobs that have ended."""
    common, store = invocation.common, find_store(invocation.common)
    if following.on_complete is not None and store_exists(store):
        async with open_reader(common) as hub, running_command(hub, following):
            pass
    if not common.quiet:
        why = (
            f"no unfinished jobs in {show_store(store)}" if store_exists(store) else no_store(store)
        )
        say(f"nothing to {verb}: {why}")
    return ExitCode.OK


def _is_left(job: BatchJob) -> bool:
    """Whether a job's account can't be reached from here."""
    return not (job.is_ours or job.needs_worker or job.status.state.is_terminal)


def _warn_of_left(jobs: Sequence[BatchJob], hub: BatchHub) -> None:
    for job in filter(_is_left, jobs):
        why = explain_account(job, hub.accounts)
        say_warning(f"{why}; it continues only if another process drives it")


def _left_ending(job: BatchJob, hub: BatchHub) -> Ending:
    why = explain_account(job, hub.accounts)
    return Ending(status=job.status, error=WaitTimeoutError(f"{why}; the job was not changed"))


async def _show_endings(
    invocation: Invocation,
    jobs: Sequence[BatchJob],
    endings: Sequence[Ending],
    *,
    writes_json: bool = False,
) -> ExitCode:
    """Show how jobs ended; the endings of jobs that were not followed come last."""
    common, code = invocation.common, worst(ending.code for ending in endings)
    # All jobs of an account fail alike; each error is shown once.
    errors = {str(e.error): e.error for e in endings if e.error is not None}
    if not errors:
        invocation.ended = code  # whatever goes wrong while it is shown
    if writes_json:
        for ending in endings:
            write_json(ending.status)
    whole = [job for job, e in zip(jobs, endings, strict=False) if e.error is None]
    if len(whole) <= _MOST_CLOSINGS:
        for job in whole:
            await show_closing(job, common, invocation.said)
    elif not common.quiet:
        show_aside(jobs_table([job.status for job in whole], make_console(sys.stderr)))
    for text in errors:
        say_error(text)
    if any(exit_code(error) is not ExitCode.USAGE for error in errors.values()):
        is_refused = any(isinstance(error, CredentialsError) for error in errors.values())
        invocation.say_resume("after fixing the credentials, " if is_refused else "")
    return code
