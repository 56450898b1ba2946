"""`adopt`: says by which id the vendor has a ticket whose fate is unknown."""

from __future__ import annotations

from batchhub._base.show import words
from batchhub.cli.screen.advice import advise, write_advice
from batchhub.cli.screen.console import say, write_json
from batchhub.cli.screen.progress import make_display
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.follow import follow
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.open import open_owner, open_reader
from batchhub.cli.shell.options import AdoptOptions, Patience
from batchhub.errors import UsageError
from batchhub.hub import BatchJob
from batchhub.models import BatchStatus

from .run import finish


async def adopt_ticket(invocation: Invocation, options: AdoptOptions) -> ExitCode:
    """Have the vendor asked about a batch, and take it for a ticket of a job."""
    common = invocation.common
    async with open_reader(common, options.job) as reader:
        found = await find_job(common, reader, options.job)
    async with open_owner(common, found) as hub:
        job = await hub.job(found.id)
        status = await _adopt(job, options)
        invocation.job_id = job.id
        if not common.quiet:
            say(_describe(status, options))
        if options.wait:
            with make_display(common, [job], invocation.said) as display:
                ending = await follow(job, Patience(), display.show)
            return await finish(invocation, job, ending)
        if common.json:
            write_json(status)
        driver = await job.find_driver() if job.needs_worker else None
        advice = advise(status, common, driver=driver, needs_worker=job.needs_worker)
        for line in write_advice(advice):
            say(line)
    return ExitCode.OK


async def _adopt(job: BatchJob, options: AdoptOptions) -> BatchStatus:
    """Adopt; an error names the options by their names here."""
    try:
        return await job.adopt(options.ref, ticket=options.ticket)
    except UsageError as error:
        if type(error) is not UsageError:
            raise
        text = str(error).replace("say which one it is", "say which one with --ticket")
        text = text.replace("ref names a batch", "--ref names a batch")
        raise UsageError(
            text.replace("ref is the vendor's id", "--ref is the vendor's id")
        ) from None


def _describe(status: BatchStatus, options: AdoptOptions) -> str:
    refs = set(options.ref)
    adopted = next(
        (
            ticket
            for ticket in status.tickets
            if ticket.position == options.ticket or refs & set(ticket.vendor_refs)
        ),
        None,
    )
    named = ", ".join(options.ref)
    if adopted is None:
        return f"job {status.job_id}: {named} adopted"
    state = words(adopted.state)
    return (
        f"ticket {adopted.position} of job {status.job_id} is {named} at {status.adapter}: {state}"
    )
