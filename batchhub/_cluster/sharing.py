"""Who drives how much: what a worker may take, and what it gives to others. Pure, no clock."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction

from attrs import frozen

from .rows import Look


@frozen
class Share:
    """
    How many shards a worker has, and ought to have.

    Attributes:
        has: Those it has.
        low: With fewer it has too few.
        high: With more it has too many.
    """

    has: int
    low: int
    high: int


class Shares:
    """
    How the open shards are to be shared out among the workers that could drive them.

    Each shard counts for every worker that could drive it, in equal parts.

    Args:
        look: What the database says.
        me: The worker this is about.
        mine: The shards it has and keeps, which it knows better than the database.
    """

    def __init__(self, look: Look, me: int, mine: Collection[int]) -> None:
        self._drivable = look.drivable
        self._me = me
        self._mine = frozenset(mine)
        counts = Counter(
            job.worker_id
            for job in look.jobs
            if job.is_running
            and not job.is_stalled
            and job.worker_id is not None
            and job.shard in look.drivable.get(job.worker_id, ())
        )
        able = Counter(shard for shards in look.drivable.values() for shard in shards)
        self._of = {
            worker: _make_share(shards, able, len(mine) if worker == me else counts[worker])
            for worker, shards in look.drivable.items()
        }
        self.waiting = {job.shard: job for job in look.jobs if not job.is_running}

    @property
    def own(self) -> Share:
        """Those of this worker."""
        return self._of.get(self._me, Share(0, 0, 0))

    def may_take(self, shard: int, more: int, *, waited: bool) -> bool:
        """
        Say whether this worker takes a shard that waits.

        Args:
            shard: The shard.
            more: How many it has taken since the look.
            waited: Whether the shard has waited so long that whoever ought to take it does not.
        """
        own = self.own
        has = own.has + more
        if waited or has < own.low:
            return True
        needy = [share for share in self._others(shard) if share.has < share.low]
        if needy:
            return False
        if has < own.high:
            return True
        return not any(share.has < share.high for share in self._others(shard))

    def is_for_others(self, shard: int) -> bool:
        """Whether any other worker could drive a shard."""
        return any(True for _ in self._others(shard))

    def has_newcomer(self) -> bool:
        """Whether another worker has not half of what it ought to have."""
        return any(
            2 * share.has < share.low for worker, share in self._of.items() if worker != self._me
        )

    def find_gifts(self, free: Iterable[int], rng: random.Random) -> list[int]:
        """
        Return shards this worker gives away now, so that others get their share.

        They are few at once, so that most of its lanes are always driven.

        Args:
            free: Those of its shards that it may give.
            rng: Chooses among them.
        """
        own = self.own
        needs = {
            worker: share.low - share.has
            for worker, share in self._of.items()
            if worker != self._me and share.has < share.low
        }
        # What waits already is theirs.
        needed = sum(needs.values()) - sum(
            any(shard in self._drivable[worker] for worker in needs) for shard in self.waiting
        )
        if needed <= 0:
            return []
        excess = own.has - own.high
        if excess <= 0:
            # Many that have one more than others: about as many of them give one as are needed.
            rich = sum(share.has > share.low for share in self._of.values())
            if own.has <= own.low or rng.random() * rich >= needed:
                return []
            excess = 1
        most = min(excess, needed, max(4, excess // 4))
        fit = [
            shard
            for shard in sorted(free)
            if shard in self._mine and any(shard in self._drivable[worker] for worker in needs)
        ]
        return rng.sample(fit, min(most, len(fit)))

    def _others(self, shard: int) -> Iterable[Share]:
        for worker, shards in self._drivable.items():
            if worker != self._me and shard in shards:
                yield self._of[worker]


def _make_share(shards: Collection[int], able: Mapping[int, int], has: int) -> Share:
    by_number = Counter(able[shard] for shard in shards)
    exact = sum((Fraction(count, number) for number, count in by_number.items()), Fraction(0))
    return Share(has=has, low=math.floor(exact), high=math.ceil(exact))
