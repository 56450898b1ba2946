"""Adapters that do harm, as distributions of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from support.plugins import ADAPTER, write_plugin

_HARM: Final = {
    "raises": 'raise ZeroDivisionError("poison")',
    "blocks": 'import time; time.sleep(1.0); raise ValueError("poison")',
}


def write_poison(folder: Path, kind: str) -> str:
    """
    Write an adapter each of whose verbs does harm.

    Args:
        folder: Where; put it on `sys.path`.
        kind: ``raises`` or ``blocks``: the whole process, for a second.

    Returns:
        The name of its module.
    """
    source = ADAPTER.replace("raise NotImplementedError", _HARM[kind])
    return write_plugin(folder, kind, source)
