"""That this process drives lanes until it is stopped, as others see it in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub._store import Attendant, LaneOwner, Store
from batchhub.errors import BatchHubError

from .process_lock import ProcessLock, Verdict

SIGN_S: Final = 10.0
"""Seconds between two signs of life; three of them may be missed."""

CLUSTER_SIGN_S: Final = 3.0
"""Seconds between two signs of life where nothing else says whether a process lives."""

_FORGOTTEN_S: Final = 24 * 3600.0
"""Seconds without a sign of life after which one is forgotten that nobody can judge."""

_CLUSTER_FORGOTTEN_S: Final = 300.0
"""The same where clocks are one: whoever lives shows itself again."""

_log = get_logger()


class Presence:
    """
    Keeps written which lanes this process drives until it is stopped.

    Others leave these lanes to it, also while it has nothing to do there. It is no right to drive
    them: what can't be written here, or is out of date, only has another process drive them.

    Args:
        store: Where it is written.
        clock: Where time comes from.
        process: The lock by which others know that this process lives.
        me: This process.
        is_cluster: Whether processes of several machines share the store.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        process: ProcessLock,
        me: LaneOwner,
        *,
        is_cluster: bool = False,
    ) -> None:
        self._sign_s = CLUSTER_SIGN_S if is_cluster else SIGN_S
        self._forgotten_s = _CLUSTER_FORGOTTEN_S if is_cluster else _FORGOTTEN_S
        self._store = store
        self._clock = clock
        self._process = process
        self._me = me
        self._shown: frozenset[str] | None = None
        self._may_be_shown = self._has_left = False
        self._turn = asyncio.Lock()
        self._signing: asyncio.Task[None] | None = None

    async def show(self, lanes: Collection[str]) -> None:
        """
        Write which lanes they are; nothing once this process has left.

        Raises:
            StoreError: The store can't be written.
        """
        async with self._turn:
            await self._show(lanes)

    async def _show(self, lanes: Collection[str]) -> None:
        wanted = frozenset(lanes)
        if not self._store.is_shared or wanted == self._shown or self._has_left:
            return
        self._process.hold()  # before others can read the token
        if self._shown is None:
            await self._drop_dead()
        self._may_be_shown = True
        await self._store.attendants.show(self._me, wanted, self._clock.now())
        self._shown = wanted
        if self._signing is None or self._signing.done():
            self._signing = asyncio.create_task(self._sign(), name="batchhub-presence")

    async def leave(self) -> bool:
        """
        Write that it drives them no more, for good: the hub is about to be closed.

        Returns:
            Whether the store has nothing of it any more.
        """
        self._has_left = True
        await self.end()
        return not self._may_be_shown

    async def end(self) -> None:
        """Write that it drives them no more."""
        if self._signing is not None:
            self._signing.cancel()
            await asyncio.wait({self._signing})
        async with self._turn:  # what is being shown meanwhile is written, and taken back
            await self._end()

    async def _end(self) -> None:
        if self._signing is not None:
            self._signing.cancel()
            await asyncio.wait({self._signing})
            self._signing = None
        if not self._may_be_shown:
            return
        self._shown = None
        try:
            await self._store.attendants.drop([self._me.token])
        except BatchHubError as error:  # others find out that its lock is free
            _log.error("store.failed", store=self._store.name, error=str(error))
        else:
            self._may_be_shown = False

    async def _sign(self) -> None:
        while True:
            await self._clock.sleep(self._sign_s)
            try:
                if not await self._store.attendants.beat(self._me.token, self._clock.now()):
                    lanes, self._shown = self._shown or frozenset(), None
                    await self.show(lanes)  # somebody took this process for dead
            except BatchHubError as error:
                _log.error("store.failed", store=self._store.name, error=str(error))

    async def _drop_dead(self) -> None:
        dead = [
            each.owner.token for each in await self._store.attendants.find() if self._is_dead(each)
        ]
        if dead:
            await self._store.attendants.drop(dead)

    def _is_dead(self, attendant: Attendant) -> bool:
        verdict = self._process.verdict(attendant.owner.token)
        silent_s = abs((self._clock.now() - attendant.seen_at).total_seconds())
        # Without its lock file nobody knows; one that lives shows itself again.
        return verdict is Verdict.DEAD or (
            verdict is Verdict.UNKNOWN and silent_s > self._forgotten_s
        )
