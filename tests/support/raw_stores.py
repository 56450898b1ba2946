"""The rows of a store, past all that batchhub does: to damage them, or to see them as they are."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Final

import psycopg
import pytest

from . import on_postgres

_IMPOSSIBLE: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.DatatypeMismatch)


def open_raw(path: str | os.PathLike[str], *, autocommit: bool = False) -> Any:
    """
    Open the database of a store; close it again.

    On PostgreSQL it is used as one of sqlite3's is, too: ``?`` is a value. What such a column
    can't have, nothing has to survive there: a test that wants it is skipped.
    """
    if on_postgres.IS_ON:
        url = on_postgres.find_url(path)
        return _Raw(psycopg.connect(url, autocommit=autocommit, options="-c search_path=batchhub"))
    if autocommit:
        return sqlite3.connect(path, isolation_level=None)
    return sqlite3.connect(path)


class _Raw:
    """A connection to PostgreSQL that is used as one of sqlite3's."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.commit = connection.commit
        self.close = connection.close

    def execute(self, sql: str, values: Iterable[Any] = ()) -> psycopg.Cursor[Any]:
        """Run a statement."""
        if sql.startswith(("PRAGMA", "EXPLAIN QUERY PLAN")):
            pytest.skip("asks SQLite about itself")
        text = sql.replace("%", "%%").replace("?", "%s")
        try:
            return self._connection.execute(text.encode(), tuple(values))
        except _IMPOSSIBLE as error:
            pytest.skip(f"PostgreSQL takes no such row: {error}")

    def executemany(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        """Run a statement for each row."""
        for row in rows:
            self.execute(sql, row)

    def __enter__(self) -> _Raw:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()
