"""
An engine of twenty lines: a shard is driven by whoever has its advisory lock.

Each process takes what it finds, up to a number of shards, and keeps it as long as there is work.
A process that dies loses its locks with its connection.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg

from batchhub.cluster import SHARDS, OpenLanes, Own

_CLASS = 4711  # a number that no other program of the database uses for its locks


class AdvisoryLocks:
    """An engine for `hub.drive`; `url` names the database, `most` how many shards to take."""

    def __init__(self, url: str, most: int = SHARDS) -> None:
        self._url = url
        self._most = most

    async def run(self, own: Own, open_lanes: OpenLanes) -> None:
        """Drive what there is, until cancelled."""
        driven: set[int] = set()
        async with (
            await psycopg.AsyncConnection.connect(self._url, autocommit=True) as locks,
            asyncio.TaskGroup() as group,  # cancelled, it cancels each `own` and waits for all
        ):

            async def drive(shard: int) -> None:
                try:
                    await own(shard)
                except Exception:
                    logging.exception("shard %s failed", shard)
                finally:
                    await locks.execute("SELECT pg_advisory_unlock(%s, %s)", (_CLASS, shard))
                    driven.discard(shard)

            while True:
                for shard in await open_lanes():
                    if shard not in driven and len(driven) < self._most:
                        query = "SELECT pg_try_advisory_lock(%s, %s)"
                        row = await (await locks.execute(query, (_CLASS, shard))).fetchone()
                        if row is not None and row[0]:
                            driven.add(shard)
                            group.create_task(drive(shard))
                await asyncio.sleep(1.0)
