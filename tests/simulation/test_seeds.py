"""The laws hold in every simulated world, whatever goes wrong in it."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from .campaign import repeat_command, run_seed

SEEDS = int(os.environ.get("SIM_SEEDS", "100"))
_CHUNK = 10


@pytest.mark.parametrize("first", range(0, SEEDS, _CHUNK))
def test_every_law_holds_in_the_world_of_a_seed(first: int) -> None:
    faults: Counter[str] = Counter()
    for seed in range(first, min(first + _CHUNK, SEEDS)):
        outcome = run_seed(seed)
        assert not outcome.broken, "\n".join([*outcome.broken, repeat_command(seed)])
        faults.update(outcome.faults)
    assert faults.total() > 0
