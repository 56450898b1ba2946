"""Opening a store: it is made or refused, and its tables are brought up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from batchhub._base import secrets
from batchhub._base.file_mode import FileMode
from batchhub._base.store_place import StorePlace, find_store_place
from batchhub.errors import StoreError

from .database import Database
from .explain import explain_error, is_database_error
from .opening_sqlite import open_file
from .postgres import PostgresWorker
from .server import check_server, make_tables


async def open_database(store: str | Path | None, mode: FileMode = FileMode.PRIVATE) -> Database:
    """
    Open a store's database; bring the tables of a file up to date.

    Args:
        store: A path, a ``sqlite:///`` or ``postgresql://`` URL, or `None` for one in memory.
        mode: Who may use its files.

    Raises:
        SettingsError: It is no path, or a URL of a kind this version does not know.
        StoreVersionError: The store was written by a newer batchhub; or it is a PostgreSQL database
            with the tables of an older one.
        StoreError: It can't be opened or written; or it is a PostgreSQL database without tables.
    """
    place = find_store_place(store)
    try:
        return await (_open_postgres(place) if place.is_postgres else open_file(place, mode))
    except StoreError as error:
        if str(error).startswith("store "):
            raise
        raise type(error)(f"store {place.name}: {error}") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise explain_error(error, place.name) from error


async def init_database(place: StorePlace) -> bool:
    """
    Make the tables of a store in a PostgreSQL database, or bring them up to date.

    Several at once do it once. Processes that have the store open go on with the tables they know.

    Returns:
        Whether there was something to do.

    Raises:
        StoreVersionError: The tables are those of a newer batchhub.
        StoreError: It can't be reached, or not be written.
    """
    _keep_secret(place)
    worker = PostgresWorker(place, writes=True)
    try:
        return await worker.run(make_tables, place.schema)
    except StoreError as error:
        raise type(error)(f"store {place.name}: {error}") from None
    except Exception as error:
        if is_database_error(error):
            raise explain_error(error, place.name) from error
        raise
    finally:
        await worker.aclose()


async def _open_postgres(place: StorePlace) -> Database:
    _keep_secret(place)
    reader = PostgresWorker(place, writes=False)
    try:
        only = await reader.run(check_server, place)
    except BaseException:
        await reader.aclose()
        raise
    # Connected when something is written: many only read.
    writer = PostgresWorker(place, writes=only is None)
    writer.only = only
    reader.is_patient = writer.is_patient = True
    return Database(writer, reader, place)


def _keep_secret(place: StorePlace) -> None:
    """Have its passwords blanked wherever something is shown."""
    secrets.remember(place.passwords)
