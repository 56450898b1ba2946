"""What to do next: commands that can be pasted, for where a job stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from attrs import frozen

from .words import count

if TYPE_CHECKING:
    from batchhub.cli.shell.options import Common
    from batchhub.hub import BatchJob
    from batchhub.models import BatchStatus

Advice = tuple[str, str]
"""What for, and the command that does it."""


@frozen(kw_only=True)
class Repeated:
    """
    The jobs that repeat items of one.

    Attributes:
        failed: That of what failed or was not executed.
        unknown: That of what nobody can tell of.
    """

    failed: str | None = None
    unknown: str | None = None


NOT_REPEATED: Final = Repeated()


async def find_repeated(job: BatchJob) -> Repeated:
    """Look which jobs repeat items of one."""
    counts = job.status.counts
    return Repeated(
        failed=await job.find_retry() if counts.failed + counts.not_executed else None,
        unknown=await job.find_retry(unknown=True) if counts.unknown else None,
    )


def command_line(common: Common, *words: str) -> str:
    """Write a command as a shell reads it, with the store and settings this one was given."""
    line = ["batchhub", *words]
    if common.config is not None:
        line += ["--config", str(common.config)]
    if common.store is not None:
        line += ["--store", common.store]
    return shlex.join(line)


def advise(
    status: BatchStatus,
    common: Common,
    *,
    has_results: bool = False,
    may_drive: bool = True,
    repeated: Repeated = NOT_REPEATED,
) -> Iterator[Advice]:
    """
    Yield what may be done with a job next.

    Args:
        status: Where it stands.
        common: The options this command was given.
        has_results: Whether the user has its results already.
        may_drive: Whether its account is still there to send anything to.
        repeated: The jobs that repeat its items already.
    """
    job, counts = status.job_id, status.counts
    if status.is_held:
        if may_drive:
            yield from _decide(status, common)
        return
    if not status.state.is_terminal:
        if may_drive:
            yield "go on", command_line(common, "resume")
        return
    if not has_results:
        yield "all results", command_line(common, "results", job, "--out", "results.jsonl")
    bad = [s for s in ("failed", "not_executed", "unknown") if getattr(counts, s)]
    if bad and counts.succeeded:
        only = ",".join(bad)
        yield "what did not succeed", command_line(common, "results", job, "--only", only)
    if not may_drive:
        return
    repeatable = counts.failed + counts.not_executed
    for times, by in ((repeatable, repeated.failed), (counts.unknown, repeated.unknown)):
        if times and by is not None:
            yield f"{count(times, 'item')} repeated", command_line(common, "status", by)
    if repeatable and repeated.failed is None:
        yield f"repeat {count(repeatable, 'item')}", command_line(common, "retry", job)
    if counts.unknown and repeated.unknown is None:
        yield (
            "repeat the unknown too, perhaps twice",
            command_line(common, "retry", job, "--unknown"),
        )


def _decide(status: BatchStatus, common: Common) -> Iterator[Advice]:
    job = status.job_id
    yield "send again, perhaps twice", command_line(common, "retry", job, "--unknown")
    yield "give it up", command_line(common, "cancel", job)
    yield "results so far", command_line(common, "results", job)


def write_advice(advice: Iterator[Advice]) -> Iterator[str]:
    """Write advice as lines, the commands below one another."""
    found = list(advice)
    width = max((len(what) for what, _ in found), default=0)
    for what, command in found:
        yield f"  {what:{width}}  {command}"
