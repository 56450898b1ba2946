"""
The log: structlog events named `noun.past_participle`, all of them listed here.

Every line carries the ids it is about: one of a job its `job_id`, `account` and `lane`, one of
a ticket also the `ticket` (its position in the job), any other the `lane` or the `adapter`. The
lines go to the standard library's logger ``batchhub``, so a program hears of them as of any
library's; the facts are on each record as `batchhub`, a dict. Known secrets are blanked before
anybody hears of them. batchhub attaches no handler of its own; the command line does, for its
own process.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from functools import cache
from typing import Any, Final

from .secrets import blank_all

EVENTS: Final = {
    "job.submitted": "a job and its items are in the store",
    "job.joined": "a submit met the job its key belongs to",
    "job.ended": "a job's last ticket ended",
    "job.cancelled": "a job was asked to stop",
    "ticket.intended": "an attempt is in the store; its request comes next",
    "ticket.accepted": "the vendor took a batch",
    "ticket.refused": "the vendor refused a batch",
    "ticket.unanswered": "a batch was sent and no answer came; it is sent again with the same key",
    "ticket.unconfirmed": "a batch was sent, no answer came, and nobody can tell",
    "ticket.observed": "a poll brought something new",
    "ticket.stalled": "a ticket has shown no progress for longer than is usual",
    "ticket.ended": "a ticket's results are in the store",
    "ticket.postponed": "a request failed and is tried again later",
    "ticket.doubted": "an answer is odd: an undocumented word, counts that can't be",
    "lane.cooled": "a lane sends nothing until the time given",
    "lane.paused": "the credentials were refused; a lane sends nothing more",
    "lane.claimed": "this process drives a lane now",
    "lane.waited": "another process has a lane and gives no sign of life",
    "lane.stopped": "a lane can't be driven any more; a fault of a plug-in or of ours",
    "lane.job_skipped": "a job's operation is not there any more; it is left as it is",
    "lane.contact_changed": "a lane's contact with its vendor changed",
    "store.pruned": "old jobs were forgotten",
    "store.failed": "the store could not be read or written; tried again later",
    "adapter.failed": "a plug-in did not load",
}
"""Every event batchhub logs, and what it says."""

LOGGER_NAME: Final = "batchhub"


class Logger:
    """
    Logs events, with the ids that were bound to it.

    structlog is loaded by the first line that somebody wants to hear: a command that only
    reads the store logs nothing, and need not wait for it.
    """

    def __init__(self, **ids: Any) -> None:
        self._ids = ids

    def bind(self, **ids: Any) -> Logger:
        """Return a logger whose lines have these ids, too."""
        return Logger(**{**self._ids, **ids})

    def debug(self, event: str, **facts: Any) -> None:
        """Log what is of interest to who looks for a fault."""
        self._write(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """Log what happens."""
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Log what did not go as it should and is tried again."""
        self._write(logging.WARNING, event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """Log what somebody has to mend."""
        self._write(logging.ERROR, event, facts)

    def _write(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if logging.getLogger(LOGGER_NAME).isEnabledFor(level):
            _open().log(level, event, **self._ids, **facts)


def get_logger() -> Logger:
    """Return the logger every module uses; bind ids to it."""
    return Logger()


@cache
def _open() -> Any:
    import structlog  # noqa: PLC0415  # takes a fifth of a second

    return structlog.wrap_logger(
        logging.getLogger(LOGGER_NAME),
        processors=[
            structlog.stdlib.add_log_level,
            _blank_secrets,
            _to_stdlib,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _blank_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: blank_all(value) for key, value in event.items()}


def _to_stdlib(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """Make a line any handler can print, and keep the facts for those that can do more."""
    facts = {key: value for key, value in event.items() if key not in {"event", "level"}}
    text = " ".join([str(event["event"]), *(f"{key}={value!r}" for key, value in facts.items())])
    return (text,), {"extra": {"batchhub": dict(event)}}


logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())
