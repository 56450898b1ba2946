"""Runs worlds by their seeds, one after another or in parallel processes."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from multiprocessing import get_context
from typing import Final

from .fleet import make_fleet
from .plan import draw_plan
from .worker import add_worker
from .world import Outcome, run_world

_CHUNK: Final = 50
"""Seeds of one process; a new one begins with empty memory."""


def run_seed(seed: int) -> Outcome:
    """Run the world of a seed."""
    return run_world(add_worker(draw_plan(seed)))


def run_fleet(seed: int) -> Outcome:
    """Run the world of a seed with machines that share out the shards of its store."""
    return run_world(make_fleet(draw_plan(seed)))


def repeat_command(seed: int) -> str:
    """Return the command that runs the world of a seed again."""
    return f"repeat it with: make sim SEED={seed}"


def run_seeds(seeds: Sequence[int]) -> list[Outcome]:
    """Run some worlds, one after another."""
    outcomes = []
    for seed in seeds:
        try:
            outcomes.append(run_seed(seed))
        except Exception:  # a fault of the world itself is as loud as a law that is broken
            outcomes.append(Outcome(seed=seed, broken=[traceback.format_exc()]))
    return outcomes


def run_chunks(seeds: Sequence[int], workers: int) -> Iterable[Outcome]:
    """Run worlds in parallel processes, and yield what came of them as they end."""
    chunks = [seeds[n : n + _CHUNK] for n in range(0, len(seeds), _CHUNK)]
    with get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        for outcomes in pool.imap_unordered(run_seeds, chunks):
            yield from outcomes
