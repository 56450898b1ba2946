"""`retry` and `cancel`: decisions about a job that exists."""

from __future__ import annotations

from typing import Final

from batchhub._base.show import count, words
from batchhub.cli.screen.advice import advise, write_advice
from batchhub.cli.screen.closing import show_closing
from batchhub.cli.screen.console import say, say_error, say_warning, write_json
from batchhub.cli.screen.progress import make_display
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.follow import follow
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import explain_account, open_driver, open_owner, open_reader
from batchhub.cli.shell.options import Patience, RetryOptions
from batchhub.errors import UsageError
from batchhub.hub import BatchHub, BatchJob
from batchhub.models import BatchState, BatchStatus

from .run import finish, send_now

CANCEL_WAIT_S: Final = 10.0
"""Seconds that `cancel` waits for the job to end."""

_CANCEL_CONTACT_S: Final = 3.0


async def retry_job(invocation: Invocation, options: RetryOptions) -> ExitCode:
    """Make a new job of the items that did not succeed, and send what can be sent now."""
    common, unknown = invocation.common, options.unknown
    async with open_reader(common, options.job) as reader:
        old = await find_job(common, reader, options.job)
        job_id, status = old.id, old.status
    if status.is_held and not unknown:
        say_error(f"job {job_id} is held: the vendor may or may not have it; decide first")
        for line in write_advice(advise(status, common)):
            say(line)
        return ExitCode.USAGE
    invocation.may_have_sent = True
    async with open_owner(common, old) as hub:
        new = await _retry(await hub.job(job_id), options)
        invocation.job_id = new.id
        if not common.quiet:
            say(f"job {new.id} retries {count(new.status.counts.total, 'item')} of job {job_id}")
            for finding in new.status.findings:
                if finding.code == "superseded":
                    newer = f"{', '.join(finding.examples)} changed the same since"
                    say(f"{count(finding.count, 'item')} left out: {newer} (--superseded)")
                    invocation.said.note(new.id, [finding])
        if not options.wait:
            return await send_now(invocation, new)
        with make_display(common, [new], invocation.said) as display:
            ending = await follow(new, Patience(), display.show)
        return await finish(invocation, new, ending)


async def _retry(job: BatchJob, options: RetryOptions) -> BatchJob:
    """Make the new job; an error names the options by their names here."""
    try:
        return await job.retry(unknown=options.unknown, superseded=options.superseded)
    except UsageError as error:
        if type(error) is not UsageError:
            raise
        text = str(error).replace("with superseded", "with --superseded")
        raise UsageError(text.replace("with unknown", "with --unknown")) from None


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
        if not job.is_ours:
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
            say_warning(f"{ending.error}; it will be cancelled once it is resumed")
            invocation.say_resume()
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
