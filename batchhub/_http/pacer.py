"""When a lane may send: within its budget, and not during a cool-down."""

from __future__ import annotations

from batchhub._adapter.account import Budget
from batchhub.errors import AdapterError


class Pacer:
    """
    The pace of one lane: a token bucket that is given the time (monotonic seconds).

    A full bucket lets `Budget.burst` requests go at once; the other
    ``requests - burst`` of a window are spread evenly over it, so that no window
    of `Budget.per_s` seconds, wherever it begins, holds more than
    `Budget.requests`. A burst is never more than half of the requests, so the
    steady rate is never less than half of what the vendor grants.

    A new bucket holds one request. So a restarted process adds no burst to what its predecessor
    sent, and both together stay within the budget (of two or more requests).

    A slot is taken when the request goes, not when it is asked for: slots handed out in advance
    could be used late, and all at once.
    """

    def __init__(self, budget: Budget, now_s: float) -> None:
        if budget.requests < 1 or budget.per_s <= 0 or budget.burst < 1:
            raise AdapterError(f"budget values must be positive: {budget}")
        burst = max(1, min(budget.burst, budget.requests // 2))
        self._interval_s = budget.per_s / max(1, budget.requests - burst)
        self._depth_s = (burst - 1) * self._interval_s
        self._full_at_s = now_s + self._depth_s
        self._cool_until_s = now_s

    def take(self, now_s: float) -> float:
        """
        Take the next slot, if it is due.

        Returns:
            `now_s` if the request goes now; else the time at which to ask again. Nothing is
            taken then, and a cool-down may begin in between.
        """
        due_s = max(self._full_at_s - self._depth_s, self._cool_until_s)
        if due_s > now_s:
            return due_s
        self._full_at_s = max(self._full_at_s, now_s) + self._interval_s
        return now_s

    def cool_down(self, until_s: float) -> None:
        """Send nothing before `until_s`, then begin like a new pacer."""
        if until_s > self._cool_until_s:
            self._cool_until_s = until_s
            self._full_at_s = max(self._full_at_s, until_s + self._depth_s)
