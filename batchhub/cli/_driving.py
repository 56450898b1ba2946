"""`watch` and `resume`: staying with jobs that are there already."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from batchhub.errors import BatchHubError, WaitTimeoutError
from batchhub.models import BatchStatus

from ._closing import show_closing
from ._console import make_console, say, say_error, say_warning, stream_json, write_json
from ._exits import ExitCode, exit_code, worst
from ._follow import Ending, Patience, follow_all
from ._invocation import Invocation
from ._open import find_store, open_driver, open_reader, store_exists
from ._progress import make_display
from ._tables import jobs_table

if TYPE_CHECKING:
    from batchhub.hub import BatchJob

_MOST_CLOSINGS: Final = 3


async def watch_jobs(invocation: Invocation, job_id: str | None, patience: Patience) -> ExitCode:
    """Stay with one job, or with all that are unfinished; drive those nobody else drives."""
    statuses = await _find(invocation, job_id)
    if not statuses:
        return _tell_nothing(invocation, "watch")
    return await _follow(invocation, statuses, patience, stays=True)


async def resume_jobs(invocation: Invocation, patience: Patience) -> ExitCode:
    """Drive all that is unfinished."""
    statuses = await _find(invocation, None)
    if not statuses:
        return _tell_nothing(invocation, "resume")
    return await _follow(invocation, statuses, patience, stays=False)


async def _find(invocation: Invocation, job_id: str | None) -> list[BatchStatus]:
    common = invocation.common
    if job_id is None and not store_exists(find_store(common)):
        return []
    async with open_reader(common, job_id) as hub:
        if job_id is not None:
            return [(await hub.job(job_id)).status]
        return [job.status for job in await hub.jobs() if not job.status.state.is_terminal]


async def _follow(
    invocation: Invocation, statuses: Sequence[BatchStatus], patience: Patience, *, stays: bool
) -> ExitCode:
    common = invocation.common
    invocation.resumable = True
    accounts = {status.account for status in statuses if not status.state.is_terminal}
    async with open_driver(common, accounts) as hub:
        jobs = [await hub.job(status.job_id) for status in statuses]
        left = [job for job in jobs if _is_left(job, stays=stays)]
        followed = [job for job in jobs if job not in left]
        with make_display(common, statuses) as display:

            def show(status: BatchStatus) -> None:
                display.show(status)
                if common.json and stays:
                    stream_json(status)

            endings = await follow_all(hub, followed, patience, show)
        endings += [_left_ending(job) for job in left]
        if common.json and not stays:
            for ending in endings:
                write_json(ending.status)
        await _show_endings(invocation, followed, endings)
    return worst(ending.code for ending in endings)


def _is_left(job: BatchJob, *, stays: bool) -> bool:
    """Whether a job is left as it is: its account can't be reached from here."""
    if job.is_ours or job.status.state.is_terminal:
        return False
    if stays:
        say_warning(
            f"job {job.id}: account {job.status.account!r} can't be reached from here; "
            "it goes on only if another process drives it"
        )
    return not stays


def _left_ending(job: BatchJob) -> Ending:
    error = WaitTimeoutError(
        f"job {job.id}: account {job.status.account!r} can't be reached from here; "
        "the job is left as it is"
    )
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
        make_console(sys.stderr).print(jobs_table([job.status for job in whole]))
    # What befalls an account befalls all its jobs; it is said once.
    errors = {str(e.error): e.error for e in endings if e.error is not None}
    for error in errors.values():
        say_error(str(error))
    if any(_is_resumable(error) for error in errors.values()):
        invocation.tell_resume()


def _is_resumable(error: BatchHubError) -> bool:
    return exit_code(error) is not ExitCode.USAGE


def _tell_nothing(invocation: Invocation, verb: str) -> ExitCode:
    if not invocation.common.quiet:
        say(f"nothing to {verb}: no job is unfinished in {find_store(invocation.common)}")
    return ExitCode.OK
