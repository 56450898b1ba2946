"""
What the engine asks of the database beyond Procrastinate's own statements.

They are about Procrastinate's jobs of this one task, its workers, and a small table of ours beside
them, which says what each worker could drive. Each is one statement in a transaction of its own:
whatever becomes of this process, none is left half done, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, LiteralString

from attrs import frozen

if TYPE_CHECKING:
    from procrastinate.connector import BaseConnector

TASK: Final = "batchhub.drive_shard"
"""The name of the task, in every version: a job of an older one is driven by a newer one."""

_QUEUE: Final = "shard-"

MAKE_WORKERS: Final[LiteralString] = """
CREATE TABLE IF NOT EXISTS shard_workers (
    worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers (id) ON DELETE CASCADE,
    name text NOT NULL,
    shards integer[] NOT NULL
)
"""
"""Makes the table that says what each worker could drive; its rows go with Procrastinate's."""

# A sign of life later than now is of before the clock was set back: whoever lives gives another.
# A database that has just been started knows no signs of life that could not be written meanwhile.
_LOOK: Final[LiteralString] = """
WITH live AS (
    SELECT id FROM procrastinate_workers
    WHERE last_heartbeat > now() - make_interval(secs => %(silent_s)s)
        AND last_heartbeat < now() + make_interval(secs => %(silent_s)s)
)
SELECT
    (SELECT coalesce(json_agg(json_build_array(j.id, j.queue_name, j.status = 'doing', j.worker_id,
                j.worker_id IS NULL OR NOT EXISTS (SELECT FROM live WHERE live.id = j.worker_id)
            )), '[]')
        FROM procrastinate_jobs j
        WHERE j.task_name = %(task)s AND j.status IN ('todo', 'doing')) AS jobs,
    (SELECT coalesce(json_agg(json_build_array(s.worker_id, s.shards)), '[]')
        FROM shard_workers s JOIN live ON live.id = s.worker_id) AS workers,
    (SELECT count(*) FROM procrastinate_workers) > (SELECT count(*) FROM live) AS has_dead,
    pg_postmaster_start_time() > now() - make_interval(secs => %(silent_s)s) AS is_young
"""

_INSERT: Final[LiteralString] = """
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
SELECT 'shard-' || shard, %(task)s, 'shard-' || shard, 'shard-' || shard,
    jsonb_build_object('shard', shard)
"""

_ADD: Final[LiteralString] = (
    _INSERT
    + """
FROM unnest(%(shards)s::integer[]) shard
WHERE NOT EXISTS (SELECT FROM procrastinate_jobs j
    WHERE j.lock = 'shard-' || shard AND j.status IN ('todo', 'doing'))
ON CONFLICT DO NOTHING
"""
)

# Deleted by its id: whoever has a shard's job by now has another one.
_END: Final[LiteralString] = """
DELETE FROM procrastinate_jobs
WHERE id = ANY(%(ids)s::bigint[]) AND task_name = %(task)s AND status = 'doing'
"""

_END_AND_ADD: Final[LiteralString] = (
    "WITH ended AS ("
    + _END
    + " RETURNING (args->>'shard')::integer AS shard)"
    + _INSERT
    + "FROM ended ON CONFLICT DO NOTHING"
)

_END_STALLED: Final[LiteralString] = """
WITH pruned AS (
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < now() - make_interval(secs => %(silent_s)s)
        OR last_heartbeat > now() + make_interval(secs => %(silent_s)s)
    RETURNING id
)
DELETE FROM procrastinate_jobs j
WHERE j.task_name = %(task)s AND j.status = 'doing' AND (
    j.worker_id IS NULL
    OR j.worker_id IN (SELECT id FROM pruned)
    OR NOT EXISTS (SELECT FROM procrastinate_workers w WHERE w.id = j.worker_id))
RETURNING (args->>'shard')::integer AS shard
"""

_ADOPT: Final[LiteralString] = """
UPDATE procrastinate_jobs SET worker_id = %(worker)s
WHERE id = ANY(%(ids)s::bigint[]) AND status = 'doing' AND worker_id IS NULL
"""

# Others may have taken this worker for dead and deleted its row; the number stays its own.
_BEAT: Final[LiteralString] = """
INSERT INTO procrastinate_workers (id) OVERRIDING SYSTEM VALUE VALUES (%(worker)s)
ON CONFLICT (id) DO UPDATE SET last_heartbeat = now()
"""

_PUBLISH: Final[LiteralString] = """
INSERT INTO shard_workers (worker_id, name, shards)
SELECT id, %(name)s, %(shards)s::integer[] FROM procrastinate_workers WHERE id = %(worker)s
ON CONFLICT (worker_id) DO UPDATE SET shards = excluded.shards
"""

