"""A vendor's request limit, and the block that follows when it is exceeded."""

from __future__ import annotations

from collections import deque


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
