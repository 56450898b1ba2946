"""An adapter that can do all, against the suite every adapter is held to."""

from __future__ import annotations

from support.market import MarketKit

from batchhub.conformance import AdapterSuite


class TestMarket(MarketKit, AdapterSuite):
    """A vendor that can do all that can be declared, and is not installed."""
