"""Procrastinate's tables, and ours beside them, in the schema of a store."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from procrastinate.schema import SchemaManager, migrations_path

from batchhub._base.store_place import StorePlace
from batchhub._store.postgres import connection_arguments
from batchhub.errors import StoreVersionError

from .rows import MAKE_WORKERS

_FACT: Final = "procrastinate"
"""The fact of a store that names the last of Procrastinate's migrations it has had."""

_LOCK: Final = 0x62617463  # of this database: two at once make one set of tables


def list_migrations() -> list[str]:
    """Return the names of the migrations of the Procrastinate that is installed, in order."""
    return sorted(path.name for path in migrations_path.glob("*.sql"))


async def make_tables(place: StorePlace) -> None:
    """
    Make Procrastinate's tables, or bring them up to date; all of it or nothing.

    Raises:
        StoreVersionError: A newer Procrastinate has made them.
        psycopg.Error: The database refuses.
    """
    async with await psycopg.AsyncConnection.connect(**connection_arguments(place)) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await _make(connection, place)


async def _make(connection: psycopg.AsyncConnection[Any], place: StorePlace) -> None:
    migrations = list_migrations()
    if await _find(connection, "SELECT to_regclass('procrastinate_jobs')::text") is None:
        await connection.execute(SchemaManager.get_schema())
    else:
        had = await _find(connection, "SELECT value FROM facts WHERE name = %s", _FACT)
        if had is not None and had > migrations[-1]:
            raise StoreVersionError(
                f"store {place.name}: its tables of Procrastinate are of a newer version; "
                "pip install --upgrade 'batchhub[cluster]'"
            )
        for name in migrations:
            if had is not None and name > had:
                await connection.execute((migrations_path / name).read_bytes())
    await connection.execute(
        "INSERT INTO facts (name, value) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (_FACT, migrations[-1]),
    )
    await connection.execute(MAKE_WORKERS)


async def _find(
    connection: psycopg.AsyncConnection[Any], query: LiteralString, *values: object
) -> str | None:
    row = await (await connection.execute(query, values)).fetchone()
    return None if row is None else row[0]
