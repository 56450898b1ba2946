"""Procrastinate's tables, and ours beside them, in the schema of a store."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString

import psycopg
from attrs import frozen
from procrastinate.schema import SchemaManager, migrations_path

from batchhub._base.store_place import StorePlace
from batchhub._store.postgres import connection_arguments
from batchhub.errors import StoreError, StoreVersionError, UsageError

from .rows import MAKE_WORKERS

_FACT: Final = "procrastinate"
"""The fact of a store that names the last of Procrastinate's migrations it has had."""

NAME_FACT: Final = "cluster"
"""The fact of a store that says what its cluster is called."""

_GET_FACT: Final = "SELECT value FROM facts WHERE name = %s"
_SET_FACT: Final = (
    "INSERT INTO facts (name, value) VALUES (%s, %s)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


@frozen(kw_only=True)
class Made:
    """
    What the tables for workers are like.

    Attributes:
        name: What the cluster is called.
        version: The last of Procrastinate's migrations.
        is_new: Whether there was something to do.
    """

    name: str
    version: str
    is_new: bool


def list_migrations() -> list[str]:
    """Return the names of the migrations of the Procrastinate that is installed, in order."""
    return sorted(path.name for path in migrations_path.glob("*.sql"))


async def make_tables(place: StorePlace, name: str | None = None) -> Made:
    """
    Make Procrastinate's tables, or bring them up to date, and name the cluster: all or nothing.

    Args:
        place: The store, which has its own tables already.
        name: What the cluster is called; `None` for what it is called already, else its schema.

    Raises:
        UsageError: It is called otherwise.
        StoreVersionError: A newer Procrastinate has made them.
        psycopg.Error: The database refuses.
    """
    async with _connect(place) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_number(place),))
        called = await _find_fact(connection, NAME_FACT)
        check_name(place, called, name)
        migrations = list_migrations()
        had = await _find_fact(connection, _FACT)
        if await _has_table(connection, "procrastinate_jobs"):
            await _upgrade(connection, place, migrations, had)
        else:
            await connection.execute(SchemaManager.get_schema())
        await connection.execute(MAKE_WORKERS)
        found = {NAME_FACT: called or name or place.schema, _FACT: migrations[-1]}
        for fact in found.items():
            await connection.execute(_SET_FACT, fact)
    return Made(name=found[NAME_FACT], version=migrations[-1], is_new=had != migrations[-1])


async def check_tables(place: StorePlace, name: str | None = None) -> None:
    """
    Check that a worker can share out the shards of a store; its own tables have been checked.

    Args:
        place: The store.
        name: What its cluster must be called; `None` for anything.

    Raises:
        UsageError: It is called otherwise.
        StoreVersionError: Procrastinate's tables are of an older version.
        StoreError: It has none.
        psycopg.Error: The database refuses.
    """
    async with _connect(place) as connection:
        check_name(place, await _find_fact(connection, NAME_FACT), name)
        had = await _find_fact(connection, _FACT)
        if had is None or not await _has_table(connection, "shard_workers"):
            raise StoreError(
                f"store {place.name}: it has no tables for workers yet; make them with "
                f"`{place.init_command}`"
            )
        if had < list_migrations()[-1]:
            raise StoreVersionError(
                f"store {place.name}: its tables of Procrastinate are older than the one that is "
                f"installed; bring them up to date with `{place.init_command}`"
            )


async def find_version(place: StorePlace) -> str | None:
    """
    Return the version of the store's own tables; `None` if there are none.

    Raises:
        psycopg.Error: The database refuses.
    """
    async with _connect(place) as connection:
        if not await _has_table(connection, "alembic_version"):
            return None
        found = await connection.execute("SELECT version_num FROM alembic_version")
        row = await found.fetchone()
        return None if row is None else str(row[0])


async def find_fact(place: StorePlace, name: str) -> str | None:
    """
    Return a fact of a store; `None` if it has none of this name.

    Raises:
        psycopg.Error: The database refuses.
    """
    async with _connect(place) as connection:
        return await _find_fact(connection, name)


async def ask_all(
    place: StorePlace, queries: Mapping[str, LiteralString]
) -> dict[str, list[tuple[Any, ...]]]:
    """
    Return the rows of some queries, as of one moment.

    Raises:
        psycopg.Error: The database refuses.
    """
    async with _connect(place) as connection:
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return {
            name: await (await connection.execute(query)).fetchall()
            for name, query in queries.items()
        }


def check_name(place: StorePlace, called: str | None, name: str | None) -> None:
    """
    Refuse a cluster that is not the one that is meant.

    Raises:
        UsageError: It is called otherwise.
    """
    if called is not None and name is not None and called != name:
        raise UsageError(
            f"store {place.name} is cluster {called!r}, not {name!r}; give its name, or the "
            "address of the other one (two in one database: each with a ?schema= of its own)"
        )


async def _upgrade(
    connection: psycopg.AsyncConnection[Any],
    place: StorePlace,
    migrations: Sequence[str],
    had: str | None,
) -> None:
    if had is None:
        raise StoreError(
            f"store {place.name}: its schema {place.schema} has tables of Procrastinate that "
            "batchhub has not made; give the store a schema of its own with ?schema="
        )
    if had > migrations[-1]:
        raise StoreVersionError(
            f"store {place.name}: its tables are those of a newer Procrastinate; "
            "pip install --upgrade 'batchhub[cluster]'"
        )
    for name in migrations:
        if name > had:
            await connection.execute((migrations_path / name).read_bytes())


@asynccontextmanager
async def _connect(place: StorePlace) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    arguments = connection_arguments(place)
    async with await psycopg.AsyncConnection.connect(**arguments) as connection:
        yield connection


async def _has_table(connection: psycopg.AsyncConnection[Any], name: str) -> bool:
    row = await (await connection.execute("SELECT to_regclass(%s)::text", (name,))).fetchone()
    return row is not None and row[0] is not None


async def _find_fact(connection: psycopg.AsyncConnection[Any], name: str) -> str | None:
    if not await _has_table(connection, "facts"):
        return None
    row = await (await connection.execute(_GET_FACT, (name,))).fetchone()
    return None if row is None else str(row[0])


def _lock_number(place: StorePlace) -> int:
    digest = hashlib.sha256(f"batchhub cluster {place.schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
