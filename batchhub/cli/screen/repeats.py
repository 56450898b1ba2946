"""Trouble that lasts is said once a minute, not each time that something is tried again."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from logging import LogRecord
from typing import Any, Final

from batchhub._base.log import LOGGER_NAME

REST_S: Final = 60.0
"""Seconds for which the same trouble is not said again."""

_LASTING: Final = {
    "exchanges.failed": "file",
    "lane.paused": "lane",
    "store.failed": "",  # whichever part of the process notices: there is one store
    "ticket.postponed": "",  # a vendor that is down is one trouble of all its accounts
}
"""Events that come again for as long as a trouble lasts, and the fact that tells two apart."""

_NUMBER: Final = re.compile(r"\d+")
_MOST: Final = 1000


class Repeats:
    """Counts the lines of a log that say the same again."""

    def __init__(self) -> None:
        self._said: dict[Hashable, tuple[float, int]] = {}

    def take(self, record: LogRecord) -> int | None:
        """
        Take one more line.

        Args:
            record: The line.

        Returns:
            `None` if it is not to be said now; else how many like it were not said before.
        """
        facts: Mapping[str, Any] = getattr(record, LOGGER_NAME, None) or {}
        event = facts.get("event")
        if event not in _LASTING:
            return 0
        # A message may name the attempt, or what it waited for.
        why = _NUMBER.sub("0", str(facts.get("error") or facts.get("reason")))
        key = (event, facts.get(_LASTING[event]), why)
        at, unsaid = self._said.get(key, (None, 0))
        if at is not None and abs(record.created - at) < REST_S:  # a clock may be set back
            self._said[key] = (at, unsaid + 1)
            return None
        self._said.pop(key, None)
        while len(self._said) >= _MOST:
            del self._said[next(iter(self._said))]
        self._said[key] = (record.created, 0)
        return unsaid
