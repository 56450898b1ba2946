"""What each lane has open, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, case, func, select

from batchhub.models import BatchState

from .codec import from_text
from .damage import DamagedError
from .lane_records import LaneRow
from .lane_rows import all_lanes
from .open_jobs import IS_OPEN
from .statements import Statement
from .tables import ITEM_COUNTS, jobs, lanes

_SETTLED: Final = sum((jobs.c[name] for name in ITEM_COUNTS[2:]), jobs.c[ITEM_COUNTS[1]])
# By the vendor's count, where that is further than the results are.
_DONE: Final = case(
    (jobs.c.progress * jobs.c.total > _SETTLED, jobs.c.progress * jobs.c.total), else_=_SETTLED
)
_OPEN: Final = (
    select(
        jobs.c.lane,
        jobs.c.account,
        jobs.c.adapter,
        jobs.c.state,
        func.count().label("number"),
        func.min(jobs.c.created_at).label("oldest_at"),
        func.max(jobs.c.observed_at).label("answered_at"),
        func.sum(jobs.c.total).label("total"),
        func.sum(_DONE).label("done"),
    )
    .where(IS_OPEN)
    # Not the lane first: an index that begins with it has all jobs.
    .group_by(jobs.c.state, jobs.c.account, jobs.c.adapter, jobs.c.lane)
)
_NEWEST: Final = Statement(
    select(jobs.c.account, jobs.c.adapter)
    .where(jobs.c.lane == bindparam("this_lane"), jobs.c.place > 0)
    .order_by(jobs.c.place.desc())
    .limit(1)
)
_LAST_END: Final = Statement(
    select(func.max(jobs.c.ended_at).label("at")).where(jobs.c.lane == bindparam("this_lane"))
)
_NAMES: Final = Statement(select(lanes.c.lane))


@frozen(kw_only=True)
class OpenFigures:
    """
    The open jobs of an account.

    Attributes:
        states: How many there are in each state.
        oldest_at: When the oldest of them was submitted.
        answered_at: When the vendor last answered for one of them; `None` if it has not yet.
        items: How many items they have.
        done: How many of these are done, by their results or by the vendor's count.
    """

    states: Mapping[BatchState, int]
    oldest_at: datetime
    answered_at: datetime | None
    items: int
    done: int

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(self.states.values())


@frozen(kw_only=True)
class LaneFigures:
    """
    A lane, and what it has open.

    Attributes:
        lane: Its name.
        adapter: The name of the adapter of its jobs; that of its newest job if none is open.
        accounts: Its open jobs, by the name of the account they were submitted for; the account of
            the newest job without any if none is open.
        row: Who drives it, and what it has sent.
        fault: Why the row can't be read; `None` if it can.
        ended_at: When the last job of it ended, if none is open.
    """

    lane: str
    adapter: str
    accounts: Mapping[str, OpenFigures | None]
    row: LaneRow
    fault: str | None
    ended_at: datetime | None


def lane_figures(connection: Connection) -> list[LaneFigures]:
    """Return the lanes that have jobs, by name."""
    found: dict[str, dict[tuple[str, str], list[Any]]] = {}
    for row in connection.execute(_OPEN):
        found.setdefault(row.lane, {}).setdefault((row.account, row.adapter), []).append(row)
    return [
        figures
        for lane, row in all_lanes(connection)
        if (figures := _figures_of(connection, lane, row, found.get(lane, {}))) is not None
    ]


def _figures_of(
    connection: Connection,
    lane: str,
    row: LaneRow | DamagedError,
    found: Mapping[tuple[str, str], list[Any]],
) -> LaneFigures | None:
    this = {"this_lane": lane}
    accounts: dict[str, OpenFigures | None] = {}
    adapter, ended_at = "", None
    for (account, adapter), rows in found.items():  # noqa: B007  # any of them is as good
        accounts[account] = _sum_up(rows)
    if not accounts:
        newest = _NEWEST.first(connection, this)
        if newest is None:
            return None  # its jobs are another lane's by now, or were pruned
        adapter = newest["adapter"]
        accounts[newest["account"]] = None
        ended_at = _read_time(_LAST_END.scalar(connection, this))
    return LaneFigures(
        lane=lane,
        adapter=adapter,
        accounts=accounts,
        row=LaneRow() if isinstance(row, DamagedError) else row,
        fault=str(row) if isinstance(row, DamagedError) else None,
        ended_at=ended_at,
    )


def account_names(connection: Connection) -> list[str]:
    """Return the names that accounts had when they were last submitted to, in order."""
    lanes_there = [row["lane"] for row in _NAMES.rows(connection)]
    newest = [_NEWEST.first(connection, {"this_lane": lane}) for lane in lanes_there]
    return sorted({str(row["account"]) for row in newest if row is not None})


def _sum_up(rows: list[Any]) -> OpenFigures | None:
    oldest = [at for row in rows if (at := _read_time(row.oldest_at)) is not None]
    answered = [at for row in rows if (at := _read_time(row.answered_at)) is not None]
    states = {BatchState(row.state): row.number for row in rows if row.state in {*BatchState}}
    if not oldest:
        return None  # damaged, which is said when a job is read
    return OpenFigures(
        states=states,
        oldest_at=min(oldest),
        answered_at=max(answered, default=None),
        items=sum(row.total for row in rows),
        done=int(sum(row.done for row in rows)),
    )


def _read_time(value: object) -> datetime | None:
    try:
        return from_text(value) if isinstance(value, str) else None
    except ValueError:
        return None
