"""The shards of this process: taking their leases, keeping them by signs of life, letting go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import LaneOwner, Lease, LeaseRow, Store
from batchhub._store.shards import shard_of
from batchhub.errors import BatchHubError

SILENT_S: Final = 8.0
"""Seconds without a sign of life after which a shard may be taken from its process."""

STALE_S: Final = 6.0
"""Seconds after its last sign of life at which a process sends nothing more before the store has
said that the shard is still its own: before anybody else can have it, with clocks that differ."""

SIGN_S: Final = 2.0
"""Seconds between two signs of life."""

_LOOK_S: Final = 0.5

_log = get_logger()


class ShardHold:
    """
    A shard that this process has taken, for as long as no other process takes it over.

    Attributes:
        shard: The shard.
        lease: Its lease, as the store has it.
        is_lost: Whether it is known to be another's.
        is_closing: Whether it is about to be let go, and nothing new is begun.
        on_lost: Called once it is.
    """

    def __init__(
        self, shard: int, lease: Lease, clock: Clock, seen_s: float, before: LeaseRow
    ) -> None:
        self.shard = shard
        self.lease = lease
        self.is_lost = self.is_closing = False
        self.on_lost: Callable[[], None] | None = None
        self._clock = clock
        self._seen_s = seen_s
        self._before = before

    def find_last_sign(self, token: str) -> datetime | None:
        """Return when a process gave its last sign of life, if it had the shard before this one."""
        holder = self._before.holder
        return self._before.seen_at if holder is not None and holder.token == token else None

    @property
    def is_stale(self) -> bool:
        """Whether the last sign of life is so old that another process may soon have it."""
        return self._clock.boot_s() - self._seen_s > STALE_S

    def note_seen(self, at_s: float) -> None:
        """Keep that the store had it at a time of the boot clock."""
        self._seen_s = max(self._seen_s, at_s)

    def lose(self) -> None:
        """Say that it is another's."""
        if not self.is_lost:
            self.is_lost = True
            if self.on_lost is not None:
                self.on_lost()


