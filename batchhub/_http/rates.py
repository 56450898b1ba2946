"""The rates of a lane, by name, and what the next process has to know of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final

from batchhub._adapter.account import Budget
from batchhub._base.clock import Clock
from batchhub.errors import AdapterError

from .rate import LONGEST_COOL_DOWN_S, Rate
from .spent import WHOLE_LANE, Spent

_IMPRECISE_S: Final = 0.01
"""Seconds by which two clocks may differ though nobody has set one."""

_MAX_RATES: Final = 100
_MAX_NAME: Final = 100


class Rates:
    """
    The rates of a lane.

    Attributes:
        lane: The rate of all requests.

    Args:
        budget: How many requests may go, of any rate.
        named: How many of each other rate.
        clock: Where time comes from.
        rng: Where the jitter comes from.
    """

    def __init__(
        self, budget: Budget, named: Mapping[str, Budget], *, clock: Clock, rng: random.Random
    ) -> None:
        self._clock = clock
        self._rng = rng
        self.lane = Rate(budget, clock=clock, rng=rng)
        self._rates: dict[str, Rate] = {WHOLE_LANE: self.lane}
        self._on_budget: Callable[[Budget], None] | None = None
        for name, its_budget in named.items():
            self._make(name, its_budget)

    def watch(self, on_budget: Callable[[Budget], None]) -> None:
        """Call with the budget of the whole lane, now and whenever it is another one."""
        self._on_budget = on_budget
        self._tell_budget()

    def _tell_budget(self) -> None:
        if self._on_budget is not None and self.lane.budget is not None:
            self._on_budget(self.lane.budget)

    def find(self, name: str) -> Rate:
        """
        Return the rate of a name, made when it is first heard of.

        Raises:
            AdapterError: There can be no rate of that name.
        """
        rate = self._rates.get(name)
        return self._make(name, None) if rate is None else rate

    def learn(self, budgets: Mapping[str, Budget]) -> bool:
        """
        Keep to other budgets from now on; return whether any is another one.

        Raises:
            AdapterError: There can be no rate of a name, or one is no budget.
        """
        has_changed = False
        for name, budget in budgets.items():
            if not isinstance(budget, Budget):
                raise AdapterError(f"the budget of rate {name!r} is {type(budget).__name__}")
            rate = self.find(name)
            if rate.budget != budget:
                rate.learn(budget)
                has_changed = True
        if has_changed:
            self._tell_budget()
        return has_changed

    @property
    def cool_downs(self) -> dict[str, datetime]:
        """Until when nothing is sent of which rate, for those that cool."""
        return {
            name: until
            for name, rate in self._rates.items()
            if (until := rate.cooled_until) is not None
        }

    def _make(self, name: str, budget: Budget | None) -> Rate:
        if not isinstance(name, str) or len(name) > _MAX_NAME or len(self._rates) >= _MAX_RATES:
            raise AdapterError(
                f"rate {str(name)[:_MAX_NAME]!r}: a rate is a kind of requests, named by up to "
                f"{_MAX_NAME} characters; there are up to {_MAX_RATES}"
            )
        rate = self._rates[name] = Rate(budget, clock=self._clock, rng=self._rng)
        return rate

    def spent(self) -> Spent:
        """Return what the next process has to know of this one, as of now."""
        now_s, now = self._clock.monotonic(), self._clock.now()
        rates = self._rates
        return Spent(
            at=now,
            boot_id=self._clock.boot_id,
            boot_s=self._clock.boot_s(),
            sent={name: c for name, rate in rates.items() if (c := rate.counts(now_s, now))},
            cooled=self.cool_downs,
            refusals={name: rate.refusals for name, rate in rates.items() if rate.refusals},
            budgets={
                name: rate.budget
                for name, rate in rates.items()
                if rate.is_learnt and rate.budget is not None
            },
        )

    def restore(self, spent: Spent, unseen_since: datetime | None = None) -> None:
        """
        Go on as if this process had sent what the lane's earlier owners have.

        Args:
            spent: What the last owner left behind.
            unseen_since: The last sign of life of an owner that died. It may have sent all it was
                allowed to from then until now, so that counts as sent.
        """
        now_s, now = self._clock.monotonic(), self._clock.now()
        age_s = self._find_age_s(spent)
        # From the wall clock as it was to the one of now, which may have been set meanwhile. What
        # nobody knows the age of was written a moment ago: nothing is over before its time.
        was_set_s = 0.0 if spent.at is None else (now - spent.at).total_seconds() - (age_s or 0.0)
        if abs(was_set_s) < _IMPRECISE_S:
            was_set_s = 0.0  # else the counts would get a second younger with each process
        is_known = spent.at is not None
        is_recent = is_known and (age_s or 0.0) < LONGEST_COOL_DOWN_S
        for name, rate in self._restored(spent):
            if (
                name in spent.budgets and rate.budget != spent.budgets[name]
            ):  # first: it says how long a request counts
                rate.learn(spent.budgets[name])
            rate.restore_sent(
                spent.sent.get(name, {}), was_set_s=was_set_s, is_all=is_known, now_s=now_s
            )
            if unseen_since is not None:
                unseen_s = max(0.0, (now - unseen_since).total_seconds() - was_set_s)
                rate.spend_unseen(now_s - (math.inf if age_s is None else unseen_s), now_s)
            refusals = spent.refusals.get(name, 0) if is_recent else 0
            rate.restore_cool_down(
                spent.cooled.get(name), refusals, was_set_s=was_set_s, now_s=now_s
            )
        self._tell_budget()

    def _restored(self, spent: Spent) -> Iterator[tuple[str, Rate]]:
        """Yield the rates of this process and those of earlier ones, as far as they can be."""
        names = dict.fromkeys([*self._rates, *spent.sent, *spent.cooled, *spent.budgets])
        for name in [each for each in names if len(each) <= _MAX_NAME][:_MAX_RATES]:
            yield name, self.find(name)

    def _find_age_s(self, spent: Spent) -> float | None:
        """Return how many seconds ago something was written; `None` where nobody can say."""
        if spent.at is None or not spent.boot_id or spent.boot_id != self._clock.boot_id:
            return None  # the wall clock may have been set while the machine was off
        return max(0.0, self._clock.boot_s() - spent.boot_s)
