"""`run` and `submit`: submitting items, and following the job or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from batchhub._base.secrets import blank
from batchhub._base.show import clean, count, duration, number
from batchhub._settings.registry import Registry
from batchhub._tables.reading.rejects import Rejects
from batchhub._tables.reading.source import STDIN
from batchhub.adapter import Adapter
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.closing import show_closing
from batchhub.cli.screen.console import OutputError, say, say_error, say_warning, write, write_json
from batchhub.cli.screen.progress import make_display
from batchhub.cli.screen.words import cooling_text
from batchhub.cli.shell.exits import ExitCode, worst
from batchhub.cli.shell.files import STDOUT, open_items
from batchhub.cli.shell.filters import parse_span_s
from batchhub.cli.shell.follow import Ending, follow
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.job_options import OutputOptions, SubmitOptions
from batchhub.cli.shell.next_command import write_next
from batchhub.cli.shell.on_complete import running_command
from batchhub.cli.shell.open import open_hub, own_files
from batchhub.cli.shell.options import FollowOptions, parse_options
from batchhub.cli.shell.output import Output
from batchhub.cli.shell.refusals import Refusals, explain, open_rejects
from batchhub.cli.shell.reject_options import RejectOptions
from batchhub.errors import (
    BatchHubError,
    CredentialsError,
    InputError,
    UsageError,
    WaitTimeoutError,
)
from batchhub.hub import BatchHub, BatchJob
from batchhub.models import BatchState, BatchStatus, Contact, Finding
from batchhub.models.words import finding_text
from batchhub.tables import ItemReader, Survey


@frozen(kw_only=True)
class Submission:
    """
    A submission, as far as it could be checked before the store is opened.

    Attributes:
        options: The options of the command.
        items: The reader of the items.
        reading: How they are read.
        refusals: Those that can't be sent.
        rejects: What sets them aside; `None` if nothing is sent then.
        hub: The hub that takes them; not open yet.
        adapter: The adapter of the account.
        operation_options: The options of the operation, by name.
        deadline_s: Seconds after which the job is overdue; `None` for the adapter's default.
    """

    options: SubmitOptions
    items: ItemReader
    reading: RejectOptions
    refusals: Refusals
    rejects: Rejects | None
    hub: BatchHub
    adapter: type[Adapter[Any]]
    operation_options: dict[str, str]
    deadline_s: float | None = None


async def run_job(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
    writing: OutputOptions,
    following: FollowOptions,
) -> ExitCode:
    """Submit items, follow the job until it ends, write its results."""
    output = make_output(writing)
    if writing.with_input and options.no_keep_input:
        raise UsageError(
            "--with-input writes the rows of the input, and --no-keep-input keeps none"
        )
    with prepare(invocation, options, reading) as submission:
        rejects = submission.rejects
        if output is not None:
            output.fit(submission.adapter)
            # The shell may have opened a file as standard input.
            source = "/dev/stdin" if options.items == STDIN else options.items
            output.spare([Path(source), *own_files(invocation.common)])
        if rejects is not None and writing.out not in {None, STDOUT}:
            rejects.spare([Path(str(writing.out))])
        invocation.later = writing.later
        async with submission.hub as hub:
            if output is not None:
                await output.check_key(hub, options.account, options.key)
            job = await _submit(invocation, submission)
            reported: list[str] = []
            async with running_command(submission.hub, following, reported):
                with make_display(invocation.common, [job], invocation.said) as display:
                    ending = await follow(job, following, display.show)
                code = await finish(invocation, job, ending, output)
                code = _say_set_aside(invocation, submission, "run", code)
                reported.append(job.id)  # what its command says comes after all that is said here
            return code


async def submit_job(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
) -> ExitCode:
    """Submit items, send what can be sent now, and print the job's id."""
    with prepare(invocation, options, reading) as submission:
        async with submission.hub:
            job = await _submit(invocation, submission)
            code = await send_now(invocation, job)
            return _say_set_aside(invocation, submission, "submit", code)


