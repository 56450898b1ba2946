"""
Stand-ins for what an engine is given: shards with leases in the database, and nothing in them.

As the real ones do, `own` takes a shard unless another process shows signs of life for it, gives
such signs, and ends when another one has it. Run as a program it is a process with an engine.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg

from batchhub._base.store_place import find_store_place
from batchhub._cluster.procrastinate import Procrastinate
from batchhub._cluster.schema import make_tables

SILENT_S = 1.0
_BEAT_S = 0.15

_TABLES = """
CREATE SCHEMA IF NOT EXISTS batchhub;
CREATE TABLE IF NOT EXISTS batchhub.facts (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS batchhub.leases (
    shard integer PRIMARY KEY, owner text NOT NULL, seen timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS batchhub.taken (
    shard integer, owner text NOT NULL, at timestamptz DEFAULT clock_timestamp()
);
"""
_TAKE = """
WITH taken AS (
    INSERT INTO batchhub.leases VALUES (%(shard)s, %(owner)s, now())
    ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner, seen = now()
    WHERE leases.seen < now() - interval '0.9 s' OR leases.owner = excluded.owner
    RETURNING shard, owner
)
INSERT INTO batchhub.taken (shard, owner) SELECT shard, owner FROM taken
"""
_RENEW = "UPDATE batchhub.leases SET seen = now() WHERE shard = %(shard)s AND owner = %(owner)s"
_FREE = "DELETE FROM batchhub.leases WHERE shard = %(shard)s AND owner = %(owner)s"


async def make_shards(url: str) -> None:
    """Make what the engine and the stand-ins need in a database."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(_TABLES)
    await make_tables(find_store_place(url))


class Shards:
    """
    What one process is given.

    Attributes:
        open: The shards with open work.
        driven: Those it drives now.
        broken: Those that raise.
    """

    def __init__(self, url: str, name: str, open_shards: Collection[int]) -> None:
        self.name = name
        self.open = set(open_shards)
        self.broken: set[int] = set()
        self.driven: set[int] = set()
        self.raised: list[int] = []
        self._url = url

    async def open_lanes(self) -> Mapping[int, int]:
        return dict.fromkeys(self.open, 1)

    async def own(self, shard: int) -> None:
        if shard in self.broken:
            self.raised.append(shard)
            raise RuntimeError("a poisoned lane")
        if shard not in self.open or not await self._run(_TAKE, shard):
            return
        self.driven.add(shard)
        try:
            has_it = True
            while has_it and shard in self.open:
                await asyncio.sleep(_BEAT_S)
                with suppress(psycopg.OperationalError):  # the database is away
                    has_it = bool(await self._run(_RENEW, shard))
        finally:
            self.driven.discard(shard)
            with suppress(psycopg.OperationalError):
                await self._run(_FREE, shard)

    async def _run(self, query: str, shard: int) -> int:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            values = {"shard": shard, "owner": self.name}
            return (await connection.execute(query.encode(), values)).rowcount


@asynccontextmanager
async def engine(shards: Shards, url: str, **times: Any) -> AsyncIterator[asyncio.Task[None]]:
    """Run an engine for a while; it is cancelled and awaited at the end."""
    found = {"heartbeat_s": 0.2, "silent_s": SILENT_S, "slice_s": (0.5, 1.0), **times}
    running = asyncio.create_task(
        Procrastinate(url, name=shards.name, **found).run(shards.own, shards.open_lanes)
    )
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()


async def _main(url: str, name: str, most: str) -> None:
    shards = Shards(url, name, range(int(most)))
    async with engine(shards, url) as running:
        sys.stdout.write("running\n")
        sys.stdout.flush()
        await running


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
