"""
The usual rule: ask when the answer is likely to be worth a request.

It only brings together what the other modules know: the price of a poll now, the schedule for a
ticket that reports nothing, or the forecast for one that does. The engine, not the rule, keeps the
vendor's bounds; but `Poll.least_s` is planned with, since the price depends on what is asked.
"""

from __future__ import annotations

import math
from typing import Final

from batchhub.errors import SettingsError

from .lessons import Lessons
from .poll import Poll
from .price import LEAST_PRICE_S, Price
from .progress import Seen, Track

LEAST_DELAY_S: Final = 0.1
"""No ticket is asked about sooner, whatever is known of it."""

MOST_DELAY_S: Final = 86400.0
"""Nor later."""

UNSEEN_SHARE: Final = 0.6
"""
What a poll costs that may bring the first progress, as a share of the price.

It pays twice: with an end that is found, and with what it tells of one that is still to come.
"""

_MOST: Final = 1e9


class Adaptive:
    """
    Learns when batches end, follows their progress, and shares a budget among them.

    One for each lane: a hub or an account that is given one makes others of it with `for_lane`. It
    keeps a little of each open ticket in `Poll.memory`.
    """

    def __init__(
        self,
        lessons: Lessons | None = None,
        *,
        budget_per_s: float | None = None,
        least_price_s: float = LEAST_PRICE_S,
    ) -> None:
        """
        Make the rule of a lane.

        Args:
            lessons: What was learned; shared by the lanes of a hub. By default nothing yet.
            budget_per_s: How many requests a second the lane may make; `None` if that is not
                known. It may change at any time.
            least_price_s: How many seconds of lag a poll is worth saving, at least.

        Raises:
            SettingsError: `least_price_s` is not a number above 0.
        """
        is_number = isinstance(least_price_s, int | float) and not isinstance(least_price_s, bool)
        if not (is_number and 0 < least_price_s < math.inf):
            raise SettingsError(
                f"Adaptive: least_price_s must be above 0 and finite, not {least_price_s!r}"
            )
        self._lessons = lessons or Lessons()
        self._price = Price(budget_per_s, least_price_s)

    def for_lane(self, lessons: Lessons, budget_per_s: float | None) -> Adaptive:
        """Make another one, with the same least price, that has no tickets yet."""
        return Adaptive(lessons, budget_per_s=budget_per_s, least_price_s=self._price.least_s)

    @property
    def budget_per_s(self) -> float | None:
        """How many requests a second the lane may make; `None` if that is not known."""
        return self._price.budget_per_s

    @budget_per_s.setter
    def budget_per_s(self, budget_per_s: float | None) -> None:
        self._price.budget_per_s = budget_per_s

    def next_delay_s(self, poll: Poll) -> float:
        """Return the seconds until the ticket is asked about again."""
        age_s = poll.age_s if 0 <= poll.age_s < _MOST else 0.0
        seen: Seen | None = poll.memory
        if seen is None:
            since_s = poll.last_age_s if 0 <= poll.last_age_s <= age_s else age_s
            seen = poll.memory = Seen(self._lessons.of(poll), since_s)
            self._price.enter()
        self._price.live(age_s - seen.seen_s)
        price_s = self._price.now_s()
        done, total = poll.done, poll.total
        if (
            done is not None
            and total is not None
            and 0 < done < _MOST
            and 1 / _MOST < total < _MOST
        ):
            if not isinstance(seen, Track):
                seen = poll.memory = Track(seen)
            delay_s = seen.delay_s(age_s, done, total, price_s)
        else:
            share = UNSEEN_SHARE if seen.lesson.pace else 1.0
            delay_s = seen.lesson.durations.gap(age_s, share * price_s)
        seen.seen_s = age_s
        delay_s = min(max(LEAST_DELAY_S, poll.least_s, delay_s), MOST_DELAY_S)
        seen.wanted = self._price.replace(seen.wanted, price_s, delay_s)
        return delay_s

    def ended(self, poll: Poll) -> None:
        """Learn from a ticket that ended between the last two answers."""
        seen: Seen | None = poll.memory
        if seen is None:
            return
        # What another process saw of it, and how late this one came to see it, is not known.
        is_seen_whole = seen.is_whole or poll.polls > 1
        if is_seen_whole and 0 <= poll.last_age_s <= poll.age_s < _MOST and poll.age_s > 0:
            seen.learn(poll.last_age_s, poll.age_s)
            self._price.live(poll.age_s - seen.seen_s)
            self._price.end()
        self.left(poll)

    def left(self, poll: Poll) -> None:
        """Forget a ticket that is asked about no more."""
        if poll.memory is not None:
            self._price.leave(poll.memory.wanted)
            poll.memory = None

    def __str__(self) -> str:
        """Return its name in the settings."""
        return "adaptive"
