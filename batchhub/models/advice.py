"""What to do next with a job: commands, each as its words, and what they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from batchhub._base.show import count

from .failures import FailureGroup
from .health import Problem
from .status import BatchStatus

_OUT: Final = "results.jsonl"

Step = tuple[str, tuple[str, ...]]
"""A purpose, and the words of the command for it, without the first one, which is batchhub."""


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


def next_steps(
    status: BatchStatus,
    *,
    has_results: bool = False,
    later: Sequence[str] = (),
    retries: Retries = NO_RETRIES,
    failures: Sequence[FailureGroup] | None = None,
    driver: str | None = None,
    needs_worker: bool = False,
) -> Iterator[Step]:
    """
    Yield what can be done with a job next.

    Args:
        status: Its status.
        has_results: Whether its results were written already.
        later: The options of `results` that write them, if a file for them was named.
        retries: The jobs that retry its items already, and the one it retries.
        failures: Why its items did not succeed; `None` if nobody looked.
        driver: Another process that goes on with it, so that nobody has to continue it.
        needs_worker: Whether only a worker can continue it.
    """
    job, counts = status.job_id, status.counts
    if status.is_held:
        yield from _decide(status)
        return
    if not status.state.is_terminal:
        yield _continue(job, driver, needs_worker=needs_worker)
        return
    if not has_results:
        is_retried = retries.failed is not None or retries.unknown is not None
        newest = ["--with-retries"] if is_retried else []
        command = _words("results", job, *newest, *(later or ("--out", _OUT)))
        yield "all results", command
    if retries.original is not None:
        both = _words("results", retries.original, "--with-retries", "--out", _OUT)
        yield "results of both jobs", both
    bad = [s for s in ("failed", "not_executed", "unknown") if getattr(counts, s)]
    if bad and counts.succeeded:
        only = ",".join(bad)
        yield "what did not succeed", _words("results", job, "--only", only)
    repeatable, wrong = _sort(status, retries, failures)
    taken = counts.failed + counts.not_executed - repeatable - sum(wrong.values())
    for times, by in ((taken, retries.failed), (counts.unknown, retries.unknown)):
        if times and by is not None:
            yield f"{count(times, 'item')} retried", _words("status", by)
    if repeatable:
        yield f"retry {count(repeatable, 'item')}", _words("retry", job)
    if wrong:
        codes = ",".join(map(str, sorted(wrong)))
        command = _words("results", job, "--only", "failed", "--code", codes)
        yield f"{count(sum(wrong.values()), 'item')} to correct first", command
    if counts.unknown and retries.unknown is None:
        yield (
            "retry unknown items; they may run twice",
            _words("retry", job, "--unknown"),
        )


def _continue(job: str, driver: str | None, *, needs_worker: bool) -> Step:
    if driver is not None:
        return f"{driver} goes on with it; follow it", _words("watch", job)
    if needs_worker:
        return "goes on once a worker drives it", _words("worker")
    return "continue", _words("resume")


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


def _decide(status: BatchStatus) -> Iterator[Step]:
    job, older = status.job_id, status.held_by
    if older is not None:
        retry_older = _words("retry", older, "--unknown")
        yield f"send job {older} again; may run twice", retry_older
        yield "give that job up", _words("cancel", older)
        yield "give this one up", _words("cancel", job)
        return
    yield "found at the vendor", _words("adopt", job, "--ref", "ID")
    yield "send again; may run twice", _words("retry", job, "--unknown")
    yield "give up", _words("cancel", job)
    yield "results so far", _words("results", job)


def problem_command(problem: Problem, *, needs_worker: bool = False) -> tuple[str, ...] | None:
    """
    Return the words of the command that helps with a job in trouble; `None` if none does.

    Args:
        problem: The trouble.
        needs_worker: Whether only a worker can continue the job.
    """
    match problem.code:
        case "held":
            return "status", problem.job_id
        case "unattended" | "paused":
            return None if needs_worker else ("resume",)
        case "overdue" | "stalled":
            return "cancel", problem.job_id
        case "unreachable" | "stale":
            return "check", problem.account
    return None


def _words(*words: str) -> tuple[str, ...]:
    return words
