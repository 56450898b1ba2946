"""Transactions on SQLite, in the thread of their connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from batchhub._base.failpoints import failpoint

from .damage import load_json
from .worker import Worker
from .works import Lanes, Outcome, Work, end_queries, run_works

T = TypeVar("T")

BUSY_TIMEOUT_S: Final = 10.0
"""Seconds a transaction waits for another process's."""

IMMUTABLE: Final = "immutable=1"
"""How SQLite is told that nobody writes to a file, not even its locks."""


class SqliteWorker(Worker):
    """
    A thread with a connection to a file, or to a database in memory.

    Args:
        path: The file; `None` for a database in memory.
        only: How to open a file that can't be written, as SQLite says it: ``mode=ro``, or
            ``immutable=1`` where not even its locks can be.
    """

    def __init__(self, path: Path | None, only: str | None = None) -> None:
        query = {} if only is None else {"uri": "true", **dict([only.split("=")])}
        name = ":memory:" if path is None else str(path)
        if only is not None and path is not None:
            name = f"file:{quote(name)}"
        engine = create_engine(
            URL.create("sqlite", database=name, query=query),
            connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
            json_deserializer=load_json,
            poolclass=NullPool,
        )
        super().__init__(engine, only)

    def read(self, work: Work[T]) -> asyncio.Future[T]:
        """Begin to run work on one consistent view of the store."""
        return self.start(_read, work)

    def commit(self, works: Sequence[Work[Any]], lanes: Lanes) -> asyncio.Future[list[Outcome]]:
        """
        Begin to run writes in one transaction; each fails alone, or all with the commit.

        There is one writer at a time, whichever lanes it is about.
        """
        del lanes
        return self.start(_commit, works)


def data_version(connection: Connection) -> int:
    """Return a number that changes when another connection commits."""
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


def _read(connection: Connection, work: Work[T]) -> T:
    try:
        _begin(connection, "BEGIN")
        return work(connection)
    except Exception as error:
        end_queries(error)
        raise
    finally:
        connection.rollback()


def _commit(connection: Connection, works: Sequence[Work[Any]]) -> list[Outcome]:
    try:
        _begin(connection, "BEGIN IMMEDIATE")
        outcomes = run_works(connection, works, ends_all=_ends_all)
        failpoint("commit.begun")
        connection.commit()
        failpoint("commit.done")
    except Exception as error:  # handed to the callers
        end_queries(error)
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


def _ends_all(error: Exception) -> bool:
    # Full or broken: SQLite may have ended the transaction, savepoints and all, by itself; so none
    # of it is kept.
    return isinstance(error, OperationalError | sqlite3.OperationalError)
