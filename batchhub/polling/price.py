"""
What a poll costs where many tickets share one budget of requests.

Each ticket asks as if a poll cost `c` seconds of lag, and the best rate of polls goes with
``1 / sqrt(c)``. So a ticket that was given `delay` at the price `c` would ask ``sqrt(c) / delay``
times a second at the price 1; with `S`, the sum of these over all open tickets, they ask
``S / sqrt(c)`` times a second at the price `c`. Set equal to what the budget has for polls, that
gives the price at once. There is no controller that feels its way to it: those oscillate, since
what they change shows only a whole delay later.

What the budget has for polls is what the tickets' other requests leave: each was sent once, and
results are fetched once. As many tickets come as go, and they go once in a lifetime.
"""

from __future__ import annotations

import math
from typing import Final

LEAST_PRICE_S: Final = 0.1
"""What a poll costs where the budget is no matter, in seconds of lag."""

MOST_PRICE_S: Final = 1e6
"""The most a poll costs, however small the budget is."""

PLANNED: Final = 0.92
"""The share of the budget that is planned with: requests wait long where all of it is."""

LEAST_FOR_POLLS: Final = 0.4
"""The share of the budget that polls have at least, however many tickets come and go."""

_KEPT: Final = 0.5 ** (1 / 200)
"""How much of what was seen of lifetimes counts on after another end."""

_UNITS: Final = 2.0**40  # sums of whole numbers are exact: nothing drifts in a million polls


class Price:
    """
    The price of a poll in one lane, from what its open tickets ask for.

    Attributes:
        budget_per_s: How many requests a second the lane may make; `None` if that is not known.
        least_s: The price where the budget is no matter, in seconds of lag.
    """

    __slots__ = ("_ends", "_lived_s", "_tickets", "_wanted", "budget_per_s", "least_s")

    def __init__(self, budget_per_s: float | None, least_s: float = LEAST_PRICE_S) -> None:
        """Begin without a ticket."""
        self.budget_per_s = budget_per_s
        self.least_s = least_s
        self._wanted = 0
        self._tickets = 0
        self._ends = 0.0
        self._lived_s = 1e-3

    def now_s(self) -> float:
        """Return what a poll costs, in seconds of lag."""
        budget_per_s = self.budget_per_s
        if budget_per_s is None or not budget_per_s > 0:
            return self.least_s
        others = self._tickets * self._ends / self._lived_s / budget_per_s
        for_polls = max(PLANNED - others, LEAST_FOR_POLLS)
        root = self._wanted / _UNITS / for_polls / budget_per_s
        return min(max(self.least_s, root * root), MOST_PRICE_S)

    def enter(self) -> None:
        """Count a new ticket."""
        self._tickets += 1

    def live(self, time_s: float) -> None:
        """Note that a ticket is known to have lived on for a time."""
        if time_s > 0:
            self._lived_s += time_s

    def end(self) -> None:
        """Note that a ticket has ended."""
        self._ends = self._ends * _KEPT + 1
        self._lived_s *= _KEPT

    def replace(self, wanted: float, price_s: float, delay_s: float) -> float:
        """
        Count a ticket's next poll instead of what it wanted before.

        Args:
            wanted: What this returned for the ticket before; 0 for a new one.
            price_s: The price its delay was worked out with.
            delay_s: Its delay, above 0.

        Returns:
            What the ticket wants now, for the next call: a whole number, and of all numbers
            that large, a float is the smallest object.
        """
        new = int(math.sqrt(price_s) / delay_s * _UNITS)
        self._wanted += new - int(wanted)
        return float(new)

    def leave(self, wanted: float) -> None:
        """Count a ticket no longer."""
        self._tickets -= 1
        self._wanted -= int(wanted)
