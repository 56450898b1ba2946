"""The rows of jobs that are being loaded or deleted, as they are asked for in a transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from attrs import field, frozen
from sqlalchemy import Connection, bindparam, select

from batchhub.models import BatchStatus

from .codec import from_text, read_job
from .job_rows import check_key
from .records import JobRecord
from .statements import Row, Statement
from .tables import jobs

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_BY_KEY: Final = Statement(
    select(jobs).where(jobs.c.lane == bindparam("lane"), jobs.c.key == bindparam("key"))
)
_RETRY_OF: Final = Statement(
    select(jobs).where(
        jobs.c.retry_of == bindparam("retry_of"), jobs.c.place.is_(None), jobs.c.ended_at.is_(None)
    )
)
_LOADS: Final = Statement(
    select(jobs.c.job_id, jobs.c.loaded_by, jobs.c.updated_at).where(
        jobs.c.loaded_by.is_not(None), jobs.c.place.is_(None)
    )
)


@frozen(kw_only=True)
class LoadInfo:
    """
    A job that a process is loading or deleting.

    Attributes:
        job_id: The job.
        process: The token of the process.
        seen_at: When it last wrote to the job.
    """

    job_id: str
    process: str
    seen_at: datetime


@frozen(kw_only=True)
class Added:
    """
    What came of adding a job.

    Attributes:
        job: The job, or the one that has its key.
        is_new: Whether it is the one that was given.
        status: What is known of a new job that is whole; `None` where it is to be read.
        blocked_by: The load that has the same key, or repeats the same job, and has to come to
            its end first; nothing was added then.
    """

    job: JobRecord
    is_new: bool = True
    status: BatchStatus | None = None
    blocked_by: LoadInfo | None = field(default=None)


def find_loads(connection: Connection) -> list[LoadInfo]:
    """Return all jobs that are being loaded or deleted."""
    return [_info(row) for row in _LOADS.rows(connection)]


def find_retry(connection: Connection, job_id: str) -> LoadInfo | None:
    """Return the load that repeats items of a job, or that is deleted again; or `None`."""
    row = _RETRY_OF.first(connection, {"retry_of": job_id})
    return None if row is None else _info(row)


def find_other(connection: Connection, job: JobRecord) -> Added | None:
    """Find the job with the same key, or the load that a job has to wait for."""
    if job.key is not None:
        row = _BY_KEY.first(connection, {"lane": job.lane, "key": job.key})
        if row is not None and row["place"] is None:
            return Added(job=job, is_new=False, blocked_by=_info(row))
        if row is not None:
            old = read_job(row)
            check_fingerprint(job, old)
            return Added(job=old, is_new=False)
    if job.retry_of is not None:
        load = find_retry(connection, job.retry_of)
        if load is not None:
            return Added(job=job, is_new=False, blocked_by=load)
    return None


def check_fingerprint(job: JobRecord, old: JobRecord) -> None:
    """
    Check that a job with the same key is the same.

    Raises:
        KeyConflictError: It is another one. Without a fingerprint nobody knows yet.
    """
    if job.fingerprint:
        check_key(old, job.fingerprint)


def _info(row: Row) -> LoadInfo:
    try:
        seen_at = from_text(row["updated_at"])
    except (ValueError, TypeError):
        seen_at = None  # damaged: nobody sees the job, and it can be deleted all the same
    return LoadInfo(
        job_id=row["job_id"], process=row["loaded_by"] or "", seen_at=seen_at or _LONG_AGO
    )
