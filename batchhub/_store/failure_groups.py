"""Why items of a job did not succeed: its results read page by page, and grouped."""

from __future__ import annotations

from typing import Final

from attrs import evolve
from sqlalchemy import Connection, bindparam, select

from batchhub.models import FailureGroup, ItemState
from batchhub.models.failures import NOT_SUCCEEDED, FailureGrouping

from .damage import DamagedError
from .database import Database
from .job_rows import get_job
from .tables import items, results
from .ticket_rows import PAGE as MOST_VALUES

PAGE: Final = 5_000
"""Results that are read at once: others read between two pages."""

# Without the vendor's answers, which may be large.
_PAGE: Final = (
    select(
        results.c.position,
        results.c.state,
        results.c.code,
        results.c.message,
        results.c.retried_in.is_not(None),
    )
    .where(
        results.c.job_no == bindparam("this_job"),
        results.c.position > bindparam("after"),
        results.c.state.in_([state.value for state in NOT_SUCCEEDED]),
    )
    .order_by(results.c.position)
    .limit(bindparam("most"))
)
_IDS: Final = select(items.c.position, items.c.item_id).where(
    items.c.job_no == bindparam("this_job"),
    items.c.position.in_(bindparam("these", expanding=True)),
)


async def group_failures(database: Database, job_id: str) -> list[FailureGroup]:
    """
    Return the groups of a job's items that did not succeed, largest first.

    Raises:
        NotKnownError: The store has no such job.
        DamagedError: A row makes no sense.
        StoreError: It can't be read.
    """
    job_no = (await database.read(lambda connection: get_job(connection, job_id))).job_no
    grouping, after = FailureGrouping(), 0

    def add_page(connection: Connection) -> int:
        facts = {"this_job": job_no, "after": after, "most": PAGE}
        rows = connection.execute(_PAGE, facts).all()
        for position, state, code, message, is_retried in rows:
            try:
                known = ItemState(state)
            except ValueError as error:
                raise DamagedError(results.name, job_id, position, str(error)) from None
            grouping.add(known, code, message, position, retried=bool(is_retried))
        return int(rows[-1].position) if len(rows) == PAGE else 0

    while after := await database.read(add_page):
        pass

    def name_items(connection: Connection) -> list[FailureGroup]:
        found = list(grouping.groups())
        positions = [position for _, at in found for position in at]
        ids: dict[int, str] = {}
        for n in range(0, len(positions), MOST_VALUES):
            these = {"this_job": job_no, "these": positions[n : n + MOST_VALUES]}
            ids.update((row.position, row.item_id) for row in connection.execute(_IDS, these))
        return [
            evolve(group, ids=tuple(ids[position] for position in at if position in ids))
            for group, at in found
        ]

    return await database.read(name_items)
