"""A store on PostgreSQL at one end of a copy."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, String, Table

from batchhub._base.show import clean
from batchhub._base.store_place import StorePlace
from batchhub._store.codec import from_text
from batchhub._store.explain import explain_error
from batchhub._store.tables import attendants, lanes, leases

from .columns import COPIED, Limits, Row
from .ends import SILENT_S, End, InUseError, is_json

if TYPE_CHECKING:
    import psycopg

_WAIT_S: Final = 2.0
"""Seconds for a connection that is about to be closed."""

_PAUSE_S: Final = 0.05
_SECTION: Final = 2_000
_MOST_NAMED: Final = 5
_LOCK_TIMEOUT: Final = "10s"
_INTEGERS: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}

_SESSIONS: Final = """
    SELECT pid, application_name, coalesce(client_hostname, host(client_addr), '')
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND application_name LIKE 'batchhub%%' AND application_name <> %s
    ORDER BY pid
"""


class PostgresEnd(End):
    """
    A schema of a database of PostgreSQL's.

    The source is locked against all who write, and is read as it was at one moment. The target is
    locked against other copies.

    Args:
        place: Where it is; its tables are there and up to date.
        is_source: Whether it is copied from.
    """

    mark = "%s"

    def __init__(self, place: StorePlace, *, is_source: bool) -> None:
        super().__init__(place)
        self._url = place.url or ""
        self._schema = place.schema
        self._is_source = is_source
        self._connection: psycopg.Connection[Any] | None = None
        self._reading: psycopg.Connection[Any] | None = None
        self._me = f"batchhub copy {secrets.token_hex(4)}"

    def hold(self) -> None:
        """Keep others away."""
        self._connection = self._connect()
        key = hashlib.blake2b(f"batchhub copy {self._schema}".encode(), digest_size=8).digest()
        number = int.from_bytes(key, "big", signed=True)
        if not self.ask("SELECT pg_try_advisory_lock(%s)", [number])[0][0]:
            raise InUseError(f"store {self.name}: another copy is under way there")
        if others := self._find_others():
            more = f" and {len(others) - _MOST_NAMED} more" if others[_MOST_NAMED:] else ""
            raise InUseError(
                f"store {self.name}: {', '.join(others[:_MOST_NAMED])}{more}; stop every worker, "
                "and every program that uses it, then try again"
            )
        if self._is_source:
            self._reading = self._connect()
            names = ", ".join(self.named(table) for table in COPIED)
            with self._explained():
                self._run(self._reading, "BEGIN ISOLATION LEVEL REPEATABLE READ")
                self._run(self._reading, f"LOCK TABLE {names} IN SHARE MODE")

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg  # noqa: PLC0415  # who has no such store needs none

        with self._explained():
            connection = psycopg.connect(self._url, autocommit=True, application_name=self._me)
            for name, value in (
                ("lock_timeout", _LOCK_TIMEOUT),
                ("statement_timeout", "0"),
                ("idle_in_transaction_session_timeout", "0"),
                ("search_path", self._schema),
                ("timezone", "UTC"),
            ):
                connection.execute("SELECT set_config(%s, %s, false)", [name, value])
            return connection

    def _find_others(self) -> list[str]:
        """Return which processes use the store, unless they end in a moment."""
        end_s = time.monotonic() + _WAIT_S
        while (found := self._look_for_others()) and time.monotonic() < end_s:
            time.sleep(_PAUSE_S)
        return found

    def _look_for_others(self) -> list[str]:
        now: datetime = self.ask("SELECT clock_timestamp()")[0][0]
        since = now.astimezone(UTC) - timedelta(seconds=SILENT_S)
        found = dict[tuple[int, str], str]()
        for table, pid, host, what in (
            (attendants, "pid", "host", "is a worker there"),
            (lanes, "owner_pid", "owner_host", "drives an account there"),
            (leases, "pid", "host", "has work there"),
        ):
            query = (
                f"SELECT {pid}, {host}, seen_at FROM {self.named(table)} WHERE {pid} IS NOT NULL"  # noqa: S608
            )
            for number, machine, seen_at in self.ask(query):
                if (at := from_text(seen_at)) is not None and at >= since:
                    said = f"process {number} on {clean(machine, 60)} {what}"
                    found.setdefault((number, machine), said)
        sessions = self.ask(_SESSIONS, [self._me])
        return [*found.values()] or [
            f"a program is connected to it ({clean(program, 60)}"
            + (f", from {clean(address, 60)})" if address else ")")
            for _, program, address in sessions
        ]

    def close(self) -> None:
        """Let it go."""
        connections = self._connection, self._reading
        self._connection = self._reading = None
        for connection in connections:
            if connection is not None:
                with self._explained():
                    connection.close()

    @property
    def _raw(self) -> psycopg.Connection[Any]:
        assert self._connection is not None, "it is not held"  # noqa: S101  # as its docstring says
        return self._connection

    def named(self, table: Table) -> str:
        """Return a table with its schema."""
        return f'"{self._schema}"."{table.name}"'

    def read_as(self, column: Column[Any]) -> str:
        """Return a column as it is read: JSON as its text."""
        return f'"{column.name}"::text' if is_json(column) else f'"{column.name}"'

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done meanwhile, or nothing of it."""
        with self._explained(), self._raw.transaction():
            yield

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement; return its rows, if it has any."""
        with self._explained():
            cursor = self._run(self._raw, statement, values)
            return cursor.fetchall() if cursor.description else []

    def stream(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a query; its rows are read as they are asked for."""
        connection = self._reading or self._raw
        with (
            self._explained(),
            connection.transaction(),
            connection.cursor("batchhub_copy") as cursor,
        ):
            cursor.itersize = _SECTION
            cursor.execute(_said(statement), list(values) or None, binary=True)
            yield from cursor

    @staticmethod
    def _run(
        connection: psycopg.Connection[Any], statement: str, values: Sequence[Any] = ()
    ) -> psycopg.Cursor[Any]:
        return connection.execute(_said(statement), list(values) or None)

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows with a value for each column, in a transaction."""
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        statement = f"COPY {self.named(table)} ({names}) FROM STDIN"
        with (
            self._explained(),
            self._raw.cursor() as cursor,
            cursor.copy(_said(statement)) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def find_version(self) -> str | None:
        """Return the store's version, or the mark in its place; `None` if it has no tables."""
        named = f'"{self._schema}"."alembic_version"'
        if self.ask("SELECT to_regclass(%s)", [named])[0][0] is None:
            return None
        found = self.ask(f"SELECT version_num FROM {named}")  # noqa: S608
        return str(found[0][0]) if found else None

    def find_limits(self, table: Table) -> Mapping[str, Limits] | None:
        """Return what the columns of a table can hold, by name."""
        found = self.ask(
            "SELECT column_name, data_type, character_maximum_length"
            " FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
            [self._schema, table.name],
        )
        return {
            name: Limits(integer=_INTEGERS.get(kind, 2**63 - 1), length=length)
            for name, kind, length in found
        }

    def find_highest(self, table: Table, column: str) -> int:
        """Return the highest number that a row of a table was ever given."""
        there = self.ask(f'SELECT max("{column}") FROM {self.named(table)}')[0][0]  # noqa: S608
        given = self.ask(
            "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, %s)::regclass)",
            [self.named(table), column],
        )[0][0]
        return max(int(there or 0), int(given or 0))

    def set_highest(self, table: Table, column: str, highest: int) -> None:
        """Have the next row of a table get a higher number."""
        if highest:
            self.ask(
                "SELECT setval(pg_get_serial_sequence(%s, %s)::regclass, %s)",
                [self.named(table), column, highest],
            )

    def ordered(self, column: Column[Any]) -> str:
        """Return a column as rows are ordered and compared by it: texts by their code points."""
        return f'"{column.name}"' + (' COLLATE "C"' if isinstance(column.type, String) else "")

    def refresh(self) -> None:
        """Let the planner of queries know how much there is now."""
        for table in COPIED:
            self.ask(f"ANALYZE {self.named(table)}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from psycopg import Error  # noqa: PLC0415  # who has no such store needs none

        try:
            yield
        except Error as error:
            raise explain_error(error, self.name) from error


def _said(statement: str) -> Any:
    """Return a statement that is made of names of ours only, as psycopg wants to be assured."""
    return statement
