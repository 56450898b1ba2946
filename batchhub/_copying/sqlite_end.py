"""A SQLite store at one end of a copy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Table

from batchhub._base.show import count
from batchhub._base.store_place import StorePlace
from batchhub._store.explain import explain_error

from .columns import Limits, Row
from .ends import End, InUseError

_WAIT_S: Final = 2.0
"""Seconds for another process that is about to close the store."""

_PAUSE_S: Final = 0.05
_SECTION: Final = 2_000
_MOST_NAMED: Final = 5
_LOCKS: Final = Path("/proc/locks")


class SqliteEnd(End):
    """
    A file of SQLite's.

    It is held for certain: leaving the mode in which many may use it at once succeeds only while
    nobody else has it open, and nobody can open it after that.

    Args:
        place: Where the file is, of a store whose tables are up to date.
    """

    mark = "?"

    def __init__(self, place: StorePlace) -> None:
        assert place.path is not None, "it is no file"  # noqa: S101  # as its docstring says
        super().__init__(place)
        self._path = place.path
        self._connection: sqlite3.Connection | None = None

    def hold(self) -> None:
        """Take the file for this connection alone."""
        with self._explained():
            self._connection = sqlite3.connect(self._path, isolation_level=None)
        self.ask("PRAGMA busy_timeout = 200")
        self.ask("PRAGMA locking_mode = EXCLUSIVE")
        end_s = time.monotonic() + _WAIT_S
        while True:
            try:
                self._raw.execute("PRAGMA journal_mode = DELETE").fetchall()
                self._raw.execute("BEGIN EXCLUSIVE")
                self._raw.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise explain_error(error, self.name) from error
                if time.monotonic() > end_s:
                    raise self._in_use() from None
                time.sleep(_PAUSE_S)
            except sqlite3.Error as error:
                raise explain_error(error, self.name) from error
            else:
                return

    def _in_use(self) -> InUseError:
        """Return who else has the file open, as far as the system says so."""
        self.close()
        pids = _find_pids(self._path)
        who = "another process has it open"
        if pids:
            owners = self._find_owners()
            shown = [f"{pid}{owners.get(pid, '')}" for pid in pids[:_MOST_NAMED]]
            more = f" and {count(len(pids) - _MOST_NAMED, 'more')}" if pids[_MOST_NAMED:] else ""
            are_open = "have" if len(pids) > 1 else "has"
            noun = "processes" if len(pids) > 1 else "process"
            who = f"{noun} {', '.join(shown)}{more} {are_open} it open"
        return InUseError(
            f"store {self.name}: {who}; stop every worker, and every program that submits to it, "
            "then try again"
        )

    def _find_owners(self) -> dict[int, str]:
        """Return what processes drive, by their numbers."""
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(self._path)
            try:
                found = connection.execute(
                    "SELECT owner_pid, min(lane), count(*) FROM lanes WHERE owner IS NOT NULL"
                    " GROUP BY owner_pid"
                ).fetchall()
            finally:
                connection.close()
            return {
                pid: f" (which drives {lane}{f' and {n - 1} more' if n > 1 else ''})"
                for pid, lane, n in found
            }
        return {}

    def close(self) -> None:
        """Let it go; SQLite's usual mode is back with whoever opens it next."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with self._explained():
                connection.close()

    @property
    def _raw(self) -> sqlite3.Connection:
        assert self._connection is not None, "it is not held"  # noqa: S101  # as its docstring says
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done meanwhile, or nothing of it."""
        self.ask("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._raw.rollback()
            raise
        self.ask("COMMIT")

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement; return its rows, if it has any."""
        with self._explained():
            return self._raw.execute(statement, values).fetchall()

    def stream(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a query; its rows are read as they are asked for."""
        with self._explained():
            cursor = self._raw.execute(statement, values)
        while True:
            with self._explained():
                rows = cursor.fetchmany(_SECTION)
            if not rows:
                return
            yield from rows

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows with a value for each column, in a transaction."""
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        marks = ", ".join([self.mark] * len(table.columns))
        with self._explained():
            self._raw.executemany(
                f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})',  # noqa: S608
                rows,
            )

    def find_version(self) -> str | None:
        """Return the store's version, or the mark in its place."""
        found = self.ask("SELECT version_num FROM alembic_version")
        return str(found[0][0]) if found else None

    def find_limits(self, table: Table) -> Mapping[str, Limits] | None:
        """Columns hold anything."""
        del table
        return None  # for the type checker

    def find_highest(self, table: Table, column: str) -> int:
        """Return the highest number that a row of a table was ever given."""
        given = self.ask("SELECT seq FROM sqlite_sequence WHERE name = ?", [table.name])
        there = self.ask(f'SELECT max("{column}") FROM "{table.name}"')  # noqa: S608
        return max(int(found[0][0] or 0) if found else 0 for found in (given, there))

    def set_highest(self, table: Table, column: str, highest: int) -> None:
        """Have the next row of a table get a higher number, where SQLite keeps count of them."""
        del column
        if table.dialect_options["sqlite"]["autoincrement"]:
            self.ask("DELETE FROM sqlite_sequence WHERE name = ?", [table.name])
            self.ask("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table.name, highest])

    def ordered(self, column: Column[Any]) -> str:
        """SQLite compares texts by their code points."""
        return f'"{column.name}"'

    def refresh(self) -> None:
        """SQLite needs no such note."""

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain_error(error, self.name) from error


def _find_pids(path: Path) -> list[int]:
    """Return the processes that have a lock on a file, or on those SQLite keeps beside it."""
    inodes = set()
    for each in (path, path.with_name(f"{path.name}-shm")):
        with suppress(OSError):
            inodes.add(str(each.resolve().stat().st_ino))
    found = set[int]()
    with suppress(OSError, ValueError, IndexError):
        for line in _LOCKS.read_text(encoding="ascii").splitlines():
            fields = line.split()
            if "->" not in fields and fields[5].rpartition(":")[2] in inodes:
                found.add(int(fields[4]))
    return sorted(found)
