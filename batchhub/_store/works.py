"""What is done in one transaction, and what comes of it, whatever the database is."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], T]
"""
What is done in one transaction, in the thread of its connection.

It may be done again from its beginning, where the database took nothing of it: so it keeps nothing
outside but what it returns.
"""

Lanes = Collection[str | int] | None
"""
The lanes whose rows a write is about: those of their jobs too, and whatever belongs to these. By
their names, or all of a shard by its number.

What it reads and writes of them nobody else writes meanwhile. With none of them it is safe beside
every other write, such as one statement that finds by itself whether it may. `None`, for a write of
any other kind, lets no other write go on meanwhile.
"""

Outcome = tuple[Any, Exception | None]
"""What a write returned, or why it failed."""


_LANES: Final = "batchhub_lanes"


def collect_lanes(connection: Connection) -> set[str]:
    """Begin to keep for which lanes something is written; return the set they come into."""
    lanes: set[str] = set()
    connection.info[_LANES] = lanes
    return lanes


def note_lane(connection: Connection, lane: str) -> None:
    """Keep, where that is wanted, that there is something new for whoever drives a lane."""
    lanes: set[str] | None = connection.info.get(_LANES)
    if lanes is not None:
        lanes.add(lane)


def join_lanes(lanes: Iterable[Lanes]) -> Lanes:
    """Return the lanes that several writes are about together."""
    joined: set[str | int] = set()
    for some in lanes:
        if some is None:
            return None
        joined.update(some)
    return joined


def run_works(
    connection: Connection,
    works: Sequence[Work[Any]],
    *,
    ends_all: Callable[[Exception], bool],
) -> list[Outcome]:
    """
    Run writes in the transaction that is open, each in a savepoint if there are several.

    Args:
        connection: Of the transaction.
        works: The writes.
        ends_all: Whether an error leaves nothing of the transaction, and is raised.
    """
    if len(works) == 1:
        return run_plainly(connection, works)
    return [_run_one(connection, work, ends_all) for work in works]


def run_plainly(connection: Connection, works: Sequence[Work[Any]]) -> list[Outcome]:
    """Run writes in the transaction that is open; the first error is that of all of them."""
    return [(work(connection), None) for work in works]


def _run_one(
    connection: Connection, work: Work[Any], ends_all: Callable[[Exception], bool]
) -> Outcome:
    savepoint = connection.begin_nested()
    try:
        result = work(connection)
        savepoint.commit()
    except Exception as error:  # handed to its caller
        if ends_all(error):
            raise
        end_queries(error)
        savepoint.rollback()
        return None, error
    return result, None


def end_queries(error: Exception) -> None:
    """
    End the queries that an error left half read.

    Its traceback keeps them, and SQLite stays at the moment at which the first of them began until
    the last one ends: whoever reads next would not see what was written since.
    """
    traceback.clear_frames(error.__traceback__)
