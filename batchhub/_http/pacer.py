"""When requests may go: within its budget, and not during a cool-down."""

from __future__ import annotations

import math
from collections.abc import Iterable

from batchhub._adapter.account import Budget
from batchhub.errors import AdapterError


class Pacer:
    """
    The pace of one rate: a token bucket that is given the time (monotonic seconds).

    A full bucket lets `Budget.burst` requests go at once; the other
    ``requests - burst`` of a window are spread evenly over it, so that no window
    of `Budget.per_s` seconds, wherever it begins, holds more than
    `Budget.requests`. A burst is never more than half of the requests, so the
    steady rate is never less than half of what the vendor grants.

    A burst of more than the requests of a window is a bucket of the vendor's own: it holds
    `Budget.burst` requests, and ``requests`` come back in each window. Then no time of `t` seconds
    holds more than ``burst + requests * t / per_s``.

    A new bucket holds one request, since somebody may have sent before. With `replay` it holds what
    the lane's earlier owners have left over.

    A slot is taken when the request goes, not when it is asked for: slots handed out in advance
    could be used late, and all at once.
    """

    def __init__(self, budget: Budget, now_s: float) -> None:
        if not (budget.requests >= 1 and 0 < budget.per_s < math.inf and budget.burst >= 1):
            raise AdapterError(f"budget values must be positive: {budget}")
        self._is_bucket = budget.burst > budget.requests
        if self._is_bucket:
            burst, spread = budget.burst, budget.requests
        else:
            burst = max(1, min(budget.burst, budget.requests // 2))
            spread = max(1, budget.requests - burst)
        self.burst = burst
        self.interval_s = budget.per_s / spread
        self.window_s = max(budget.per_s, burst * self.interval_s if burst > spread else 0.0)
        self._depth_s = (burst - 1) * self.interval_s
        self._full_at_s = now_s + self._depth_s
        self._cool_until_s = now_s
        self._is_new = True

    def due_s(self, now_s: float) -> float:
        """Return when the next request may go, if nothing happens in between; `now_s` for now."""
        return max(now_s, self._full_at_s - self._depth_s, self._cool_until_s)

    def take(self, now_s: float) -> float:
        """
        Take the next slot, if it is due.

        Returns:
            `now_s` if the request goes now; else the time at which to ask again. Nothing is
            taken then, and a cool-down may begin in between.
        """
        due_s = self.due_s(now_s)
        if due_s <= now_s:
            self.spend(now_s, 1)
            self._is_new = False
        return due_s

    def limit(self, now_s: float, level: float) -> None:
        """Let no more than so many requests go at once, were there no cool-down."""
        self._full_at_s = max(self._full_at_s, now_s + (self.burst - level) * self.interval_s)

    def level(self, now_s: float) -> float:
        """Return how many requests could go at once, were there no cool-down."""
        return self.burst - max(0.0, self._full_at_s - now_s) / self.interval_s

    def replay(
        self, sent: Iterable[tuple[float, int]], now_s: float, *, is_all: bool = True
    ) -> None:
        """
        Count the requests that were sent inside the window, by whomever, as this pacer's own.

        Args:
            sent: When, in order and not after `now_s`, and how many.
            now_s: The time.
            is_all: Whether nobody sent anything else; then what they left over may be used.
        """
        before_s = self._full_at_s
        self._full_at_s = now_s - self.window_s
        if self._is_bucket:  # it may have been empty then: nobody knows what went before
            self._full_at_s += self.burst * self.interval_s
        for at_s, count in sent:
            self.spend(at_s, count)
        if not (self._is_new and is_all):
            self._full_at_s = max(self._full_at_s, before_s)
        # After a whole window nothing of it counts any more, however much it was.
        self._full_at_s = min(self._full_at_s, now_s + self.window_s + self._depth_s)

    def spend(self, at_s: float, count: int) -> None:
        """Count requests that went at a time, whether they were allowed to or not."""
        self._full_at_s = max(self._full_at_s, at_s) + count * self.interval_s

    def cool_down(self, until_s: float) -> None:
        """Send nothing before `until_s`, then begin like a new pacer."""
        if until_s > self._cool_until_s:
            self._is_new = False
            self._cool_until_s = until_s
            self._full_at_s = max(self._full_at_s, until_s + self._depth_s)
