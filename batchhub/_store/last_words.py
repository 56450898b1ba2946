"""The last word on each item of a job: that of the newest retry that has one, else its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, and_, bindparam, func, select

from batchhub.models import ItemResult

from .codec import read_result
from .damage import damaged
from .job_rows import find_job_no
from .statements import Row, Statement
from .tables import items, results

_MINE: Final = and_(
    results.c.job_no == bindparam("this_job"),
    results.c.position.between(bindparam("first"), bindparam("last")),
)
_BETWEEN: Final = Statement(
    select(results, items.c.item_id)
    .join_from(
        results,
        items,
        and_(items.c.job_no == results.c.job_no, items.c.position == results.c.position),
    )
    .where(_MINE)
    .order_by(results.c.position)
)
_COUNT_BEFORE: Final = Statement(
    select(func.count())
    .select_from(results)
    .where(_MINE, results.c.retried_in == bindparam("this_retry"))
)


class LastWords:
    """
    Reads the results of a job's items, a stretch at a time, each stretch after the one before.

    An item of a retry is known by its place: they are in the order of the items they repeat.

    Args:
        job_no: The number of the job.
        with_retries: Whether what became of an item in a retry counts; else only its own result.
    """

    def __init__(self, job_no: int, *, with_retries: bool) -> None:
        self._job_no = job_no
        self._with_retries = with_retries
        self._retries: dict[str, _Retry | None] = {}

    def read(self, connection: Connection, first: int, last: int) -> dict[int, ItemResult]:
        """
        Return the results of items by their positions; an item may have none yet.

        Args:
            connection: Of a transaction.
            first: The position of the first item.
            last: That of the last one.

        Raises:
            DamagedError: A row makes no sense.
        """
        facts = {"this_job": self._job_no, "first": first, "last": last}
        rows = list(_BETWEEN.rows(connection, facts))
        found = dict(map(read_result, rows))
        if self._with_retries:
            self._look_further(connection, first, rows, found)
        return found

    def _look_further(
        self,
        connection: Connection,
        first: int,
        rows: Sequence[Row],
        found: dict[int, ItemResult],
    ) -> None:
        """Put what retries say in place of what was said before."""
        marked: dict[str, list[Row]] = {}
        for row in rows:
            if row["retried_in"] is not None:
                marked.setdefault(row["retried_in"], []).append(row)
        for job_id, theirs in marked.items():
            if job_id not in self._retries:
                self._retries[job_id] = self._find(connection, job_id, first)
            retry = self._retries[job_id]
            if retry is None:
                continue
            newer = retry.read(connection, len(theirs))
            for row, result in zip(theirs, newer, strict=True):
                if result is None:
                    continue
                if result.id != row["item_id"]:
                    raise damaged(results, row, f"job {job_id} repeats another item")
                found[row["position"]] = result

    def _find(self, connection: Connection, job_id: str, first: int) -> _Retry | None:
        """Return a retry; `None` if it is not there yet, or no more."""
        job_no = find_job_no(connection, job_id)
        if job_no is None:
            return None
        # A retry is marked from the first item on, so that all its earlier ones are marked.
        facts = {"this_job": self._job_no, "first": 1, "last": first - 1, "this_retry": job_id}
        before = int(_COUNT_BEFORE.scalar(connection, facts) or 0) if first > 1 else 0
        return _Retry(LastWords(job_no, with_retries=True), before)


class _Retry:
    """A job that repeats items of another one, as far as it was read."""

    def __init__(self, words: LastWords, done: int) -> None:
        self._words = words
        self._done = done

    def read(self, connection: Connection, number: int) -> list[ItemResult | None]:
        """Return what came of its next items."""
        first, self._done = self._done + 1, self._done + number
        found: Mapping[int, ItemResult] = self._words.read(connection, first, self._done)
        return [found.get(position) for position in range(first, self._done + 1)]
