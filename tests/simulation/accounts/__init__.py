"""
The accounts of a world: one at each vendor, and what the judge has to know of it.

Each vendor has a module of its own, named like its adapter, with `KIND`. The account and the
host of its vendor have that name too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from support.by_vendor import load_each

from .kind import Kind

__all__ = ["KINDS", "Kind"]

KINDS: Final[Mapping[str, Kind]] = load_each(__name__, "KIND")
"""By the names of the adapters."""
