"""An adapter that is a file and says all that one can, against the suite for every adapter."""

from __future__ import annotations

from support.declared_market import MarketFileKit

from batchhub.conformance import AdapterSuite


class TestMarketFile(MarketFileKit, AdapterSuite):
    """Words and counts, results by themselves; failures only; an answer at once."""
