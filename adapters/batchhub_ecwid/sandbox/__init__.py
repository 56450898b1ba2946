"""A server that behaves like Ecwid's batch API, for tests and demonstrations."""

from .server import EcwidSandbox
from .switches import EcwidSwitches

__all__ = ["EcwidSandbox", "EcwidSwitches"]
