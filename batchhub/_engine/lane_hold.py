"""The right of this process to drive a lane, and whether it still has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._http.guard import NotSentError
from batchhub._store import Hold, Store
from batchhub.errors import StoreError

from .shard_claims import ShardHold

STALE_S: Final = 15.0
"""Seconds after the last sign of life at which the store is asked before anything is sent."""

_RETRY_S: Final = 1.0

_log = get_logger()


class LaneHold:
    """
    A lane that this process has taken, for as long as no other process takes it over.

    Nothing in memory says that another process has: a write that is refused does, or the sign of
    life that finds another epoch. From then on this process leaves the lane. Where lanes are held
    by shards, signs of life are the shard's.

    Args:
        row: The hold as the store has it.
        store: The store.
        clock: Where time comes from.
        shard: The lane's shard, if it is held by that.
        confirm_shard: Asks the store about the shard.

    Attributes:
        row: The hold as the store has it.
        shard: The lane's shard, if it is held by that.
        began_s: When it was taken, in seconds of the boot clock.
        is_lost: Whether another process is known to have taken it over.
        latest_at: The newest time that an owner of a lane is known to have written; a wall clock
            that shows an earlier one was set back.
        hand_on: Has whoever drives the lane now learn what the vendor asked this process for.
    """

    def __init__(
        self,
        row: Hold,
        store: Store,
        clock: Clock,
        *,
        shard: ShardHold | None = None,
        confirm_shard: Callable[[ShardHold], Awaitable[bool]] | None = None,
    ) -> None:
        self.row = row
        self.shard = shard
        self.began_s = clock.boot_s()
        self.is_lost = False
        self._doubts = 0
        self.latest_at = clock.now()
        self.on_lost: Callable[[], None] | None = None
        self.hand_on: Callable[[], Awaitable[None]] | None = None
        self._store = store
        self._clock = clock
        self._confirm_shard = confirm_shard
        self._seen_s = self.began_s

    @property
    def age_s(self) -> float:
        """Seconds since it was taken."""
        return self._clock.boot_s() - self.began_s

    def note_time(self, at: datetime | None) -> None:
        """Keep a time that was written, if it is the newest."""
        if at is not None:
            self.latest_at = max(self.latest_at, at)

    @property
    def is_stale(self) -> bool:
        """Whether the last sign of life is so old that another process may have the lane."""
        if self.shard is not None:
            return self._doubts > 0 or self.shard.is_stale
        return self._clock.boot_s() - self._seen_s > STALE_S

    @property
    def is_doubtful(self) -> bool:
        """Whether another process has the lane, or may have it."""
        return self.is_lost or self.is_stale

    async def confirm(self) -> bool:
        """
        Ask the store whether the lane is still this process's.

        Raises:
            StoreError: It does not say.
        """
        asked_at_s = self._clock.boot_s()
        is_held = True
        if self.shard is not None and self._confirm_shard is not None:
            is_held = await self._confirm_shard(self.shard)
        if is_held and (self.shard is None or self._doubts):
            doubts = self._doubts
            is_held = await self._store.lanes.is_held(self.row)
            if self._doubts == doubts:  # else there is something newer to ask about
                self._doubts = 0
        if is_held:
            self.note_seen(asked_at_s)
        else:
            self.lose()
        return is_held and not self.is_lost

    def doubt(self) -> None:
        """Have the store asked before anything else is sent."""
        self._doubts += 1

    async def make_sure(self) -> None:
        """
        Return once it is certain that the lane is still this process's.

        Raises:
            NotSentError: It is another's by now.
        """
        while self.is_stale and not self.is_lost:
            try:
                await self.confirm()
            except StoreError as error:
                _log.warning("store.failed", lane=self.row.lane, error=str(error))
                await self._clock.sleep(_RETRY_S)
        if self.is_lost:
            raise NotSentError("nothing was sent: another process drives this account by now")

    def note_seen(self, at_s: float) -> None:
        """Keep that the store had it at a time of the boot clock."""
        self._seen_s = max(self._seen_s, at_s)

    def lose(self) -> None:
        """Say that another process has the lane."""
        self.is_lost = True
        if self.on_lost is not None:
            self.on_lost()
