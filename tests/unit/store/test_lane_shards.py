"""Which shard a lane is in: written down, so the same for ever."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import Connection, select
from support.stores import add_job, make_older

from batchhub._store import Store
from batchhub._store.shards import SHARDS, shard_of
from batchhub._store.tables import lanes


async def _read_shards(store: Store) -> dict[str, int]:
    def work(connection: Connection) -> dict[str, int]:
        found = connection.execute(select(lanes.c.lane, lanes.c.shard))
        return {row.lane: row.shard for row in found}

    return await store._db.read(work)


def test_lanes_are_spread_over_all_shards() -> None:
    """Each has a share, and a lane's own never changes."""
    spread = Counter(shard_of(f"scripted/host/{n}") for n in range(100 * SHARDS))

    assert sorted(spread) == list(range(SHARDS))
    assert max(spread.values()) < 200
    assert [shard_of("lane-1"), shard_of("lane-2"), shard_of("Ärger")] == [229, 153, 96]


async def test_the_store_has_it_of_each_lane(tmp_path: Path) -> None:
    """Of new ones, and of those an earlier version has left."""
    path = tmp_path / "jobs.db"
    store = await Store.open(path)
    await add_job(store, 2, lane="lane-1")
    await store.aclose()
    make_older(path, "0006")

    store = await Store.open(path)
    await add_job(store, 2, lane="lane-2", job_id="job-2")

    assert await _read_shards(store) == {n: shard_of(n) for n in ("lane-1", "lane-2")}
    await store.aclose()


async def test_a_lane_to_which_jobs_are_moved_has_its_own(tmp_path: Path) -> None:
    """Also if nobody has submitted to it before: else no process would find them there."""
    store = await Store.open(tmp_path / "jobs.db")
    job = await add_job(store, 2, lane="lane-1")

    assert await store.lanes.move_jobs("lane-1", "lane-2", job.account)

    assert await _read_shards(store) == {"lane-2": shard_of("lane-2")}
    (found,) = await store.shards.find_open()
    assert found.shard == shard_of("lane-2")
    await store.aclose()
