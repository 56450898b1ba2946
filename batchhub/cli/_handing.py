"""`run` and `submit`: handing items over, and staying with the job or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import frozen

from batchhub.errors import BatchHubError, InputError, UsageError, WaitTimeoutError
from batchhub.models import BatchState, Contact

from ._closing import show_closing
from ._console import OutputError, say, write, write_json
from ._exits import ExitCode, exit_code
from ._follow import Ending, Patience, follow
from ._input import ItemReader, open_items
from ._invocation import Invocation
from ._open import open_hub
from ._output import ResultsWriter
from ._progress import make_display
from ._words import clean, count, duration

if TYPE_CHECKING:
    from batchhub.hub import BatchHub, BatchJob


@frozen(kw_only=True)
class Order:
    """What `run` and `submit` are told to hand over, as `BatchHub.submit` takes it."""

    items: str
    account: str
    operation: str | None = None
    stop_on_first_failure: bool | None = None
    key: str | None = None
    label: str | None = None
    options: Sequence[str] = ()


async def run_job(
    invocation: Invocation, order: Order, *, out: str | None, patience: Patience
) -> ExitCode:
    """Hand items over, stay until the job ends, write its results."""
    writer = None if out is None else ResultsWriter(out)
    options = _check(order)
    with open_items(order.items) as items:
        async with open_hub(invocation.common, order.account) as hub:
            job = await _submit(invocation, hub, order, items, options)
            with make_display(invocation.common, [job.status]) as display:
                ending = await follow(job, patience, display.show)
            return await _finish(invocation, job, ending, writer)


async def submit_job(invocation: Invocation, order: Order) -> ExitCode:
    """Hand items over, send what may go now, and name the job."""
    options = _check(order)
    with open_items(order.items) as items:
        async with open_hub(invocation.common, order.account) as hub:
            job = await _submit(invocation, hub, order, items, options)
            return await let_go(invocation, job)


async def let_go(invocation: Invocation, job: BatchJob) -> ExitCode:
    """Send what may go now, name the job, and tell how to go on with it."""
    status = await job.hand_over()
    ending = await _look(job)
    if invocation.common.json:
        write_json(ending.status)
    else:
        write(job.id)
    if ending.error is not None:
        invocation.tell(ending.error)
        return ending.code
    if ending.status.state.is_terminal or ending.status.is_held:
        await show_closing(job, invocation.common)
        return ending.code
    if not invocation.common.quiet:
        sent = sum(ticket.state is not BatchState.PENDING for ticket in status.tickets)
        say(f"{sent} of {count(len(status.tickets), 'ticket')} handed over")
    invocation.tell_resume()
    return ExitCode.OK


def parse_options(texts: Sequence[str]) -> dict[str, str]:
    """
    Read ``NAME=VALUE`` texts.

    Raises:
        UsageError: One has another form, or a name is there twice.
    """
    options: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is not of the form NAME=VALUE")
        if name in options:
            raise UsageError(f"{name!r} is given twice")
        options[name] = value
    return options


def _check(order: Order) -> dict[str, str]:
    """Refuse what can be refused before anything is opened; return the options."""
    if order.key == "":
        # As from a variable of the shell that is not set: all such jobs would be one.
        raise UsageError("the key is empty; leave --key off, or give one")
    return parse_options(order.options)


async def _submit(
    invocation: Invocation,
    hub: BatchHub,
    order: Order,
    items: ItemReader,
    options: dict[str, str],
) -> BatchJob:
    started_at = datetime.now(UTC)
    try:
        job = await hub.submit(
            order.account,
            items,
            operation=order.operation,
            stop_on_first_failure=order.stop_on_first_failure,
            key=order.key,
            label=order.label,
            options=options,
        )
    except InputError as error:
        raise items.explain(error) from None
    invocation.job_id = job.id
    if not invocation.common.quiet:
        _announce(job, started_at)
    return job


def _announce(job: BatchJob, started_at: datetime) -> None:
    status = job.status
    what = f"{count(status.counts.total, 'item')} for {clean(status.account, 40)}"
    if len(status.tickets) > 1:
        what += f", in {len(status.tickets)} tickets"
    age_s = (started_at - status.created_at).total_seconds()
    if age_s > 0:
        what += f"; the key's job, handed over {duration(age_s)} ago"
    say(f"job {job.id}: {what}")


async def _look(job: BatchJob) -> Ending:
    """See how a job stands that nobody waits for."""
    try:
        return Ending(status=await job.wait(timeout_s=0))
    except WaitTimeoutError:
        status = job.status
    except BatchHubError as error:
        return Ending(status=job.status, error=error)
    if status.contact is Contact.OK:
        return Ending(status=status)
    note = f": {status.contact_note}" if status.contact_note else ""
    silence = WaitTimeoutError(f"job {job.id}: {status.contact.value}{note}; the job is kept")
    return Ending(status=status, error=silence)


async def _finish(
    invocation: Invocation, job: BatchJob, ending: Ending, writer: ResultsWriter | None
) -> ExitCode:
    common = invocation.common
    failure: Exception | None = ending.error
    if failure is None:
        invocation.job_id = None  # nothing is left to go on with
        results_in, failure = await _write_results(job, writer)
        await show_closing(job, common, results_in=results_in)
    if failure is not None:
        invocation.tell(failure)
    if common.json:
        write_json(ending.status)
    return ending.code if failure is None else exit_code(failure)


async def _write_results(
    job: BatchJob, writer: ResultsWriter | None
) -> tuple[str | None, OutputError | None]:
    """Write the results of a job that has ended; return where they are, or what went wrong."""
    if writer is None or not job.status.state.is_terminal:
        return None, None
    try:
        await writer.write(job.results())
    except OutputError as error:
        return None, error
    return writer.name, None
