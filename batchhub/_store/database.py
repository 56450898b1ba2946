"""
One SQLite database: a thread that writes, a thread that reads, a whole transaction a hop.

Each thread has a connection of its own, so that reading waits for no write; a database in memory
has one of both. Writes that wait together share a commit, each in a savepoint of its own, so that
one bad write spoils no other. A write that was handed over is made even when the task that asked
for it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.pool import NullPool

from batchhub._base.failpoints import failpoint
from batchhub._base.store_path import find_store_path
from batchhub.errors import StoreError

from .migrations import is_current, migrate

T = TypeVar("T")
Work = Callable[[Connection], T]
"""What is done in one transaction, in the thread of its connection."""

BUSY_TIMEOUT_S: Final = 10.0
"""Seconds a transaction waits for another process's."""

_WAL_TRIES: Final = 20

_migrating: Final = threading.Lock()


class Database:
    """
    The door to the store's SQL. Open it with `open_database`.

    Attributes:
        path: The file; `None` for a database in memory.
        name: What to call it in messages.
    """

    def __init__(self, writer: _Worker, reader: _Worker, path: Path | None) -> None:
        self.path = path
        self.name = _name(path)
        self._writer = writer
        self._reader = reader
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    async def read(self, work: Work[T]) -> T:
        """
        Run `work` on one consistent view of the store.

        Raises:
            StoreError: It could not be read.
        """
        return await self._call(self._reader, _read, work)

    async def write(self, work: Work[T]) -> T:
        """
        Run `work` in a transaction, durable when this returns.

        Raises:
            StoreError: It could not be written; the store is as it was before.
        """
        if self._closing is not None:
            raise StoreError(f"store {self.name}: it is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush(), name="batchhub-store")
        return await future

    async def foreign_version(self) -> int:
        """Return a number that changes when another process, or another hub, writes."""
        # Of the writer's connection: it does not count what that connection itself commits.
        return await self._call(self._writer, _read, _data_version)

    async def vacuum(self) -> None:
        """
        Write the database anew without its gaps.

        Raises:
            StoreError: Another process uses it, or the disk has no room for a second copy.
        """
        await self._call(self._writer, _vacuum)

    async def aclose(self) -> None:
        """Finish what has begun and close."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="batchhub-store-close")
        # Goes on if the caller is cancelled meanwhile; whoever closes it again waits for the same.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        while self._flushing is not None and not self._flushing.done():
            await asyncio.wait({self._flushing})
        for worker in {self._reader, self._writer}:
            await worker.aclose()

    async def _call(self, worker: _Worker, function: Callable[..., T], *arguments: Any) -> T:
        if self._closing is not None:
            raise StoreError(f"store {self.name}: it is closed")
        try:
            return await worker.run(function, *arguments)
        except Exception as error:
            explained = self._explain(error)
            if explained is error:
                raise
            raise explained from error

    async def _flush(self) -> None:
        """Commit what waits; what comes meanwhile shares the next commit."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                outcomes = await self._writer.run(_commit, [work for work, _ in batch])
            except BaseException as error:  # nobody may wait for ever, whatever it was
                broken = StoreError(f"store {self.name}: {type(error).__name__} while writing")
                outcomes = [(None, broken)] * len(batch)
                if not isinstance(error, Exception):
                    self._settle(batch, outcomes)
                    raise
            self._settle(batch, outcomes)

    def _settle(
        self, batch: Sequence[tuple[Work[Any], asyncio.Future[Any]]], outcomes: Sequence[Outcome]
    ) -> None:
        for (_, future), (result, error) in zip(batch, outcomes, strict=True):
            if future.done():
                continue  # its caller was cancelled
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(self._explain(error))

    def _explain(self, error: Exception) -> Exception:
        if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
            # A value SQL has no form for: the fault of the caller, and not one to try again.
            return error.orig if isinstance(error.orig, Exception) else error
        if isinstance(error, SQLAlchemyError | sqlite3.Error | OSError):
            return explain_error(error, self.name)
        return error


class _Worker:
    """A thread with a connection of its own, which no other thread touches."""

    def __init__(self, path: Path | None) -> None:
        self.engine: Engine = create_engine(
            URL.create("sqlite", database=":memory:" if path is None else str(path)),
            connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
            poolclass=NullPool,
        )
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batchhub-store")
        self._connection: Connection | None = None

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function with the connection, and arguments, in the thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._run, function, *arguments)

    async def aclose(self) -> None:
        """Close the connection after all that waits for it, and end the thread."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._close)
        finally:
            self._pool.shutdown(wait=False)

    def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        if self._connection is None:
            self._connection = self.engine.connect()
        return function(self._connection, *arguments)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self.engine.dispose()


# In a worker's thread.

Outcome = tuple[Any, Exception | None]
"""What a write returned, or why it failed."""


def _read(connection: Connection, work: Work[T]) -> T:
    try:
        connection.exec_driver_sql("BEGIN")
        return work(connection)
    finally:
        connection.rollback()


def _commit(connection: Connection, works: Sequence[Work[Any]]) -> list[Outcome]:
    """Run writes in one transaction; each fails alone, or all with the commit."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if len(works) == 1:
            outcomes: list[Outcome] = [(works[0](connection), None)]
        else:
            outcomes = [_write_one(connection, work) for work in works]
        failpoint("commit.begun")
        connection.commit()
        failpoint("commit.done")
    except Exception as error:  # handed to the callers
        connection.rollback()
        return [(None, error) for _ in works]
    return outcomes


