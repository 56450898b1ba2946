"""The log, for this process: nothing by default, events on standard error with ``-v``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from batchhub._base.log import LOGGER_NAME
from batchhub._base.secrets import blank, blank_all
from batchhub.cli.shell.options import LogFormat

from .console import say

_LEVELS: Final = (logging.CRITICAL, logging.INFO, logging.DEBUG)


class _Lines(logging.Handler):
    """Writes where standard error leads at that moment: a live display moves it above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a line that can't be made stops nobody."""
        try:
            line = self.format(record)
        except Exception as error:  # another library's line whose parts do not fit
            line = f"{record.name} logged what can't be shown: {type(error).__name__}"
        say(line)


class _Text(logging.Formatter):
    """A line for people: time, level, what happened. No secret, nothing that moves the cursor."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        text = blank(super().format(record))
        return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


class _Json(logging.Formatter):
    """A line for programs: one JSON object, with the ids and facts as keys. No secret."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        facts: dict[str, Any] | None = getattr(record, LOGGER_NAME, None)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "event": record.getMessage() if facts is None else facts["event"],
            "level": record.levelname.lower(),
            "timestamp": at.replace("+00:00", "Z"),
            **({"logger": record.name} if facts is None else facts),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(blank_all(line), ensure_ascii=False, default=lambda v: blank(repr(v)))


@contextmanager
def log_on_stderr(verbose: int, log_format: LogFormat = LogFormat.TEXT) -> Iterator[None]:
    """
    Show the log for as long as it is entered.

    Args:
        verbose: 0 shows nothing, since what matters is said by the command itself; 1 shows
            what happens, 2 everything, that of other libraries too.
        log_format: How a line is written. Who asks for JSON wants lines: 0 counts as 1.
    """
    if log_format is LogFormat.JSON:
        verbose = max(verbose, 1)
    # Of other libraries only what went wrong is shown, and that not by default either: Python
    # would write it to standard error if nobody took it.
    root, own = logging.getLogger(), logging.getLogger(LOGGER_NAME)
    handler = _Lines() if verbose else logging.NullHandler()
    handler.setFormatter(_Json() if log_format is LogFormat.JSON else _Text())
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
