"""
The store's versions: a new store is made as it is today, an older one goes through Alembic.

Both lead to the same tables; a test compares them. Alembic on SQLite is not atomic by itself: here
either way runs in one ``BEGIN IMMEDIATE``, so that a kill at any statement leaves the version
before, and of several first starts at once the first one does it and the others wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, select, text

from batchhub._store.marks import refuse_mark
from batchhub._store.statements import Statement
from batchhub._store.tables import metadata
from batchhub.errors import StoreError, StoreVersionError

from .old_locks import WITH_LANE_LOCKS, old_locks

HEAD: Final = "0007"
"""The version this batchhub writes; a test compares it with Alembic's own."""

_READABLE: Final = frozenset({HEAD, "0006", "0005", "0004", "0003"})
"""The versions that can be read as they are: what was added since may be missing."""

FIRST_SHARED: Final = "0007"
"""The first version that a PostgreSQL database can have."""

_OTHERS: Final = "procrastinate_"
"""What the names of other tables begin with that may be in the schema of a store."""

# As Alembic makes and reads it; apart from the store's own tables, which it would want to drop.
_version: Final = Table(
    "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True)
)

_VERSION: Final = Statement(select(_version.c.version_num))


def is_current(connection: Connection) -> bool:
    """Whether the tables are up to date, which is the usual case and costs one query."""
    try:
        return find_version(connection) == HEAD
    finally:
        connection.rollback()


def is_readable(connection: Connection) -> bool:
    """Whether the tables can be read as they are, where they can't be brought up to date."""
    try:
        return find_version(connection) in _READABLE
    finally:
        connection.rollback()


def refuse_others(connection: Connection) -> None:
    """
    Refuse what is no store of this batchhub's, without writing anything.

    Raises:
        StoreError: It is another program's database.
        StoreVersionError: The store was written by a newer batchhub.
        StoreMarkedError: It is being copied, or lives elsewhere by now.
    """
    # One look at it, not two: another process may be at its first start.
    connection.exec_driver_sql("BEGIN")
    try:
        version = find_version(connection)
        if version is None:
            refuse_tables(connection)
        elif is_newer(version):
            refuse_mark(connection, version)
            raise _too_new(version)
    finally:
        connection.rollback()


def check_version(connection: Connection) -> None:
    """
    Check, in a transaction, that nobody has brought the store to another version since.

    Raises:
        StoreVersionError: It is of another one.
    """
    version = _VERSION.scalar(connection)
    if version != HEAD:
        raise StoreVersionError(
            f"the store was brought to version {version} while this process had it open, and this "
            f"one knows {HEAD}: start it again with the batchhub that is installed there now"
        )


def migrate(connection: Connection, path: Path | None = None) -> None:
    """
    Bring the tables up to date.

    Args:
        connection: Of the store, outside a transaction.
        path: The store's file; `None` for one in memory.

    Raises:
        StoreVersionError: The store was written by a newer batchhub.
        StoreError: A process works on it with an earlier version.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        version = find_version(connection)  # another process may have been faster
        if version is None:
            create(connection)
            connection.commit()
        elif version in WITH_LANE_LOCKS:
            with old_locks(path, _find_lanes(connection)):
                upgrade(connection, version)
                connection.commit()
        elif version != HEAD:
            refuse_mark(connection, version)
            upgrade(connection, version)
            connection.commit()
        else:
            connection.rollback()
    except BaseException:
        connection.rollback()
        raise


def is_newer(version: str) -> bool:
    """Whether a version is one that this batchhub does not know yet."""
    return version > HEAD


def find_version(connection: Connection) -> str | None:
    """Return the version of the tables; `None` if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if version is None else str(version)


def _find_lanes(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT DISTINCT lane FROM jobs")).scalars())


def refuse_tables(connection: Connection) -> None:
    """
    Refuse a database with the tables of another program.

    Raises:
        StoreError: It has some.
    """
    names = inspect(connection).get_table_names()
    if any(name != _version.name and not name.startswith(_OTHERS) for name in names):
        if connection.dialect.name == "sqlite":
            raise StoreError("it is another program's database; choose another store")
        raise StoreError(
            "its schema has the tables of another program; give one of its own, by ?schema=NAME in "
            "the address"
        )


def _too_new(version: str) -> StoreVersionError:
    return StoreVersionError(
        f"it is of version {version}, written by a newer batchhub; "
        f"this one knows versions up to {HEAD}: upgrade batchhub or choose another store"
    )


def create(connection: Connection) -> None:
    """
    Make the tables as they are today, inside the transaction that is open.

    Raises:
        StoreError: There are those of another program.
    """
    refuse_tables(connection)
    metadata.create_all(connection, checkfirst=False)
    _version.create(connection, checkfirst=True)
    connection.execute(insert(_version), {"version_num": HEAD})


def upgrade(connection: Connection, version: str | None) -> None:
    """
    Run the migrations that a version lacks, inside the transaction that is open.

    Raises:
        StoreVersionError: The version is a newer batchhub's.
    """
    # Slow to import, and most stores never need it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise _too_new(version)
    command.upgrade(config, "head")
