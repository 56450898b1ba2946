"""The log of this process: off by default, on standard error with ``-v``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from batchhub._base.log import LOGGER_NAME
from batchhub._base.secrets import blank, blank_all
from batchhub._base.show import count
from batchhub.cli.shell.options import LogFormat

from .console import say, say_warning
from .harmless import escape_hidden
from .repeats import Repeats

_LEVELS: Final = (logging.ERROR, logging.INFO, logging.DEBUG)


class _Lines(logging.Handler):
    """Writes to the current `sys.stderr`: live bars replace it, so that lines appear above them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a record that can't be formatted raises nothing."""
        try:
            line = self.format(record)
        except Exception as error:  # another library's format string and arguments don't match
            line = f"{record.name}: a record can't be formatted: {type(error).__name__}"
        say(line)


class _Troubles(_Lines):
    """Writes lines, but not those that say once more what was said a moment ago."""

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()
        self._unsaid = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, unless it is the same again."""
        if (unsaid := self._repeats.take(record)) is not None:
            self._unsaid = unsaid
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line, with how many like it were not written."""
        more = f" ({count(self._unsaid, 'more line')} like this since)" if self._unsaid else ""
        return super().format(record) + more


class _Blocked(logging.Handler):
    """Says, without the log, which adapter stops everything: nobody else could say it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line about a call that does not let anything else run."""
        if _is_blocked(record):
            facts = getattr(record, LOGGER_NAME)
            say_warning(f"{facts['call']}, lets nothing else run; Ctrl-C twice ends this command")


class _Text(logging.Formatter):
    """A line for people: time, level, message; without secrets and control characters."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        text = blank(super().format(record))
        return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


class _Json(logging.Formatter):
    """A line for programs: one JSON object, with ids and facts as keys; without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
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
        text = json.dumps(blank_all(line), ensure_ascii=False, default=lambda v: blank(repr(v)))
        return escape_hidden(text.encode("utf-8", "backslashreplace")).decode()


@contextmanager
def log_on_stderr(verbose: int, log_format: LogFormat = LogFormat.TEXT) -> Iterator[None]:
    """
    Show the log for as long as it is entered.

    Args:
        verbose: 0 shows nothing, since the command itself reports what matters; 1 shows events,
            2 everything, other libraries' log included.
        log_format: The format. With JSON, `verbose` is at least 1.
    """
    if log_format is LogFormat.JSON:
        verbose = max(verbose, 1)
    # Without a handler Python would write other libraries' warnings to standard error.
    root, own = logging.getLogger(), logging.getLogger(LOGGER_NAME)
    handler = _Lines() if verbose else _Blocked()
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


@contextmanager
def troubles_on_stderr(verbose: int) -> Iterator[None]:
    """
    Show warnings and errors for as long as it is entered, if the log is not shown anyway.

    For a command that runs for weeks, and has nobody whom it could say at its end what went wrong.
    What lasts is said once a minute: a disk that is full all night would be filled by its log.
    """
    if verbose or logging.getLogger().level < logging.WARNING:
        yield
        return
    own = logging.getLogger(LOGGER_NAME)
    handler, before = _Troubles(), own.level
    handler.setFormatter(_Text())
    handler.addFilter(lambda record: not _is_blocked(record))  # which is said in any case
    own.addHandler(handler)
    own.setLevel(logging.WARNING)
    try:
        yield
    finally:
        own.removeHandler(handler)
        own.setLevel(before)


def _is_blocked(record: logging.LogRecord) -> bool:
    facts: Mapping[str, Any] = getattr(record, LOGGER_NAME, None) or {}
    return facts.get("event") == "adapter.blocks"
