"""
How items get in: JSON Lines, CSV or a JSON array; a file, a pipe or standard input.

`open_items` opens a source; the `ItemReader` it gives yields an item at a time,
so that a file of any size takes little memory, and says of every error where it is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from batchhub.cli.screen.console import say
from batchhub.cli.shell.options import Reading
from batchhub.errors import UsageError

from .chunks import STDIN_FD
from .forms import find_form, form_by_name
from .reader import ItemReader

__all__ = ["STDIN", "ItemReader", "open_items"]

STDIN: Final = "-"
"""The name that stands for standard input."""


def open_items(source: str, reading: Reading | None = None) -> ItemReader:
    """
    Open a source of items.

    A file's form is told by its ending, that of standard input and pipes by how they begin.

    Args:
        source: A path, or ``-`` for standard input.
        reading: What the user said of it.

    Raises:
        UsageError: There is no such file, it can't be read, its form is not known, or an option
            is not for it.
    """
    reading = reading or Reading()
    if source == STDIN:
        reader = ItemReader("standard input", STDIN_FD, None, reading)
        if os.isatty(STDIN_FD):
            say("reading items from the terminal, as JSON or CSV; Ctrl-D ends them")
        return reader
    path = Path(source)
    form = find_form(reading.format)
    try:
        if path.is_dir():
            raise UsageError(f"{source} is a folder; name a file with items")
        if form is None and stat.S_ISREG(path.stat().st_mode):
            form = form_by_name(source)
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise UsageError(f"can't read {source}: {error.strerror}") from None
    try:
        return ItemReader(source, descriptor, form, reading)
    except UsageError:
        os.close(descriptor)
        raise
