"""The file of a record: made, opened and refused; its tables."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from batchhub._base.file_mode import FileMode
from batchhub._base.store_path import list_store_files
from batchhub.errors import StoreError, StoreVersionError

APPLICATION_ID: Final = 0x62687863
VERSION: Final = 1

BUSY_S: Final = 1.0
"""Seconds that a statement waits for another process; the writer tries again after that."""

_FORM_WAIT_S: Final = 0.05
_LARGEST_LOG_BYTES: Final = 4 * 1024 * 1024
_PAGES_A_CHECKPOINT: Final = 500

_TABLES: Final = """
CREATE TABLE exchanges (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    account TEXT NOT NULL,
    adapter TEXT NOT NULL,
    verb TEXT NOT NULL,
    method TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER,
    sent_bytes INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX exchanges_at ON exchanges (at_us);
CREATE TABLE bodies (
    number INTEGER PRIMARY KEY,
    sent BLOB,
    received BLOB
);
CREATE TABLE concerned (
    job_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    ticket INTEGER NOT NULL,
    PRIMARY KEY (job_id, number, ticket)
) WITHOUT ROWID;
CREATE INDEX concerned_number ON concerned (number);
"""


class NoRecordError(StoreError):
    """A file that is no record of exchanges has its name."""


def open_to_write(path: Path, mode: FileMode) -> sqlite3.Connection:
    """
    Open a record to write into it; make it if it is not there.

    Raises:
        sqlite3.Error: It can't be made, opened or written.
        OSError: It can't be made.
        StoreError: It is another file, or one of a newer version.
    """
    with suppress(FileExistsError):
        os.close(mode.make_file(path))
    if mode is FileMode.GROUP:
        for each in list_store_files(path):
            with suppress(OSError):  # its owner's to change
                mode.open_up(each)
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None
    )
    try:
        _check(connection, path)
        _form(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_A_CHECKPOINT}")
        with transaction(connection):
            if not _get(connection, "user_version"):
                _make_tables(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """
    Open a record that is there, to read it.

    Raises:
        sqlite3.Error: It can't be opened or read.
        StoreError: It is another file, or one of a newer version.
    """
    try:
        return _open_to_read(path, "mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        # A folder in which nothing can be written, not even locks.
        return _open_to_read(path, "immutable=1")


def _open_to_read(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?{how}", uri=True, timeout=BUSY_S)
    try:
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write in one transaction inside the block."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a record was just made, and nothing was written yet."""
    return not _get(connection, "user_version")


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a record of this version, before anything of it is changed."""
    connection.execute("BEGIN")  # one look: it may be made at this moment
    try:
        kind, version = _get(connection, "application_id"), _get(connection, "user_version")
        has_tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    finally:
        connection.rollback()
    if kind == APPLICATION_ID:
        if version > VERSION:
            raise StoreVersionError(
                f"{path} was written by a newer batchhub; update this one, or move the file away"
            )
    elif kind or version or has_tables:
        raise NoRecordError(
            f"{path} is no record of exchanges, and was not changed; move it away, and a new one "
            "is made"
        )


def _form(connection: sqlite3.Connection) -> None:
    """Set what only a new file can be set to, and how it is written."""
    end_s = time.monotonic() + BUSY_S
    while True:  # SQLite does not wait for others here, and two may make the file at once
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end_s:
                raise
            time.sleep(_FORM_WAIT_S)
        else:
            return


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _get(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
