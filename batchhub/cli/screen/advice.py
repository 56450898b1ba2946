"""What to do next: commands to paste, depending on a job's status."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from attrs import frozen

from batchhub._base.show import count

if TYPE_CHECKING:
    from batchhub.cli.shell.options import Common
    from batchhub.hub import BatchJob
    from batchhub.models import BatchStatus, FailureGroup

_OUT: Final = "results.jsonl"

Advice = tuple[str, str]
"""A purpose, and the command for it."""


@frozen(kw_only=True)
class Retries:
    """
    The jobs that retry items of another, and the one whose items it retries itself.

    Attributes:
        failed: The id of the job that retries what failed or was not executed.
        unknown: The id of the job that retries the items with unknown outcome.
        original: The id of the job whose items it retries.
    """

    failed: str | None = None
    unknown: str | None = None
    original: str | None = None


NO_RETRIES: Final = Retries()


async def find_retries(job: BatchJob) -> Retries:
    """Find the jobs that retry items of a job, and the one it retries."""
    counts, original = job.status.counts, await job.find_original()
    return Retries(
        original=None if original is None else original.id,
        failed=await job.find_retry() if counts.failed + counts.not_executed else None,
        unknown=await job.find_retry(unknown=True) if counts.unknown else None,
    )


def command_line(common: Common, *words: str) -> str:
    """Return a command to paste into a shell, with this one's --config and --store."""
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
    later: Sequence[str] = (),
    retries: Retries = NO_RETRIES,
    failures: Sequence[FailureGroup] | None = None,
) -> Iterator[Advice]:
    """
    Yield what can be done with a job next.

    Args:
        status: Its status.
        common: The options of this command.
        has_results: Whether its results were written already.
        later: The options of `results` that write them, if a file for them was named.
        retries: The jobs that retry its items already, and the one it retries.
        failures: Why its items did not succeed; `None` if nobody looked.
    """
    job, counts = status.job_id, status.counts
    if status.is_held:
        yield from _decide(status, common)
        return
    if not status.state.is_terminal:
        yield "continue", command_line(common, "resume")
        return
    if not has_results:
        is_retried = retries.failed is not None or retries.unknown is not None
        newest = ["--with-retries"] if is_retried else []
        command = command_line(common, "results", job, *newest, *(later or ("--out", _OUT)))
        yield "all results", command
    if retries.original is not None:
        both = command_line(common, "results", retries.original, "--with-retries", "--out", _OUT)
        yield "results of both jobs", both
    bad = [s for s in ("failed", "not_executed", "unknown") if getattr(counts, s)]
    if bad and counts.succeeded:
        only = ",".join(bad)
        yield "what did not succeed", command_line(common, "results", job, "--only", only)
    repeatable, wrong = _sort(status, retries, failures)
    taken = counts.failed + counts.not_executed - repeatable - sum(wrong.values())
    for times, by in ((taken, retries.failed), (counts.unknown, retries.unknown)):
        if times and by is not None:
            yield f"{count(times, 'item')} retried", command_line(common, "status", by)
    if repeatable:
        yield f"retry {count(repeatable, 'item')}", command_line(common, "retry", job)
    if wrong:
        codes = ",".join(map(str, sorted(wrong)))
        command = command_line(common, "results", job, "--only", "failed", "--code", codes)
        yield f"{count(sum(wrong.values()), 'item')} to correct first", command
    if counts.unknown and retries.unknown is None:
        yield (
            "retry unknown items; they may run twice",
            command_line(common, "retry", job, "--unknown"),
        )


def _sort(
    status: BatchStatus, retries: Retries, failures: Sequence[FailureGroup] | None
) -> tuple[int, Counter[int]]:
    """Return how many items `retry` takes, and how many with which code it leaves out."""
    if failures is None:
        known = retries.failed is not None
        return 0 if known else status.counts.failed + status.counts.not_executed, Counter()
    repeatable, wrong = 0, Counter[int]()
    for group in failures:
        if group.state.value == "unknown":
            continue
        if group.fails_again and group.code is not None and group.open:
            wrong[group.code] += group.open
        else:
            repeatable += group.open
    return repeatable, wrong


def _decide(status: BatchStatus, common: Common) -> Iterator[Advice]:
    job, older = status.job_id, status.held_by
    if older is not None:
        retry_older = command_line(common, "retry", older, "--unknown")
        yield f"send job {older} again; may run twice", retry_older
        yield "give that job up", command_line(common, "cancel", older)
        yield "give this one up", command_line(common, "cancel", job)
        return
    yield "found at the vendor", command_line(common, "adopt", job, "--ref", "ID")
    yield "send again; may run twice", command_line(common, "retry", job, "--unknown")
    yield "give up", command_line(common, "cancel", job)
    yield "results so far", command_line(common, "results", job)


def write_advice(advice: Iterator[Advice]) -> Iterator[str]:
    """Yield advice as lines, with the commands aligned."""
    found = list(advice)
    width = max((len(what) for what, _ in found), default=0)
    for what, command in found:
        yield f"  {what:{width}}  {command}"
