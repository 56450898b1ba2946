"""How long to wait before trying again: growing, bounded, and never the same for two callers."""

from __future__ import annotations

import math
import random
from typing import Final

_MAX_EXPONENT: Final = 512


def backoff_s(
    attempt: int, *, base_s: float, cap_s: float, rng: random.Random, factor: float = 2.0
) -> float:
    """
    Return the seconds to wait before the next try.

    Args:
        attempt: How many waits there were before this one, from 0.
        base_s: The longest first wait.
        cap_s: The longest wait of all.
        rng: Where the jitter comes from.
        factor: By how much the waits grow, 1 or more.

    Returns:
        Between 50 % and 100 % of ``min(cap_s, base_s * factor**attempt)``: callers that failed
        together don't come back together, and none comes back at once.
    """
    growth = math.pow(factor, min(max(attempt, 0), _MAX_EXPONENT))
    return min(cap_s, base_s * growth) * rng.uniform(0.5, 1.0)
