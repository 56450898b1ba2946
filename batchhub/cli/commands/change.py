"""`cancel`: the end of a job that exists."""

from __future__ import annotations

from typing import Final

from batchhub._base.show import words
from batchhub.cli.screen.closing import show_closing
from batchhub.cli.screen.console import say, say_warning, write_json
from batchhub.cli.screen.progress import make_display
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.follow import follow
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import explain_account, open_driver, open_reader
from batchhub.cli.shell.options import Patience
from batchhub.hub import BatchHub, BatchJob
from batchhub.models import BatchState, BatchStatus

CANCEL_WAIT_S: Final = 10.0
"""Seconds that `cancel` waits for the job to end."""

_CANCEL_CONTACT_S: Final = 3.0


async def cancel_job(invocation: Invocation, name: str) -> ExitCode:
    """Ask for a job to stop, and wait a little for its end."""
    common = invocation.common
    async with open_reader(common, name) as reader:
        found = await find_job(common, reader, name)
        job_id, before = found.id, found.status
    if before.state.is_terminal:
        if common.json:
            write_json(before)
        say(f"job {job_id} has already ended: {words(before.state)}")
        return ExitCode.OK
    invocation.may_have_sent = True
    async with open_driver(common, [found]) as hub:
        job = await hub.job(job_id)
        await job.cancel()
        # The request is in the store now, whatever happens from here on.
        if not job.is_ours and not job.needs_worker:
            return _leave(invocation, job, hub)
        patience = Patience(timeout_s=CANCEL_WAIT_S, contact_timeout_s=_CANCEL_CONTACT_S)
        with make_display(common, [job], invocation.said) as display:
            ending = await follow(job, patience, display.show)
        if common.json:
            write_json(ending.status)
        if ending.error is None:
            if ending.status.state.is_terminal and not _was_stopped(ending.status):
                say(f"job {job_id} ended before it could be cancelled; nothing was cancelled")
            await show_closing(job, common, invocation.said)
        else:
            then = "a worker drives it" if job.needs_worker else "it is resumed"
            say_warning(f"{ending.error}; it will be cancelled once {then}")
            invocation.say_resume(job_id=job_id)
    return ExitCode.OK


def _leave(invocation: Invocation, job: BatchJob, hub: BatchHub) -> ExitCode:
    """Report that the account can't be reached from here; the request stays in the store."""
    if invocation.common.json:
        write_json(job.status)
    say_warning(f"{explain_account(job, hub.accounts)}; it will be cancelled once it is resumed")
    invocation.say_resume()
    return ExitCode.OK


def _was_stopped(status: BatchStatus) -> bool:
    """Whether a ticket was cancelled before its own end."""
    return any(ticket.state is BatchState.CANCELLED for ticket in status.tickets)
