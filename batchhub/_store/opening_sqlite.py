"""Opening a store in a file: the file is made or refused, its tables are brought up to date."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from batchhub._base.file_mode import FileMode
from batchhub._base.store_place import StorePlace
from batchhub.errors import StoreError

from .database import Database
from .explain import explain_error, is_full
from .gaps import keep_track
from .migrations import is_current, is_readable, migrate, refuse_others
from .sqlite import BUSY_TIMEOUT_S, IMMUTABLE, SqliteWorker
from .store_file import make_room, name_of, refuse_log, refuse_mode

_READ_ONLY: Final = "mode=ro"

_LARGEST_LOG: Final = 64 * 1024 * 1024
"""Bytes of SQLite's log that stay on the disk after something large was written."""

_migrating: Final = threading.Lock()


async def open_file(place: StorePlace, mode: FileMode) -> Database:
    """Open a store in a file, or in memory; see `open_database`."""
    path = place.path
    full: StoreError | None = None
    if path is not None:
        make_room(path, mode)
    try:
        writer = await _start(path)
    except OperationalError as error:
        if path is None or not path.is_file():
            raise
        refuse_mode(path)
        full = explain_error(error, place.name) if is_full(error) else None
        writer = await _start_reading(path)
    reader = writer if path is None else SqliteWorker(path, writer.only)
    return Database(writer, reader, place, full)


async def _start(path: Path | None, only: str | None = None) -> SqliteWorker:
    worker = SqliteWorker(path, only)
    try:
        await worker.run(_prepare, path)
    except BaseException:
        await worker.aclose()
        raise
    return worker


async def _start_reading(path: Path) -> SqliteWorker:
    """Open a store where nothing can be written, not even the locks beside it."""
    try:
        return await _start(path, _READ_ONLY)
    except OperationalError:
        if not os.access(path, os.R_OK):
            raise
    # Only where there is no log: this ignores it, and with it the newest changes.
    refuse_log(path, name_of(path))
    return await _start(path, IMMUTABLE)


def _prepare(connection: Connection, path: Path | None) -> None:
    # Off until the tables are as they should be: a migration makes some of them anew.
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    if path is not None:
        if path.stat().st_size:
            refuse_others(connection)  # before anything of it is changed
        _use_wal(connection)
        # FULL, so that an intent survives a power cut: the request comes after it.
        connection.exec_driver_sql("PRAGMA synchronous = FULL")
        connection.exec_driver_sql(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
    connection.rollback()
    is_ready = is_current if _is_writable(connection) else is_readable
    if not is_ready(connection):
        # Alembic keeps the migration under way in globals of the process, so that two stores
        # opened at once would meet there.
        with _migrating:
            migrate(connection, path)
    connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    connection.rollback()


def _use_wal(connection: Connection) -> None:
    # SQLite does not wait for others while it changes the journal mode, so several first
    # starts at once meet "database is locked" here; only one of them has to succeed.
    end_s: float | None = None
    while True:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        if mode == "wal" or not _is_writable(connection):
            return
        try:
            keep_track(connection)  # a new file only, and before anything is written to it
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except DBAPIError as error:
            now_s = time.monotonic()
            end_s = end_s or now_s + BUSY_TIMEOUT_S  # beside what it may have waited before that
            if "locked" not in str(error) or now_s > end_s:
                raise
            time.sleep(0.05)


def _is_writable(connection: Connection) -> bool:
    return not connection.engine.url.query
