"""Interleaved measuring: every candidate in turn, CPU time, the median of many rounds."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 21


def measure(
    candidates: Mapping[str, Callable[[], object]], rounds: int = ROUNDS
) -> dict[str, float]:
    """
    Run the candidates in turn, again and again, with the garbage collector on as in a program.

    Returns:
        The median CPU seconds of each.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            gc.collect()  # so that each pays for its own garbage, and for no other's
            began = time.process_time()
            run()
            times[name].append(time.process_time() - began)
    return {name: statistics.median(taken) for name, taken in times.items()}


def show(title: str, medians: Mapping[str, float], base: str) -> None:
    """Print the medians, each as a ratio of the base's."""
    print(title)
    for name, median in medians.items():
        print(f"  {name:<44} {median * 1000:8.2f} ms  {median / medians[base]:6.2f} x")
