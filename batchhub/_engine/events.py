"""
Events: each job that ends is reported once to each consumer, also across restarts.

The end of a job is stored in one transaction with its last results, together with a delivery for
each consumer, so none is missed. Whoever hands an event out claims it alone, so that any number of
loops and processes share what there is. What was claimed and not acknowledged is handed out again,
marked as repeated, once whoever had it is gone: nobody can know how far its consumer came.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from typing import Any, Final

from batchhub._store import Claimed
from batchhub.errors import UsageError
from batchhub.models import BatchEvent

from .event_feed import EventFeed

LOOK_S: Final = 1.0
"""Seconds between two looks for jobs that have ended."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def check_consumer(name: str) -> str:
    """
    Return the name of a consumer.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            "consumer must be 1 to 40 letters, digits, '.', '_' and '-', beginning with a letter "
            f"or a digit, not {name!r}"
        )
    return name


class EventStream(AsyncGenerator[BatchEvent]):
    """
    A loop over the events of one consumer, made by `BatchHub.events`.

    Asking for the next event acknowledges the one before it. Leaving the loop does not, whether by
    `break` or by an error: the event comes again.

    Args:
        open_feed: Returns the feed of the hub, which is opened by it.
        consumer: Whose events they are.
        job_ids: The jobs that are asked about; `None` for all.
        follow: Whether to wait for more when there are none left.
        retries: Whether to give those of other jobs that were postponed, too.
    """

    def __init__(
        self,
        open_feed: Callable[[], Awaitable[EventFeed]],
        consumer: str,
        job_ids: Collection[str] | None,
        *,
        follow: bool,
        retries: bool = False,
    ) -> None:
        self._last: _Delivery | None = None
        self._open_feed = open_feed
        self._consumer = check_consumer(consumer)
        if isinstance(job_ids, str):
            raise UsageError(f"jobs takes ids in a list, not {job_ids!r}")
        self._job_ids = None if job_ids is None else frozenset(job_ids)
        self._retries = retries
        self._follow = follow
        self._is_waiting = False
        self._is_closed = False

    async def asend(self, value: None = None) -> BatchEvent:
        """
        Acknowledge the last event, and return the next one.

        Raises:
            UsageError: The hub is closed, or another task is waiting for the next event.
            StoreError: The store can't be read or written.
        """
        del value
        if self._is_waiting:
            raise UsageError("another task is waiting for this loop's next event; make a loop each")
        self._is_waiting = True
        try:
            return await self._next()
        finally:
            self._is_waiting = False

    async def athrow(self, error: Any, value: Any = None, traceback: Any = None) -> BatchEvent:
        """Leave the loop by an error."""
        del value, traceback
        await self.aclose()
        raise error

    async def aclose(self) -> None:
        """Leave the loop. The last event is not acknowledged; it comes again."""
        self._is_closed = True
        last, self._last = self._last, None
        if last is not None:
            await last.release()

    def __del__(self) -> None:
        """Leave the loop, as `break` does: nothing refers to it any more."""
        if self._last is not None:
            self._last.drop()

    async def _next(self) -> BatchEvent:
        if self._last is not None:
            try:
                await self._last.acknowledge()
            except BaseException:
                # This may be the end of the loop, and its error may keep it from being deleted.
                self._last.drop()
                raise
            self._last = None
        while not self._is_closed:
            feed = await self._open_feed()
            claimed = await feed.claim_next(self._consumer, self._job_ids, retries=self._retries)
            if claimed is not None:
                self._last = _Delivery(feed, self._consumer, claimed)
                return BatchEvent(
                    status=claimed.status,
                    consumer=self._consumer,
                    is_repeated=claimed.is_repeated,
                    tries=claimed.tries,
                    delivery=self._last,
                )
            if not self._follow:
                break
            await feed.clock.sleep(LOOK_S)
        raise StopAsyncIteration


class _Delivery:
    """An event that was handed out, until it is settled."""

    def __init__(self, feed: EventFeed, consumer: str, claimed: Claimed) -> None:
        self._feed = feed
        self._consumer = consumer
        self._claimed = claimed
        self._is_settled = False

    async def acknowledge(self) -> None:
        await self._settle(lambda: self._feed.acknowledge(self._consumer, self._claimed.job_no))

    async def postpone(self, delay_s: float) -> None:
        await self._settle(lambda: self._feed.postpone(self._consumer, self._claimed, delay_s))

    async def give_up(self) -> None:
        await self._settle(lambda: self._feed.give_up(self._consumer, self._claimed))

    async def release(self) -> None:
        """Give it back unhandled; it may still be settled."""
        if not self._is_settled:
            await self._feed.release(self._consumer, self._claimed.job_no)

    def drop(self) -> None:
        """As `release`, from any thread and soon."""
        if not self._is_settled:
            self._feed.drop(self._consumer, self._claimed.job_no)

    async def _settle(self, how: Callable[[], Awaitable[None]]) -> None:
        if self._is_settled:
            return
        self._is_settled = True
        try:
            await how()
        except Exception:
            # Not by a cancellation: the store makes a change that was asked for all the same.
            self._is_settled = False
            raise
