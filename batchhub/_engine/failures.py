"""The open failures of all jobs: gathered, compared with what later jobs changed, and grouped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

from attrs import define, field

from batchhub._store import Store
from batchhub._store.failures import FailedJob, OpenResult
from batchhub.models import FailedItem, ItemState, OpenFailures
from batchhub.models.failures import FAILS_AGAIN, MOST_GROUPS, MOST_IDS, OTHERS, mask_numbers

_AT_ONCE: Final = 100_000
"""How many failures are in memory at once, until it is known which were written again."""

_Key = tuple[str, ItemState, int | None, str | None]
_of_lane = attrgetter("lane", "operation")


@define
class _Group:
    """
    A group that grows.

    Attributes:
        message: The message of all its items, or the one without numbers.
        first_at: When the first was seen.
        last_at: When the last one was.
        at: Where the newest are: the number of the job, and the position.
        again_at: Where the newest of those are that were written again.
    """

    message: str | None
    first_at: datetime
    last_at: datetime
    count: int = 0
    again: int = 0
    at: list[tuple[FailedJob, int]] = field(factory=list)
    again_at: list[tuple[FailedJob, int]] = field(factory=list)

    @property
    def examples(self) -> list[tuple[FailedJob, int]]:
        """Where the items are that are shown."""
        return self.at or self.again_at

    def add(self, job: FailedJob, position: int, *, again: bool) -> None:
        """Count an item."""
        self.first_at, self.last_at = min(self.first_at, job.at), max(self.last_at, job.at)
        self.count += not again
        self.again += again
        kept = self.again_at if again else self.at
        if len(kept) < MOST_IDS:
            kept.append((job, position))


async def find_open_failures(
    store: Store, account: str | None, since: datetime | None
) -> list[OpenFailures]:
    """
    Return the open failures of all jobs, or of an account's, in groups, the largest first.

    Args:
        store: The store.
        account: The account's name; `None` for any.
        since: Only of jobs that ended, or changed last, at this time or later; `None` for any.

    Raises:
        StoreError: The store can't be read.
    """
    groups: dict[_Key, _Group] = {}
    grouping = _Grouping(groups)
    found = await store.failures.jobs(account, since)
    for (lane, operation), failed in groupby(found, _of_lane):
        # Newest first: their items are the examples.
        newest_first = sorted(failed, key=attrgetter("place"), reverse=True)
        gathered: list[list[OpenResult]] = []
        async for page in store.failures.open_results(newest_first):
            gathered.append(page)
            if sum(map(len, gathered)) >= _AT_ONCE:
                await _add(store, lane, operation, gathered, grouping)
                gathered = []
        await _add(store, lane, operation, gathered, grouping)
    ids = await store.failures.item_ids(
        [(job.job_no, at) for group in groups.values() for job, at in group.examples]
    )
    return sorted(_make_groups(groups, ids), key=_size, reverse=True)


async def _add(
    store: Store,
    lane: str,
    operation: str,
    gathered: Sequence[Sequence[OpenResult]],
    grouping: _Grouping,
) -> None:
    """Group the failures of a lane and operation, a page in each turn of the loop."""
    wanted: dict[bytes, int] = {}
    for page in gathered:
        for job, _, _, _, _, target in page:
            if target is not None:
                wanted[target] = min(job.place, wanted.get(target, job.place))
        await asyncio.sleep(0)
    newest = await store.failures.find_succeeded(lane, operation, wanted) if wanted else {}
    for page in gathered:
        for job, position, state, code, message, target in page:
            again = target is not None and newest.get(target, 0) > job.place
            grouping.find(job, state, code, message).add(job, position, again=again)
        await asyncio.sleep(0)


class _Grouping:
    """Finds the group of a failure, in bounded memory."""

    def __init__(self, groups: dict[_Key, _Group]) -> None:
        self._groups = groups
        # Of each message as it came: most items have one of a few.
        self._known: dict[_Key, _Group] = {}

    def find(
        self, job: FailedJob, state: ItemState, code: int | None, message: str | None
    ) -> _Group:
        """Return the group of a failure; a new one if it is the first."""
        as_it_came = (job.account, state, code, message)
        group = self._known.get(as_it_came)
        if group is None:
            group = self._find(job, state, code, message)
            if len(self._known) < MOST_GROUPS:
                self._known[as_it_came] = group
        return group

    def _find(
        self, job: FailedJob, state: ItemState, code: int | None, message: str | None
    ) -> _Group:
        masked = mask_numbers(message)
        key = (job.account, state, code, masked)
        if key not in self._groups and len(self._groups) >= MOST_GROUPS:
            key, message = (job.account, state, code, OTHERS), OTHERS
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(message, job.at, job.at)
        elif group.message != message:
            group.message = key[3]
        return group


def _make_groups(
    groups: dict[_Key, _Group], ids: dict[tuple[int, int], str]
) -> Iterator[OpenFailures]:
    for (account, state, code, _), group in groups.items():
        yield OpenFailures(
            account=account,
            state=state,
            code=code,
            message=group.message,
            count=group.count,
            written_again=group.again,
            first_at=group.first_at,
            last_at=group.last_at,
            retry="yours" if code in FAILS_AGAIN else "vendor's",
            examples=tuple(
                FailedItem(id=ids[job.job_no, at], job_id=job.job_id)
                for job, at in group.examples
                if (job.job_no, at) in ids  # pruned meanwhile
            ),
        )


def _size(group: OpenFailures) -> tuple[int, int]:
    return group.count, group.written_again