_WITHDRAW: Final[LiteralString] = "DELETE FROM shard_workers WHERE worker_id = %(worker)s"

_SIGN_OFF: Final[LiteralString] = (
    """\
WITH ended AS (
    DELETE FROM procrastinate_jobs
    WHERE task_name = %(task)s AND status = 'doing' AND worker_id = %(worker)s
    RETURNING (args->>'shard')::integer AS shard
), gone AS (
    DELETE FROM procrastinate_workers WHERE id = %(worker)s
)
"""  # noqa: S608  # all of it is written here
    + _INSERT
    + "FROM ended ON CONFLICT DO NOTHING"
)


@frozen
class ShardJob:
    """
    The job of a shard.

    Attributes:
        id: Its number; none has another's again.
        shard: The shard.
        is_running: Whether a worker has taken it.
        worker_id: Which; `None` if none has, or the one that had it is gone.
        is_stalled: Whether it runs at no worker that shows signs of life.
    """

    id: int
    shard: int
    is_running: bool
    worker_id: int | None
    is_stalled: bool


@frozen
class Look:
    """
    What the database says of the cluster.

    Attributes:
        jobs: Of each shard that has one, the job.
        drivable: The open shards that each live worker could drive.
        has_dead: Whether there are workers without signs of life.
        is_young: Whether the database was started so lately that silence means nothing.
    """

    jobs: Sequence[ShardJob]
    drivable: Mapping[int, frozenset[int]]
    has_dead: bool = False
    is_young: bool = False


class Rows:
    """
    The statements, over a connector of Procrastinate's.

    Args:
        connector: It.
        name: What this worker is called.
        silent_s: Seconds after which a worker without a sign of life is taken for dead.
    """

    def __init__(self, connector: BaseConnector, *, name: str, silent_s: float) -> None:
        self._connector = connector
        self._name = name
        self._silent_s = silent_s

    async def look(self) -> Look:
        """Return how things are."""
        row = await self._connector.execute_query_one_async(
            _LOOK, task=TASK, silent_s=self._silent_s
        )
        return Look(
            jobs=[_read_job(each) for each in row["jobs"]],
            drivable={worker: frozenset(shards) for worker, shards in row["workers"]},
            has_dead=row["has_dead"],
            is_young=row["is_young"],
        )

    async def add(self, shards: Collection[int]) -> None:
        """Add a job for each of some shards that has none."""
        await self._run(_ADD, shards=sorted(shards))

    async def end(self, ids: Collection[int], *, again: bool = False) -> None:
        """End jobs of this worker; `again` adds them anew, for whoever comes first."""
        await self._run(_END_AND_ADD if again else _END, ids=list(ids))

    async def end_stalled(self) -> list[int]:
        """End the jobs of dead workers, and forget those; returns the shards."""
        rows = await self._connector.execute_query_all_async(
            _END_STALLED, task=TASK, silent_s=self._silent_s
        )
        return sorted(row["shard"] for row in rows)

    async def adopt(self, worker: int, ids: Collection[int]) -> None:
        """Give a worker its jobs back, after others took it for dead."""
        await self._connector.execute_query_async(_ADOPT, worker=worker, ids=list(ids))

    async def beat(self, worker: int) -> None:
        """Give a sign of life, also after others took the worker for dead."""
        await self._connector.execute_query_async(_BEAT, worker=worker)

    async def publish(self, worker: int, shards: Collection[int]) -> None:
        """Say what a worker could drive now."""
        await self._connector.execute_query_async(
            _PUBLISH, worker=worker, name=self._name, shards=sorted(shards)
        )

    async def withdraw(self, worker: int) -> None:
        """Say that a worker takes nothing more."""
        await self._connector.execute_query_async(_WITHDRAW, worker=worker)

    async def sign_off(self, worker: int) -> None:
        """Remove a worker; what jobs it still has are added anew."""
        await self._run(_SIGN_OFF, worker=worker)

    def _run(self, query: LiteralString, **values: Any) -> Awaitable[None]:
        return self._connector.execute_query_async(query, task=TASK, **values)


def name_queue(shard: int) -> str:
    """Return the queue of a shard, which is its lock as well."""
    return f"{_QUEUE}{shard}"


def _read_job(row: Sequence[Any]) -> ShardJob:
    number, queue, is_running, worker, is_stalled = row
    return ShardJob(
        id=number,
        shard=int(queue.removeprefix(_QUEUE)),
        is_running=is_running,
        worker_id=worker,
        is_stalled=is_running and is_stalled,
    )
