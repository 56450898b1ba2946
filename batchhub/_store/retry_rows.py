"""Which items of a job a retry takes, and which retries there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from attrs import frozen
from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select

from batchhub._adapter.exchange import WireItem
from batchhub.models import ItemState

from .codec import read_item, read_job
from .records import JobRecord
from .tables import items, jobs, results
from .targets import target_of_each
from .works import Work

PAGE: Final = 500
"""How many items are in memory at once."""

_IS_SAME: Final = and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position)


@frozen(kw_only=True)
class Selection:
    """
    Which items of a job are meant.

    Attributes:
        states: How they are.
        codes: Their own HTTP statuses; `None` for any, and none at all.
        but_codes: The HTTP statuses that they do not have.
    """

    states: frozenset[ItemState]
    codes: frozenset[int] | None = None
    but_codes: frozenset[int] = frozenset()

    def takes(self, state: ItemState, code: int | None) -> bool:
        """Whether it takes an item."""
        return (
            state in self.states
            and (self.codes is None or code in self.codes)
            and code not in self.but_codes
        )

    @property
    def condition(self) -> ColumnElement[bool]:
        """The same for the database."""
        return _condition(by_code=self.codes is not None, but_codes=bool(self.but_codes))

    @property
    def values(self) -> dict[str, Any]:
        """The values of the condition."""
        return {
            "states": [state.value for state in self.states],
            **({} if self.codes is None else {"codes": list(self.codes)}),
            **({"but_codes": list(self.but_codes)} if self.but_codes else {}),
        }


@cache
def _condition(*, by_code: bool, but_codes: bool) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [results.c.state.in_(bindparam("states", expanding=True))]
    if by_code:
        parts.append(results.c.code.in_(bindparam("codes", expanding=True)))
    if but_codes:
        others = results.c.code.not_in(bindparam("but_codes", expanding=True))
        parts.append(or_(results.c.code.is_(None), others))
    return and_(*parts)


def retry_page(
    job_no: int, after: int, selection: Selection
) -> Work[list[tuple[int, WireItem, bytes | None]]]:
    """Return a page of items to repeat after a position, each with its target's hash."""
    query = (
        select(items.c.job_no, items.c.position, items.c.item_id, items.c.wire)
        .join_from(results, items, _IS_SAME)
        .where(
            results.c.job_no == job_no,
            results.c.position > after,
            selection.condition,
            results.c.retried_in.is_(None),
        )
        .order_by(results.c.position)
        .limit(PAGE)
    )

    def work(connection: Connection) -> list[tuple[int, WireItem, bytes | None]]:
        rows = connection.execute(query, selection.values).mappings().all()
        targets = target_of_each(connection, job_no, [row["position"] for row in rows])
        return [
            (row["position"], read_item(row), target)
            for row, target in zip(rows, targets, strict=True)
        ]

    return work


def find_newest_retry(
    connection: Connection, job_no: int, selection: Selection
) -> JobRecord | None:
    """Return the newest job that repeats items of a job which are meant."""
    theirs = select(results.c.retried_in).where(
        results.c.job_no == job_no, results.c.retried_in.is_not(None), selection.condition
    )
    query = (
        select(jobs)
        .where(jobs.c.job_id.in_(theirs), jobs.c.place.is_not(None))
        .order_by(jobs.c.place.desc())
        .limit(1)
    )
    row = connection.execute(query, selection.values).mappings().first()
    return None if row is None else read_job(row)


def find_retry_ids(connection: Connection, job_id: str) -> Sequence[str]:
    """Return the ids of the jobs that repeat items of a job, oldest first."""
    query = (
        select(jobs.c.job_id)
        .where(jobs.c.retry_of == job_id, jobs.c.place.is_not(None))
        .order_by(jobs.c.place)
    )
    return list(connection.execute(query).scalars())
