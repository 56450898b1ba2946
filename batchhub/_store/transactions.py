"""What is done in the thread of a connection, a whole transaction at a time."""

from __future__ import annotations

import sqlite3
import traceback
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from batchhub._base.failpoints import failpoint

T = TypeVar("T")
Work = Callable[[Connection], T]
"""What is done in one transaction, in the thread of its connection."""

Outcome = tuple[Any, Exception | None]
"""What a write returned, or why it failed."""


def read(connection: Connection, work: Work[T]) -> T:
    """Run work on one consistent view of the store."""
    try:
        _begin(connection, "BEGIN")
        return work(connection)
    except Exception as error:
        _end_queries(error)
        raise
    finally:
        connection.rollback()


def _end_queries(error: Exception) -> None:
    """
    End the queries that an error left half read.

    Its traceback keeps them, and SQLite stays at the moment at which the first of them began until
    the last one ends: whoever reads next would not see what was written since.
    """
    traceback.clear_frames(error.__traceback__)


def commit(connection: Connection, works: Sequence[Work[Any]]) -> list[Outcome]:
    """Run writes in one transaction; each fails alone, or all with the commit."""
    try:
        _begin(connection, "BEGIN IMMEDIATE")
        if len(works) == 1:
            outcomes: list[Outcome] = [(works[0](connection), None)]
        else:
            outcomes = [_write_one(connection, work) for work in works]
        failpoint("commit.begun")
        connection.commit()
        failpoint("commit.done")
    except Exception as error:  # handed to the callers
        _end_queries(error)
        _roll_back(connection)
        return [(None, error) for _ in works]
    return outcomes


def _begin(connection: Connection, how: str) -> None:
    # Past SQLAlchemy, for which this would be a statement like any other, at many times the cost.
    connection.connection.cursor().execute(how)
    connection.begin()  # for SQLAlchemy itself: SQLite hears nothing of it


def _roll_back(connection: Connection) -> None:
    connection.rollback()
    # After a commit that failed SQLAlchemy thinks that there is nothing to roll back any more;
    # SQLite may keep the transaction open, and with it what was not committed.
    raw = connection.connection.dbapi_connection
    if raw is not None and raw.in_transaction:
        raw.rollback()


def _write_one(connection: Connection, work: Work[Any]) -> Outcome:
    savepoint = connection.begin_nested()
    try:
        result = work(connection)
        savepoint.commit()
    except (OperationalError, sqlite3.OperationalError):
        # Full or broken: SQLite may have ended the transaction, savepoints and all, by
        # itself; so none of it is kept.
        raise
    except Exception as error:  # handed to its caller
        _end_queries(error)
        savepoint.rollback()
        return None, error
    return result, None


def data_version(connection: Connection) -> int:
    """Return a number that changes when another connection commits."""
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
