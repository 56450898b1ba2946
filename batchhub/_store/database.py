"""
One SQLite database, one connection, one transaction at a time.

Writes that are waiting together share a commit, each in a savepoint of its own,
so that one bad write spoils no other. A transaction that has begun is finished
even when the task that asked for it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from batchhub._base.failpoints import failpoint
from batchhub._base.store_path import find_store_path
from batchhub.errors import StoreError

from .migrations import is_current, migrate

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

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

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection, path: Path | None) -> None:
        self.path = path
        self.name = _name(path)
        self._engine = engine
        self._connection = connection
        self._lock = asyncio.Lock()
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one consistent view of the store."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._spawn(self._read(work, future))
        return await future

    async def write(self, work: Work[T]) -> T:
        """
        Run `work` in a transaction, durable when this returns.

        Raises:
            StoreError: It could not be written; the store is as it was before.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if len(self._waiting) == 1:
            self._spawn(self._flush())
        return await future

    async def vacuum(self) -> None:
        """
        Write the database anew without its gaps.

        Raises:
            StoreError: Another process uses it, or the disk has no room for a second copy.
        """
        async with self._lock:
            try:
                await self._connection.exec_driver_sql("VACUUM")
                await self._connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            except (SQLAlchemyError, sqlite3.Error) as error:
                raise explain_error(error, self.name) from error
            finally:
                await self._connection.rollback()

    async def aclose(self) -> None:
        """Finish what has begun and close."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._connection.close()
        await self._engine.dispose()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name="batchhub-store")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self, work: Work[T], future: asyncio.Future[T]) -> None:
        async with self._lock:
            try:
                await self._connection.exec_driver_sql("BEGIN")
                result = await work(self._connection)
            except Exception as error:  # handed to whoever asked
                _fail(future, self._explain(error))
            else:
                _answer(future, result)
            finally:
                await self._connection.rollback()

    async def _flush(self) -> None:
        async with self._lock:
            batch, self._waiting = self._waiting, []
            answers: list[tuple[asyncio.Future[Any], Any]] = []
            try:
                await self._connection.exec_driver_sql("BEGIN IMMEDIATE")
                for work, future in batch:
                    await self._write_one(work, future, answers)
                failpoint("commit.begun")
                await self._connection.commit()
                failpoint("commit.done")
            except Exception as error:  # handed to whoever asked
                for _, future in batch:
                    _fail(future, self._explain(error))
                await self._connection.rollback()
            for future, result in answers:
                _answer(future, result)

    async def _write_one(
        self,
        work: Work[Any],
        future: asyncio.Future[Any],
        answers: list[tuple[asyncio.Future[Any], Any]],
    ) -> None:
        savepoint = await self._connection.begin_nested()
        try:
            result = await work(self._connection)
            await savepoint.commit()
        except OperationalError:
            # Full or broken: SQLite may have ended the transaction, savepoints and all, by
            # itself; so none of it is kept.
            raise
        except Exception as error:  # handed to whoever asked
            await savepoint.rollback()
            _fail(future, self._explain(error))
        else:
            answers.append((future, result))

    def _explain(self, error: Exception) -> BaseException:
        if isinstance(error, StatementError) and not isinstance(error, DBAPIError) and error.orig:
            return error.orig  # a value SQL has no form for: the fault of whoever handed it over
        if isinstance(error, SQLAlchemyError | sqlite3.Error | OSError):
            return explain_error(error, self.name)
        return error


def _answer(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


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
    try:
        if path is not None:
            _make_room(path)
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=":memory:" if path is None else str(path)),
            connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
            poolclass=NullPool,
        )
        connection = await engine.connect()
        try:
            await _prepare(connection, path)
        except BaseException:
            await connection.close()
            raise
    except StoreError as error:
        raise type(error)(f"store {_name(path)}: {error}") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise explain_error(error, _name(path)) from error
    return Database(engine, connection, path)


def _make_room(path: Path) -> None:
    if path.is_dir():
        raise StoreError("it is a folder; give the path of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nobody else reads what is in the items and the answers. Only a file that is not there yet is
    # opened: closing one would take the locks from SQLite. What it can't make, SQLite tells of.
    with suppress(OSError):
        os.close(os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _name(path: Path | None) -> str:
    return "in memory" if path is None else str(path)


async def _prepare(connection: AsyncConnection, path: Path | None) -> None:
    await connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    if path is not None:
        await _use_wal(connection)
        # FULL, so that an intent survives a power cut: the request comes after it.
        await connection.exec_driver_sql("PRAGMA synchronous = FULL")
    await connection.rollback()
    if not await connection.run_sync(is_current):
        await _migrate(connection)


async def _migrate(connection: AsyncConnection) -> None:
    # Alembic keeps the migration under way in globals of the process, so that two stores
    # opened at once would meet there. Asked for in turns, since a waiting thread that is
    # cancelled would take the lock with it.
    while not _migrating.acquire(blocking=False):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        await connection.run_sync(migrate)
    finally:
        _migrating.release()


async def _use_wal(connection: AsyncConnection) -> None:
    # SQLite does not wait for others while it changes the journal mode, so several first
    # starts at once meet "database is locked" here; only one of them has to succeed.
    for attempt in range(_WAL_TRIES):
        mode = (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar()
        if mode == "wal":
            return
        try:
            await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except DBAPIError as error:
            if "locked" not in str(error) or attempt == _WAL_TRIES - 1:
                raise
            await asyncio.sleep(0.05)


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
