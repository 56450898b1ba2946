"""Which process of a store looks for alerts: one at a time, as one drives a lane."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._engine.owner_watch import SILENT_S
from batchhub._engine.process_lock import ProcessLock, Verdict
from batchhub._store import LaneOwner, Lease, LeaseRow, Store
from batchhub.errors import StoreError

NAME: Final = "alerts"

BEAT_S: Final = 10.0
"""Seconds between two signs of life."""

_log = get_logger()


class LeaseKeeper:
    """
    Takes a lease, keeps it, and knows when another process has it.

    A process that has ended leaves it free at once; one that is stopped, or whose lock file is
    gone, has it until it has given no sign of life for 30 s. What it writes after that is refused.

    Args:
        store: Where the lease is.
        clock: Where time comes from.
        process: This process, and whether others live.

    Attributes:
        held: The lease; `None` while another process has it.
    """

    def __init__(self, store: Store, clock: Clock, process: ProcessLock) -> None:
        self.held: Lease | None = None
        self._store = store
        self._clock = clock
        self._process = process
        self._me = LaneOwner(token=process.token, pid=os.getpid(), host=socket.gethostname())
        self._beat_at_s: float | None = None
        self._seen: object = None
        self._since_s = clock.boot_s()

    async def keep(self) -> Lease | None:
        """
        Take the lease, or give a sign of life; return it if this process has it.

        Raises:
            StoreError: The store can't be read or written.
        """
        now_s = self._clock.boot_s()
        if self.held is not None:
            if self._beat_at_s is not None and now_s - self._beat_at_s < BEAT_S:
                return self.held
            if await self._store.leases.renew(self.held, self._clock.now()):
                self._beat_at_s = now_s
                return self.held
            self.lose()
        row = await self._store.leases.get(NAME)
        if not self._is_free(row):
            return None
        self._process.hold()  # before its token is written anywhere
        self.held = await self._store.leases.take(
            NAME, self._me, self._clock.now(), lambda there: there == row
        )
        if self.held is not None:
            self._beat_at_s = now_s
            _log.info("alerts.claimed")
        return self.held

    def lose(self) -> None:
        """Take note that another process has the lease."""
        if self.held is not None:
            self.held = None
            _log.warning("alerts.lost")

    async def let_go(self) -> None:
        """Let the lease go, if this process has it; a store that fails keeps it until it is old."""
        lease, self.held = self.held, None
        if lease is not None:
            with suppress(StoreError):
                await self._store.leases.let_go(lease)

    def _is_free(self, row: LeaseRow) -> bool:
        if row.holder is None or row.holder.token == self._process.token:
            return True
        verdict = self._process.verdict(row.holder.token)
        if verdict is Verdict.DEAD:
            return True
        return self._silence_s(row) >= SILENT_S

    def _silence_s(self, row: LeaseRow) -> float:
        """Return for how many seconds its holder has given no sign of life."""
        now_s = self._clock.boot_s()
        if (row.epoch, row.seen_at) != self._seen:
            self._seen, self._since_s = (row.epoch, row.seen_at), now_s
        watched_s = now_s - self._since_s
        if row.seen_at is None:
            return watched_s
        return max(watched_s, (self._clock.now() - row.seen_at).total_seconds())
