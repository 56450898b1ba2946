"""On PostgreSQL what has not ended is found by indexes, however many jobs have ended."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from support.patience import PATIENCE_S
from support.postgres import PostgresServer
from support.stores import NOW

from batchhub._store import LaneOwner, Store
from batchhub._store.codec import to_text
from batchhub._store.shards import SHARDS

ENDED: Final = 40_000
OPEN: Final = 4_000
LANES: Final = 400
LANE: Final = "lane-7"
THEIRS: Final = OPEN // LANES  # open jobs of a lane

# Every eleventh job is open; all lanes have as many of both.
_FILL: Final = (
    f"""
    INSERT INTO batchhub.lanes (lane, shard, last_place)
    SELECT 'lane-' || n, n % {SHARDS}, {(OPEN + ENDED) // LANES}
    FROM generate_series(0, {LANES - 1}) n
    """,
    f"""
    INSERT INTO batchhub.jobs (job_id, account, lane, adapter, operation, fingerprint, options,
        stop_on_first_failure, deadline_s, contact, findings, created_at, updated_at, ended_at,
        place, state, outcome, total, tickets_completed, tickets_in_progress)
    SELECT 'job-' || n, 'shop', 'lane-' || n / 11 % {LANES}, 'scripted', 'work', repeat('f', 64),
        '{{}}', false, 60, 'ok', '[]', '{{at}}', '{{at}}',
        CASE WHEN n % 11 > 0 THEN '{{at}}' END, n / 11 / {LANES} * 11 + n % 11 + 1,
        CASE WHEN n % 11 > 0 THEN 'completed' ELSE 'in_progress' END,
        CASE WHEN n % 11 > 0 THEN 'succeeded' END, 1,
        (n % 11 > 0)::integer, (n % 11 = 0)::integer
    FROM generate_series(0, {OPEN + ENDED - 1}) n
    """,
    """
    INSERT INTO batchhub.tickets (job_no, position, first_item, total, state, waits_for_previous,
        attempt_id, vendor_refs, vendor, findings, succeeded, failed, not_executed, unknown)
    SELECT job_no, 1, 1, 1, state, false, 'a', json_build_array('ref-' || job_no), '{}', '[]',
        0, 0, 0, 0
    FROM batchhub.jobs
    """,
    "VACUUM ANALYZE",
)


async def find_open(store: Store) -> None:
    found = await store.jobs.find_open(LANE)
    assert len(found) == THEIRS
    assert all(len(tickets) == 1 for _, tickets in found)


async def page_of_open(store: Store) -> None:
    page, _ = await store.jobs.open_page(0, 50)
    assert len(page) == 50


async def open_lanes(store: Store) -> None:
    assert len(await store.shards.find_open()) == LANES


async def cancelled(store: Store) -> None:
    assert await store.jobs.find_cancelled(LANE) == {}


async def pushes(store: Store) -> None:
    await store.pushes.add(LANE, ["ref-1"], NOW)
    assert len(await store.pushes.find(LANE)) == 1


async def take_shard(store: Store) -> None:
    owner = LaneOwner(token="t", pid=1, host="here")
    assert await store.shards.take(7, owner, NOW, lambda _: True) is not None


async def take_lane(store: Store) -> None:
    owner = LaneOwner(token="t", pid=1, host="here")
    _, hold = await store.lanes.take(LANE, owner, NOW, lambda _: True)
    assert hold is not None


CASES: Final[dict[Callable[[Store], Awaitable[None]], int]] = {
    find_open: 2 * THEIRS,
    page_of_open: 100,
    open_lanes: OPEN,  # at most all that are open, and none that has ended
    cancelled: THEIRS,
    pushes: 4 * THEIRS,  # what it reads, and what it writes for that
    take_shard: 0,
    take_lane: 0,
}
"""The rows of jobs and tickets that each of these reads at most."""


async def test_what_is_open_is_found_by_indexes(
    database_server: PostgresServer, cluster_url: str
) -> None:
    """The rows that are read are those that are asked for, and not all that a lane has had."""
    database = _name(cluster_url)
    for statement in _FILL:
        database_server.execute(statement.replace("{at}", to_text(NOW) or ""), database=database)

    read: dict[str, int] = {}
    for ask in CASES:
        before = _rows_read(database_server, database)
        store = await Store.open(cluster_url)
        await ask(store)
        await store.aclose()
        read[ask.__name__] = _rows_read(database_server, database) - before

    most = {ask.__name__: number for ask, number in CASES.items()}
    assert {name: number for name, number in read.items() if number > most[name]} == {}


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _rows_read(server: PostgresServer, database: str) -> int:
    """Return how many rows were read so far; who has them counted has to be gone."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    end_s = time.monotonic() + PATIENCE_S
    while server.execute(others, database=database) != [(0,)]:
        assert time.monotonic() < end_s
        time.sleep(0.01)
    found: list[tuple[Any, ...]] = server.execute(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
        " WHERE relname IN ('jobs', 'tickets')",
        database=database,
    )
    return int(found[0][0])
