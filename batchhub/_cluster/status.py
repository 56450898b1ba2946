"""How a cluster is: its workers, who drives what, and what nobody drives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from batchhub._base.store_place import StorePlace
from batchhub._engine.shard_claims import SILENT_S as FREE_S
from batchhub._store.codec import from_text
from batchhub._store.marks import COPY_FACT, MARKS, CopyFact, StoreMarkedError, explain_mark
from batchhub._store.migrations import HEAD
from batchhub._store.server import SIZE
from batchhub._store.shard_leases import shard_of_lease
from batchhub.errors import StoreError, StoreVersionError
from batchhub.models.plain import Plain

from .making import ask, find_cluster, import_schema

SILENT_S: Final = 10.0
"""Seconds after which a worker that has given no sign of life is said to be silent."""

_NAME: Final = "cluster"

# The collation of names is that of bytes: what begins with the prefix is a range of an index.
QUERIES: Final = {
    "workers": "SELECT token, pid, host, seen_at FROM attendants ORDER BY host, pid",
    "leases": "SELECT name, holder, seen_at FROM leases WHERE name LIKE 'shard/%' AND holder <> ''",
    "open_lanes": (
        "SELECT lane, shard, ARRAY(SELECT token FROM attended WHERE attended.lane = lanes.lane)"
        " FROM lanes WHERE EXISTS (SELECT FROM jobs WHERE jobs.lane = lanes.lane"
        " AND jobs.ended_at IS NULL AND jobs.place IS NOT NULL) ORDER BY lane"
    ),
    "open_jobs": "SELECT count(*) FROM jobs WHERE ended_at IS NULL AND place IS NOT NULL",
    "size": SIZE,
    "version": "SELECT version_num FROM alembic_version",
    "facts": "SELECT name, value FROM facts",
    "server": "SELECT current_setting('server_version'), now()",
}
"""What is asked, in one snapshot."""


@frozen(kw_only=True)
class WorkerStatus(Plain):
    """
    A process that drives lanes until it is stopped.

    Attributes:
        name: The machine and the process.
        seen_at: Its last sign of life.
        is_silent: Whether that is so long ago that others have taken over what it drove.
        shards: How many shards it has.
        open_lanes: How many lanes with unfinished jobs are in them.
    """

    name: str
    seen_at: datetime
    is_silent: bool
    shards: int
    open_lanes: int


@frozen(kw_only=True)
class UndrivenLane(Plain):
    """
    A lane with unfinished jobs whose shard nobody has.

    Attributes:
        lane: The lane.
        shard: Its shard.
        is_drivable: Whether a worker that gives signs of life has the accounts of all open lanes of
            its shard, without which nobody takes it.
    """

    lane: str
    shard: int
    is_drivable: bool


@frozen(kw_only=True)
class ClusterStatus(Plain):
    """
    How a cluster is.

    Attributes:
        name: What it is called.
        store: The database, without passwords.
        schema: The schema it is in.
        tables: The version of batchhub's tables.
        postgres: The version of PostgreSQL.
        size_bytes: What its tables take on the disk, indexes included.
        checked_at: When it was so, by the database's clock, as all times of it are.
        open_jobs: How many jobs have not ended.
        open_lanes: How many lanes have such jobs.
        workers: The workers, by name.
        undriven: The open lanes that nobody drives.
    """

    name: str
    store: str
    schema: str
    tables: str
    postgres: str
    size_bytes: int
    checked_at: datetime
    open_jobs: int
    open_lanes: int
    workers: tuple[WorkerStatus, ...]
    undriven: tuple[UndrivenLane, ...]


async def find_status(store: str) -> ClusterStatus:
    """
    Return how a cluster is.

    Args:
        store: Its URL.

    Raises:
        UsageError: It is no PostgreSQL database, or a package is not installed.
        StoreVersionError: Its tables are those of another version.
        StoreMarkedError: It is being copied, or lives elsewhere by now.
        StoreError: It can't be reached, or has no tables.
    """
    place = find_cluster(store)
    schema = import_schema()
    version = await ask(place, schema.find_version(place))
    if version in MARKS:
        fact = CopyFact.from_text(await ask(place, schema.find_fact(place, COPY_FACT)))
        raise StoreMarkedError(f"store {place.name}: {explain_mark(version, fact)}")
    if version is None:
        raise StoreError(
            f"store {place.name}: it has no tables of batchhub yet; make them with "
            f"`{place.init_command}`"
        )
    if version != HEAD:
        raise StoreVersionError(
            f"store {place.name}: its tables are of version {version}, and this batchhub needs "
            f"{HEAD}; "
            + (
                "upgrade batchhub"
                if version > HEAD
                else f"bring them up to date with `{place.init_command}`"
            )
        )
    return _make(place, await ask(place, schema.ask_all(place, QUERIES)))


def _make(place: StorePlace, found: Mapping[str, Sequence[Sequence[Any]]]) -> ClusterStatus:
    ((postgres, now),) = found["server"]
    live = {
        token
        for token, _, _, seen_at in found["workers"]
        if (now - _time(seen_at)).total_seconds() <= SILENT_S
    }
    holders = {
        shard_of_lease(name): token
        for name, token, seen_at in found["leases"]
        if (now - _time(seen_at)).total_seconds() < FREE_S
    }
    shards = Counter(holders.values())
    able = dict[int, set[str]]()
    for _, shard, tokens in found["open_lanes"]:
        able[shard] = able.get(shard, live) & {*tokens}
    lanes = Counter(holders[shard] for _, shard, _ in found["open_lanes"] if shard in holders)
    return ClusterStatus(
        name=next((value for name, value in found["facts"] if name == _NAME), place.schema),
        store=place.name,
        schema=place.schema,
        tables=found["version"][0][0],
        postgres=postgres.partition(" ")[0],
        size_bytes=found["size"][0][0],
        checked_at=now.astimezone(UTC),
        open_jobs=found["open_jobs"][0][0],
        open_lanes=len(found["open_lanes"]),
        workers=tuple(
            WorkerStatus(
                name=f"process {pid} on {host}",
                seen_at=_time(seen_at),
                is_silent=token not in live,
                shards=shards[token],
                open_lanes=lanes[token],
            )
            for token, pid, host, seen_at in found["workers"]
        ),
        undriven=tuple(
            UndrivenLane(lane=lane, shard=shard, is_drivable=bool(able[shard]))
            for lane, shard, _ in found["open_lanes"]
            if shard not in holders
        ),
    )


def _time(text: str) -> datetime:
    at = from_text(text)
    assert at is not None  # noqa: S101  # the column has no NULL
    return at
