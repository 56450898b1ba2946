"""How long to wait before trying again: longer each time, up to a limit, and with jitter."""

from __future__ import annotations

import math
import random
from typing import Final

_MAX_EXPONENT: Final = 512  # so that the power stays a float


def backoff_s(
    attempt: int, *, base_s: float, cap_s: float, rng: random.Random, factor: float = 2.0
) -> float:
    """
    Return the seconds to wait before the next try.

    Args:
        attempt: Number of waits before this one, from 0.
        base_s: The first wait, at most, in seconds.
        cap_s: Any wait, at most, in seconds.
        rng: Source of the jitter.
        factor: By how much the waits grow, 1 or more.

    Returns:
        Between 50 % and 100 % of ``min(cap_s, base_s * factor**attempt)``. So callers that failed
        together don't all come back together, and none comes back at once.
    """
    growth = math.pow(factor, min(max(attempt, 0), _MAX_EXPONENT))
    return min(cap_s, base_s * growth) * rng.uniform(0.5, 1.0)
