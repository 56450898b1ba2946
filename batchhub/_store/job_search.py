"""The jobs that somebody looks for: by account, state, time and label."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from batchhub.models import BatchState

from .codec import to_text
from .statements import Row
from .tables import LARGEST, jobs
from .ticket_rows import PAGE


def find_rows(
    connection: Connection,
    label: str | None,
    limit: int | None,
    before: int | None = None,
    **wanted: Any,
) -> Sequence[Row]:
    """
    Return the rows of jobs, oldest first; newest first if only some are wanted.

    Args:
        connection: Of a transaction.
        label: What is in their label, in any case of letters; `None` for any.
        limit: How many at most; `None` for all.
        before: The number that theirs must be below; `None` for any.
        wanted: What else `_select` takes.
    """
    is_page = before is not None or limit is not None
    query = _select(before=before, is_page=is_page, **wanted)
    if label is None:
        most = None if limit is None else min(limit, LARGEST)
        return connection.execute(query.limit(most)).mappings().all()
    numbers = find_labelled(connection, query, label.casefold(), limit)
    found: list[Row] = []
    for at in range(0, len(numbers), PAGE):
        page = query.where(jobs.c.job_no.in_(numbers[at : at + PAGE]))
        found += connection.execute(page).mappings()
    return found


def find_labelled(
    connection: Connection, query: Select[Any], text: str, limit: int | None
) -> list[int]:
    """
    Return the numbers of the jobs whose label has a text in it, in the order of the query.

    Args:
        connection: Of a transaction that reads.
        query: Finds the jobs.
        text: The text, case-folded.
        limit: How many jobs at most; `None` for all.
    """
    # Not by the database: SQLite knows upper and lower case of A to Z only.
    slim = query.with_only_columns(jobs.c.job_no, jobs.c.label).where(jobs.c.label.is_not(None))
    found: list[int] = []
    with closing(connection.execute(slim)) as rows:
        for job_no, label in rows:
            if isinstance(label, str) and text in label.casefold():
                found.append(job_no)
                if len(found) == limit:
                    break
    return found


def _select(
    *,
    account: str | None = None,
    states: Collection[BatchState] | None = None,
    since: datetime | None = None,
    before: int | None = None,
    is_page: bool = False,
) -> Select[Any]:
    """
    Select jobs, oldest first, or newest first.

    Args:
        account: The account they are of; `None` for any.
        states: The states they are in; `None` for any.
        since: When they were made, at the earliest.
        before: The number that theirs must be below; `None` for any.
        is_page: Whether newest first, for a page of them.
    """
    query = select(jobs).where(jobs.c.place.is_not(None))
    query = query.order_by(jobs.c.job_no.desc() if is_page else jobs.c.job_no)
    if account is not None:
        query = query.where(jobs.c.account == account)
    if since is not None:
        query = query.where(jobs.c.created_at >= to_text(since))
    if states is not None:
        query = query.where(jobs.c.state.in_([state.value for state in states]))
        if not any(state.is_terminal for state in states):
            query = query.where(jobs.c.ended_at.is_(None))  # as its index says it
    return query if before is None else query.where(jobs.c.job_no < before)
