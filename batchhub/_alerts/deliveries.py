"""
Messages on their way: each channel gets them in their order, at least once, and waits for no other.

A message is in the store before it is sent, and marked there once its channel took it; what ends in
between is sent again, with the same id and the same content. A channel that does not take it is
tried again, less and less often, and misses it after a day.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.failpoints import failpoint
from batchhub._base.log import get_logger
from batchhub._store import Delivery, Lease, Store
from batchhub.errors import StoreError

from .channel_settings import Channel
from .channels.courier import Courier
from .channels.posting import Problem

FIRST_WAIT_S: Final = 10.0
LONGEST_WAIT_S: Final = 900.0
GIVE_UP_S: Final = 86_400.0
"""Seconds after which a message is no news any more."""

REFUSED_S: Final = 3_600.0
"""Seconds after which a message is given up that its receiver refuses as it is: it keeps others
back."""

_LOOK_S: Final = 60.0

_log = get_logger()


class Deliveries:
    """
    Sends what is due, while this process has the lease.

    Args:
        store: Where the messages are.
        clock: Where time comes from.
        courier: Hands them over.
    """

    def __init__(self, store: Store, clock: Clock, courier: Courier) -> None:
        self._store = store
        self._clock = clock
        self._courier = courier
        self._rng = random.Random()  # noqa: S311  # jitter, no secret
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wakes: dict[str, asyncio.Event] = {}

    def start(self, lease: Lease, channels: Mapping[str, Channel]) -> None:
        """Send to these channels from now on."""
        for name, channel in channels.items():
            self._wakes[name] = wake = asyncio.Event()
            self._tasks[name] = asyncio.create_task(
                self._serve(lease, channel, wake), name="batchhub-alert-channel"
            )

    def wake(self) -> None:
        """Look at once for what is due."""
        for event in self._wakes.values():
            event.set()

    async def stop(self) -> None:
        """Stop sending; what is under way is sent again later."""
        tasks, self._tasks, self._wakes = self._tasks, {}, {}
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _serve(self, lease: Lease, channel: Channel, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            try:
                wait_s = await self._send_due(lease, channel)
            except StoreError as error:
                _log.warning("store.failed", store=self._store.name, error=str(error))
                wait_s = FIRST_WAIT_S
            except Exception as error:
                # One channel's, whatever it is: the others go on.
                _log.error("alerts.failed", channel=channel.name, error=type(error).__name__)
                wait_s = _LOOK_S
            if wait_s is None:
                return  # another process has the lease
            await self._rest(wake, wait_s)

    async def _rest(self, wake: asyncio.Event, wait_s: float) -> None:
        if wait_s <= 0:
            return
        timer = self._clock.call_later(wait_s, wake.set)
        try:
            await wake.wait()
        finally:
            timer.cancel()

    async def _send_due(self, lease: Lease, channel: Channel) -> float | None:
        """Send the message that is next; return when to go on, and `None` without the lease."""
        delivery = await self._store.alerts.next_delivery(channel.name)
        if delivery is None:
            return _LOOK_S
        now = self._clock.now()
        wait_s = 0.0 if delivery.due_at is None else (delivery.due_at - now).total_seconds()
        if 0 < wait_s <= LONGEST_WAIT_S:  # later than that: the clock was set back
            return wait_s
        if not await self._store.alerts.note_try(lease, delivery):
            return None
        problem: Problem | None
        if delivery.body.get("id") == delivery.message_id:
            problem = await self._courier.send(
                channel, delivery.body, is_repeated=delivery.tries > 0
            )
        else:
            problem = Problem(why="the store has not kept what it says", is_refused=True)
        if problem is None:
            failpoint("alert.sent")
        return 0.0 if await self._note(lease, delivery, problem) else None

    async def _note(self, lease: Lease, delivery: Delivery, problem: Problem | None) -> bool:
        """Keep what came of it; return whether this process has the lease."""
        alerts, now = self._store.alerts, self._clock.now()
        facts = {"channel": delivery.channel, "message": delivery.message_id}
        if problem is None:
            _log.info("alert.delivered", **facts)
            return await alerts.note_taken(lease, delivery, now)
        facts["error"] = problem.why
        age_s = (now - delivery.made_at).total_seconds()
        if age_s >= (REFUSED_S if problem.is_refused else GIVE_UP_S):
            _log.error("alert.given_up", **facts)
            return await alerts.give_up(lease, delivery, problem.why, now)
        wait_s = backoff_s(delivery.tries, base_s=FIRST_WAIT_S, cap_s=LONGEST_WAIT_S, rng=self._rng)
        _log.warning("alert.postponed", **facts, wait_s=round(wait_s, 1))
        due_at = now + timedelta(seconds=wait_s)
        return await alerts.note_failure(lease, delivery, problem.why, due_at)
