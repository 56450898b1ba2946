"""The time of a store's database, and when that was read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, func, select

_ASK: Final = select(func.clock_timestamp())


@frozen(kw_only=True)
class TimeRead:
    """
    What a database said the time was.

    Attributes:
        at: The time it said.
        before_s: When it was asked, by the caller's clock.
        after_s: When the answer was there.
    """

    at: datetime
    before_s: float
    after_s: float


def read_time(connection: Connection, clock: Callable[[], float]) -> TimeRead:
    """Ask a database of PostgreSQL's for its time, which goes on within a transaction too."""
    before_s = clock()
    at: datetime = connection.execute(_ASK).scalar_one()
    return TimeRead(at=at.astimezone(UTC), before_s=before_s, after_s=clock())
