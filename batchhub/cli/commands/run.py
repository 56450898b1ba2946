"""`run` and `submit`: handing items over, and staying with the job or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from batchhub._settings.registry import Registry
from batchhub.cli.screen.closing import show_closing
from batchhub.cli.screen.console import OutputError, say, write, write_json
from batchhub.cli.screen.progress import make_display
from batchhub.cli.screen.words import clean, count, duration
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.files import make_writer, open_items, write_results
from batchhub.cli.shell.follow import Ending, Patience, follow
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.on_complete import running_command
from batchhub.cli.shell.open import open_hub, own_files
from batchhub.cli.shell.options import Order, Reading, Writing
from batchhub.errors import BatchHubError, InputError, UsageError, WaitTimeoutError
from batchhub.models import BatchState, Contact
from batchhub.tables import ItemReader, ResultsWriter

if TYPE_CHECKING:
    from batchhub.adapter import Adapter
    from batchhub.hub import BatchHub, BatchJob


@frozen(kw_only=True)
class Handing:
    """
    What is to be handed over, as far as it could be checked before anything is opened.

    Attributes:
        order: What the user said.
        items: Where the items come from.
        hub: Who takes them; not open yet.
        adapter: The class that speaks to the account's vendor.
        options: The operation's options, by name.
    """

    order: Order
    items: ItemReader
    hub: BatchHub
    adapter: type[Adapter[Any]]
    options: dict[str, str]


async def run_job(
    invocation: Invocation,
    order: Order,
    reading: Reading,
    writing: Writing,
    *,
    patience: Patience,
    on_complete: str | None = None,
) -> ExitCode:
    """Hand items over, stay until the job ends, write its results."""
    writer = _make_writer(writing)
    with prepare(invocation, order, reading) as handing:
        if writer is not None:
            writer.fit(handing.adapter)
            writer.spare([Path(order.items), *own_files(invocation.common)])
        async with handing.hub:
            job = await _submit(invocation, handing)
            with make_display(invocation.common, [job]) as display:
                ending = await follow(job, patience, display.show)
            code = await _finish(invocation, job, ending, writer)
            async with running_command(handing.hub, on_complete, [job.id]):
                return code


async def submit_job(invocation: Invocation, order: Order, reading: Reading) -> ExitCode:
    """Hand items over, send what may go now, and name the job."""
    with prepare(invocation, order, reading) as handing:
        async with handing.hub:
            job = await _submit(invocation, handing)
            return await send_now(invocation, job)


@contextmanager
def prepare(invocation: Invocation, order: Order, reading: Reading) -> Iterator[Handing]:
    """
    Open the source of the items, and see that it and the account fit together.

    Raises:
        UsageError: Something makes no sense; nothing has been read or sent.
    """
    if order.key == "":
        # As from a variable of the shell that is not set: all such jobs would be one.
        raise UsageError("the key is empty; leave --key off, or give one")
    options = parse_options(order.option or ())
    with open_items(order.items, reading) as items:
        hub = open_hub(invocation.common, order.account)
        adapter = Registry().get(hub.accounts[order.account].adapter)
        operation = order.operation or next(iter(adapter.operations))
        if operation in adapter.operations:  # the hub refuses others
            items.fit(adapter, operation)
        yield Handing(order=order, items=items, hub=hub, adapter=adapter, options=options)


async def send_now(invocation: Invocation, job: BatchJob) -> ExitCode:
    """Send what may go now, name the job, and tell how to go on with it."""
    status = await job.hand_over()
    ending = await _look(job)
    if invocation.common.json:
        write_json(ending.status)
    else:
        write(job.id)
    if ending.error is not None:
        invocation.report(ending.error)
        return ending.code
    if ending.status.state.is_terminal or ending.status.is_held:
        await show_closing(job, invocation.common)
        return ending.code
    if not invocation.common.quiet:
        sent = sum(ticket.state is not BatchState.PENDING for ticket in status.tickets)
        say(f"{sent} of {count(len(status.tickets), 'ticket')} sent")
    invocation.say_resume()
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


def _make_writer(writing: Writing) -> ResultsWriter | None:
    """Make what writes the results; `None` if nobody wants them yet."""
    if writing.out is not None:
        return make_writer(writing)
    for option, said in (
        (writing.form_option, writing.form),
        ("--fields", writing.fields),
        ("--as", writing.as_),
    ):
        if said:
            raise UsageError(f"{option} is for results that are written; name a file with --out")
    return None


async def _submit(invocation: Invocation, handing: Handing) -> BatchJob:
    started_at, order = datetime.now(UTC), handing.order
    try:
        job = await handing.hub.submit(
            order.account,
            handing.items,
            operation=order.operation,
            stop_on_first_failure=order.stop,
            key=order.key,
            label=order.label,
            options=handing.options,
        )
    except InputError as error:
        raise handing.items.explain(error) from None
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
        invocation.ended = ending.code
        results_in, failure = await _write_results(job, writer)
        await show_closing(job, common, results_in=results_in)
    if failure is not None:
        invocation.report(failure)
    if common.json:
        write_json(ending.status)
    return ending.code if failure is None else invocation.code_of(failure)


async def _write_results(
    job: BatchJob, writer: ResultsWriter | None
) -> tuple[str | None, OutputError | None]:
    """Write the results of a job that has ended; return where they are, or what went wrong."""
    if writer is None or not job.status.state.is_terminal:
        return None, None
    try:
        await write_results(writer, job.results())
    except OutputError as error:
        return None, error
    return writer.name, None
