"""Packages that only some formats need, and that may not be installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from batchhub.errors import UsageError


def load_extra(module: str, extra: str, what: str) -> Any:
    """
    Import a module of a package that comes with an extra of ours.

    Args:
        module: The module.
        extra: The extra.
        what: What is written with it.

    Raises:
        UsageError: It is not installed. The message names the extra.
    """
    try:
        return import_module(module)
    except ImportError:
        raise UsageError(
            f"{what} needs a package that is not installed: pip install 'batchhub[{extra}]'"
        ) from None
