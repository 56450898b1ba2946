"""The rows of lanes, as they are asked for and written inside a transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    false,
    insert,
    inspect,
    null,
    select,
    union,
    update,
)

from .codec import from_text, to_text
from .damage import DamagedError, read_row, reading
from .lane_records import Hold, LaneOwner, LaneRow, Traffic
from .shards import shard_of
from .statements import ManyRows, Row, Statement
from .tables import attendants, deliveries, jobs, lanes, leases, pushes, wishes
from .works import note_lane

_THIS: Final = lanes.c.lane == bindparam("this_lane")
_HELD: Final = and_(
    lanes.c.lane == bindparam("held_lane"),
    lanes.c.owner == bindparam("held_by"),
    lanes.c.epoch == bindparam("held_epoch"),
)
IS_HELD: Final[ColumnElement[bool]] = exists().where(_HELD)
"""Holds while a lane is held; its values are those of `Hold.bound`."""

# Never set back: whoever comes after another boot sees by it that the clock was.
_LATEST: Final = case(
    (lanes.c.latest_at > bindparam("at"), lanes.c.latest_at), else_=bindparam("at")
)

_NEXT_PLACE: Final = Statement(
    update(lanes)
    .where(_THIS)
    .values(last_place=lanes.c.last_place + 1)
    .returning(lanes.c.last_place)
)
_LAST_PLACES: Final = select(lanes.c.lane, lanes.c.last_place).where(
    lanes.c.lane.in_(bindparam("these", expanding=True))
)
_MARKS: Final = select(lanes.c.lane, lanes.c.last_place, lanes.c.epoch).where(
    lanes.c.lane.in_(bindparam("these", expanding=True))
)
_PAGE: Final = 500
# What was sent is read by who restores it, as far as it can be read.
_FIELDS: Final = ("epoch", "owner", "owner_pid", "owner_host", "seen_at", "latest_at")
_ADD: Final = Statement(insert(lanes))
_HAS_PUSHES: Final = exists().where(pushes.c.lane == lanes.c.lane).label("has_pushes")
_HAS_WISHES: Final = (
    exists()
    .where(wishes.c.lane == lanes.c.lane, wishes.c.answered_at.is_(None))
    .label("has_wishes")
)
# Without the shard: a store that can't be written, and so not be brought up to date, may have none.
_COLUMNS: Final = [column for column in lanes.c if column is not lanes.c.shard]
_get: Final = select(*_COLUMNS, _HAS_PUSHES, _HAS_WISHES)
_get_old: Final = select(*_COLUMNS, _HAS_PUSHES, false().label("has_wishes"))
_GET: Final = Statement(_get.where(_THIS))
_GET_OLD: Final = Statement(_get_old.where(_THIS))
_GET_ALL: Final = Statement(_get.order_by(lanes.c.lane))
_GET_ALL_OLD: Final = Statement(_get_old.order_by(lanes.c.lane))
_TAKE: Final = Statement(
    update(lanes)
    .where(_THIS, lanes.c.epoch == bindparam("this_epoch"))
    .values(
        epoch=lanes.c.epoch + 1,
        owner=bindparam("token"),
        owner_pid=bindparam("pid"),
        owner_host=bindparam("host"),
        seen_at=bindparam("at"),
        latest_at=_LATEST,
    )
)
_SEE: Final = Statement(
    update(lanes)
    .where(lanes.c.owner == bindparam("token"))
    .values(seen_at=bindparam("at"), latest_at=_LATEST)
)
_noting: Final = (
    update(lanes)
    .where(_HELD)
    .values(
        seen_at=bindparam("at"),
        latest_at=_LATEST,
        sent=bindparam("traffic_sent", type_=lanes.c.sent.type),
        cooled=bindparam("traffic_cooled", type_=lanes.c.cooled.type),
    )
)
_NOTE: Final = Statement(_noting)
_LET_GO: Final = ManyRows(
    _noting.values(owner=null(), owner_pid=null(), owner_host=null()),
    ("held_lane", "held_by", "held_epoch", "traffic_sent", "traffic_cooled", "at"),
)
_LET_ALL_GO: Final = Statement(
    update(lanes)
    .where(lanes.c.owner == bindparam("token"))
    .values(owner=None, owner_pid=None, owner_host=None)
)
_OWNED: Final = Statement(
    select(lanes.c.lane, lanes.c.epoch).where(lanes.c.owner == bindparam("token"))
)
_OWNED_AMONG: Final = select(lanes.c.lane).where(
    lanes.c.owner == bindparam("token"), lanes.c.lane.in_(bindparam("these", expanding=True))
)
_IS_HELD: Final = Statement(select(lanes.c.epoch).where(_HELD))
_TOKENS: Final = Statement(
    union(
        select(lanes.c.owner).where(lanes.c.owner.is_not(None)),
        select(jobs.c.loaded_by).where(jobs.c.loaded_by.is_not(None)),
        select(deliveries.c.claimed_by).where(deliveries.c.claimed_by.is_not(None)),
        select(leases.c.holder).where(leases.c.holder.is_not(None)),
        select(attendants.c.token),
    )
)
_LATEST_AT: Final = Statement(
    select(lanes.c.lane, lanes.c.latest_at)
    .where(lanes.c.latest_at.is_not(None))
    .order_by(lanes.c.latest_at.desc())
    .limit(1)
)


def take_place(connection: Connection, lane: str) -> int:
    """
    Return the next place in a lane, for a job that becomes visible in this transaction.

    Whoever drives the lane looks at it when the last place has changed. Places may have gaps.
    """
    note_lane(connection, lane)
    place = _NEXT_PLACE.scalar(connection, {"this_lane": lane})
    if place is None:
        _ADD.run(connection, {"lane": lane, "shard": shard_of(lane), "last_place": 1})
        return 1
    return int(place)


def get_lane(connection: Connection, lane: str) -> LaneRow:
    """
    Return the row of a lane; an empty one if it has none yet.

    Raises:
        DamagedError: It makes no sense.
    """
    get = _GET_OLD if _is_old(connection) else _GET
    row = get.first(connection, {"this_lane": lane})
    return LaneRow() if row is None else reading(lanes, row, _read_lane)


def all_lanes(connection: Connection) -> Iterator[tuple[str, LaneRow | DamagedError]]:
    """Yield the rows of all lanes, by name; for one that makes no sense, why."""
    get_all = _GET_ALL_OLD if _is_old(connection) else _GET_ALL
    for row in get_all.rows(connection):
        try:
            yield row["lane"], reading(lanes, row, _read_lane)
        except DamagedError as error:
            yield row["lane"], error


def _is_old(connection: Connection) -> bool:
    """Whether a store is of a version before there were wishes, and can only be read."""
    is_read_only = bool(connection.engine.url.query)
    return is_read_only and not inspect(connection).has_table(wishes.name)


def _read_lane(row: Row) -> LaneRow:
    values = read_row(lanes, row, _FIELDS)
    owner = None
    if values["owner"] is not None:
        owner = LaneOwner(
            token=values["owner"], pid=values["owner_pid"] or 0, host=values["owner_host"] or ""
        )
    return LaneRow(
        epoch=values["epoch"],
        owner=owner,
        seen_at=from_text(values["seen_at"]),
        latest_at=from_text(values["latest_at"]),
        sent=row["sent"],
        cooled=row["cooled"],
        has_pushes=bool(row["has_pushes"]),
        has_wishes=bool(row["has_wishes"]),
    )


def take_lane(
    connection: Connection,
    lane: str,
    owner: LaneOwner,
    at: datetime,
    is_free: Callable[[LaneRow], bool],
) -> tuple[LaneRow, Hold | None]:
    """
    Take a lane if it is free; return its row as it was, and the hold.

    Args:
        connection: Of a transaction that writes.
        lane: The lane.
        owner: Who takes it.
        at: The time.
        is_free: Says so of the row it is given, which may have an owner that is dead.
    """
    row = get_lane(connection, lane)
    if not is_free(row):
        return row, None
    this = {"this_lane": lane, "this_epoch": row.epoch, "at": to_text(at)}
    new = {"token": owner.token, "pid": owner.pid, "host": owner.host}
    if not _TAKE.run(connection, {**this, **new}):
        _ADD.run(connection, {"lane": lane, "shard": shard_of(lane)})
        _TAKE.run(connection, {**this, **new})
    return row, Hold(lane=lane, token=owner.token, epoch=row.epoch + 1)


def is_held(connection: Connection, hold: Hold) -> bool:
    """Whether a lane is still held."""
    return _IS_HELD.first(connection, hold.bound()) is not None


def note_traffic(connection: Connection, hold: Hold, traffic: Traffic, at: datetime) -> bool:
    """Keep what a lane has sent, which is a sign of life too; return whether it is still held."""
    return bool(_NOTE.run(connection, _row(hold, traffic, at)))


def _row(hold: Hold, traffic: Traffic, at: datetime) -> dict[str, Any]:
    values = {"traffic_sent": traffic.sent, "traffic_cooled": traffic.cooled, "at": to_text(at)}
    return {**values, **hold.bound()}


def beat(
    connection: Connection, token: str, traffic: Mapping[Hold, Traffic], at: datetime
) -> dict[str, int]:
    """Give a sign of life for all lanes of a process; return their epochs, by lane."""
    _SEE.run(connection, {"token": token, "at": to_text(at)})
    for hold, sent in traffic.items():
        note_traffic(connection, hold, sent, at)
    return owned(connection, token)


def owned(connection: Connection, token: str) -> dict[str, int]:
    """Return the lanes a process has, with their epochs."""
    return {row["lane"]: row["epoch"] for row in _OWNED.rows(connection, {"token": token})}


def owned_among(connection: Connection, token: str, names: Collection[str]) -> set[str]:
    """Return which of some lanes a process has, however many others it has."""
    found: set[str] = set()
    wanted = list(names)
    for at in range(0, len(wanted), _PAGE):
        these = {"token": token, "these": wanted[at : at + _PAGE]}
        found.update(connection.execute(_OWNED_AMONG, these).scalars())
    return found


def let_go(connection: Connection, traffic: Mapping[Hold, Traffic], at: datetime) -> None:
    """Let lanes go, unless another process has them."""
    text = to_text(at)
    rows = [
        (hold.lane, hold.token, hold.epoch, json.dumps(sent.sent), json.dumps(sent.cooled), text)
        for hold, sent in traffic.items()
    ]
    _LET_GO.run(connection, rows)


def let_all_go(connection: Connection, token: str) -> None:
    """Let every lane of a process go."""
    _LET_ALL_GO.run(connection, {"token": token})


def latest_at(connection: Connection) -> datetime | None:
    """
    Return the newest time an owner of any lane has written.

    Raises:
        DamagedError: It is no time.
    """
    row = _LATEST_AT.first(connection)
    return None if row is None else reading(lanes, row, _read_latest)


def _read_latest(row: Row) -> datetime | None:
    return from_text(read_row(lanes, row, ("latest_at",))["latest_at"])


def last_places(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return the last place that was given in each of some lanes."""
    found: dict[str, int] = {}
    for at in range(0, len(names), _PAGE):
        rows = connection.execute(_LAST_PLACES, {"these": names[at : at + _PAGE]})
        found.update((name, place) for name, place in rows)
    return found


def marks(connection: Connection, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return the last place that was given in each of some lanes, and the lane's epoch."""
    found: dict[str, tuple[int, int]] = {}
    for at in range(0, len(names), _PAGE):
        rows = connection.execute(_MARKS, {"these": names[at : at + _PAGE]})
        found.update((name, (place, epoch)) for name, place, epoch in rows)
    return found


def tokens(connection: Connection) -> set[str]:
    """Return the tokens of all processes that a row names."""
    return {row["owner"] for row in _TOKENS.rows(connection)}
