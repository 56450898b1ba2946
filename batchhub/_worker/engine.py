"""How a worker shares out what it drives, which depends on its store alone."""

from __future__ import annotations

from batchhub._base.store_place import find_store_place
from batchhub._cluster.making import check_cluster
from batchhub._engine.shards import Engine
from batchhub.cluster import Procrastinate

from .settings_source import Reading


async def make_engine(reading: Reading) -> Engine | None:
    """
    Return what shares out a store that many processes drive; `None` for any other store.

    Raises:
        UsageError: The store is that of another cluster, or a package is not installed.
        StoreError: It can't be reached, or lacks tables.
    """
    if not find_store_place(reading.store).is_postgres:
        return None
    await check_cluster(reading.store, reading.settings.cluster)
    return Procrastinate(reading.store)
