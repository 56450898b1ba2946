"""The gate every request of a lane passes: in order, within the budgets, or not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

from batchhub._adapter.account import Budget
from batchhub._base.clock import Clock, Timer
from batchhub._base.log import get_logger
from batchhub._base.waits import waiting, yields
from batchhub.errors import CredentialsError, RateLimitedError

from .line import Line, Place
from .rate import Rate
from .rates import Rates
from .spent import WHOLE_LANE, Spent

_TRIAL_S: Final = 120.0
"""Seconds in which a request is answered, or not any more."""


_NEWS: Final = 0.2
"""How much one answer says of how long answers take."""


class LaneGate:
    """
    Lets the requests of a lane go: polls behind all others, though never less than every second.

    It keeps to the budgets and to the cool-downs the vendor asks for, and closes when the
    credentials are refused. A request of a named rate keeps to the lane's as well; one that waits
    for its own rate holds up only those of the same rate.

    Args:
        lane: The lane's name.
        budget: How many requests may go, of any rate.
        rates: How many of each rate, by its name.
        clock: Where time comes from.
        rng: Where the jitter comes from.
    """

    def __init__(
        self,
        *,
        lane: str,
        budget: Budget,
        clock: Clock,
        rng: random.Random,
        rates: Mapping[str, Budget] | None = None,
    ) -> None:
        self._clock = clock
        self._log = get_logger().bind(lane=lane)
        self._rates = Rates(budget, rates or {}, clock=clock, rng=rng)
        self._lane = self._rates.lane
        self._line: Line[_Place] = Line()
        self._naps: dict[asyncio.Future[None], None] = {}
        self._alarm: Timer | None = None
        self._looks_at_s: float | None = None
        self._latency_s = 0.0
        self._closed_by: CredentialsError | None = None
        self._next_trial_s: float | None = None  # None outside of a trial

    async def enter(self, rate: str = WHOLE_LANE, *, is_own: bool = True) -> float:
        """
        Wait until the next request may go. It counts as sent from then on.

        Args:
            rate: Its rate.
            is_own: Whether it carries the account's credentials: only then does it show whether
                the vendor takes them again.

        Returns:
            The monotonic time at which it goes, in seconds.

        Raises:
            CredentialsError: The gate is closed, or was closed during the wait.
            AdapterError: There can be no rate of that name.
        """
        while True:
            await self.wait_for(rate)
            sent_at_s = await self.enter_if_due(rate, is_own=is_own)
            if sent_at_s is not None:
                return sent_at_s

    async def wait_for(self, rate: str) -> None:
        """
        Wait until a rate lets a request go, whatever the lane says. Nothing counts as sent.

        Raises:
            CredentialsError: The gate is closed, or was closed during the wait.
            AdapterError: There can be no rate of that name.
        """
        named = self._rates.find(rate)
        if named is not self._lane:
            await self._wait_for(named)

    def enter_at_once(self, rate: str) -> float | None:
        """
        Let a request go as `enter` does, where there is nothing to wait for or to be tried.

        Returns:
            `None` if there may be; nothing counts as sent then.
        """
        if rate != WHOLE_LANE or self._line:
            return None
        if self._next_trial_s is not None or self._closed_by is not None:
            return None
        now_s = self._clock.monotonic()
        return now_s if self._lane.take(now_s) else None

    async def enter_if_due(self, rate: str, *, is_own: bool) -> float | None:
        """
        Wait until the lane lets a request go that its rate lets go; else as `enter`.

        Returns:
            `None` if by then the rate does not: others need not wait behind it.
        """
        self._check_open()
        place = _Place(self._rates.find(rate), is_own=is_own, yields=yields())
        self._line.join(place)
        self._let_go()
        if not place.turn.done():
            try:
                with waiting():
                    await place.turn
            finally:
                if place.turn.cancelled():
                    self._let_go()
            self._check_open()
        return place.sent_at_s

    def _let_go(self) -> None:
        """Let those go whose turn it is, and come back when it is the next one's."""
        while (place := self._line.next()) is not None:
            now_s = self._clock.monotonic()
            due_s = self._lane.due_s(now_s)
            if place.is_own and self._next_trial_s is not None:
                due_s = max(due_s, self._next_trial_s)
            if due_s > now_s:
                break
            self._line.leave(place, went=self._spend(place, now_s))
            place.turn.set_result(None)
        self._set_alarm(None if place is None else due_s)

    def _spend(self, place: _Place, now_s: float) -> bool:
        """Count a request that the lane lets go; return whether its own rate does as well."""
        if place.rate is not self._lane:
            if place.rate.due_s(now_s) > now_s:
                return False
            place.rate.spend(now_s)
        self._lane.spend(now_s)
        place.sent_at_s = now_s
        if place.is_own and self._next_trial_s is not None:
            self._next_trial_s = now_s + _TRIAL_S
        return True

    def _set_alarm(self, at_s: float | None) -> None:
        """Look again at a monotonic time; with `None` not before somebody comes."""
        if at_s == self._looks_at_s:
            return
        self._looks_at_s = at_s
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if at_s is not None:
            self._alarm = self._clock.call_later(at_s - self._clock.monotonic(), self._ring)

    def _ring(self) -> None:
        self._alarm = self._looks_at_s = None
        self._let_go()

    async def _wait_for(self, rate: Rate) -> None:
        """Wait until a named rate lets a request go."""
        while True:
            self._check_open()
            now_s = self._clock.monotonic()
            due_s = rate.due_s(now_s)
            if due_s <= now_s:
                return
            await self._nap(due_s - now_s)

    def enter_now(self, rate: str) -> bool:
        """
        Count a request as one of its rate too, if it may go now, for one that the lane lets go.

        Raises:
            AdapterError: There can be no rate of that name.
        """
        named = self._rates.find(rate)
        now_s = self._clock.monotonic()
        if named is self._lane:
            return True
        if named.due_s(now_s) > now_s:
            return False
        named.spend(now_s)
        return True

    def check(self, rate: str = WHOLE_LANE) -> None:
        """
        Check that a request that was let through a moment ago may still go.

        Raises:
            CredentialsError: The gate was closed.
            RateLimitedError: A cool-down has begun. Nothing was sent.
        """
        self._check_open()
        wait_s = max(self._lane.cool_s, self._rates.find(rate).cool_s)
        if wait_s > 0:
            raise RateLimitedError("the lane cools down; nothing was sent", retry_after_s=wait_s)

    def cool_down(
        self,
        rate: str = WHOLE_LANE,
        *,
        status: int | None,
        retry_after_s: float | None,
        sent_at_s: float,
    ) -> None:
        """
        Send nothing of a rate for `retry_after_s` seconds or, if `None`, for a time that grows.

        Args:
            rate: The rate; the lane's own is that of all requests.
            status: The HTTP status of the answer that asks for it, if it was one.
            retry_after_s: The seconds the vendor asked for, if it did.
            sent_at_s: Monotonic time at which the request of that answer was let go.
        """
        until = self._rates.find(rate).cool_down(retry_after_s=retry_after_s, sent_at_s=sent_at_s)
        if until is not None:
            of_rate = {"rate": rate} if rate else {}
            self._log.warning("lane.cooled", status=status, until=until.isoformat(), **of_rate)

    def note_success(
        self, rate: str = WHOLE_LANE, *, sent_at_s: float, is_refusal: bool = False
    ) -> None:
        """
        Take note that the vendor took the credentials.

        Args:
            rate: The request's rate.
            sent_at_s: Monotonic time at which the request of that answer was let go.
            is_refusal: Whether it refused the request all the same. If not, and the request went
                after the last cool-down, the next one is short again.
        """
        taken_s = self._clock.monotonic() - sent_at_s
        self._latency_s += (taken_s - self._latency_s) * (_NEWS if self._latency_s else 1.0)
        if not is_refusal:
            self._lane.note_success(sent_at_s)
            if rate:
                self._rates.find(rate).note_success(sent_at_s)
        if self._next_trial_s is not None and self._closed_by is None:
            self._next_trial_s = None
            self._wake()

    def watch_budget(self, on_budget: Callable[[Budget], None]) -> None:
        """Call with the budget of the whole lane, now and whenever it is another one."""
        self._rates.watch(on_budget)

    def learn(self, budgets: Mapping[str, Budget]) -> None:
        """
        Keep to other budgets from now on.

        Raises:
            AdapterError: There can be no rate of a name, or one is no budget.
        """
        if self._rates.learn(budgets):
            self._wake()

    def spent(self) -> Spent:
        """Return what the next process has to know of this one, as of now."""
        return self._rates.spent()

    def restore(self, spent: Spent, unseen_since: datetime | None = None) -> None:
        """
        Go on as if this process had sent what the lane's earlier owners have.

        Args:
            spent: What the last owner left behind.
            unseen_since: The last sign of life of an owner that died. It may have sent all it was
                allowed to from then until now, so that counts as sent.
        """
        self._rates.restore(spent, unseen_since)

    # Closed, and open again.

    def close(self, error: CredentialsError) -> None:
        """Send nothing more; requests that wait are refused at once."""
        if self._closed_by is not None:
            return
        # A copy, since `error` holds its traceback, and with it the request.
        self._closed_by = _copy(error)
        self._log.error("lane.paused", status=error.status, reason=str(error))
        self._wake()

    def try_again(self) -> None:
        """
        Let one request go; the others wait for its answer.

        If the vendor takes the credentials the gate is open again, if not it closes. A request
        without an answer decides nothing: another one goes after two minutes.
        """
        if self._closed_by is not None:
            self._closed_by = None
            self._next_trial_s = self._clock.monotonic()

    def extend_trial(self) -> None:
        """Let another request go at once, with other credentials, if one has just been tried."""
        if self._next_trial_s is not None:
            self._next_trial_s = self._clock.monotonic()
            self._wake()

    def under_way(self, more_s: float) -> float:
        """
        Return how many requests are under way at a time while the whole budget is used.

        Args:
            more_s: Seconds that pass between an answer and the next request in its place.
        """
        budget, taken_s = self._lane.budget, self._latency_s + more_s
        return 0.0 if budget is None else budget.requests / budget.per_s * taken_s

    @property
    def left(self) -> int:
        """How many requests may go at once; none while the gate is closed, or the lane cools."""
        return 0 if self._closed_by is not None else self._lane.left() or 0

    @property
    def closed_by(self) -> CredentialsError | None:
        """Why nothing is sent any more; `None` while the gate is open."""
        return self._closed_by

    @property
    def cooled_until(self) -> datetime | None:
        """Until when nothing at all is sent; `None` outside a cool-down of the whole lane."""
        return self._lane.cooled_until

    @property
    def cool_downs(self) -> dict[str, datetime]:
        """Until when nothing is sent of which rate, for those that cool."""
        return self._rates.cool_downs

    def _check_open(self) -> None:
        if self._closed_by is not None:
            raise _copy(self._closed_by)

    def _wake(self) -> None:
        """Have all who wait look again: something has changed that decides who may go."""
        for nap in self._naps:
            _end(nap)
        if self._closed_by is not None:
            for place in self._line.clear():
                place.turn.set_result(None)
        self._let_go()

    async def _nap(self, delay_s: float) -> None:
        nap = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(delay_s, partial(_end, nap))
        self._naps[nap] = None
        try:
            with waiting():
                await nap
        finally:
            timer.cancel()
            del self._naps[nap]


class _Place(Place):
    """The place of a request of a rate; it goes at `sent_at_s`, unless the rate is not due then."""

    __slots__ = ("is_own", "rate", "sent_at_s")

    def __init__(self, rate: Rate, *, is_own: bool, yields: bool) -> None:
        super().__init__(yields=yields)
        self.rate = rate
        self.is_own = is_own
        self.sent_at_s: float | None = None


def _end(nap: asyncio.Future[None]) -> None:
    if not nap.done():
        nap.set_result(None)


def _copy(error: CredentialsError) -> CredentialsError:
    return CredentialsError(
        str(error),
        vendor=error.vendor,
        account=error.account,
        status=error.status,
        code=error.code,
        retry_after_s=error.retry_after_s,
    )
