"""The one job that a name stands for; what names none or several is refused, and says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from batchhub._base.show import number
from batchhub._store import Store
from batchhub._store.job_names import LATEST, LEAST_PREFIX, Named, NamedBy
from batchhub.errors import NotKnownError, UsageError


async def find_job_id(store: Store, name: str) -> str:
    """
    Return the id of the job with a name.

    Raises:
        NotKnownError: No job has it.
        UsageError: The name is empty, or several have it.
    """
    if name is not None and not isinstance(name, str):
        raise UsageError(f"the name of a job is text, not {type(name).__name__}")
    if not name:  # probably an unset shell variable, which must not stand for some job
        raise UsageError("the name of the job is empty")
    try:
        name.encode()
    except UnicodeEncodeError:  # bytes from a shell that are no text; no job is named so
        raise NotKnownError("job", name) from None
    named = await store.jobs.find_named(name)
    if named.by is NamedBy.PREFIX and len(name) < LEAST_PREFIX and named.total:
        raise NotKnownError("job", name, hint=f"give at least {LEAST_PREFIX} characters of its id")
    if not named.total:
        raise NotKnownError("job", name, hint="the store has no jobs" if name == LATEST else "")
    if named.total > 1:
        raise UsageError(_refuse(name, named))
    return named.jobs[0].job_id


def _refuse(name: str, named: Named) -> str:
    listed = ", ".join(_list(named))
    more = named.total - len(named.jobs)
    rest = f" and {number(more)} more" if more else ""
    if named.by is NamedBy.KEY:
        return f"{number(named.total)} jobs have the key {name!r}: {listed}{rest}; give the id"
    return f"{number(named.total)} ids begin with {name!r}: {listed}{rest}; give more of it"


def _list(named: Named) -> Iterator[str]:
    """Yield the jobs, each with its account; accounts of one name are told apart by their lane."""
    names = Counter(job.account for job in named.jobs)
    for job in named.jobs:
        lane = f", {job.lane}" if names[job.account] > 1 and named.by is NamedBy.KEY else ""
        yield f"{job.job_id} ({job.account}{lane})"
