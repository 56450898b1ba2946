"""Whether a PostgreSQL store will do for many machines: what `batchhub check` says of it."""

from __future__ import annotations

import time
from typing import Final

from attrs import frozen
from sqlalchemy import Connection

from batchhub._base.store_place import find_store_place
from batchhub._store import Store
from batchhub.errors import StoreError
from batchhub.models.plain import Plain

from .status import find_status

_LOOKS: Final = 4
"""Transactions after which a pooler is taken to keep sessions."""


@frozen(kw_only=True)
class StoreInspection(Plain):
    """
    How a PostgreSQL store is.

    Attributes:
        store: The database, without passwords.
        postgres: The version of PostgreSQL.
        tables: The version of batchhub's tables.
        obstacle: Why it can only be read; `None` if it can be written.
        ahead_s: For how many seconds its clock is ahead of this machine's.
        workers: How many workers give signs of life.
        listens: Whether it is asked to tell of news.
        is_pooled: Whether a pooler gives each transaction another connection.
    """

    store: str
    postgres: str
    tables: str
    obstacle: str | None
    ahead_s: float
    workers: int
    listens: bool
    is_pooled: bool


async def inspect_store(url: str) -> StoreInspection:
    """
    Look at a store; nothing is written.

    Args:
        url: Its URL.

    Raises:
        UsageError: A package is not installed.
        StoreVersionError: Its tables are those of another version.
        StoreError: It can't be reached, or has no tables.
    """
    place = find_store_place(url)
    store = await Store.open(url)
    try:
        obstacle = None
        try:
            store.loads.check_writable()
        except StoreError as error:
            obstacle = str(error).removeprefix(f"store {place.name}: ")
        servers = {await store.vitals.ask(_find_server) for _ in range(_LOOKS)}
        read = await store.read_time(time.time)
    finally:
        await store.aclose()
    status = await find_status(url)
    return StoreInspection(
        store=place.name,
        postgres=status.postgres,
        tables=status.tables,
        obstacle=obstacle,
        ahead_s=round(read.at.timestamp() - (read.before_s + read.after_s) / 2, 3),
        workers=sum(not worker.is_silent for worker in status.workers),
        listens=place.listens,
        is_pooled=len(servers) > 1,
    )


def _find_server(connection: Connection) -> int:
    """Return which process of the server answers."""
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
