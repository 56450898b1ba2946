"""How a user names a job: by its id, its key, the word ``latest``, or the beginning of its id."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, select

from .statements import Row, Statement
from .tables import jobs

LATEST: Final = "latest"
"""The word for the newest job, unless a job has it for its key."""

LEAST_PREFIX: Final = 4
"""Characters of the beginning of an id that name a job."""

MOST_LISTED: Final = 5
"""Jobs that are named where a name fits several."""


class NamedBy(StrEnum):
    """What of a job was named."""

    ID = "id"
    KEY = "key"
    LATEST = "latest"
    PREFIX = "prefix"


@frozen(kw_only=True)
class NamedJob:
    """A job that has a name."""

    job_id: str
    account: str
    lane: str


@frozen(kw_only=True)
class Named:
    """
    The jobs that a name stands for.

    Attributes:
        by: What of them it names.
        jobs: The newest of them, newest first; at most `MOST_LISTED`.
        total: How many there are; 0 if nothing has the name.
    """

    by: NamedBy
    jobs: Sequence[NamedJob] = ()
    total: int = 0


def _select(*wanted: ColumnElement[bool]) -> Select[Any]:
    """Select the jobs of a name, newest first, each with the number of them all."""
    return (
        select(jobs.c.job_id, jobs.c.account, jobs.c.lane, func.count().over().label("total"))
        .where(jobs.c.place.is_not(None), *wanted)
        .order_by(jobs.c.job_no.desc())
        .limit(MOST_LISTED)
    )


_LENGTH: Final = func.length(bindparam("name"))
_BY_ID: Final = Statement(_select(jobs.c.job_id == bindparam("name")))
_BY_KEY: Final = Statement(_select(jobs.c.key == bindparam("name")))
# Not LIKE: SQLite takes letters for the same in any case there, and % for any text.
_BY_PREFIX: Final = Statement(_select(func.substr(jobs.c.job_id, 1, _LENGTH) == bindparam("name")))
_NEWEST: Final = Statement(
    select(jobs.c.job_id, jobs.c.account, jobs.c.lane)
    .where(jobs.c.place.is_not(None))
    .order_by(jobs.c.job_no.desc())
    .limit(1)
)


def find_named(connection: Connection, name: str) -> Named:
    """
    Find the jobs that a name stands for: the first of these that finds any.

    An id, so that no key hides the job that has it; a key; the word for the newest job; and the
    beginning of an id.
    """
    for by, statement in ((NamedBy.ID, _BY_ID), (NamedBy.KEY, _BY_KEY)):
        if found := list(statement.rows(connection, {"name": name})):
            return _named(by, found, found[0]["total"])
    if name == LATEST:
        found = list(_NEWEST.rows(connection))
        return _named(NamedBy.LATEST, found, len(found))
    found = list(_BY_PREFIX.rows(connection, {"name": name})) if name else []
    return _named(NamedBy.PREFIX, found, found[0]["total"] if found else 0)


def _named(by: NamedBy, found: Sequence[Row], total: int) -> Named:
    return Named(
        by=by,
        jobs=[
            NamedJob(job_id=row["job_id"], account=row["account"], lane=row["lane"])
            for row in found
        ],
        total=total,
    )