@contextmanager
def prepare(
    invocation: Invocation,
    options: SubmitOptions,
    reading: RejectOptions,
) -> Iterator[Submission]:
    """
    Open the source of the items, and check that it fits the account.

    Raises:
        UsageError: An option, the source or the account is invalid; nothing was read or sent.
    """
    if options.key == "":
        # Probably an unset shell variable: all such jobs would be the same job.
        raise UsageError("--key is empty; give a key or omit the option")
    operation_options = parse_options(options.option or ())
    deadline_s = None
    if options.deadline is not None:
        deadline_s = parse_span_s(options.deadline, "--deadline", least_s=1)
    rejects = open_rejects(reading)
    with open_items(options.items, reading) as items:
        hub = open_hub(invocation.common, options.account)
        account = hub.accounts[options.account]
        adapter = Registry().get_for(account)
        operation = options.operation or next(iter(adapter.operations))
        if operation in adapter.operations:  # the hub refuses others
            items.fit(adapter, operation, account.decimal)
        items.on_survey = _say_survey
        refusals = Refusals(items, is_set_aside=rejects is not None)
        if rejects is not None:
            rejects.spare(own_files(invocation.common))
            items.set_aside(rejects)
        items.on_refused, items.on_end = refusals.add, refusals.refuse
        yield Submission(
            options=options,
            items=items,
            reading=reading,
            refusals=refusals,
            rejects=rejects,
            hub=hub,
            adapter=adapter,
            operation_options=operation_options,
            deadline_s=deadline_s,
        )


def _say_survey(survey: Survey) -> None:
    """Write what a user should know of a table before anything is sent."""
    for text in survey.warnings:
        say_warning(blank(text))


def say_omitted(items: ItemReader) -> None:
    """Write how many empty cells were left out."""
    if items.omitted:
        cells = ", ".join(f"{number(n)} of {clean(name, 40)}" for name, n in items.omitted.items())
        say(f"empty cells left out: {cells}")


async def send_now(invocation: Invocation, job: BatchJob) -> ExitCode:
    """
    Send what can be sent now, print the job's id, and say how to continue.

    The job is durable when this begins, so it ends with 0 whatever was sent: a script that submits
    must not submit again because the vendor can't be reached.
    """
    driver = absence = None
    try:
        await job.hand_over()
        ending = await _look(job)
        driver = await job.find_driver()
        absence = None if driver is not None else await job.find_absence()
    except BatchHubError as error:  # such as a store that can't be read any more
        ending = Ending(status=job.status, error=error)
    status = ending.status
    if invocation.common.json:
        write_json(status)
    else:
        write(job.id)
    is_refused = isinstance(ending.error, CredentialsError)
    if ending.error is not None:
        (say_error if is_refused else say_warning)(blank(str(ending.error)))
    elif status.state.is_terminal or status.is_held:
        await show_closing(job, invocation.common, invocation.said)
        return ExitCode.OK
    if driver is not None:
        _say_handed_over(invocation, status, driver)
    elif absence is not None:
        say_warning(absence)
        invocation.say_resume("the job is kept until then; ")
    else:
        _say_sent(invocation, status, job.cooling_until, is_refused=is_refused)
    return ExitCode.OK


def _say_handed_over(invocation: Invocation, status: BatchStatus, driver: str) -> None:
    """Write who goes on with it: nobody has to resume it."""
    if not invocation.common.quiet:
        say(f"{driver} drives the account and goes on with it")
        say(f"follow it with: {command_line(invocation.common, 'watch', status.job_id)}")


def _say_sent(
    invocation: Invocation, status: BatchStatus, until: datetime | None, *, is_refused: bool
) -> None:
    """Write how many tickets were sent, and what the others wait for."""
    total = len(status.tickets)
    waiting = sum(ticket.state is BatchState.PENDING for ticket in status.tickets)
    parts = [f"{number(total - waiting)} of {count(total, 'ticket')} sent"]
    if waiting:
        parts.append(f"{number(waiting)} to be sent by batchhub resume")
        if until is not None:
            parts.append(cooling_text(until, datetime.now(UTC)))
    refused = [t for t in status.tickets if t.state is BatchState.FAILED and not t.vendor_refs]
    if refused:
        parts.append(f"{number(len(refused))} refused: {clean(refused[0].message or '-')}")
    if not invocation.common.quiet:
        say("; ".join(parts))
    invocation.say_resume("after fixing the credentials, " if is_refused else "")


