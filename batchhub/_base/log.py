"""
The log: structlog events named `noun.past_participle`, all of them listed here.

Every line has the ids it is about: a line about a job its `job_id`, `account` and `lane`, a line
about a ticket also the `ticket` (its position in the job), any other the `lane` or the `adapter`.
Lines go to the standard library's logger ``batchhub``, so a program handles them as those of any
library; the facts are on each record as `batchhub`, a dict. Known secrets are blanked before any
handler sees a line. batchhub attaches no handler of its own; the command line does, for its own
process.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from .secrets import blank_all

EVENTS: Final = {
    "job.submitted": "a job and its items are in the store",
    "job.joined": "a submit found the job that already has its key",
    "job.ended": "a job's last ticket ended",
    "job.cancelled": "a job was asked to stop",
    "ticket.intended": "an attempt is in the store; its request comes next",
    "ticket.accepted": "the vendor took a batch",
    "ticket.refused": "the vendor refused a batch",
    "ticket.unanswered": "a batch was sent and no answer came; it is sent again with the same key",
    "ticket.unconfirmed": "a batch was sent and no answer came; whether it ran is unknown",
    "ticket.observed": "a poll brought something new",
    "ticket.stalled": "a ticket has shown no progress for longer than usual",
    "ticket.ended": "a ticket's results are in the store",
    "ticket.postponed": "a request failed and is tried again later",
    "ticket.doubted": "an answer is odd: an undocumented word, or impossible counts",
    "lane.cooled": "a lane sends nothing until the time given",
    "lane.paused": "the credentials were refused; a lane sends nothing more",
    "lane.claimed": "this process drives a lane now",
    "lane.waited": "another process has a lane and shows no sign of life",
    "lane.stopped": "a lane can't go on: a bug in a plug-in or in batchhub",
    "lane.job_skipped": "a job's operation no longer exists; the job stays as it is",
    "lane.contact_changed": "a lane's contact with its vendor changed",
    "store.pruned": "old jobs were deleted",
    "store.failed": "the store could not be read or written; tried again later",
    "adapter.failed": "a plug-in did not load",
}
"""All events batchhub logs, and what they mean."""

LOGGER_NAME: Final = "batchhub"


def get_logger() -> structlog.stdlib.BoundLogger:
    """Return the logger every module uses; bind ids to it."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(LOGGER_NAME),
        processors=_PROCESSORS,
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger


def _blank_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: blank_all(value) for key, value in event.items()}


def _to_stdlib(
    _: Any, __: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """Make a line that any handler can print, and attach the facts for those that can do more."""
    facts = {key: value for key, value in event.items() if key not in {"event", "level"}}
    text = " ".join([str(event["event"]), *(f"{key}={value!r}" for key, value in facts.items())])
    return (text,), {"extra": {"batchhub": dict(event)}}


# All of them are given, so that a program's own `structlog.configure` leaves our lines alone.
_PROCESSORS: Final = (
    structlog.stdlib.filter_by_level,
    structlog.stdlib.add_log_level,
    _blank_secrets,
    _to_stdlib,
)

# Python's last resort would write our warnings to standard error in a program without logging.
logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())
