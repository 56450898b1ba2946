"""What is said where nothing is recorded of a job."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from batchhub._base.show import duration
from batchhub.models import BatchStatus

from .writer import KEPT


def explain_none(
    status: BatchStatus, path: Path | None, now: datetime, *, is_elsewhere: bool = False
) -> str:
    """
    Return in a sentence why no exchange of a job is in the record.

    Args:
        status: The job's status, with its tickets.
        path: Where the record would be; `None` for a store in memory.
        now: The current time.
        is_elsewhere: Whether the store is on PostgreSQL, and each machine has a record of its own.
    """
    if path is None:
        return "no requests are recorded of a store in memory"
    if not any(ticket.attempted_at for ticket in status.tickets):
        return f"nothing of job {status.job_id} has been sent yet"
    updated_at = status.updated_at or status.created_at
    if now - updated_at > KEPT:
        ago = duration((now - updated_at).total_seconds())
        return (
            f"no requests of job {status.job_id} are recorded any more: they are kept for "
            f"{KEPT.days} days, and the last change to it was {ago} ago"
        )
    if is_elsewhere:
        return (
            f"no requests of job {status.job_id} are in {path}, the record of this machine: it was "
            "sent by another one, or by another user of this one, or longer than "
            f"{KEPT.days} days ago"
        )
    if path.exists():
        return (
            f"no requests of job {status.job_id} are in {path}: it was sent by a process on "
            f"another machine, or by an earlier version, or longer than {KEPT.days} days ago"
        )
    return (
        f"no requests of job {status.job_id} are recorded: there is no {path}; it was sent by a "
        "process on another machine, or by an earlier version, or the file could not be written"
    )
