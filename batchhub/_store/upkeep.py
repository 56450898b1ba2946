"""Forgetting old jobs, so that a store that is used every day does not grow for ever."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .codec import to_text
from .database import Work
from .tables import items, jobs, results, tickets


def old_jobs(before: datetime) -> Work[list[int]]:
    """Find the numbers of the jobs that ended before a moment."""

    async def work(connection: AsyncConnection) -> list[int]:
        query = select(jobs.c.job_no).where(jobs.c.ended_at < to_text(before))
        return list((await connection.execute(query.order_by(jobs.c.job_no))).scalars())

    return work


def forget(job_no: int) -> Work[int]:
    """Delete a job with all that belongs to it; gives the number of its items."""

    async def work(connection: AsyncConnection) -> int:
        forgotten = 0
        for table in (results, items, tickets, jobs):
            done = await connection.execute(delete(table).where(table.c.job_no == job_no))
            if table is items:
                forgotten = done.rowcount
        return forgotten

    return work
