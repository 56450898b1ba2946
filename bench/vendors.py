"""
What items cost at each vendor: peak memory of 1,000 and of 10,000; and how long the demo takes.

    python -m bench.vendors [VENDOR ...]

Each number of items in a process of its own, which pushes them through the vendor's stand-in, in
another process, and reads all results. *Peak* is what Python allocated at most beyond what there
was before the submit; *resident* is that of the whole process, without that being counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ._sandboxes import find_kinds, sandboxes
from ._versions import show_versions

SIZES: Final = (1_000, 10_000)
DEMO_GOAL_S: Final = 30.0

_MIB: Final = 2**20


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m bench.vendors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("vendors", nargs="*", metavar="VENDOR", default=[*find_kinds()])
    options = parser.parse_args(arguments)
    show_versions("batchhub", "aiohttp", "msgspec")
    few, many = SIZES
    print(f"{few:,} and {many:,} items, the stand-in in a process of its own")
    print(
        f"  {'vendor':<12} {'peak, MiB':>16} {'x':>6} {'resident, MiB':>18} {'x':>6} "
        f"{'us of CPU an item':>20}"
    )
    for vendor in options.vendors:
        _show(vendor, [_measure(vendor, size) for size in SIZES])
    _time_demo()


def _measure(vendor: str, items: int) -> dict[str, Any]:
    """Measure one number of items, twice: what is allocated is counted at a price."""
    found: dict[str, Any] = {}
    for way in ("count", "run"):
        with sandboxes([vendor], is_quick=True) as (account,):
            command = [sys.executable, "-m", "bench._vendors_child", vendor, str(items)]
            words = [account.base_url, way]
            done = subprocess.run([*command, *words], check=True, stdout=subprocess.PIPE)
        found |= json.loads(done.stdout)
    return found


def _show(vendor: str, rows: Sequence[dict[str, Any]]) -> None:
    few, many = rows
    peaks = few["peak"] / _MIB, many["peak"] / _MIB
    resident = few["resident"] / _MIB, many["resident"] / _MIB
    item_us = (many["cpu_s"] - few["cpu_s"]) / (SIZES[1] - SIZES[0]) * 1e6
    print(
        f"  {vendor:<12} {peaks[0]:7.1f} {peaks[1]:8.1f} {peaks[1] / peaks[0]:6.2f} "
        f"{resident[0]:9.1f} {resident[1]:8.1f} {resident[1] / resident[0]:6.2f} {item_us:20.0f}",
        flush=True,
    )


def _time_demo() -> None:
    """Run the demo of all vendors, as a user would."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.db"
        command = [sys.executable, "-m", "batchhub", "demo", "--quiet", "--store", str(store)]
        began_s = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        took_s = time.monotonic() - began_s
    print(f"batchhub demo, all vendors side by side: {took_s:.1f} s; to reach {DEMO_GOAL_S:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
