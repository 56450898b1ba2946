"""
The store's versions, by Alembic.

Alembic on SQLite is not atomic by itself: here a migration runs in one
``BEGIN IMMEDIATE``, so that a kill at any statement leaves the version before,
and of several first starts at once the first one migrates and the others wait.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from batchhub.errors import StoreError, StoreVersionError

HEAD: Final = "0002"
"""The version this batchhub writes; a test compares it with Alembic's own."""


def is_current(connection: Connection) -> bool:
    """Whether the tables are up to date, which is the usual case and costs one query."""
    try:
        return _find_version(connection) == HEAD
    finally:
        connection.rollback()


def migrate(connection: Connection) -> None:
    """
    Bring the tables up to date.

    Raises:
        StoreVersionError: The store was written by a newer batchhub.
    """
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        version = _find_version(connection)  # another process may have been faster
        if version != HEAD:
            _upgrade(connection, version)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def _find_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if version is None else str(version)


def _upgrade(connection: Connection, version: str | None) -> None:
    # Alembic is slow to import, and needed once in a store's life.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreVersionError(
            f"it is of version {version}, written by a newer batchhub; "
            f"this one knows versions up to {HEAD}: upgrade batchhub or choose another --store"
        )
    if version is None and set(inspect(connection).get_table_names()) - {"alembic_version"}:
        raise StoreError("it is another program's database; choose another file with --store")
    command.upgrade(config, "head")
