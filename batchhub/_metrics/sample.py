"""A sample of the store: what was found when somebody last looked, and by whom lanes are driven."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from attrs import frozen

from batchhub._engine.health import GRACE_S, HealthLook
from batchhub._engine.open_hub import OpenHub
from batchhub._store import LaneSign, OpenGroup, StoreFigures


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
    """

    job_id: str
    account: str
    created_at: datetime
    idle_since: datetime
    is_ours: bool


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
        oldest_undriven: The oldest of them, or of this hub's accounts if these have some; `None` if
            all are driven.
    """

    taken_at: datetime
    taken_s: float
    took_s: float
    figures: StoreFigures
    undriven: Mapping[str, int]
    oldest_undriven: Undriven | None


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
    oldest: OpenGroup | None = None
    for group in figures.groups:
        sign = figures.lanes.get(group.lane)
        if _is_own(opened, group.lane) or _is_driven(sign, look) or look.attendant(group.lane):
            continue
        undriven[group.adapter] = undriven.get(group.adapter, 0) + group.number
        if oldest is None or rank(group) < rank(oldest):
            oldest = group
    return Sample(
        taken_at=now,
        taken_s=began_s,
        figures=figures,
        undriven=undriven,
        oldest_undriven=None
        if oldest is None
        else await _find_oldest(opened, figures, oldest, own_lanes),
        took_s=clock.monotonic() - began_s,
    )


def _is_own(opened: OpenHub, name: str) -> bool:
    """Whether this process drives a lane, waits for it, or will try it again after a pause."""
    lane = opened.lanes.made.get(name)
    return lane is not None and (opened.driver.is_driving(name) or lane.error is not None)


def _is_driven(sign: LaneSign | None, look: HealthLook) -> bool:
    if sign is None or sign.owner is None:
        return False
    seen_at = sign.seen_at or look.now
    return not look.is_gone(sign.owner, (look.now - seen_at).total_seconds())


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
    )
