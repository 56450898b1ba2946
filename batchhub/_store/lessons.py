"""What was learned of how long batches take, kept for the next process. It is safe to lose."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from .codec import to_text
from .database import Database
from .statements import Statement
from .tables import lessons

MOST_READ: Final = 256
"""How many lessons are read; those that were written longest ago are left out."""

MOST_BYTES: Final = 64 * 1024
"""Bytes of a lesson; batchhub writes none that is larger, and reads none."""

MAX_AGE_S: Final = 90 * 86_400.0
"""Seconds after which a lesson to which nothing was added is dropped."""

_NEWEST: Final = Statement(
    select(lessons.c.name, lessons.c.data)
    .where(
        lessons.c.version == bindparam("this_version"),
        func.length(lessons.c.data) <= MOST_BYTES,
    )
    .order_by(lessons.c.updated_at.desc(), lessons.c.name)
    .limit(MOST_READ)
)
_REPLACE: Final = Statement(
    update(lessons)
    .where(lessons.c.name == bindparam("this_name"), lessons.c.version == bindparam("this_version"))
    .values(data=bindparam("new_data"), updated_at=bindparam("at"))
)
_ADD: Final = Statement(insert(lessons))
_DROP_OLD: Final = Statement(delete(lessons).where(lessons.c.updated_at < bindparam("before")))


class Lessons:
    """
    The lessons in a store, each a name and bytes that say nothing to the store.

    Every method is one transaction and raises `StoreError` when the database can't be read or
    written.
    """

    def __init__(self, database: Database) -> None:
        self._db = database

    async def load(self, version: int) -> dict[str, bytes]:
        """
        Return the lessons of a version by name, those that were written last at the end.

        What nobody can have written so, such as a number for bytes, is left out.
        """

        def work(connection: Connection) -> dict[str, bytes]:
            found = [
                (row["name"], row["data"])
                for row in _NEWEST.rows(connection, {"this_version": version})
            ]
            return {
                name: data
                for name, data in reversed(found)
                if isinstance(name, str) and isinstance(data, bytes)
            }

        return await self._db.read(work)

    async def save(self, learned: Mapping[str, bytes], version: int, at: datetime) -> None:
        """Write lessons of a version over what there is of them; of two processes the last wins."""
        rows = sorted(learned.items())

        def work(connection: Connection) -> None:
            for name, data in rows:
                this = {"this_name": name, "this_version": version}
                if not _REPLACE.run(connection, {**this, "new_data": data, "at": to_text(at)}):
                    new = {"name": name, "version": version, "data": data}
                    _ADD.run(connection, {**new, "updated_at": to_text(at)})

        await self._db.write(work)

    async def drop_old(self, now: datetime) -> None:
        """Forget the lessons, of any version, to which nothing was added for `MAX_AGE_S`."""
        before = to_text(now - timedelta(seconds=MAX_AGE_S))

        def work(connection: Connection) -> None:
            _DROP_OLD.run(connection, {"before": before})

        await self._db.write(work)
