"""A page of jobs, newest first, by what a list of jobs is filtered by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, Select, bindparam, exists, func, or_, select

from batchhub.models import BatchState, Outcome

from .codec import read_job, read_summary, to_text
from .damage import DamagedError
from .job_rows import StoredJob
from .job_search import find_labelled
from .records import make_status
from .statements import Row, Statement
from .tables import OPEN_FAILURE, jobs, lanes, results

_NEWEST_FIRST: Final = select(jobs).where(jobs.c.place.is_not(None)).order_by(jobs.c.job_no.desc())
_FAILING: Final = Statement(
    select(func.count().label("number")).select_from(
        select(jobs.c.job_no)
        # By lane, as the index of when jobs ended begins with it.
        .where(
            jobs.c.lane.in_(select(lanes.c.lane)),
            jobs.c.ended_at >= bindparam("since"),
            exists().where(results.c.job_no == jobs.c.job_no, OPEN_FAILURE),
        )
        .limit(bindparam("most"))
        .subquery()
    )
)


@frozen(kw_only=True)
class JobFilter:
    """
    Which jobs are wanted.

    Attributes:
        states: Jobs in one of these states …
        outcomes: … or that ended with one of these; if both are empty, any.
        account: The account they are of; `None` for any.
        label: A text that is in their label, in any case of letters; `None` for any.
        since: When they were submitted, at the earliest; `None` for any time.
    """

    states: Collection[BatchState] = ()
    outcomes: Collection[Outcome] = ()
    account: str | None = None
    label: str | None = None
    since: datetime | None = None


def jobs_page(
    connection: Connection, wanted: JobFilter, *, before: int | None, most: int
) -> list[StoredJob | DamagedError]:
    """
    Return jobs without their tickets, newest first; for one that can't be read, why.

    Args:
        connection: Of a transaction.
        wanted: Which.
        before: The number that theirs must be below, of a job that need not be there any more;
            `None` for any.
        most: How many at most.
    """
    query = _select(wanted)
    if before is not None:
        query = query.where(jobs.c.job_no < before)
    if wanted.label is None:
        rows: Sequence[Row] = connection.execute(query.limit(most)).mappings().all()
    else:
        numbers = find_labelled(connection, query, wanted.label.casefold(), most)
        these = _NEWEST_FIRST.where(jobs.c.job_no.in_(numbers))
        rows = connection.execute(these).mappings().all()
    return [_read(row) for row in rows]


def count_failing(connection: Connection, *, since: datetime, most: int) -> int:
    """
    Count the jobs that have ended lately and have failures that no retry repeats.

    Args:
        connection: Of a transaction.
        since: When they ended, at the earliest.
        most: Where to stop counting.
    """
    values = {"since": to_text(since), "most": most}
    return int(_FAILING.scalar(connection, values) or 0)


def _select(wanted: JobFilter) -> Select[Any]:
    query = _NEWEST_FIRST
    if wanted.states or wanted.outcomes:
        states = [state.value for state in wanted.states]
        outcomes = [outcome.value for outcome in wanted.outcomes]
        query = query.where(or_(jobs.c.state.in_(states), jobs.c.outcome.in_(outcomes)))
        if not outcomes and not any(state.is_terminal for state in wanted.states):
            query = query.where(jobs.c.ended_at.is_(None))  # as its index says it
    if wanted.account is not None:
        query = query.where(jobs.c.account == wanted.account)
    if wanted.since is not None:
        query = query.where(jobs.c.created_at >= to_text(wanted.since))
    return query


def _read(row: Row) -> StoredJob | DamagedError:
    try:
        job = read_job(row)
        return job, make_status(job, read_summary(row))
    except DamagedError as error:
        return error
