"""
When to poll a ticket again: pure rules, without I/O or a clock.

They may import `_adapter`, `models` and below. Begin with `interval.next_delay_s`, which the engine
asks after every step of a ticket.
"""

from .interval import next_delay_s

__all__ = ["next_delay_s"]
