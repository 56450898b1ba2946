"""
The real command against the stand-ins over HTTP, under faults.

Each kind of fault once; all of them with ``make faults``. The library meets every fault each time,
on a fake clock, in ``tests/conformance``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.crash_lab import Lab
from support.fault_runs import run_under
from support.faults import FAULTS, Fault

EVERY_FAULT = "EVERY_FAULT" in os.environ
AT_ONCE = 6
"""Runs side by side: most of a run is waiting for the vendor."""


def groups() -> Iterator[object]:
    """Deal the faults of each vendor out to groups that are run at once."""
    for vendor, faults in FAULTS.items():
        chosen = [fault for fault in faults if EVERY_FAULT or fault.is_sample]
        count = -(-len(chosen) // AT_ONCE)
        for number in range(count):
            yield pytest.param(vendor, chosen[number::count], id=f"{vendor}-{number + 1}")


@pytest.mark.parametrize(("vendor", "faults"), [*groups()])
def test_the_results_file_agrees_with_the_journal(
    lab: Lab, vendor: str, faults: Sequence[Fault], tmp_path: Path
) -> None:
    """Under every fault `run` ends by itself, and its file says what the vendor did."""

    def try_out(number: int) -> Exception | None:
        fault = faults[number]
        try:
            run_under(lab, vendor, fault, tmp_path / str(number))
        except Exception as error:
            error.add_note(f"under the fault: {fault.name}")
            return error
        return None

    with ThreadPoolExecutor(len(faults)) as pool:
        errors = [error for error in pool.map(try_out, range(len(faults))) if error]
    if errors:
        raise ExceptionGroup(f"{len(errors)} of {len(faults)} runs", errors)
