"""What each vendor has a module of its own for, so that a new one changes no list."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any, Final

from batchhub._settings.installed import GROUP
from batchhub.adapter import Adapter

ADAPTERS: Final[dict[str, type[Adapter[Any]]]] = {
    entry.name: entry.load()
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if entry.dist is not None and entry.dist.name == "batchhub"
}
"""The adapters that come with batchhub, by name."""


def load_each(package: str, attribute: str) -> dict[str, Any]:
    """
    Return what the modules of a package that are named like an adapter have under a name.

    Args:
        package: The package's name.
        attribute: The name.

    Returns:
        It by the adapters' names, in their order.
    """
    there = {module.name for module in iter_modules(import_module(package).__path__)}
    return {
        name: getattr(import_module(f"{package}.{name}"), attribute)
        for name in ADAPTERS
        if name in there
    }
