"""What goes wrong at Amazon."""

from __future__ import annotations

from typing import Final

from .fault import Fault
from .shared import MORE_SHARED, SHARED, TROUBLED_POLLS

FAULTS: Final[list[Fault]] = [*SHARED]
"""For the real command at Amazon."""

MORE_FAULTS: Final[list[Fault]] = [*MORE_SHARED, *TROUBLED_POLLS]
"""For the library at Amazon, besides."""
