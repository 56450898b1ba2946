"""The best a rule can do that knows the distribution: what the others are compared with."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from batchhub.polling import Poll

_POINTS: Final = 900
_MOST_S: Final = 4 * 3600.0


class Optimum:
    """
    The schedule of least expected cost, by dynamic programming over ages.

    What is still to be paid from an age on, where it has just been asked, is the least, over the
    ages of the next poll, of that poll's price, of the lag of an end before it, and of what is
    still to be paid from there if there was none.
    """

    def __init__(self, cdf: Callable[[float], float], price_s: float, least_s: float) -> None:
        """Work it out."""
        ratio = (_MOST_S / least_s) ** (1 / _POINTS)
        ages = [0.0]
        while ages[-1] < _MOST_S:
            ages.append(ages[-1] + max(least_s, ages[-1] * (ratio - 1)))
        chances = [cdf(age) for age in ages]
        chances[-1] = 1.0
        waits = [0.0]  # the integral of the chance: what has ended waits for the next poll
        for before, after, low, high in zip(ages, ages[1:], chances, chances[1:], strict=False):
            waits.append(waits[-1] + (after - before) * (low + high) / 2)
        costs = [0.0] * len(ages)
        self._ages, self._next = ages, [0] * len(ages)
        for at in range(len(ages) - 2, -1, -1):
            open_share = 1 - chances[at]
            best = math.inf
            for to in range(at + 1, len(ages)):
                lag = waits[to] - waits[at] - chances[at] * (ages[to] - ages[at])
                if lag > best:
                    break
                cost = price_s * open_share + lag + costs[to]
                if cost < best:
                    best, self._next[at] = cost, to
            costs[at] = best

    def next_delay_s(self, poll: Poll) -> float:
        """Return the delay by the schedule."""
        at = min(bisect_right(self._ages, poll.age_s + 1e-9) - 1, len(self._ages) - 2)
        return self._ages[self._next[at]] - poll.age_s