def make_output(writing: OutputOptions) -> Output | None:
    """Make what the results go to; `None` without --out."""
    if writing.out is not None:
        return Output(writing, sends=True)
    given = {
        writing.form_option: writing.form,
        "--fields": writing.fields,
        "--as": writing.as_,
        "--explode": writing.explode,
        "--with-input": writing.with_input,
        "--excel-csv": writing.excel_csv,
        "--force": writing.force,
    }
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} needs --out, which names the file for the results")
    return None


async def _submit(invocation: Invocation, submission: Submission) -> BatchJob:
    started_at, options = datetime.now(UTC), submission.options
    findings: list[Finding] = []

    def warn(finding: Finding) -> None:
        findings.append(finding)
        say_warning(finding_text(finding))

    try:
        job = await submission.hub.submit(
            options.account,
            submission.items,
            operation=options.operation,
            stop_on_first_failure=options.stop,
            key=options.key,
            label=options.label,
            deadline_s=submission.deadline_s,
            options=submission.operation_options,
            ahead=options.ahead,
            on_finding=warn,
            on_refused=submission.refusals.add,
            keep_input=not options.no_keep_input,
        )
    except InputError as error:
        if submission.refusals.total > 1:  # too many to be set aside
            submission.refusals.show()
        raise explain(submission.items, error) from None
    invocation.job_id = job.id
    invocation.said.note(job.id, findings)
    if not invocation.common.quiet:
        say_omitted(submission.items)
    if options.ahead:
        older = "what older jobs still send of the same overwrites it"
        say_warning(f"job {job.id} goes ahead of all others; {older}")
    if not invocation.common.quiet:
        _announce(job, started_at, submission.rejects)
    return job


def _announce(job: BatchJob, started_at: datetime, rejects: Rejects | None) -> None:
    status = job.status
    what = f"{count(status.counts.total, 'item')} for {clean(status.account, 40)}"
    if len(status.tickets) > 1:
        what += f", in {len(status.tickets)} tickets"
    age_s = (started_at - status.created_at).total_seconds()
    if age_s > 0:
        what += f"; joined by its key, submitted {duration(age_s)} ago"
    if rejects is not None and rejects.count:
        what += f"; {count(rejects.count, 'row')} set aside"
    say(f"job {job.id}: {what}")


def _say_set_aside(
    invocation: Invocation, submission: Submission, command: str, code: ExitCode
) -> ExitCode:
    """Write which rows were not sent and how to send them; return the exit code with them."""
    rejects, items = submission.rejects, submission.items
    if rejects is None:
        return code
    if not rejects.count:
        if rejects.exists:
            say(f"no row was set aside; {rejects.name} is of an earlier run")
        return code
    options, reading = submission.options, submission.reading
    line = write_next(command, options, reading, invocation.common, items)
    aside = f"{count(rejects.count, 'row')} set aside in {rejects.name}"
    say(f"{aside}; correct {'it' if rejects.count == 1 else 'them'}, then: {line}")
    return worst([code, ExitCode.UNSUCCESSFUL])


async def _look(job: BatchJob) -> Ending:
    """Return the status of a job without waiting; lost contact is an error."""
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


async def finish(
    invocation: Invocation, job: BatchJob, ending: Ending, output: Output | None = None
) -> ExitCode:
    """Write the results of a job that has ended, and show how it ended or why it did not."""
    common, failure, results_in = invocation.common, ending.error, None
    if failure is None:
        invocation.job_id = None  # there is nothing left to resume
        invocation.ended = ending.code
        if output is not None and job.status.state.is_terminal:
            try:
                await output.write(job)
                results_in = output.name
            except (OutputError, UsageError) as error:  # such as an input that was not kept
                failure = error
        await show_closing(
            job, common, invocation.said, results_in=results_in, later=invocation.later
        )
    if failure is not None:
        invocation.report(failure)
    if common.json:
        write_json(ending.status)
    return ending.code if failure is None else invocation.code_of(failure)
