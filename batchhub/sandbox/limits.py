"""A vendor's request limits: of an account, with a block, and of a kind of call."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping
from typing import Final, Literal

Figure = Literal["limit", "remaining", "reset_s", "per_s", "per_hour"]
"""What a header may say: the limit, what is left of it, the seconds until a request may be sent
again, the limit a second, the limit an hour."""

# Sums of binary fractions miss the moment they stand for by a little.
_TOLERANCE: Final = 1e-6
_HOUR_S: Final = 3600.0


class RequestLimiter:
    """
    The request limit of one token, in a window that slides.

    One request too many begins a block. Requests during a block ("knocks"), if there
    are more of them than `patience`, begin another one, twice as long. After a block
    the count starts at nothing.

    Args:
        per_s: The window in seconds.
        patience: How many knocks a window may have before the block gets longer.
        longest_block_s: The seconds no block exceeds.
    """

    def __init__(
        self, *, per_s: float = 60.0, patience: int = 20, longest_block_s: float = 3600.0
    ) -> None:
        self._per_s = per_s
        self._patience = patience
        self._longest_block_s = longest_block_s
        self._passed: deque[float] = deque()
        self._knocks: deque[float] = deque()
        self._length_s = 0.0
        self._until = float("-inf")

    def is_blocked(self, now: float) -> bool:
        """Whether a request that comes now comes during a block."""
        return now < self._until

    def retry_after_s(self, now: float) -> float:
        """Return how many seconds the block still lasts; 0 without one."""
        return max(0.0, self._until - now)

    def passes(self, now: float, limit: int, block_s: float) -> bool:
        """
        Count a request, and return whether it may pass.

        Args:
            now: When it comes, in monotonic seconds.
            limit: The most requests of a window.
            block_s: How many seconds the first block lasts.
        """
        if self.is_blocked(now):
            self._knock(now)
            return False
        self._forget(self._passed, now)
        if len(self._passed) >= limit:
            self.block(now, block_s)
            return False
        self._passed.append(now)
        return True

    def block(self, now: float, block_s: float) -> None:
        """Begin a block, as if the limit had been exceeded."""
        self._length_s = min(block_s, self._longest_block_s)
        self._until = now + self._length_s
        self._passed.clear()
        self._knocks.clear()

    def _knock(self, now: float) -> None:
        self._forget(self._knocks, now)
        self._knocks.append(now)
        if len(self._knocks) > self._patience:
            self.block(now, 2 * self._length_s)

    def _forget(self, times: deque[float], now: float) -> None:
        while times and times[0] <= now - self._per_s:
            times.popleft()


class RateLimit:
    """
    The limit of one kind of call, or of several together.

    Without `burst` so many requests pass in any window. With it there is a bucket: it is full
    at first, each request takes one, and so many are added in the time of a window.

    Args:
        requests: How many requests pass.
        per_s: In how many seconds.
        burst: How many the bucket holds; `None` for a window.
        headers: Headers of every answer, and the figure each of them says.
        sends_retry_after: Whether a 429 has Retry-After, in whole seconds.
        silent_statuses: The statuses of answers that don't have those headers.

    Raises:
        ValueError: A number is not positive.
    """

    def __init__(
        self,
        *,
        requests: int,
        per_s: float,
        burst: int | None = None,
        headers: Mapping[str, Figure] | None = None,
        sends_retry_after: bool = True,
        silent_statuses: Collection[int] = (),
    ) -> None:
        if requests < 1 or per_s <= 0 or (burst is not None and burst < 1):
            raise ValueError("the numbers of a rate limit must be positive")
        self.requests = requests
        self.per_s = per_s
        self.burst = burst
        self.headers = headers or {}
        self.sends_retry_after = sends_retry_after
        self.silent_statuses = silent_statuses
        self._passed: deque[float] = deque()
        self._spent = 0.0
        self._spent_at = -math.inf
        self._told_until = -math.inf

    def passes(self, now: float) -> bool:
        """Count a request that comes now, in monotonic seconds; return whether it may pass."""
        if self.remaining(now) < 1:
            return False
        if self.burst is None:
            self._passed.append(now)
        else:
            self._spent += 1.0
        return True

    def remaining(self, now: float) -> int:
        """Return how many more requests would pass now."""
        if self.burst is not None:
            self._refill(now)
            return math.floor(self.burst - self._spent + _TOLERANCE)
        while self._passed and self._passed[0] <= now - self.per_s + _TOLERANCE:
            self._passed.popleft()
        return max(0, self.requests - len(self._passed))

    def retry_after_s(self, now: float) -> float:
        """Return after how many seconds one request would pass; 0 for now."""
        if self.remaining(now) >= 1:
            return 0.0
        if self.burst is not None:
            return (self._spent - self.burst + 1.0) * self.per_s / self.requests
        return self._passed[-self.requests] + self.per_s - now

    def tell(self, now: float) -> int:
        """Return the value of Retry-After; who comes before its end knocks."""
        wait_s = max(1, math.ceil(self.retry_after_s(now) - _TOLERANCE))
        self._told_until = now + wait_s if self.sends_retry_after else -math.inf
        return wait_s

    def is_knock(self, now: float) -> bool:
        """Whether a request that comes now was told to come later."""
        return now < self._told_until - _TOLERANCE

    def make_headers(self, now: float) -> dict[str, str]:
        """Return the headers of an answer that is sent now."""
        figures: dict[Figure, float] = {
            "limit": self.requests,
            "remaining": self.remaining(now),
            "reset_s": math.ceil(self.retry_after_s(now)),
            "per_s": self.requests / self.per_s,
            "per_hour": self.requests / self.per_s * _HOUR_S,
        }
        return {name: f"{figures[figure]:g}" for name, figure in self.headers.items()}

    def _refill(self, now: float) -> None:
        if self._spent_at > -math.inf:
            added = (now - self._spent_at) * self.requests / self.per_s
            self._spent = max(0.0, self._spent - added)
        self._spent_at = now
