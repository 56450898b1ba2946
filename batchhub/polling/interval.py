"""When to ask next: the adapter's usual interval, slower after failures and past the deadline."""

from __future__ import annotations

from typing import Final

from batchhub.adapter import Capabilities

MAX_DELAY_S: Final = 300.0
"""The most seconds between two polls of a ticket."""

OVERDUE_FACTOR: Final = 6.0
"""How much rarer a ticket of an overdue job is asked about."""


def next_delay_s(
    capabilities: Capabilities, *, failures: int, is_overdue: bool, spread: float
) -> float:
    """
    Return the seconds until a ticket is asked about again.

    Args:
        capabilities: What the adapter says of its vendor.
        failures: How many polls in a row brought no answer; each doubles the delay.
        is_overdue: Whether the job is past its deadline.
        spread: A random number in 0..1; the delay varies by a tenth with it, so that
            tickets sent together are not asked about together for ever.
    """
    base_s = max(capabilities.poll_s, capabilities.min_poll_s)
    if is_overdue:
        base_s *= OVERDUE_FACTOR
    delay_s = base_s * float(2 ** min(failures, 10))
    return max(capabilities.min_poll_s, min(delay_s, MAX_DELAY_S) * (0.95 + 0.1 * spread))
