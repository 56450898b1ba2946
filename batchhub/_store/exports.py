"""The files that results were written to, so that nobody's work in one is written over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, insert, inspect, select

from .codec import from_text, to_text
from .database import Database
from .statements import Row, Statement
from .tables import exports, jobs

_FIND: Final = Statement(select(exports).where(exports.c.path == bindparam("this_path")))
_DROP: Final = Statement(delete(exports).where(exports.c.path == bindparam("this_path")))
_ADD: Final = Statement(insert(exports))
_FIND_JOB: Final = Statement(
    select(jobs.c.job_no).where(jobs.c.job_id == bindparam("this_job"), jobs.c.place.is_not(None))
)


@frozen(kw_only=True)
class Export:
    """
    A file that results were written to.

    Attributes:
        path: Where, without links and relative parts.
        job_id: The job they are of.
        size: How many bytes there were.
        digest: Their SHA-256, in hex.
        written_at: When.
    """

    path: str
    job_id: str
    size: int
    digest: str
    written_at: datetime


class Exports:
    """
    What a store knows of files of results.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, path: str) -> Export | None:
        """Return what was last written to a path; `None` if nothing is known of it."""

        def work(connection: Connection) -> Export | None:
            # An older store that can only be read has no such table.
            if self._db.is_read_only and not inspect(connection).has_table(exports.name):
                return None
            row = _FIND.first(connection, {"this_path": path})
            return None if row is None else _read(row)

        return await self._db.read(work)

    async def save(self, path: str, job_id: str, size: int, digest: str, at: datetime) -> None:
        """Note what was written to a path; of a job that was deleted meanwhile nothing is noted."""

        def work(connection: Connection) -> None:
            _DROP.run(connection, {"this_path": path})
            if _FIND_JOB.first(connection, {"this_job": job_id}) is None:
                return
            facts: dict[str, Any] = {"job_id": job_id, "size": size, "digest": digest}
            _ADD.run(connection, {"path": path, **facts, "written_at": to_text(at)})

        await self._db.write(work)


def _read(row: Row) -> Export | None:
    """Return what a row says; `None` if it makes no sense: then it allows nothing."""
    try:
        at = from_text(row["written_at"])
        size = int(row["size"])
    except (TypeError, ValueError):
        return None
    if at is None:
        return None
    return Export(
        path=row["path"],
        job_id=str(row["job_id"]),
        size=size,
        digest=str(row["digest"]),
        written_at=at,
    )
