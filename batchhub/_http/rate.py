"""One rate of a lane: how much of it may go, and until when nothing does."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from batchhub._adapter.account import Budget
from batchhub._base.backoff import backoff_s
from batchhub._base.clock import Clock

from .limits import MAX_RETRY_AFTER_S
from .pacer import Pacer
from .tally import Tally

LONGEST_COOL_DOWN_S: Final = 300.0
"""The longest cool-down in seconds that comes without a time."""

_FIRST_COOL_DOWN_S: Final = 1.0

_WINDOW_S: Final = 3600.0
"""Seconds for which requests of a rate without a budget are counted: one may be learnt."""

_JUMP: Final = timedelta(seconds=1)
"""By how much the wall clock must be off before it was set rather than imprecise."""


class Rate:
    """
    The requests of one rate.

    Attributes:
        budget: How many may go; `None` where only the lane's budget says so.
        is_learnt: Whether the budget came with an answer.

    Args:
        budget: How many requests may go.
        clock: Where time comes from.
        rng: Where the jitter comes from.
    """

    def __init__(self, budget: Budget | None, *, clock: Clock, rng: random.Random) -> None:
        self.budget = budget
        self.is_learnt = False
        self._clock = clock
        self._rng = rng
        now_s = self._began_s = clock.monotonic()
        self._pacer = None if budget is None else Pacer(budget, now_s)
        window_s = _WINDOW_S if self._pacer is None else self._pacer.window_s
        self._tally = Tally(window_s=window_s, now_s=now_s, now=clock.now())
        self._knows_all = False
        self._cool_until_s = now_s
        self._cooled_until: datetime | None = None
        self._refusals = 0

    def left(self) -> int | None:
        """Return how many requests may go at once; `None` without a budget."""
        now_s = self._clock.monotonic()
        if self._cool_until_s > now_s:
            return 0
        return None if self._pacer is None else max(0, math.floor(self._pacer.level(now_s)))

    def due_s(self, now_s: float) -> float:
        """Return the monotonic time at which the next request may go; `now_s` for at once."""
        if self._pacer is not None:
            return self._pacer.due_s(now_s)
        return max(now_s, self._cool_until_s)

    def take(self, now_s: float) -> bool:
        """Count a request that goes now, if it is due; return whether it is."""
        if self._pacer is None:
            if self._cool_until_s > now_s:
                return False
        elif self._pacer.take(now_s) > now_s:
            return False
        self._tally.add(now_s)
        return True

    def spend(self, now_s: float) -> None:
        """Count a request that goes now, since it is due."""
        self._tally.add(now_s)
        if self._pacer is not None:
            self._pacer.take(now_s)

    def learn(self, budget: Budget) -> None:
        """
        Keep to another budget from now on, with what was sent counted.

        Of what a full budget would let go at once only as much may as the one before had left:
        nobody knows what others sent before the requests that this process knows of.
        """
        now_s = self._clock.monotonic()
        before, self._pacer = self._pacer, Pacer(budget, now_s)
        self.budget, self.is_learnt = budget, True
        self._tally.set_window(self._pacer.window_s)
        self._pacer.replay(self._tally.sends(now_s), now_s)
        knows_all = self._knows_all or now_s - self._began_s >= self._pacer.window_s
        if before is not None:
            self._pacer.limit(now_s, before.level(now_s))
        elif not knows_all:
            self._pacer.limit(now_s, 1.0)
        if self._cool_until_s > now_s:
            self._pacer.cool_down(self._cool_until_s)

    # Cool-downs.

    def cool_down(self, *, retry_after_s: float | None, sent_at_s: float) -> datetime | None:
        """
        Send nothing for `retry_after_s` seconds or, if `None`, for a time that grows each time.

        Args:
            retry_after_s: The seconds the vendor asked for, if it did.
            sent_at_s: Monotonic time at which the request of that answer was let go.

        Returns:
            Until when; `None` if that is no longer than before.
        """
        if retry_after_s:
            delay_s = retry_after_s
        elif sent_at_s < self._cool_until_s:
            return None  # sent before the current cool-down began: the same refusal once more
        else:
            delay_s = backoff_s(
                self._refusals,
                base_s=_FIRST_COOL_DOWN_S,
                cap_s=LONGEST_COOL_DOWN_S,
                rng=self._rng,
            )
            self._refusals += 1
        now_s, now = self._clock.monotonic(), self._clock.now()
        return now + timedelta(seconds=delay_s) if self._cool(delay_s, now_s, now) else None

    def note_success(self, sent_at_s: float) -> None:
        """Take note of a request that the vendor ran: the next cool-down is short again."""
        if sent_at_s >= self._cool_until_s:
            self._refusals = 0

    @property
    def cool_s(self) -> float:
        """Seconds for which nothing is sent; zero or less outside a cool-down."""
        return self._cool_until_s - self._clock.monotonic()

    @property
    def cooled_until(self) -> datetime | None:
        """Until when nothing is sent; `None` outside a cool-down."""
        left_s = self.cool_s
        if left_s <= 0 or self._cooled_until is None:
            return None
        until = self._clock.now() + timedelta(seconds=left_s)
        # The wall clock may have been set meanwhile; the monotonic one knows how long it takes.
        return self._cooled_until if abs(until - self._cooled_until) < _JUMP else until

    def _cool(self, delay_s: float, now_s: float, now: datetime) -> bool:
        """Send nothing for some seconds; return whether that is longer than before."""
        until_s = now_s + delay_s
        if delay_s <= 0 or until_s <= self._cool_until_s:
            return False
        self._cool_until_s = until_s
        self._cooled_until = now + timedelta(seconds=delay_s)
        if self._pacer is not None:
            self._pacer.cool_down(until_s)
        return True

    # From one process to the next.

    @property
    def refusals(self) -> int:
        """How many cool-downs in a row came without a time."""
        return self._refusals

    def counts(self, now_s: float, now: datetime) -> Mapping[int, int]:
        """Return how many requests went in each of the last Unix seconds."""
        return self._tally.counts(now_s, now)

    def restore_sent(
        self, sent: Mapping[int, int], *, was_set_s: float, is_all: bool, now_s: float
    ) -> None:
        """
        Count what the lane's earlier owners sent.

        Args:
            sent: How many requests in each Unix second of their wall clock.
            was_set_s: Seconds from that clock to the one of now.
            is_all: Whether nobody sent anything else.
            now_s: The monotonic time.
        """
        shift_s = was_set_s - self._tally.shift_s(now_s, self._clock.now())
        self._tally.merge(sent, shift_s=shift_s, now_s=now_s)
        self._knows_all = self._knows_all or is_all
        if self._pacer is not None:
            self._pacer.replay(self._tally.sends(now_s), now_s, is_all=is_all)

    def restore_cool_down(
        self, until: datetime | None, refusals: int, *, was_set_s: float, now_s: float
    ) -> None:
        """Be silent for as long as the lane's earlier owners had to."""
        self._refusals = max(self._refusals, refusals)
        if until is not None:
            now = self._clock.now()
            left_s = (until - now).total_seconds() + was_set_s
            self._cool(min(left_s, MAX_RETRY_AFTER_S), now_s, now)

    def spend_unseen(self, since_s: float, now_s: float) -> None:
        """Count as sent all that could have been sent since then; nothing is left over."""
        pacer = self._pacer
        if pacer is None:
            return
        self._tally.add_unseen(since_s, now_s, interval_s=pacer.interval_s, burst=pacer.burst)
        pacer.spend(now_s, max(0, math.ceil(pacer.level(now_s))))
