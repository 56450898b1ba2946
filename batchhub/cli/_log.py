"""The log, for this process: nothing by default, events on standard error with ``-v``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ._console import say

_LEVELS: Final = (logging.CRITICAL, logging.INFO, logging.DEBUG)
_FORMAT: Final = "%(asctime)s %(levelname)-7s %(message)s"


class _Lines(logging.Handler):
    """Writes where standard error leads at that moment: a live display moves it above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        say(self.format(record))


@contextmanager
def log_on_stderr(verbose: int) -> Iterator[None]:
    """
    Show the log for as long as it is entered.

    Args:
        verbose: 0 shows nothing, since what matters is said by the command itself; 1 shows
            what happens, 2 everything, that of other libraries too.
    """
    # Of other libraries only what went wrong is shown, and that not by default either: Python
    # would write it to standard error if nobody took it.
    root, own = logging.getLogger(), logging.getLogger("batchhub")
    handler = _Lines() if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))
    before = root.level, own.level
    root.addHandler(handler)
    own.setLevel(_LEVELS[min(verbose, len(_LEVELS) - 1)])
    root.setLevel(logging.DEBUG if verbose > 1 else logging.WARNING)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        own.setLevel(before[1])
