"""The same seed is the same world, so that a failure can be looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .campaign import run_seed

_SEEDS = ["3", "323", "439"]
_TESTS = Path(__file__).parent.parent


def _traces(hash_seed: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "simulation", "--trace", *_SEEDS],
        cwd=_TESTS,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[: len(_SEEDS)]


def test_a_seed_has_one_trace_in_any_process_and_with_any_hash_seed() -> None:
    here = [f"{seed} {run_seed(int(seed)).trace}" for seed in _SEEDS]
    assert _traces("1") == _traces("2") == here
