"""For tests of adapters and of code that uses batchhub: a clock that the test controls."""

from .clock import FakeClock

__all__ = ["FakeClock"]
