"""A judge that finds nothing proves nothing: each mutant is found, and what it broke is named."""

from __future__ import annotations

import pytest

from .mutants import MUTANTS, Mutant
from .plan import draw_plan
from .world import run_world

_SEEDS = 12


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_found(mutant: Mutant) -> None:
    said: list[str] = []
    for seed in range(_SEEDS):
        with mutant.breaks():
            said += run_world(mutant.plan(draw_plan(seed))).broken
        if any(mutant.law in each for each in said):
            break
    else:
        pytest.fail(f"not found in {_SEEDS} seeds; said was {said}")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_is_found_in_is_kept_by_the_program(mutant: Mutant) -> None:
    for seed in range(3):
        outcome = run_world(mutant.plan(draw_plan(seed)))
        assert not outcome.broken