def _write_one(connection: Connection, work: Work[Any]) -> Outcome:
    savepoint = connection.begin_nested()
    try:
        result = work(connection)
        savepoint.commit()
    except OperationalError:
        # Full or broken: SQLite may have ended the transaction, savepoints and all, by
        # itself; so none of it is kept.
        raise
    except Exception as error:  # handed to its caller
        savepoint.rollback()
        return None, error
    return result, None


def _data_version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())


def _vacuum(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.rollback()


# Opening.


async def open_database(store: str | Path | None) -> Database:
    """
    Open a store's database and bring its tables up to date.

    Args:
        store: A path, a ``sqlite:///`` URL, or `None` for one in memory.

    Raises:
        SettingsError: It is no path, or a URL of a kind this version does not know.
        StoreVersionError: The store was written by a newer batchhub.
        StoreError: It can't be opened or written.
    """
    path = find_store_path(store)
    writer = _Worker(path)
    try:
        if path is not None:
            _make_room(path)
        await writer.run(_prepare, path)
    except BaseException as error:
        await writer.aclose()
        if isinstance(error, StoreError):
            raise type(error)(f"store {_name(path)}: {error}") from None
        if isinstance(error, SQLAlchemyError | sqlite3.Error | OSError):
            raise explain_error(error, _name(path)) from error
        raise
    return Database(writer, writer if path is None else _Worker(path), path)


def _make_room(path: Path) -> None:
    if path.is_dir():
        raise StoreError("it is a folder; give the path of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nobody else reads what is in the items and the answers. Only a file that is not there yet is
    # opened: closing one would take the locks from SQLite. If it can't be made, SQLite says why.
    with suppress(OSError):
        os.close(os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _name(path: Path | None) -> str:
    return "in memory" if path is None else str(path)


def _prepare(connection: Connection, path: Path | None) -> None:
    connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    if path is not None:
        _use_wal(connection)
        # FULL, so that an intent survives a power cut: the request comes after it.
        connection.exec_driver_sql("PRAGMA synchronous = FULL")
    connection.rollback()
    if not is_current(connection):
        # Alembic keeps the migration under way in globals of the process, so that two stores
        # opened at once would meet there.
        with _migrating:
            migrate(connection)


def _use_wal(connection: Connection) -> None:
    # SQLite does not wait for others while it changes the journal mode, so several first
    # starts at once meet "database is locked" here; only one of them has to succeed.
    for attempt in range(_WAL_TRIES):
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode == "wal":
            return
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except DBAPIError as error:
            if "locked" not in str(error) or attempt == _WAL_TRIES - 1:
                raise
            time.sleep(0.05)


_ADVICE: Final = (
    (r"disk is full", "the disk is full; make room, then go on"),
    (r"readonly database", "it is read-only; make it writable or choose another with --store"),
    (r"unable to open", "it can't be opened; check that the folder exists and is writable"),
    (r"not a database", "it is no batchhub store; choose another file with --store"),
    (r"File exists|Not a directory", "a part of its path is a file, not a folder"),
    (r"is locked", "another process has held it for too long; try again"),
)


def explain_error(error: BaseException, name: str) -> StoreError:
    """Make one line of what a database says: which store, what is wrong, what to do."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause) if not isinstance(cause, OSError) else (cause.strerror or str(cause))
    for pattern, advice in _ADVICE:
        if re.search(pattern, text):
            return StoreError(f"store {name}: {advice}")
    return StoreError(f"store {name}: {text}")
