"""When to ask next: soon while a ticket is young, then at the usual interval, less in trouble."""

from __future__ import annotations

from typing import Final

from batchhub._adapter.capabilities import Capabilities

MAX_DELAY_S: Final = 300.0
"""The most seconds between two polls of a ticket."""

SLOW_FACTOR: Final = 6.0
"""How much rarer a ticket is asked about that has stalled, or whose job is overdue."""


AGE_SHARE: Final = 0.5
"""A young ticket is polled again after this share of its age."""


def next_delay_s(
    capabilities: Capabilities, *, age_s: float, failures: int, is_slow: bool, spread: float
) -> float:
    """
    Return the seconds until a ticket is polled again.

    Small batches end soon, so a young ticket is asked about after half its age again, up to
    the adapter's usual interval.

    Args:
        capabilities: What the adapter says of its vendor.
        age_s: Seconds since the vendor took the ticket.
        failures: How many polls in a row brought no answer; each doubles the delay.
        is_slow: Whether the ticket has stalled, or its job is past the deadline.
        spread: A random number in 0..1; the delay varies by a tenth with it, so that
            tickets sent together are not asked about together for ever.
    """
    usual_s = max(capabilities.poll_s, capabilities.min_poll_s)
    delay_s = min(usual_s, max(capabilities.min_poll_s, AGE_SHARE * age_s))
    if is_slow:
        delay_s = usual_s * SLOW_FACTOR
    delay_s = min(delay_s * float(2 ** min(failures, 10)), MAX_DELAY_S)
    return max(capabilities.min_poll_s, delay_s * (0.95 + 0.1 * spread))
