"""Comparisons of rules on one workload: a fixed interval at the same lag, and the optimum."""

from __future__ import annotations

import math
from collections.abc import Sequence

from batchhub.polling import Adaptive

from .alone import LEARNED, LEAST_DELAY_S, Figures, measure
from .optimum import Optimum
from .workloads import Work, Workload

PRICES_S = (0.1, 1.0, 5.0)
"""Seconds of lag that a poll is worth, at which rules are compared."""


def fixed(works: Sequence[Work], every_s: float) -> Figures:
    """Return what a fixed interval needs; worked out, since nothing in between matters to it."""
    counted = works[LEARNED:]
    polls = [max(1, math.ceil(work.duration_s / every_s)) for work in counted]
    lags = [n * every_s - work.duration_s for n, work in zip(polls, counted, strict=True)]
    return Figures(sum(polls) / len(polls), sum(lags) / len(lags))


def fixed_at_lag(works: Sequence[Work], lag_s: float) -> float:
    """Return how many polls a fixed interval needs that has some mean lag."""
    low, high = LEAST_DELAY_S / 100, 1e5
    for _ in range(40):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if fixed(works, middle).lag_s < lag_s else (low, middle)
    return fixed(works, high).polls


def best_fixed(works: Sequence[Work], price_s: float) -> float:
    """Return the cost of the fixed interval that is best for just these batches."""
    return min(fixed(works, LEAST_DELAY_S * 1.2**n).cost(price_s) for n in range(60))


def adaptive_at_lag(works: Sequence[Work], lag_s: float) -> Figures:
    """Return what the adaptive rule needs at the price at which it has some mean lag."""
    low, high = 0.01, 200.0
    below, above = Figures(math.inf, 0.0), Figures(1.0, math.inf)
    for _ in range(9):
        middle = math.sqrt(low * high)
        found = measure(Adaptive(least_price_s=middle), works)
        if found.lag_s < lag_s:
            low, below = middle, found
        else:
            high, above = middle, found
    # Between the two nearest; the one with the smaller lag if there is only that.
    if math.isinf(below.polls) or math.isinf(above.lag_s):
        return below if math.isinf(above.lag_s) else above
    share = math.log(lag_s / below.lag_s) / max(math.log(above.lag_s / below.lag_s), 1e-9)
    return Figures(below.polls * (above.polls / below.polls) ** share, lag_s)


def over_optimum(workload: Workload, works: Sequence[Work], price_s: float) -> float:
    """Return the adaptive rule's cost over that of the schedule that knows the distribution."""
    if workload.cdf is None:
        raise ValueError(f"the distribution of {workload.name} is not known")
    optimum = measure(Optimum(workload.cdf, price_s, LEAST_DELAY_S), works)
    return measure(Adaptive(least_price_s=price_s), works).cost(price_s) / optimum.cost(price_s)