class ShardClaims:
    """
    The shards that this process has in the store.

    Args:
        store: The store.
        clock: Where time comes from.
        me: This process.

    Attributes:
        held: Those it has, by number.
    """

    def __init__(self, store: Store, clock: Clock, me: LaneOwner) -> None:
        self.held: dict[int, ShardHold] = {}
        self._store = store
        self._clock = clock
        self._me = me
        self._signing: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._taking: set[asyncio.Task[Lease | None]] = set()
        self._giving_back: set[asyncio.Task[None]] = set()

    def find(self, lane: str) -> ShardHold | None:
        """Return the shard of a lane; `None` if this process has not got it, or lets it go."""
        hold = self.held.get(shard_of(lane))
        return None if hold is None or hold.is_closing else hold

    async def take(self, shard: int) -> ShardHold | None:
        """
        Take a shard, once nobody has it or its process is silent.

        Returns:
            The hold; `None` if another process gives signs of life for it.

        Raises:
            StoreVersionError: The store is of another version by now.
            StoreError: It can't be read or written.
        """
        first: LeaseRow | None = None
        since_s = self._clock.boot_s()

        def is_free(row: LeaseRow) -> bool:
            if row.holder is None or row.seen_at is None or row.holder.token == self._me.token:
                return True
            if (self._clock.now() - row.seen_at).total_seconds() >= SILENT_S:
                return True
            # Whatever the time is by now: after a failover it may be earlier than the last sign.
            return _is_same(row, first) and self._clock.boot_s() - since_s >= SILENT_S

        while True:
            row = await self._store.shards.get(shard)
            if is_free(row):
                if (hold := await self._take_now(shard, is_free)) is not None:
                    return hold
            elif first is None:
                first, since_s = row, self._clock.boot_s()
            elif not _is_same(row, first):
                return None
            await self._clock.sleep(_LOOK_S)

    async def _take_now(self, shard: int, is_free: Callable[[LeaseRow], bool]) -> ShardHold | None:
        """Take a shard if it is still free; called off meanwhile, it is let go again."""
        seen_s, at = self._clock.boot_s(), self._clock.now()
        before = LeaseRow()

        def look(row: LeaseRow) -> bool:
            nonlocal before
            before = row
            return is_free(row)

        taking = asyncio.create_task(
            self._store.shards.take(shard, self._me, at, look), name="batchhub-take-shard"
        )
        self._taking.add(taking)
        taking.add_done_callback(self._taking.discard)
        try:
            lease = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(partial(self._give_back, shard))
            raise
        if lease is None:
            return None
        hold = self.held[shard] = ShardHold(shard, lease, self._clock, seen_s, before)
        if self._signing is None or self._signing.done():
            self._signing = asyncio.create_task(self._sign(), name="batchhub-shards")
        _log.info("shard.claimed", shard=shard)
        return hold

    def _give_back(self, shard: int, taking: asyncio.Task[Lease | None]) -> None:
        if taking.cancelled() or taking.exception() is not None:
            return
        lease = taking.result()
        if lease is not None and shard not in self.held:
            task = asyncio.create_task(self._let_go(lease), name="batchhub-give-back")
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)

    def lose(self, hold: ShardHold) -> None:
        """Take in that a shard is another process's."""
        if self._has(hold):
            del self.held[hold.shard]
            _log.warning("shard.lost", shard=hold.shard)
            hold.lose()

    async def let_go(self, hold: ShardHold) -> None:
        """Let a shard go; one that can't be written is free when this process is silent for it."""
        if self._has(hold):
            del self.held[hold.shard]
        if not hold.is_lost:
            await self._let_go(hold.lease)
            _log.info("shard.let_go", shard=hold.shard)

    async def _let_go(self, lease: Lease) -> None:
        try:
            await self._store.leases.let_go(lease)
        except BatchHubError as error:
            _log.error("store.failed", store=self._store.name, error=str(error))

    async def aclose(self) -> None:
        """Give no signs of life any more, and give back what is being taken."""
        signs = {task for task in (self._signing, self._renewing) if task is not None}
        for task in signs:
            task.cancel()
        if self._taking:
            await asyncio.wait(set(self._taking))
            await asyncio.sleep(0)  # who was called off begins to give back
        if tasks := signs | self._giving_back:
            await asyncio.wait(tasks)

    # Signs of life.

    async def confirm(self, hold: ShardHold) -> bool:
        """
        Ask the store whether a shard is still this process's, by a sign of life for all of them.

        Raises:
            StoreError: It can't be written.
        """
        # Again, if that sign of life was begun before this process stood still.
        while hold.is_stale and self._has(hold):
            await self._renew()
        return self._has(hold)

    def _has(self, hold: ShardHold) -> bool:
        return self.held.get(hold.shard) is hold

    async def _sign(self) -> None:
        while self.held:
            await self._clock.sleep(SIGN_S)
            try:
                await self._renew()
            except BatchHubError as error:
                _log.error("store.failed", store=self._store.name, error=str(error))

    async def _renew(self) -> None:
        """Give a sign of life; whoever asks meanwhile waits for the same one."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_now(), name="batchhub-renew")
            self._renewing.add_done_callback(take_note)
        await asyncio.shield(self._renewing)

    async def _renew_now(self) -> None:
        holds = dict(self.held)
        seen_s = self._clock.boot_s()
        try:
            epochs = await self._store.shards.renew(self._me.token, holds, self._clock.now())
        except BatchHubError:
            # Thousands of lanes ask, each again and again: they hear it together.
            await self._clock.sleep(_LOOK_S)
            raise
        for hold in holds.values():
            if epochs.get(hold.lease.name) == hold.lease.epoch:
                hold.note_seen(seen_s)
            else:
                self.lose(hold)


def _is_same(row: LeaseRow, other: LeaseRow | None) -> bool:
    """Whether nobody has taken a lease, or given a sign of life for it, between two looks."""
    return other is not None and (row.epoch, row.seen_at) == (other.epoch, other.seen_at)


def take_note(task: asyncio.Task[None]) -> None:
    """Take note of how a task ended, though nobody may wait for it any more."""
    if not task.cancelled():
        task.exception()
