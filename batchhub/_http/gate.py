"""The gate every request of a lane passes: in order, within the budget, or not at all."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Final

from batchhub._adapter.account import Budget
from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock
from batchhub._base.log import get_logger
from batchhub.errors import CredentialsError, RateLimitedError

from .pacer import Pacer

_FIRST_COOL_DOWN_S: Final = 1.0
_LONGEST_COOL_DOWN_S: Final = 300.0


class LaneGate:
    """
    Lets the requests of a lane go, first come, first served.

    It keeps to the budget and to the cool-downs the vendor asks for, and closes when the
    credentials are refused.
    """

    def __init__(self, *, lane: str, budget: Budget, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._log = get_logger().bind(lane=lane)
        self._pacer = Pacer(budget, clock.monotonic())
        self._turn = asyncio.Lock()
        self._nap: asyncio.Task[None] | None = None
        self._cool_until_s = clock.monotonic()
        self._cooled_until: datetime | None = None
        self._cool_downs_in_a_row = 0
        self._closed_by: CredentialsError | None = None

    async def enter(self) -> float:
        """
        Wait until the next request may go. It counts as sent from then on.

        Returns:
            The monotonic time at which it goes, in seconds.

        Raises:
            CredentialsError: The gate is closed, or was closed during the wait.
        """
        async with self._turn:
            while True:
                if self._closed_by is not None:
                    raise _copy(self._closed_by)
                now_s = self._clock.monotonic()
                due_s = self._pacer.take(now_s)
                if due_s <= now_s:
                    return now_s
                await self._sleep(due_s - now_s)

    def check(self) -> None:
        """
        Check that a request that was let through a moment ago may still go.

        Raises:
            CredentialsError: The gate was closed.
            RateLimitedError: A cool-down has begun. Nothing was sent.
        """
        if self._closed_by is not None:
            raise _copy(self._closed_by)
        wait_s = self._cool_until_s - self._clock.monotonic()
        if wait_s > 0:
            raise RateLimitedError("the lane cools down; nothing was sent", retry_after_s=wait_s)

    def cool_down(self, *, status: int, retry_after_s: float | None, sent_at_s: float) -> None:
        """
        Send nothing for `retry_after_s` seconds or, if `None`, for a time that grows each time.

        Args:
            status: The HTTP status of the answer that asks for it.
            retry_after_s: The seconds the vendor asked for, if it did.
            sent_at_s: Monotonic time at which the request of that answer was let go.
        """
        if retry_after_s:
            delay_s = retry_after_s
        elif sent_at_s < self._cool_until_s:
            return  # sent before the current cool-down began: the same refusal once more
        else:
            delay_s = backoff_s(
                self._cool_downs_in_a_row,
                base_s=_FIRST_COOL_DOWN_S,
                cap_s=_LONGEST_COOL_DOWN_S,
                rng=self._rng,
            )
            self._cool_downs_in_a_row += 1
        until_s = self._clock.monotonic() + delay_s
        if until_s > self._cool_until_s:
            self._cool_until_s = until_s
            self._cooled_until = self._clock.now() + timedelta(seconds=delay_s)
            self._pacer.cool_down(until_s)
            until = self._cooled_until.isoformat()
            self._log.warning("lane.cooled", status=status, until=until)

    def note_success(self, *, sent_at_s: float) -> None:
        """Begin again with short cool-downs, if the request went after the last one."""
        if sent_at_s >= self._cool_until_s:
            self._cool_downs_in_a_row = 0

    def close(self, error: CredentialsError) -> None:
        """Send nothing more; requests that wait are refused at once."""
        if self._closed_by is not None:
            return
        # A copy, since `error` holds its traceback, and with it the request.
        self._closed_by = _copy(error)
        self._log.error("lane.paused", status=error.status, reason=str(error))
        if self._nap is not None:
            self._nap.cancel()

    @property
    def closed_by(self) -> CredentialsError | None:
        """Why nothing is sent any more; `None` while the gate is open."""
        return self._closed_by

    @property
    def cooled_until(self) -> datetime | None:
        """Until when nothing is sent; `None` outside a cool-down."""
        until = self._cooled_until
        return until if until is not None and until > self._clock.now() else None

    async def _sleep(self, delay_s: float) -> None:
        self._nap = asyncio.create_task(self._clock.sleep(delay_s))
        try:
            await asyncio.wait({self._nap})  # also returns when `close` cancels the nap
        finally:
            self._nap.cancel()
            self._nap = None


def _copy(error: CredentialsError) -> CredentialsError:
    return CredentialsError(
        str(error),
        vendor=error.vendor,
        account=error.account,
        status=error.status,
        code=error.code,
        retry_after_s=error.retry_after_s,
    )
