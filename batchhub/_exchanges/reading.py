"""Reading a record of exchanges."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from batchhub.errors import StoreError
from batchhub.models import Exchange

from .file import is_empty, open_to_read
from .keep import unpack
from .where import find_record

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEADS: Final = """
SELECT exchanges.*, {tickets} AS tickets, {ticket} AS ticket, {job} AS job_id,
    bodies.number IS NOT NULL AS has_bodies, {bodies}
FROM exchanges {joins} LEFT JOIN bodies ON bodies.number = exchanges.number
WHERE {where}
GROUP BY exchanges.number
ORDER BY exchanges.number DESC
LIMIT :limit
"""


def read_exchanges(
    store: str | os.PathLike[str] | None,
    *,
    job_id: str | None = None,
    ticket: int | None = None,
    limit: int | None = 100,
    before: int | None = None,
    bodies: bool = False,
) -> list[Exchange]:
    """Return what is recorded of the exchanges of a store, named by its path or URL."""
    return read_record(
        find_record(store),
        job_id=job_id,
        ticket=ticket,
        limit=limit,
        before=before,
        bodies=bodies,
    )


def read_record(
    path: Path | None,
    *,
    job_id: str | None = None,
    ticket: int | None = None,
    limit: int | None = 100,
    before: int | None = None,
    bodies: bool = False,
) -> list[Exchange]:
    """
    Return what is recorded of the exchanges with vendors, oldest first.

    Args:
        path: The file of the record; `None` without one, as of a store in memory.
        job_id: Only what was about this job.
        ticket: Only what was about this ticket of it.
        limit: How many at most, the newest ones; `None` for all.
        before: Only those with a lower `Exchange.number`: the page before.
        bodies: Whether to read their bodies, as far as they are kept.

    Returns:
        None if there is no record.

    Raises:
        StoreVersionError: The record was written by a newer batchhub.
        StoreError: It can't be read.
    """
    if path is None:
        return []
    try:
        if not path.exists():
            return []
        with closing(open_to_read(path)) as connection:
            if is_empty(connection):
                return []
            return _read(connection, job_id, ticket, limit, before, bodies=bodies)
    except (sqlite3.Error, OSError, ValueError) as error:
        raise StoreError(explain(error, path)) from error


def explain(error: BaseException, path: Path) -> str:
    """Return in one line why a record can't be used, and what to do."""
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    if "malformed" in text or "not a database" in text or "damaged" in text:
        return f"{path} is damaged ({text}); move it away, and a new one is made"
    return f"{path}: {text}"


def _read(
    connection: sqlite3.Connection,
    job_id: str | None,
    ticket: int | None,
    limit: int | None,
    before: int | None,
    *,
    bodies: bool,
) -> list[Exchange]:
    where, joins = ["TRUE"], ""
    if job_id is not None:
        joins = "JOIN concerned ON concerned.number = exchanges.number"
        where.append("concerned.job_id = :job_id")
        if ticket is not None:
            where.append("concerned.ticket = :ticket")
        if before is not None:
            where.append("concerned.number < :before")
    else:
        joins = "LEFT JOIN concerned ON concerned.number = exchanges.number"
        if before is not None:
            where.append("exchanges.number < :before")
    connection.row_factory = sqlite3.Row
    rows = connection.execute(
        _HEADS.format(
            tickets="COUNT(concerned.ticket)",
            ticket="MIN(concerned.ticket)",
            job="CASE WHEN MIN(concerned.job_id) = MAX(concerned.job_id) "
            "THEN MIN(concerned.job_id) END",
            bodies="bodies.sent, bodies.received" if bodies else "NULL AS sent, NULL AS received",
            joins=joins,
            where=" AND ".join(where),
        ),
        {
            "job_id": job_id,
            "ticket": ticket,
            "before": before,
            "limit": -1 if limit is None else limit,
        },
    )
    return [_make(row) for row in rows][::-1]


def _make(row: Any) -> Exchange:
    return Exchange(
        number=row["number"],
        at=_START + timedelta(microseconds=row["at_us"]),
        account=row["account"],
        adapter=row["adapter"],
        job_id=row["job_id"],
        ticket=row["ticket"] if row["tickets"] == 1 else None,
        tickets=row["tickets"],
        verb=row["verb"],
        method=row["method"],
        host=row["host"],
        path=row["path"],
        status=row["status"],
        sent_bytes=row["sent_bytes"],
        received_bytes=row["received_bytes"],
        duration_s=row["duration_us"] / 1e6,
        message=row["message"],
        has_bodies=bool(row["has_bodies"]),
        sent_body=unpack(row["sent"]),
        body=unpack(row["received"]),
    )
