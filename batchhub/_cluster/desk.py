"""
What this process has of the shards, and what it asks for.

A job of Procrastinate's is only the right to drive a shard; the driving is a task of this desk,
which outlives the job: when the database was away and others ended the job of a worker they could
not hear, the shard is driven on, and its next job is asked for before any other.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Collection
from typing import Final

from attrs import define

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._engine.shards import Own
from batchhub.errors import BatchHubError

from .rows import Look, name_queue
from .sharing import Shares

_WAITED_S: Final = 3.0
"""Seconds after which a shard that nobody has taken is taken by whoever can drive it."""

_GIVEN_S: Final = 60.0
"""Seconds in which a shard that was given and taken back is not given again in haste."""

_LONG_S: Final = 10.0
"""Seconds of driving after which what went wrong before counts no more."""

_log = get_logger()


@define(eq=False)
class Holding:
    """
    A shard that is driven here.

    Attributes:
        shard: Its number.
        task: What drives it.
        began_s: Since when, monotonic.
        slice_ends_s: When to look whether others should have it.
        is_given: Whether it is being handed over.
        goes_on: Whether it ended with open work, so that others are to have it at once.
    """

    shard: int
    task: asyncio.Task[None]
    began_s: float
    slice_ends_s: float
    is_given: bool = False
    goes_on: bool = False


@define
class _Rest:
    until_s: float = 0.0
    tries: int = 0


class Desk:
    """
    The shards of this process.

    Attributes:
        queues: The queues that Procrastinate's worker reads now; the list stays the same one.
        worker_id: The number of that worker; `None` while there is none.
        shares: How the shards are to be shared out, as of the last look.

    Args:
        own: Drives a shard.
        clock: Where time comes from.
        rng: Spreads what many workers do.
        slice_s: The shortest and the longest time until a shard may go to others.
    """

    def __init__(
        self, own: Own, *, clock: Clock, rng: random.Random, slice_s: tuple[float, float]
    ) -> None:
        self._own = own
        self._clock = clock
        self._rng = rng
        self._slice_s = slice_s
        self.queues: list[str] = []
        self.worker_id: int | None = None
        self.shares: Shares | None = None
        self._open: Collection[int] = ()
        self._holdings: dict[int, Holding] = {}
        self._jobs: dict[int, Holding | None] = {}
        self._waiting: dict[int, float] = {}
        self._taken = 0
        self._rests: dict[int, _Rest] = {}
        self._given_s: dict[int, float] = {}
        self._is_closed = False

    @property
    def job_ids(self) -> Collection[int]:
        """The jobs that are known to be this process's."""
        return self._jobs.keys()

    @property
    def is_hungry(self) -> bool:
        """Whether this process has less than its share, or something waits that it could drive."""
        if self.shares is None:
            return True
        own = self.shares.own
        return own.has + self._taken < own.low or any(each in self._open for each in self._waiting)

    def see(self, look: Look, open_shards: Collection[int]) -> list[int]:
        """
        Take note of how things are; returns the shards that are handed over now.

        Args:
            look: What the database says.
            open_shards: The shards with open work that this process could drive.
        """
        if self._is_closed or self.worker_id is None:
            return []
        now_s = self._clock.monotonic()
        kept = [
            shard
            for shard, each in self._holdings.items()
            if not each.is_given and shard in open_shards
        ]
        self.shares = Shares(look, self.worker_id, kept)
        self._open = open_shards
        self._taken = 0
        self._waiting = {
            shard: self._waiting.get(shard, now_s) for shard in sorted(self.shares.waiting)
        }
        self._given_s = {
            shard: at_s for shard, at_s in self._given_s.items() if now_s - at_s <= _GIVEN_S
        }
        gifts = self._find_gifts(self.shares, now_s)
        for shard in gifts:
            self._give(self._holdings[shard], now_s)
        self._refill()
        return gifts

    def take(self, job_id: int, shard: int) -> None:
        """Begin to drive a shard whose job this process's worker has just taken."""
        self._waiting.pop(shard, None)
        holding = self._holdings.get(shard)
        if holding is None and not self._is_closed:
            holding = self._begin(shard)
            self._taken += 1
        self._jobs[job_id] = holding
        self._refill()

    async def wait(self, job_id: int) -> None:
        """Wait until the shard of a job is driven no longer; to be cancelled leaves it driven."""
        holding = self._jobs.get(job_id)
        if holding is not None:
            await asyncio.wait({holding.task})

    def goes_on(self, job_id: int) -> bool:
        """Whether the shard of a job that ends here has open work, as far as is known."""
        holding = self._jobs.get(job_id)
        return holding is None or not holding.task.done() or holding.goes_on

    def forget(self, job_id: int) -> None:
        """Forget a job that has ended."""
        self._jobs.pop(job_id, None)

    def close(self) -> list[asyncio.Task[None]]:
        """Take nothing more, and hand over everything; returns what is to be waited for."""
        self._is_closed = True
        self.queues.clear()
        for holding in self._holdings.values():
            if not holding.is_given:
                self._give(holding, self._clock.monotonic())
        return [holding.task for holding in self._holdings.values()]

    def _begin(self, shard: int) -> Holding:
        task = asyncio.create_task(_call(self._own, shard), name=f"batchhub-shard-{shard}")
        now_s = self._clock.monotonic()
        holding = Holding(shard, task, began_s=now_s, slice_ends_s=self._next_slice(now_s))
        self._holdings[shard] = holding
        # In place of a `finally`: a task may be cancelled before its first step.
        task.add_done_callback(lambda _: self._end(holding))
        return holding

    def _end(self, holding: Holding) -> None:
        del self._holdings[holding.shard]
        error = None if holding.task.cancelled() else holding.task.exception()
        holding.goes_on = holding.is_given or holding.task.cancelled() or error is not None
        now_s = self._clock.monotonic()
        rest = self._rests.setdefault(holding.shard, _Rest())
        if now_s - holding.began_s >= _LONG_S:
            rest.tries = 0
        # Nothing was open, or another process has it: that may be otherwise very soon.
        base_s, cap_s = (0.5, 2.0) if error is None else (1.0, 60.0)
        delay_s = backoff_s(rest.tries, base_s=base_s, cap_s=cap_s, rng=self._rng)
        rest.tries += 1
        rest.until_s = now_s + delay_s
        if error is not None and not self._is_closed:
            _log.error(
                "shard.failed",
                shard=holding.shard,
                error=_describe(error),
                again_in_s=round(delay_s, 1),
            )

    def _refill(self) -> None:
        """Ask for what this process wants of what waits."""
        now_s = self._clock.monotonic()
        self.queues[:] = [
            name_queue(shard)
            for shard, since_s in self._waiting.items()
            if self._wants(shard, now_s, waited=now_s - since_s >= _WAITED_S)
        ]

    def _wants(self, shard: int, now_s: float, *, waited: bool) -> bool:
        if self._is_closed or self.shares is None or shard not in self._open:
            return False
        holding = self._holdings.get(shard)
        if holding is not None:
            return not holding.is_given  # others have ended its job; it is driven on
        rest = self._rests.get(shard)
        if rest is not None and now_s < rest.until_s:
            return False
        given_s = self._given_s.get(shard, -math.inf)
        if now_s - given_s < _WAITED_S and self.shares.is_for_others(shard):
            return False
        return self.shares.may_take(shard, self._taken, waited=waited)

    def _find_gifts(self, shares: Shares, now_s: float) -> list[int]:
        over = [each for each in self._holdings.values() if now_s >= each.slice_ends_s]
        free = {each.shard for each in over}
        if shares.has_newcomer():
            free |= {shard for shard in self._holdings if shard not in self._given_s}
        free = {shard for shard in free if not self._holdings[shard].is_given}
        for holding in over:
            holding.slice_ends_s = self._next_slice(now_s)
        return shares.find_gifts(free, self._rng) if free else []

    def _give(self, holding: Holding, now_s: float) -> None:
        holding.is_given = True
        self._given_s[holding.shard] = now_s
        holding.task.cancel()

    def _next_slice(self, now_s: float) -> float:
        return now_s + self._rng.uniform(*self._slice_s)


async def _call(own: Own, shard: int) -> None:
    await own(shard)


def _describe(error: BaseException) -> str:
    return str(error) if isinstance(error, BatchHubError) else f"{type(error).__name__}: {error}"
