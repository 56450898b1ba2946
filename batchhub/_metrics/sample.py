"""A sample of the store: what was found when somebody last looked, and by whom lanes are driven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import frozen

from batchhub._engine.health import GRACE_S, HealthLook, find_workers
from batchhub._engine.open_hub import OpenHub
from batchhub._store import LaneOwner, LaneRow, LaneSign, OpenGroup, StoreFigures
from batchhub._store.shards import shard_of
from batchhub.models import WorkerHealth


@frozen(kw_only=True)
class Undriven:
    """
    The oldest open job of those that nobody drives.

    Attributes:
        job_id: The job.
        account: Its account's name.
        created_at: When it was submitted.
        idle_since: Since when nobody drives it, as far as it is known.
        is_ours: Whether its account is one of this hub's.
        is_left: Whether this hub leaves it alone for the sake of other lanes of its shard.
    """

    job_id: str
    account: str
    created_at: datetime
    idle_since: datetime
    is_ours: bool
    is_left: bool


@frozen(kw_only=True)
class Sample:
    """
    What was found in the store.

    Attributes:
        taken_at: When.
        taken_s: When, in monotonic seconds: the age of it does not depend on a clock that is set.
        took_s: How long it took, in seconds.
        figures: The store in figures.
        undriven: How many open jobs nobody drives, by adapter.
        undriven_lanes: How many accounts they belong to.
        oldest_undriven: The oldest of them, or of this hub's accounts if these have some; `None` if
            all are driven.
        workers: The processes that drive accounts until they are stopped.
    """

    taken_at: datetime
    taken_s: float
    took_s: float
    figures: StoreFigures
    undriven: Mapping[str, int]
    undriven_lanes: int
    oldest_undriven: Undriven | None
    workers: Sequence[WorkerHealth]


async def take_sample(opened: OpenHub, own_lanes: Collection[str]) -> Sample:
    """
    Look at the store once.

    Args:
        opened: The open hub.
        own_lanes: The lanes of its accounts.

    Raises:
        StoreError: It can't be read.
    """
    clock = opened.clock
    began_s, now = clock.monotonic(), clock.now()
    figures = await opened.store.vitals.figures(now - timedelta(seconds=GRACE_S))
    look = HealthLook(store=opened.store, process=opened.process, now=now, grace_s=GRACE_S)
    await look.learn_attendants()

    def rank(group: OpenGroup) -> tuple[bool, datetime]:
        return group.lane not in own_lanes, group.oldest_at or now

    undriven: dict[str, int] = {}
    driven, idle = dict[str, str](), set[str]()
    oldest: OpenGroup | None = None
    for group in figures.groups:
        driver = _find_driver(group, figures.lanes.get(group.lane), look)
        if driver is not None:
            driven[group.lane] = driver.token
        if driver is not None or _is_own(opened, group.lane):
            continue
        idle.add(group.lane)
        undriven[group.adapter] = undriven.get(group.adapter, 0) + group.number
        if oldest is None or rank(group) < rank(oldest):
            oldest = group
    return Sample(
        taken_at=now,
        taken_s=began_s,
        figures=figures,
        undriven=undriven,
        undriven_lanes=len(idle),
        workers=await find_workers(look, Counter(driven.values())),
        oldest_undriven=None
        if oldest is None
        else await _find_oldest(opened, figures, oldest, own_lanes),
        took_s=clock.monotonic() - began_s,
    )


def _is_own(opened: OpenHub, name: str) -> bool:
    """Whether this process drives a lane, waits for it, or will try it again after a pause."""
    lane = opened.lanes.made.get(name)
    return lane is not None and (opened.driver.is_driving(name) or lane.error is not None)


def _find_driver(group: OpenGroup, sign: LaneSign | None, look: HealthLook) -> LaneOwner | None:
    """Return who drives a lane, or will as soon as there is something to do; or `None`."""
    row = LaneRow() if sign is None else LaneRow(owner=sign.owner, seen_at=sign.seen_at)
    look.know_lanes({group.lane: row})
    return look.driver(group.lane, look.now)


def _is_left(opened: OpenHub, lane: str) -> bool:
    """Whether this process can't take a lane's shard, whatever else it does."""
    left = {} if opened.shards is None else opened.shards.not_drivable
    return shard_of(lane) in {shard_of(each) for each in left}


async def _find_oldest(
    opened: OpenHub, figures: StoreFigures, group: OpenGroup, own_lanes: Collection[str]
) -> Undriven | None:
    job_id = await opened.store.vitals.oldest_open(group.lane)
    if job_id is None or group.oldest_at is None:
        return None  # it has ended meanwhile
    sign = figures.lanes.get(group.lane)
    seen_at = None if sign is None else sign.seen_at
    return Undriven(
        job_id=job_id,
        account=group.account,
        created_at=group.oldest_at,
        idle_since=max(group.oldest_at, seen_at or group.oldest_at),
        is_ours=group.lane in own_lanes,
        is_left=_is_left(opened, group.lane),
    )
