"""Making a cluster of a PostgreSQL database, and checking that it is one."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from attrs import frozen

from batchhub._base.store_place import StorePlace, find_store_place
from batchhub._settings.file import CLUSTER_NAME
from batchhub._store.explain import explain_error, is_database_error
from batchhub._store.migrations import HEAD
from batchhub._store.opening import init_database
from batchhub.errors import UsageError
from batchhub.models.plain import Plain

T = TypeVar("T")


@frozen(kw_only=True)
class Cluster(Plain):
    """
    A database that many processes can drive.

    Attributes:
        name: What it is called.
        store: The database, without passwords.
        schema: The schema it is in.
        tables: The version of batchhub's tables.
        procrastinate: The last of Procrastinate's migrations.
        is_changed: Whether there was something to do.
    """

    name: str
    store: str
    schema: str
    tables: str
    procrastinate: str
    is_changed: bool


async def init_cluster(store: str, name: str | None = None) -> Cluster:
    """
    Make all tables that workers need, or bring them up to date; several at once do it once.

    Args:
        store: The URL of a PostgreSQL database.
        name: What the cluster is called; `None` for what it is called already, else its schema.

    Raises:
        UsageError: It is no such URL or no name; the cluster is called otherwise; or a package is
            not installed.
        StoreVersionError: The tables are those of a newer version.
        StoreError: The database can't be reached, or refuses.
    """
    place = find_cluster(store)
    if name is not None and not CLUSTER_NAME.fullmatch(name):
        raise UsageError(
            f"a cluster is called by a word of letters, digits, -, _ and ., not {name[:80]!r}"
        )
    schema = import_schema()
    # Before anything of it is changed.
    called = await ask(place, schema.find_fact(place, schema.NAME_FACT))
    schema.check_name(place, called, name)
    is_changed = await init_database(place)
    made = await ask(place, schema.make_tables(place, name))
    return Cluster(
        name=made.name,
        store=place.name,
        schema=place.schema,
        tables=HEAD,
        procrastinate=made.version,
        is_changed=is_changed or made.is_new,
    )


async def check_cluster(store: str, name: str | None = None) -> None:
    """
    Check that the shards of a store can be shared out; the store itself has been opened.

    Args:
        store: Its URL.
        name: What its cluster must be called; `None` for anything.

    Raises:
        UsageError: The cluster is called otherwise, or a package is not installed.
        StoreError: The database can't be reached, or lacks tables.
    """
    place = find_cluster(store)
    await ask(place, import_schema().check_tables(place, name))


def find_cluster(store: str) -> StorePlace:
    """
    Return where the store of a cluster is.

    Raises:
        UsageError: It is not on PostgreSQL.
    """
    place = find_store_place(store)
    if not place.is_postgres:
        raise UsageError(
            f"store {place.name} is no PostgreSQL database, which a cluster needs; name one as "
            "postgresql://USER@HOST/DATABASE"
        )
    return place


async def ask(place: StorePlace, asking: Coroutine[Any, Any, T]) -> T:
    """
    Ask a database.

    Raises:
        StoreError: It can't be reached, or refuses.
    """
    try:
        return await asking
    except Exception as error:
        if is_database_error(error):
            raise explain_error(error, place.name) from None
        raise


def import_schema() -> Any:
    """
    Import what asks the database, which needs the extra.

    Raises:
        UsageError: It is not installed.
    """
    try:
        from . import schema  # noqa: PLC0415
    except ImportError as error:  # psycopg without PostgreSQL's own library is one, too
        if (error.name or "").startswith("batchhub"):
            raise
        raise UsageError(
            "a cluster needs packages that are not installed: pip install 'batchhub[cluster]'"
        ) from None
    return schema
