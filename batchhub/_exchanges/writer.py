"""What is written into a record, and what is deleted from it, a small step at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import evolve

from batchhub._http.journal import Body, Noted

from .file import transaction
from .keep import keep_bodies

KEPT: Final = timedelta(days=7)
"""How long an exchange is kept."""

MOST_BYTES: Final = 184 * 1024 * 1024
"""How large the record gets: with the log that SQLite writes first, less than 200 MB."""

_STEP: Final = 200
"""How many exchanges are deleted in one transaction."""

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Row = tuple[tuple[object, ...], Sequence[tuple[str, int]], tuple[bytes | None, bytes | None]]
"""A row of `exchanges`, the tickets it is about, and its bodies."""


def without_bodies(noted: Noted, why: str) -> Noted:
    """Return an exchange whose bodies are not kept, and which says why."""
    return evolve(noted, sent=_drop(noted.sent, why), received=_drop(noted.received, why))


def _drop(body: Body | None, why: str) -> Body | None:
    if body is None:
        return None
    data = f"<{body.size_bytes} bytes; not kept: {why}>".encode()
    return evolve(body, data=data, is_whole=True, content_type="text/plain")


def make_row(noted: Noted) -> Row:
    """Return what is written of an exchange; takes long if bodies are kept."""
    bodies: tuple[bytes | None, bytes | None] = None, None
    if noted.sent is not None or noted.received is not None:
        bodies = keep_bodies(noted.sent, noted.received, noted.secrets, noted.origin)
    head = (
        (noted.at - _START) // _MICROSECOND,
        *map(_to_text, (noted.account, noted.adapter, noted.verb, noted.method)),
        *map(_to_text, (noted.host, noted.path)),
        noted.status,
        noted.sent_bytes,
        noted.received_bytes,
        round(noted.duration_s * 1e6),
        _to_text(noted.message),
    )
    return head, noted.tickets, bodies


def write_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write exchanges in one transaction."""
    with transaction(connection):
        for head, tickets, bodies in rows:
            number = connection.execute(
                "INSERT INTO exchanges (at_us, account, adapter, verb, method, host, path, status, "
                "sent_bytes, received_bytes, duration_us, message) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                head,
            ).lastrowid
            connection.executemany(
                "INSERT OR IGNORE INTO concerned (job_id, number, ticket) VALUES (?, ?, ?)",
                [(job_id, number, ticket) for job_id, ticket in tickets],
            )
            if bodies != (None, None):
                connection.execute("INSERT INTO bodies VALUES (?, ?, ?)", (number, *bodies))


def delete_jobs(connection: sqlite3.Connection, job_ids: Iterable[str]) -> None:
    """Delete what was about jobs and nothing else, each job in a transaction of its own."""
    for job_id in job_ids:
        with transaction(connection):
            numbers = connection.execute(
                "DELETE FROM concerned WHERE job_id = ? RETURNING number", (job_id,)
            ).fetchall()
            _drop_unused(connection, dict.fromkeys(number for (number,) in numbers))
    give_back(connection)


def delete_old(connection: sqlite3.Connection, now: datetime, most_bytes: int = MOST_BYTES) -> bool:
    """
    Delete some of what is too old, or more than may be kept; the oldest first.

    Returns:
        Whether some was deleted, so that there may be more.
    """
    before_us = (now - KEPT - _START) // _MICROSECOND
    oldest = connection.execute(
        "SELECT number, at_us FROM exchanges ORDER BY at_us LIMIT ?", (_STEP,)
    ).fetchall()
    gone = [number for number, at_us in oldest if at_us < before_us]
    if not gone and _used_bytes(connection) > most_bytes:
        gone = [number for number, _ in oldest]
    if gone:
        with transaction(connection):
            _delete(connection, "concerned", gone)
            _delete(connection, "exchanges", gone)
            _delete(connection, "bodies", gone)
    give_back(connection)
    return bool(gone)


def give_back(connection: sqlite3.Connection) -> None:
    """Give free pages back to the disk, some at a time."""
    if _get(connection, "freelist_count"):
        connection.execute(f"PRAGMA incremental_vacuum({_STEP * 4})").fetchall()


def _drop_unused(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Delete those of some exchanges that are about no job any more."""
    unused = [
        number
        for number in numbers
        if connection.execute(
            "SELECT 1 FROM concerned WHERE number = ? LIMIT 1", (number,)
        ).fetchone()
        is None
    ]
    _delete(connection, "exchanges", unused)
    _delete(connection, "bodies", unused)


def _delete(connection: sqlite3.Connection, table: str, numbers: Iterable[int]) -> None:
    statement = f"DELETE FROM {table} WHERE number = ?"  # noqa: S608  # one of ours
    connection.executemany(statement, [(number,) for number in numbers])


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = _get(connection, "page_count") - _get(connection, "freelist_count")
    return pages * _get(connection, "page_size")


def _get(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _to_text(text: str) -> str:
    """Return a text as SQLite takes it: without halves of characters."""
    return text.encode("utf-8", "replace").decode()
