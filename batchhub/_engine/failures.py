"""The open failures of all jobs: gathered, compared with what later jobs changed, and grouped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Final, TypeAlias

from attrs import define, field

from batchhub._store import Store
from batchhub._store.failures import FailedJob, OpenResult
from batchhub.models import FailedItem, ItemState, OpenFailures
from batchhub.models.failures import FAILS_AGAIN, MOST_GROUPS, MOST_IDS, Reasons

_AT_ONCE: Final = 100_000
"""How many failures are in memory at once, until it is known which were written again."""

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


_Reasons: TypeAlias = Reasons[tuple[str, ItemState, int | None], _Group]


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
    reasons: _Reasons = Reasons(MOST_GROUPS)
    found = await store.failures.jobs(account, since)
    for (lane, operation), failed in groupby(found, _of_lane):
        # Newest first: their items are the examples.
        newest_first = sorted(failed, key=attrgetter("place"), reverse=True)
        gathered: list[list[OpenResult]] = []
        async for page in store.failures.open_results(newest_first):
            gathered.append(page)
            if sum(map(len, gathered)) >= _AT_ONCE:
                await _add(store, lane, operation, gathered, reasons)
                gathered = []
        await _add(store, lane, operation, gathered, reasons)
    ids = await store.failures.item_ids(
        [(job.job_no, at) for group in reasons.groups.values() for job, at in group.examples]
    )
    return sorted(_make_groups(reasons, ids), key=_size, reverse=True)


async def _add(
    store: Store,
    lane: str,
    operation: str,
    gathered: Sequence[Sequence[OpenResult]],
    reasons: _Reasons,
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
            of = (job.account, state, code)
            group = reasons.find(of, message, partial(_Group, first_at=job.at, last_at=job.at))
            group.add(job, position, again=again)
        await asyncio.sleep(0)


def _make_groups(reasons: _Reasons, ids: dict[tuple[int, int], str]) -> Iterator[OpenFailures]:
    for ((account, state, code), _), group in reasons.groups.items():
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
