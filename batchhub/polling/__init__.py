"""When to ask next: pure rules, without I/O."""

from .interval import next_delay_s

__all__ = ["next_delay_s"]
