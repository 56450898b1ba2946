"""The benchmarks are no tests; what is tested is that each is there to be run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.skipif(
    not (ROOT / "bench").is_dir(), reason="a source distribution has no benchmarks"
)


def test_every_bench_loads_and_says_what_it_measures() -> None:
    """`python -m bench` imports each module of `bench/` that is a command, and says what it is."""
    command = [sys.executable, "-m", "bench"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    listed = dict(line.split(maxsplit=1) for line in shown.splitlines()[:-1])
    assert listed.keys() >= {path.stem for path in (ROOT / "bench").glob("[!_]*.py")}
    assert all(text.endswith(".") for text in listed.values())


def test_a_bench_that_is_not_there_is_named() -> None:
    """A wrong name ends with a line that says so, not with a traceback."""
    command = [sys.executable, "-m", "bench", "nothing"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "there is no bench 'nothing'; python -m bench lists them\n"
