"""A database with the tables of a cluster: batchhub's and Procrastinate's, made once a process."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

from batchhub._base.store_place import StorePlace, find_store_place
from batchhub._store.opening import init_database

from .postgres import PostgresServer

_TEMPLATE: Final = "cluster"


@cache
def cluster_template(server: PostgresServer) -> str:
    """Return the name of a database of a server that others are made of."""
    server.execute(f'CREATE DATABASE "{_TEMPLATE}"')
    place = find_store_place(server.url(_TEMPLATE))
    with ThreadPoolExecutor(1) as thread:  # whoever asks may be in an event loop
        thread.submit(asyncio.run, _make_all(place)).result()
    server.make_template(_TEMPLATE)
    return _TEMPLATE


async def _make_all(place: StorePlace) -> None:
    from batchhub._cluster.schema import make_tables  # noqa: PLC0415  # slow to import

    await init_database(place)
    await make_tables(place)
