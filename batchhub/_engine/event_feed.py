"""The events of one store, as one hub claims, settles and gives them back; see `events`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from batchhub._base.clock import Clock
from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._store import Candidate, Claimed, Store
from batchhub.errors import StoreError, UsageError

from .process_lock import ProcessLock, Verdict

BEAT_S: Final = 10.0
"""Seconds between two signs of life for what is claimed, and two tries to give back what is not."""

SILENT_S: Final = 30.0
"""Seconds without one after which a claim is free, if nothing else says who is alive."""

_log = get_logger()


class EventFeed:
    """
    The events of one store, for all loops of one hub.

    Args:
        store: The store.
        clock: Where time comes from.
        process: Who claims them, and who else is alive.
    """

    def __init__(self, store: Store, clock: Clock, process: ProcessLock) -> None:
        self.clock = clock
        self._deliveries = store.deliveries
        self._process = process
        self._registered: set[str] = set()
        # What the loops of this hub have: the store only knows that it is one of them. It ends
        # before the store is told: what changes there comes before the next claim of this hub.
        self._held: set[tuple[str, int]] = set()
        self._unreleased: set[tuple[str, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._is_closed = False

    async def claim_next(
        self, consumer: str, job_ids: Collection[str] | None, *, retries: bool
    ) -> Claimed | None:
        """
        Claim the event of a consumer that is due first; `None` if there is none.

        Args:
            consumer: Whose it is.
            job_ids: The jobs that are asked about; `None` for all.
            retries: Whether one of another job will do, if it was postponed.
        """
        self._check_open()
        if consumer not in self._registered:
            await self._deliveries.register(consumer, self.clock.now())
            self._registered.add(consumer)
        while True:
            candidates = await self._deliveries.look(
                consumer, self.clock.now(), job_ids, retries=retries
            )
            free = [one for one in candidates if self._is_free(consumer, one)]
            if not free:
                return None
            # Otherwise somebody else was faster: what is there now?
            if (claimed := await self._claim(consumer, free[0])) is not None:
                return claimed

    async def acknowledge(self, consumer: str, job_no: int) -> None:
        """Store that an event was handled."""
        self._check_open()
        failpoint("event.handled")
        self._held.discard((consumer, job_no))
        await self._deliveries.acknowledge(consumer, job_no)

    async def postpone(self, consumer: str, claimed: Claimed, delay_s: float) -> None:
        """Give an event back for some seconds."""
        self._check_open()
        until = self.clock.now() + timedelta(seconds=delay_s)
        self._held.discard((consumer, claimed.job_no))
        await self._deliveries.put_off(consumer, claimed.job_no, self._process.token, until)
        _log.warning("event.postponed", **_facts(consumer, claimed), until=until.isoformat())

    async def give_up(self, consumer: str, claimed: Claimed) -> None:
        """Store that an event can't be handled."""
        self._check_open()
        now = self.clock.now()
        self._held.discard((consumer, claimed.job_no))
        await self._deliveries.give_up(consumer, claimed.job_no, self._process.token, now)
        _log.error("event.given_up", **_facts(consumer, claimed))

    def drop(self, consumer: str, job_no: int) -> None:
        """Give an event back soon, from any thread: its loop was left."""
        # At once, so that the next loop of this hub gets it.
        self._held.discard((consumer, job_no))
        with suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(self._start_release, consumer, job_no)

    async def release(self, consumer: str, job_no: int) -> None:
        """Give an event back unhandled: its loop was left."""
        self._held.discard((consumer, job_no))
        await self._release(consumer, job_no)

    async def aclose(self) -> bool:
        """
        Give back what was handed out and not acknowledged, and end.

        Returns:
            Whether the store knows that.
        """
        self._is_closed = True
        if self._beating is None:
            return True  # nothing was ever claimed
        for task in (self._beating, *self._tasks):
            task.cancel()
        await asyncio.wait({self._beating, *self._tasks})
        try:
            await self._deliveries.release_all(self._process.token)
        except StoreError:
            return False
        return True

    async def _claim(self, consumer: str, candidate: Candidate) -> Claimed | None:
        key, claimed = (consumer, candidate.job_no), None
        self._process.hold()
        self._held.add(key)
        self._start_beating()
        try:
            claimed = await self._deliveries.claim(
                consumer, candidate, self._process.token, self.clock.now()
            )
        except BaseException:
            # Cancelled, perhaps: the claim may be made all the same, and nobody has it.
            self.drop(*key)
            raise
        if claimed is None:
            self._held.discard(key)
        return claimed

    def _is_free(self, consumer: str, candidate: Candidate) -> bool:
        if (consumer, candidate.job_no) in self._held:
            return False
        if candidate.claimed_by in (None, self._process.token):
            return True  # if it is ours, the loop that had it was left
        verdict, seen_at = self._process.verdict(candidate.claimed_by), candidate.claimed_at
        if verdict is Verdict.UNKNOWN and seen_at is not None:
            # A sign from the future, by a clock that was set back since, says nothing either.
            return abs(self.clock.now() - seen_at) > timedelta(seconds=SILENT_S)
        return verdict is not Verdict.ALIVE

    async def _release(self, consumer: str, job_no: int) -> None:
        # Another loop of this hub may have claimed it meanwhile.
        if not self._is_closed and (consumer, job_no) not in self._held:
            try:
                await self._deliveries.release(consumer, job_no, self._process.token)
            except StoreError:
                self._unreleased.add((consumer, job_no))  # tried again with the next beat

    def _start_release(self, consumer: str, job_no: int) -> None:
        if not self._is_closed:
            task = asyncio.create_task(self._release(consumer, job_no), name="batchhub-event")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _start_beating(self) -> None:
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat(), name="batchhub-events-beat")

    async def _beat(self) -> None:
        while True:
            await self.clock.sleep(BEAT_S)
            unreleased, self._unreleased = self._unreleased, set()
            for key in unreleased:
                await self._release(*key)
            if self._held:
                with suppress(StoreError):  # it is written with the next one
                    await self._deliveries.beat(self._process.token, self.clock.now())

    def _check_open(self) -> None:
        if self._is_closed:
            raise UsageError("the hub is closed; open a new one, which hands the event out again")


def _facts(consumer: str, claimed: Claimed) -> dict[str, Any]:
    status = claimed.status
    names = {"job_id": status.job_id, "account": status.account, "lane": claimed.lane}
    return {**names, "consumer": consumer, "tries": claimed.tries + 1}
