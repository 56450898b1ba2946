"""How often each operation may be called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from batchhub.sandbox import RateLimit

RATES: Final[Mapping[str, tuple[float, int]]] = {
    "createFeed": (0.0083, 15),
    "createFeedDocument": (0.5, 15),
    "getFeed": (2.0, 15),
    "getFeeds": (0.0222, 10),
    "getFeedDocument": (0.0222, 10),
    "cancelFeed": (2.0, 15),
    "getMarketplaceParticipations": (0.016, 15),
}
"""
Requests a second, and how many may come at once, by operation.

Source: page "Feeds API Rate Limits"; for the last one the model of the Sellers API. The older
models have 0.0083 for createFeedDocument and 0.0222 for cancelFeed.
"""

FEEDS_WINDOW_S: Final = 300.0
"""Source: changelog of the developer documentation, 2025-05-06: feeds of listings."""

_SILENT: Final = (401, 403, 415, 429, 500, 503)
"""Source: the model, headers: these statuses no longer have the limit."""


class Rates:
    """
    The limits of the operations, scaled.

    Source: page "Usage Plans and Rate Limits": a bucket of tokens for each operation. Assumed:
    a 429 has no Retry-After.
    """

    def __init__(self) -> None:
        self.limits = {
            name: RateLimit(
                requests=1,
                per_s=1.0 / per_s,
                burst=burst,
                headers={"x-amzn-RateLimit-Limit": "per_s"},
                sends_retry_after=False,
                silent_statuses=_SILENT,
            )
            for name, (per_s, burst) in RATES.items()
        }
        self._feeds: RateLimit | None = None

    def scale(self, factor: float) -> None:
        """Make every operation's rate so many times what it is at Amazon."""
        for name, (per_s, _) in RATES.items():
            self.limits[name].per_s = 1.0 / (per_s * factor)

    def takes_feed(self, now: float, requests: int, factor: float) -> bool:
        """
        Count a feed of listings, and return whether it may pass.

        Assumed: a window that slides; what is refused doesn't count.

        Args:
            now: When it comes, in monotonic seconds.
            requests: How many pass in the window; 0 is any.
            factor: How many times faster it is than at Amazon.
        """
        if not requests:
            return True
        if self._feeds is None:
            self._feeds = RateLimit(requests=requests, per_s=FEEDS_WINDOW_S)
        self._feeds.requests, self._feeds.per_s = requests, FEEDS_WINDOW_S / factor
        return self._feeds.passes(now)
