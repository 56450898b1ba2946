"""The PostgreSQL server of a store: whether it will do, and the tables on it."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import Connection

from batchhub._base.store_place import StorePlace
from batchhub.errors import StoreError, StoreVersionError

from .explain import NO_RIGHTS, REPLICA
from .marks import refuse_mark
from .migrations import FIRST_SHARED, HEAD, create, find_version, is_newer, refuse_tables, upgrade

OLDEST: Final = 14
"""The oldest version of PostgreSQL that a store can be on."""

_READ_ONLY: Final = "the database takes no changes (default_transaction_read_only); allow them"
_MAY_NOT_LOOK: Final = (
    "SELECT true FROM pg_namespace WHERE nspname = current_setting('search_path') "
    "AND NOT has_schema_privilege(nspname, 'USAGE')"
)
SIZE: Final = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
"""
"""Asks for the bytes of a store's tables, with their indexes."""


def check_server(connection: Connection, place: StorePlace) -> str | None:
    """
    Check that a store on a server can be used; return why it can only be read, if that is so.

    Raises:
        StoreVersionError: Its tables are older or newer.
        StoreMarkedError: It is being copied, or lives elsewhere by now.
        StoreError: It has no tables, or the server is too old.
    """
    try:
        check_age(connection)
        version = find_version(connection)
        if version is None:
            if connection.exec_driver_sql(_MAY_NOT_LOOK).scalar():
                raise StoreError(NO_RIGHTS)
            refuse_tables(connection)
            raise StoreError(
                f"it has no tables of batchhub yet; make them with `{place.init_command}`"
            )
        _refuse_newer(connection, version)
        if version != HEAD:
            raise StoreVersionError(
                f"its tables are of version {version}, and this batchhub needs {HEAD}; "
                f"bring them up to date with `{place.init_command}`"
            )
        return find_obstacle(connection)
    finally:
        connection.rollback()


def make_tables(connection: Connection, schema: str) -> bool:
    """
    Make the tables, or bring them up to date; return whether there was something to do.

    Raises:
        StoreVersionError: They are those of a newer batchhub.
        StoreError: The server is too old or can only be read, or the schema has other tables.
    """
    try:
        check_age(connection)
        if (obstacle := find_obstacle(connection)) is not None:
            raise StoreError(obstacle)
        connection.rollback()
        # Another one that makes them at this moment is waited for, and seen: a snapshot that was
        # taken before would not have its tables.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_lock_number(schema),))
        has_schema = connection.exec_driver_sql("SELECT current_schema()").scalar() is not None
        if not has_schema:
            connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        version = find_version(connection)
        if version == HEAD:
            return False
        if version is None:
            create(connection)
        else:
            _refuse_newer(connection, version)
            if version < FIRST_SHARED:
                raise StoreError(
                    f"its tables are of version {version}, which was never on PostgreSQL"
                )
            upgrade(connection, version)
        connection.commit()
        return True
    finally:
        connection.rollback()


def _refuse_newer(connection: Connection, version: str) -> None:
    """Refuse tables of a newer version, or with a mark in its place."""
    if is_newer(version):
        refuse_mark(connection, version)
        raise StoreVersionError(
            f"its tables are of version {version}, made by a newer batchhub; "
            f"this one knows versions up to {HEAD}: upgrade batchhub"
        )


def check_age(connection: Connection) -> None:
    """
    Refuse a server that is too old.

    Raises:
        StoreError: It is.
    """
    number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if number < OLDEST * 10_000:
        raise StoreError(
            f"PostgreSQL {number // 10_000} is too old; a store needs version {OLDEST} or newer"
        )


def find_obstacle(connection: Connection) -> str | None:
    """Return why a database can only be read; `None` if it can be written."""
    if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar():
        return REPLICA
    is_read_only = connection.exec_driver_sql("SHOW default_transaction_read_only").scalar() == "on"
    return _READ_ONLY if is_read_only else None


def find_size(connection: Connection) -> int:
    """Return the bytes that the tables of a store take, with their indexes."""
    return int(connection.exec_driver_sql(SIZE).scalar_one())


def _lock_number(schema: str) -> int:
    digest = hashlib.sha256(f"batchhub tables of {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
