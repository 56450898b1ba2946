"""`retry`: a new job of the items that did not succeed, where a repetition may help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import fields

from batchhub._base.show import count
from batchhub.cli.screen.advice import advise, write_advice
from batchhub.cli.screen.console import say, say_error
from batchhub.cli.screen.failures import codes_text
from batchhub.cli.screen.progress import make_display
from batchhub.cli.shell.exits import ExitCode
from batchhub.cli.shell.filters import parse_codes
from batchhub.cli.shell.find_job import find_job
from batchhub.cli.shell.follow import follow
from batchhub.cli.shell.invocation import Invocation
from batchhub.cli.shell.job_options import OutputOptions
from batchhub.cli.shell.on_complete import running_command
from batchhub.cli.shell.open import open_owner, open_reader, own_files
from batchhub.cli.shell.options import FollowOptions, RetryOptions
from batchhub.cli.shell.parameters import names_of
from batchhub.errors import UsageError
from batchhub.hub import BatchJob
from batchhub.models import FailureGroup, ItemState
from batchhub.models.failures import FAILS_AGAIN

from .results import get_adapter
from .run import finish, make_output, send_now

_LATER: Final = "a later item of the job"
_MOST_JOBS: Final = 5


async def retry_job(
    invocation: Invocation,
    options: RetryOptions,
    writing: OutputOptions,
    following: FollowOptions,
) -> ExitCode:
    """Make a new job of the items that did not succeed, and send what can be sent now."""
    common = invocation.common
    codes = parse_codes(options.code or ())
    if codes and options.any_code:
        raise UsageError("--code names the codes to retry; omit --any-code")
    output = make_output(writing)
    waits = options.wait or output is not None
    if not waits:
        _refuse_following(following)
    async with open_reader(common, options.job) as reader:
        old = await find_job(common, reader, options.job)
        status = old.status
    if output is not None:
        output.spare(own_files(common))
        if output.needs_adapter:
            output.fit(get_adapter(status))
    if status.is_held and not options.unknown:
        say_error(f"job {old.id} is held: the vendor may or may not have it; decide first")
        for line in write_advice(advise(status, common)):
            say(line)
        return ExitCode.USAGE
    invocation.may_have_sent = True
    async with open_owner(common, old) as hub:
        job = await hub.job(old.id)
        before = await job.find_retries()
        if output is not None:
            await output.spare_input(job)
            await output.check(hub, before)
        new = await _retry(job, options, codes)
        invocation.job_id, invocation.later = new.id, writing.later
        if not common.quiet:
            await _say_new(invocation, job, new, before, await _find_left_out(job, options, codes))
        if not waits:
            return await send_now(invocation, new)
        reported: list[str] = []
        async with running_command(hub, following, reported):
            with make_display(common, [new], invocation.said) as display:
                ending = await follow(new, following, display.show)
            code = await finish(invocation, new, ending, output)
            reported.append(new.id)
        return code


async def _retry(job: BatchJob, options: RetryOptions, codes: Sequence[int]) -> BatchJob:
    """Make the new job; an error names the options by their names here."""
    try:
        return await job.retry(
            unknown=options.unknown,
            superseded=options.superseded,
            code=codes or None,
            but_code=() if codes or options.any_code else FAILS_AGAIN,
        )
    except UsageError as error:
        if type(error) is not UsageError:
            raise
        left_out = await _find_left_out(job, options, codes)
        if left_out and " would overwrite " not in str(error):
            head = f"job {job.id} has no items to retry"
            raise UsageError(f"{head}: {_left_out_text(left_out)}") from None
        text = str(error).replace("with superseded", "with --superseded")
        raise UsageError(text.replace("with unknown", "with --unknown")) from None


async def _say_new(
    invocation: Invocation,
    old: BatchJob,
    new: BatchJob,
    before: Sequence[BatchJob],
    left_out: Sequence[FailureGroup],
) -> None:
    """Write what the new job has, and what it has not; `before` are the retries there were."""
    verb = "already retries" if new.id in {job.id for job in before} else "retries"
    say(f"job {new.id} {verb} {count(new.status.counts.total, 'item')} of job {old.id}")
    earlier = [job for job in before if job.id != new.id]
    if earlier:
        shown = [f"{job.id} ({count(job.status.counts.total, 'item')})" for job in earlier]
        more = f" and {len(shown) - _MOST_JOBS} more" if len(shown) > _MOST_JOBS else ""
        say(f"other items are in other retries: {', '.join(shown[-_MOST_JOBS:])}{more}")
    if left_out:
        say(_left_out_text(left_out))
    for finding in new.status.findings:
        if finding.code == "superseded":
            by = [_LATER if job_id == old.id else job_id for job_id in finding.examples]
            newer = f"{', '.join(by)} changed the same since"
            say(f"{count(finding.count, 'item')} left out: {newer} (--superseded)")
            invocation.said.note(new.id, [finding])


async def _find_left_out(
    old: BatchJob, options: RetryOptions, codes: Sequence[int]
) -> list[FailureGroup]:
    """Return the groups of items that are left out because of their codes."""
    if codes or options.any_code:
        return []
    states = {ItemState.FAILED, ItemState.NOT_EXECUTED}
    states |= {ItemState.UNKNOWN} if options.unknown else set()
    found = await old.failures()
    return [group for group in found if group.fails_again and group.open and group.state in states]


def _left_out_text(groups: Sequence[FailureGroup]) -> str:
    times = sum(group.open for group in groups)
    whose, them = ("its", "it") if times == 1 else ("their", "them")
    why = f"{whose} code says that the same again fails the same ({codes_text(groups)})"
    return f"{count(times, 'item')} left out: {why}; --any-code takes {them}"


def _refuse_following(following: FollowOptions) -> None:
    """Refuse an option that only counts for who waits."""
    for each in fields(FollowOptions):
        if getattr(following, each.name) != each.default:
            raise UsageError(f"{names_of(each)[0]} needs --wait")
