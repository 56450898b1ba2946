"""Jobs of earlier versions, whose lanes had no host: moved to the lane of their account."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, bindparam, delete, exists, func, select, update

from .lane_rows import get_lane
from .shards import shard_of
from .tables import jobs, lanes
from .works import note_lane

_FIND: Final[Select[Any]] = (
    select(jobs.c.lane, jobs.c.account)
    .where(jobs.c.lane.in_(bindparam("these", expanding=True)))
    .distinct()
)
_other = jobs.alias()
_KEY_IS_TAKEN: Final = exists().where(
    and_(_other.c.lane == bindparam("new_lane"), _other.c.key == jobs.c.key)
)
_MOVES: Final = and_(
    jobs.c.lane == bindparam("old_lane"),
    jobs.c.account == bindparam("of_account"),
    ~_KEY_IS_TAKEN,
)
_COUNT_MOVES: Final = select(func.max(jobs.c.place)).where(_MOVES)
_MAKE_ROOM: Final = (
    update(jobs)
    .where(jobs.c.lane == bindparam("new_lane"), jobs.c.place.is_not(None))
    .values(place=jobs.c.place + bindparam("room"))
)
_MOVE: Final = update(jobs).where(_MOVES).values(lane=bindparam("new_lane"))
_LAST: Final = select(func.max(jobs.c.place)).where(jobs.c.lane == bindparam("new_lane"))
_ADD: Final = lanes.insert()
_SET_LAST: Final = (
    update(lanes)
    .where(lanes.c.lane == bindparam("new_lane"))
    .values(last_place=bindparam("new_last"), epoch=lanes.c.epoch + 1)
)
_IS_LEFT: Final = select(jobs.c.job_no).where(jobs.c.lane == bindparam("old_lane")).limit(1)
_DROP: Final = delete(lanes).where(lanes.c.lane == bindparam("old_lane"))


def find_accounts(connection: Connection, old_lanes: Collection[str]) -> list[tuple[str, str]]:
    """Return the names of the accounts that have jobs in some lanes, each with the lane."""
    found = connection.execute(_FIND, {"these": list(old_lanes)})
    return [(lane, account) for lane, account in found]


def move_jobs(connection: Connection, old_lane: str, new_lane: str, account: str) -> bool:
    """
    Move an account's jobs to another lane, before those it has; return whether any was moved.

    A job whose key another one has there stays. Nothing is moved while a process drives that lane.
    Its epoch is raised: the jobs may have sent in the lane they come from.
    """
    if get_lane(connection, new_lane).owner is not None:
        return False
    note_lane(connection, new_lane)
    names = {"old_lane": old_lane, "new_lane": new_lane, "of_account": account}
    room = connection.execute(_COUNT_MOVES, names).scalar()
    if room is None:
        return False
    if connection.execute(_LAST, {"new_lane": new_lane}).scalar() is not None:
        connection.execute(_MAKE_ROOM, {"new_lane": new_lane, "room": room})
    connection.execute(_MOVE, names)
    last = {"new_lane": new_lane, "new_last": connection.execute(_LAST, names).scalar() or 0}
    if not connection.execute(_SET_LAST, last).rowcount:
        row = {"lane": new_lane, "shard": shard_of(new_lane), "last_place": last["new_last"]}
        connection.execute(_ADD, {**row, "epoch": 1})
    if connection.execute(_IS_LEFT, {"old_lane": old_lane}).first() is None:
        connection.execute(_DROP, {"old_lane": old_lane})
    return True
