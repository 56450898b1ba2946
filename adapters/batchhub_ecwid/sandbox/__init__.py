"""
A server that behaves like Ecwid's batch API, for tests and demonstrations.

``Source:`` names what it rests on. The older pages are the vendor's documents of
2019 to 2024, the newer ones those since 2025; where they contradict each other
there is a switch. ``Assumed:`` marks what no page says.
"""

from .server import EcwidSandbox
from .switches import EcwidSwitches

__all__ = ["EcwidSandbox", "EcwidSwitches"]
