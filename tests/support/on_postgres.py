"""
The tests of stores, on PostgreSQL: with ``STORE=postgresql`` in the environment.

Each file that a test names for a store, and each store in memory, is then a database of its own on
an embedded server; all else is as on SQLite: where its lock files are, and that a process drives
lanes by itself, as no cluster does. Processes that a test starts find the same databases, if they
call `begin` too.

A test that is about SQLite, or about its files, is marked ``sqlite_only`` with the reason.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from attrs import evolve, frozen

from batchhub._base.file_mode import FileMode
from batchhub._base.store_place import SCHEMA, StorePlace, find_store_place
from batchhub._store import Store, opening
from batchhub._store import store as store_module
from batchhub._store.database import Database
from batchhub._store.opening import init_database, open_database
from batchhub._store.tables import metadata

from .postgres import ADMIN, name_in, shared_server

IS_ON: Final = os.environ.get("STORE") == "postgresql"
"""Whether the tests of stores run on PostgreSQL."""

_FOLDER: Final = "STORE_SERVER"  # of the server that all processes of a test use
_TEMPLATE: Final = "stores"
_REGISTRY: Final = (
    "CREATE SEQUENCE numbers; CREATE TABLE stores (path text PRIMARY KEY, name text UNIQUE)"
)

_memories: Final = count(1)


@frozen(kw_only=True)
class _MemoryPlace(StorePlace):
    """A database that nobody else uses, though others could."""

    @property
    def is_shared(self) -> bool:
        return False


def begin() -> None:
    """Let this process open databases in place of files."""
    opening.find_store_place = _find_opened  # type: ignore[attr-defined]
    store_module.open_database = _open_database  # type: ignore[attr-defined]
    Store.is_cluster = False  # type: ignore[assignment]


def share() -> None:
    """Start the server, so that processes that are started from now on find it."""
    os.environ[_FOLDER] = _find_server()


@contextmanager
def recycling() -> Iterator[None]:
    """Empty the databases that are named meanwhile, and let others have them."""
    before = _names() if _FOLDER in os.environ else frozenset()
    yield
    if _FOLDER in os.environ:
        _recycle(_names() - before)


def find_url(path: str | os.PathLike[str]) -> str:
    """Return the address of the database that is in place of a file."""
    return _find_url(str(Path(path).resolve()))


def _find_opened(store: str | os.PathLike[str] | None) -> StorePlace:
    """Return where a store is opened; all others are told of the file."""
    place = find_store_place(store)
    if place.is_postgres:
        return place
    if place.path is None:
        url = _find_url(f"memory {os.getpid()} {next(_memories)}")
        return _MemoryPlace(url=url, schema=SCHEMA)
    with suppress(OSError):
        place.path.parent.mkdir(parents=True, exist_ok=True)
        place.path.touch()  # whoever looks for the file sees that it is there
    return evolve(place, url=find_url(place.path), schema=SCHEMA)


async def _open_database(store: str | Path | None, mode: FileMode = FileMode.PRIVATE) -> Database:
    database = await open_database(store, mode)
    if isinstance(database.place, _MemoryPlace):
        close, name = database.aclose, name_in(database.place.url or "")

        async def aclose() -> None:
            await close()
            _recycle(_paths_of(name))

        database.aclose = aclose  # type: ignore[method-assign]
    return database


def _find_url(path: str) -> str:
    """Return the address of the database that is at a path, made if it is not there."""
    folder = _find_server()
    with closing(_connect(folder)) as connection:
        # One after the other, whichever processes they are of.
        connection.execute("SELECT pg_advisory_lock(1)")
        found = connection.execute("SELECT name FROM stores WHERE path = %s", (path,)).fetchone()
        name = found[0] if found else _take(connection, path)
    return f"postgresql://{ADMIN}@/{name}?host={folder}"


def _take(connection: psycopg.Connection[Any], path: str) -> str:
    free = connection.execute(
        "UPDATE stores SET path = %s WHERE path ="
        " (SELECT path FROM stores WHERE path LIKE 'free %%' LIMIT 1) RETURNING name",
        (path,),
    ).fetchone()
    if free is not None:
        return str(free[0])
    (number,) = connection.execute("SELECT nextval('numbers')").fetchone() or (0,)
    name = f"store_{number}"
    connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_TEMPLATE}"'.encode())
    connection.execute("INSERT INTO stores VALUES (%s, %s)", (path, name))
    return name


def _recycle(paths: Collection[str]) -> None:
    folder = _find_server()
    with closing(_connect(folder)) as connection:
        found = connection.execute(
            "SELECT path, name FROM stores WHERE path = ANY(%s)", (list(paths),)
        )
        named = dict(found.fetchall())
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = ANY(%s)",
            (list(named.values()),),
        )
        for path, name in named.items():
            try:
                with closing(_connect(folder, name)) as one:
                    one.execute(_emptying())
            except psycopg.Error:  # a test has changed its tables
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
                connection.execute("DELETE FROM stores WHERE path = %s", (path,))
            else:
                free = f"free {name}"
                connection.execute("UPDATE stores SET path = %s WHERE path = %s", (free, path))


@cache
def _emptying() -> bytes:
    """Return what empties all tables of a store."""
    tables = [f'{SCHEMA}."{table.name}"' for table in reversed(metadata.sorted_tables)]
    return f"TRUNCATE {', '.join(tables)} RESTART IDENTITY".encode()


def _paths_of(name: str) -> list[str]:
    with closing(_connect(_find_server())) as connection:
        rows = connection.execute(
            "SELECT path FROM stores WHERE name = %s AND path NOT LIKE 'free %%'", (name,)
        )
        return [path for (path,) in rows]


def _names() -> frozenset[str]:
    with closing(_connect(_find_server())) as connection:
        rows = connection.execute("SELECT path FROM stores WHERE path NOT LIKE 'free %'")
        return frozenset(path for (path,) in rows)


def _find_server() -> str:
    return os.environ.get(_FOLDER) or _start_server()


@cache
def _start_server() -> str:
    server = shared_server()
    server.execute(_REGISTRY)
    server.execute(f'CREATE DATABASE "{_TEMPLATE}"')
    place = StorePlace(url=server.url(_TEMPLATE), schema=SCHEMA)
    # Whoever asks may be in an event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, init_database(place)).result()
    server.make_template(_TEMPLATE)
    os.environ[_FOLDER] = str(server.folder)
    return str(server.folder)


def _connect(folder: str, database: str = ADMIN) -> psycopg.Connection[Any]:
    return psycopg.connect(host=folder, dbname=database, user=ADMIN, autocommit=True)
