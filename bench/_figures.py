"""What is made of many figures."""

from __future__ import annotations

from collections.abc import Sequence


def at_part(ordered: Sequence[float], part: float) -> float:
    """Return the figure that a part of all, 0 to 1, is not above; they are in order."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
