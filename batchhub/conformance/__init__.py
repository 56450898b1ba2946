"""
A test suite for adapters: numbered rules, each a test, against the author's own stand-in.

Derive from `AdapterSuite` and run ``pytest``. Needs ``pip install batchhub[testing]``.
"""

from __future__ import annotations

# Every run of pytest loads the plugin in here, so nothing is imported before a name is asked for.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .kit import Kit, Push
    from .rule import Level, Rule
    from .rules import RULES
    from .run import BrokenError, NotApplicableError
    from .suite import AdapterSuite

__all__ = [
    "RULES",
    "AdapterSuite",
    "BrokenError",
    "Kit",
    "Level",
    "NotApplicableError",
    "Push",
    "Rule",
]

_ROOMS = {
    "RULES": ".rules",
    "AdapterSuite": ".suite",
    "BrokenError": ".run",
    "Kit": ".kit",
    "Level": ".rule",
    "NotApplicableError": ".run",
    "Push": ".kit",
    "Rule": ".rule",
}


# A type checker would take any name at all for one that is there.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _ROOMS:
            raise AttributeError(f"module 'batchhub.conformance' has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(_ROOMS[name], __name__), name)
