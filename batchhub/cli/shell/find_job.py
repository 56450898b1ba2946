"""The job that a command is about: by its id, its key, `latest`, or the beginning of its id."""

from __future__ import annotations

from batchhub._base.show import clean
from batchhub.cli.screen.advice import command_line
from batchhub.cli.screen.console import say
from batchhub.errors import NotKnownError
from batchhub.hub import BatchHub, BatchJob

from .options import Common


async def find_job(common: Common, hub: BatchHub, name: str, *, is_shown: bool = False) -> BatchJob:
    """
    Find the job that the argument JOB names, and say which one it is unless that is its id.

    Args:
        common: The options.
        hub: A hub that reads.
        name: What was given.
        is_shown: Whether the command shows the id first of all.

    Raises:
        NotKnownError: No job has that name.
        UsageError: Several have it.
    """
    try:
        job = await hub.find_job(name)
    except NotKnownError as error:
        hint = f"{command_line(common, 'list')} shows the jobs of the store"
        why = f"{error.hint}; {hint}" if error.hint else hint
        raise NotKnownError("job", name, hint=why) from None
    if name != job.id and not (common.quiet or is_shown):
        say(f"{clean(name, 60)} is job {job.id} ({clean(job.status.account, 40)})")
    return job
