"""What tests of adapters, and of code that uses batchhub, need: a clock they drive."""

from .clock import FakeClock

__all__ = ["FakeClock"]
