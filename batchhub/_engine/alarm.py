"""What wakes a lane: something that has happened, or a time. One timer, and no task."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

from batchhub._base.clock import Clock, Timer

TICK_S: Final = 0.005
"""Seconds in which what is due is gathered, to be taken together."""


class Alarm:
    """
    Lets a lane rest until it has to do something.

    What can wait does so until the tick ends in which the lane began its last round: at 2,000
    polls a second a round is for ten of them, and one that comes alone waits for nothing.

    Args:
        clock: Where time comes from.
        on_time: Called when a time comes and nothing has rung: returns the seconds to rest on, or
            `None` if the rest ends.
    """

    def __init__(self, clock: Clock, on_time: Callable[[], float | None] = lambda: None) -> None:
        self._clock = clock
        self._on_time = on_time
        self._is_rung = False
        self._is_rung_soon = False
        self._rest: asyncio.Future[None] | None = None
        self._timer: Timer | None = None
        self._rests_until_s = -math.inf
        self._tick_ends_s = -math.inf

    def ring(self) -> None:
        """End the rest, or the next one if none is under way."""
        self._is_rung = True
        self._end_rest()

    def ring_soon(self) -> None:
        """End the rest with the tick, or the next one if none is under way."""
        self._is_rung_soon = True
        if self._rest is not None and self._tick_ends_s < self._rests_until_s:
            self._rest_until(self._tick_ends_s)

    def ring_in(self, delay_s: float) -> None:
        """End the rest that is under way in some seconds at the latest, but not before the tick."""
        if self._rest is None:
            return  # the next one is as long as is known when it begins
        until_s = max(self._clock.monotonic() + delay_s, self._tick_ends_s)
        if until_s < self._rests_until_s:
            self._rest_until(until_s)

    async def rest(self, delay_s: float) -> None:
        """Rest for some seconds, but at least to the end of the tick, or until it rings."""
        now_s = self._clock.monotonic()
        until_s = now_s if self._is_rung_soon else now_s + delay_s
        if self._is_rung or max(until_s, self._tick_ends_s) <= now_s:
            await asyncio.sleep(0)  # others go on all the same
        else:
            self._rest = asyncio.get_running_loop().create_future()
            try:
                self._rest_until(max(until_s, self._tick_ends_s))
                await self._rest
            finally:
                self._rest = None
                self._cancel_timer()
        self._is_rung = self._is_rung_soon = False
        self._tick_ends_s = self._clock.monotonic() + TICK_S

    def _rest_until(self, until_s: float) -> None:
        self._cancel_timer()
        self._rests_until_s = until_s
        self._timer = self._clock.call_later(until_s - self._clock.monotonic(), self._time_comes)

    def _time_comes(self) -> None:
        if self._rest is None or self._rest.done():
            return
        try:
            delay_s = None if self._is_rung or self._is_rung_soon else self._on_time()
        except Exception as error:  # for whoever rests
            self._rest.set_exception(error)
            return
        if delay_s is None:
            self._end_rest()
            return
        now_s = self._clock.monotonic()
        self._tick_ends_s = now_s + TICK_S
        self._rest_until(max(now_s + delay_s, self._tick_ends_s))

    def _end_rest(self) -> None:
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
