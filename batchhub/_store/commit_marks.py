"""
What became of a commit during which the connection to PostgreSQL was lost.

Each writer has a row of its own, and each of its transactions that writes raises the number in it:
a transaction has been committed if and only if its number is there. The number that PostgreSQL has
for a transaction would not do: after a crash, and on a standby that has become the primary, one
that was given out and never reached the disk is given out again, to somebody else's.
"""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from sqlalchemy import Connection

_NOW: Final = "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
_ADD: Final = (
    f"INSERT INTO writers (token, commits, since) VALUES (%s, 0, {_NOW})"  # noqa: S608  # ours
    " ON CONFLICT (token) DO NOTHING"
)
# What processes that were killed have left. Nobody asks for so long what became of a commit.
_SWEEP: Final = (
    "DELETE FROM writers WHERE since"
    " < to_char(now() AT TIME ZONE 'UTC' - interval '7 days', 'YYYY-MM-DD')"
)
_REMOVE: Final = "DELETE FROM writers WHERE token = %s"
_RAISE: Final = (
    f"INSERT INTO writers (token, commits, since) SELECT %s, %s, {_NOW}"
    " WHERE pg_current_xact_id_if_assigned() IS NOT NULL"
    " ON CONFLICT (token) DO UPDATE SET commits = excluded.commits, since = excluded.since"
)
# The lock waits for the transaction that raises it, if the server has not given that up yet.
_FIND: Final = "SELECT commits FROM writers WHERE token = %s FOR UPDATE"


class CommitMark:
    """The row of one writer; each method is called in the thread of its connection."""

    def __init__(self) -> None:
        self._token = str(uuid4())
        self._number = 0

    def prepare(self, connection: Connection) -> None:
        """Have a row, in a transaction of its own; writes on a new connection begin with that."""
        connection.exec_driver_sql(_ADD, (self._token,))
        connection.exec_driver_sql(_SWEEP)
        connection.commit()

    def set(self, connection: Connection) -> int | None:
        """Mark the transaction that is open; returns its number, or `None` if it wrote nothing."""
        self._number += 1
        marked = connection.exec_driver_sql(_RAISE, (self._token, self._number))
        return self._number if marked.rowcount else None

    def is_there(self, connection: Connection, number: int) -> bool:
        """Whether the transaction of a number was committed, once it has come to its end."""
        try:
            found = connection.exec_driver_sql(_FIND, (self._token,)).scalar()
            return found is not None and int(found) >= number
        finally:
            connection.rollback()

    def remove(self, connection: Connection) -> None:
        """Leave nothing behind."""
        connection.exec_driver_sql(_REMOVE, (self._token,))
        connection.commit()
