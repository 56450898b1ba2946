"""
A server that behaves like Mircate's batch API, for tests and demonstrations.

``Source:`` names what it rests on: the vendor's pages, or the documents of the
platform they run on. Little is published, so that much is ``Assumed:``, and what
is assumed is a switch wherever it makes a difference to an adapter.
"""

from .server import MircateSandbox
from .switches import MircateSwitches

__all__ = ["MircateSandbox", "MircateSwitches"]
