"""
The room that deleted rows leave in the file, given back to the disk a little at a time.

A store that this version made keeps track of its free pages (``auto_vacuum``), so that some of them
can be cut off in a short transaction. One of an earlier version is written anew, once, which others
wait for; from then on it is like a new one.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

CHUNK_PAGES: Final = 256
"""How many pages are given back in one transaction: a megabyte, in some 10 ms."""

_INCREMENTAL: Final = 2


def keep_track(connection: Connection) -> None:
    """Have a new file keep track of its free pages; before anything else is written to it."""
    connection.exec_driver_sql(f"PRAGMA auto_vacuum = {_INCREMENTAL}")


def give_back_some(connection: Connection) -> bool:
    """Give some free pages back; return whether there are more."""
    try:
        if not _read(connection, "freelist_count"):
            return _finish(connection)
        if _read(connection, "auto_vacuum") != _INCREMENTAL:
            keep_track(connection)
            connection.rollback()
            connection.exec_driver_sql("VACUUM")
            return _finish(connection)
        connection.rollback()
        raw = connection.connection.dbapi_connection
        assert raw is not None  # noqa: S101  # it is open
        # Not `execute`: the module goes one step of such a statement, which is one page.
        raw.executescript(f"PRAGMA incremental_vacuum({CHUNK_PAGES})")
        return True
    finally:
        connection.rollback()


def _finish(connection: Connection) -> bool:
    """Cut the file, and the log; others that read just now may keep it from that, without harm."""
    connection.rollback()
    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return False


def _read(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
