"""
What is known of a waiting time: how likely it ends in the next moment, given that it has not yet.

That likelihood, per second, is the *hazard* ``h(t)``. It is all one needs to decide when to look
next. Somebody who pays `c` for each look and 1 for each second between the end and the look that
finds it pays least by looking with a density of ``sqrt(h(t) / 2c)`` looks a second (Barlow, Hunter
and Proschan 1963, Keller 1974: half the gap is the mean lag of an end that falls into it, one gap
costs one look; what is left is a minimum of ``h g / 2 + c / g`` over the gap `g`). So the next look
is due where the integral of ``sqrt(h)`` has grown by ``sqrt(2c)``.

The hazard is a histogram over bins that grow in proportion, since waiting times span five orders of
magnitude and vary in proportion. Where little has been seen, it leans on
``h(t) = 1 / t``: what has lasted for a minute is as likely to last for another. That is the one
assumption that favours no time scale, and it alone makes the looks fall at ages that grow
quadratically.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import Final

PRIOR_ENDS: Final = 0.1
"""How many ends a bin is believed to have seen before it sees any."""

RATIO: Final = 1.25
"""How much longer each bin is than the one before: as finely as some hundred ends can tell."""

EVEN_SHARE: Final = 0.05
"""How much of an end is spread evenly over the time in which it was, see `Hazard._spread`."""

HALF_LIFE: Final = 500.0
"""After so many ends, one counts half: vendors change."""

MIDDLE_OF: Final = 5.0
"""How many must have ended before there is a middle to speak of."""

_SHORT: Final = 1e-9


class Scale:
    """Bins of a waiting time, from 0 on; each but the first is longer than the one before."""

    def __init__(self, least: float, most: float, *, even_until: float = 0.0) -> None:
        """
        Lay out the bins.

        Args:
            least: Where the first bin ends.
            most: Where the last one ends, at least.
            even_until: Up to here, an end is as likely at any time, before anything is known.
        """
        self.count = math.ceil(math.log(most / least) / math.log(RATIO)) + 1
        self.edges = [0.0, *(least * RATIO**n for n in range(self.count))]
        self.widths = [b - a for a, b in pairwise(self.edges)]
        self.most = self.edges[-1]
        # The time in which a bin is believed to have seen one end.
        self.prior_times = [max((a + b) / 2, even_until) for a, b in pairwise(self.edges)]


class Hazard:
    """
    The hazard of a waiting time, learned from those that have ended.

    Attributes:
        ends: How many ended in each bin; old ones count less.
    """

    __slots__ = ("_density", "_fresh", "_roots", "_scale", "_seen", "ends")

    def __init__(self, scale: Scale, ends: list[float] | None = None) -> None:
        """
        Make one.

        Args:
            scale: Its bins.
            ends: What was learned before, a number for each bin.
        """
        self._scale = scale
        self.ends = ends or [0.0] * scale.count
        self._fresh: list[tuple[float, float]] = []
        self._seen = sum(self.ends)
        # Summed up when first asked: of the many that a class of tickets has, few ever are.
        self._roots: list[float] = []
        self._density: list[float] = []

    def learn(self, after: float, until: float) -> None:
        """Note that one has ended, somewhere between two waiting times."""
        self._fresh.append((max(0.0, after), until))
        # To sum up costs as much as twenty decisions, so it waits until it would change something.
        if len(self._fresh) > self._seen / 50:
            self.settle()

    def settle(self) -> None:
        """Add what is new to what was known."""
        if not self._fresh:
            return
        if not self._roots:
            self._sum_up()
        kept = 0.5 ** (len(self._fresh) / HALF_LIFE)
        self.ends = [n * kept for n in self.ends]
        for after, until in self._fresh:
            self._spread(after, until)
        self._fresh.clear()
        self._seen = sum(self.ends)
        self._roots = []

    def gap(self, now: float, price: float) -> float:
        """
        Return how long to wait from `now` until the next look.

        Args:
            now: How long it has lasted.
            price: What a look costs, in the scale's unit.
        """
        scale, roots = self._scale, self._roots or self._sum_up()
        growth = math.sqrt(2 * price)
        if now < scale.most:
            target = growth
            if now > 0:
                at = bisect_right(scale.edges, now) - 1
                share = (now - scale.edges[at]) / scale.widths[at]
                target += roots[at] + share * (roots[at + 1] - roots[at])
            to = bisect_right(roots, target) - 1
            if to < scale.count:
                share = (target - roots[to]) / (roots[to + 1] - roots[to])
                return scale.edges[to] + share * scale.widths[to] - now
            now = max(now, scale.edges[-2])
        # Beyond the last bin it is 1 / t again, the integral of whose root is 2 sqrt(t).
        return growth * math.sqrt(now) + growth * growth / 4

    def middle(self) -> float | None:
        """Return the time within which half of them ended; `None` if too few were seen."""
        self.settle()
        if self._seen < MIDDLE_OF:
            return None
        ended = 0.0
        for start, width, number in zip(
            self._scale.edges, self._scale.widths, self.ends, strict=False
        ):
            if ended + number >= self._seen / 2:
                return start + width * (self._seen / 2 - ended) / number
            ended += number
        return self._scale.most

    def _spread(self, after: float, until: float) -> None:
        """
        Add one end, spread over the time in which it may have been.

        Most of it as those that are known, which sharpens what is seen: the time may be long where
        polls are dear. A part evenly, or else what is believed would only confirm itself.
        """
        edges, last = self._scale.edges, self._scale.count - 1
        at = first = min(bisect_right(edges, after) - 1, last)
        times, begin = [], after
        while at < last and edges[at + 1] < until:
            at += 1
            times.append(edges[at] - begin)
            begin = edges[at]
        times.append(max(until - begin, _SHORT))
        chances = [time * self._density[first + n] for n, time in enumerate(times)]
        evenly = EVEN_SHARE / sum(times)
        as_known = (1 - EVEN_SHARE) / (sum(chances) or math.inf)
        for n, time in enumerate(times):
            self.ends[first + n] += evenly * time + as_known * chances[n]

    def _sum_up(self) -> list[float]:
        """Work out the hazard of each bin, the integral of its root, and the density of ends."""
        widths, prior_times = self._scale.widths, self._scale.prior_times
        left = self._seen
        root, lasting = 0.0, 1.0
        self._roots, self._density = [0.0], []
        for ended, width, prior_time in zip(self.ends, widths, prior_times, strict=True):
            left = max(0.0, left - ended)
            seen = (left + ended / 2) * width
            hazard = (ended + PRIOR_ENDS) / (seen + PRIOR_ENDS * prior_time)
            root += math.sqrt(hazard) * width
            self._roots.append(root)
            still_lasting = lasting * math.exp(-hazard * width)
            self._density.append((lasting - still_lasting) / width)
            lasting = still_lasting
        return self._roots
