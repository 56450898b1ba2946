"""
Every fault of the stand-ins, and what a job of 25 items must come to under it.

Each vendor has a module of its own, named like its adapter, with `FAULTS`, those for the real
command, and `MORE_FAULTS`, those that only the library meets besides. Most of them belong into the
second list: a run of the command costs more than ten of the library's. What several vendors have
in common is in `shared`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from support.by_vendor import load_each

from .fault import EXIT_HELD, EXIT_REFUSED, EXIT_SOME_FAILED, ITEMS, Fault

__all__ = [
    "EXIT_HELD",
    "EXIT_REFUSED",
    "EXIT_SOME_FAILED",
    "FAULTS",
    "ITEMS",
    "MORE_FAULTS",
    "Fault",
]

FAULTS: Final[Mapping[str, Sequence[Fault]]] = load_each(__name__, "FAULTS")
"""For the real command and the library, by the names of the adapters."""

MORE_FAULTS: Final[Mapping[str, Sequence[Fault]]] = load_each(__name__, "MORE_FAULTS")
"""For the library alone, by the names of the adapters."""
