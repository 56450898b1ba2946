"""What batchhub logs during a test, as plain records."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from attrs import frozen

from batchhub._base.log import LOGGER_NAME

_OWN: Final = frozenset({"event", "level"})


@frozen(kw_only=True)
class CapturedEvent:
    """
    One line of batchhub's log.

    Attributes:
        name: What happened, such as ``ticket.accepted``.
        level: ``debug``, ``info``, ``warning`` or ``error``.
        facts: What it is about, such as `account` and `job_id`; secrets are blanked.
    """

    name: str
    level: str
    facts: Mapping[str, Any]


class CapturedEvents(list[CapturedEvent]):
    """What has been logged until now, in order."""

    @property
    def names(self) -> list[str]:
        """The events' names, in order."""
        return [event.name for event in self]

    def find(self, name: str, **facts: Any) -> list[CapturedEvent]:
        """Return the events with this name and these facts, in order."""
        return [
            event
            for event in self
            if event.name == name and facts.items() <= dict(event.facts).items()
        ]


class _Handler(logging.Handler):
    def __init__(self, events: CapturedEvents) -> None:
        super().__init__(logging.DEBUG)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] | None = getattr(record, "batchhub", None)
        if facts is None:  # somebody else's line
            return
        own = {key: value for key, value in facts.items() if key not in _OWN}
        name, level = str(facts["event"]), record.levelname.lower()
        self._events.append(CapturedEvent(name=name, level=level, facts=own))


class _Level:
    """The level of batchhub's logger, all of it wanted while anybody captures."""

    def __init__(self) -> None:
        self._count = 0
        self._before = logging.NOTSET

    def lower(self) -> None:
        logger = logging.getLogger(LOGGER_NAME)
        if self._count == 0:
            self._before = logger.level
            logger.setLevel(logging.DEBUG)
        self._count += 1

    def restore(self) -> None:
        self._count -= 1
        if self._count == 0:
            logging.getLogger(LOGGER_NAME).setLevel(self._before)


_level: Final = _Level()


@contextmanager
def capture_events() -> Iterator[CapturedEvents]:
    """
    Capture what batchhub logs in this process, debug lines included, inside a ``with``.

    All events and what they mean are in [the list of events](../howto/logging.md).
    """
    events = CapturedEvents()
    handler = _Handler(events)
    logger = logging.getLogger(LOGGER_NAME)
    _level.lower()
    logger.addHandler(handler)
    try:
        yield events
    finally:
        logger.removeHandler(handler)
        _level.restore()
