"""When a lane may send: at most so many requests in any window, and nothing in a cool-down."""

from __future__ import annotations

from batchhub._adapter.account import Budget
from batchhub.errors import AdapterError


class Pacer:
    """
    The pace of one lane: a pure token bucket that is told the time (monotonic seconds).

    A full bucket lets `Budget.burst` requests go at once; the other
    ``requests - burst`` of a window are spread evenly over it, so that no window
    of `Budget.per_s` seconds, wherever it begins, holds more than
    `Budget.requests`. A burst is never more than half of the requests, so the
    steady rate is never less than half of what the vendor grants.

    A fresh bucket holds one request. A restarted process then adds no burst to
    what its predecessor sent, and the two together stay within the budget too
    (for budgets of two requests and more).

    A slot is taken when the request goes, not when it is asked for: slots handed
    out ahead could be used late and all at once.
    """

    def __init__(self, budget: Budget, now_s: float) -> None:
        if budget.requests < 1 or budget.per_s <= 0 or budget.burst < 1:
            raise AdapterError(f"a budget is made of positive numbers: {budget}")
        burst = max(1, min(budget.burst, budget.requests // 2))
        self._interval_s = budget.per_s / max(1, budget.requests - burst)
        self._depth_s = (burst - 1) * self._interval_s
        self._full_at_s = now_s + self._depth_s
        self._cool_until_s = now_s

    def take(self, now_s: float) -> float:
        """
        Take the next slot, if it has come.

        Returns:
            `now_s`, and the request goes now; or a later time, and nothing was taken: ask again
            then, because a cool-down may have come in between.
        """
        due_s = max(self._full_at_s - self._depth_s, self._cool_until_s)
        if due_s > now_s:
            return due_s
        self._full_at_s = max(self._full_at_s, now_s) + self._interval_s
        return now_s

    def cool_down(self, until_s: float) -> None:
        """Let nothing go before `until_s`, and then begin as a fresh pacer does."""
        if until_s > self._cool_until_s:
            self._cool_until_s = until_s
            self._full_at_s = max(self._full_at_s, until_s + self._depth_s)
