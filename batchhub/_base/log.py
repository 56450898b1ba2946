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
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from .secrets import blank_all

if TYPE_CHECKING:
    import structlog

EVENTS: Final = {
    "account.warned": "an account's settings work and are risky",
    "job.submitted": "a job and its items are in the store",
    "job.joined": "a submit found the job that already has its key",
    "job.repeated_meanwhile": "another retry took items of a job; what is left is looked up again",
    "load.waited": "a submit waits for another one with the same key, which is still storing",
    "load.deleted": "what a dead process left of a job it was storing or pruning was deleted",
    "load.left": "what is left of a job could not be deleted; nobody sees it; tried again later",
    "load.silent": "a sign of life of a process that stores a job could not be written",
    "job.ended": "a job's last ticket ended; a warning if some item did not succeed",
    "job.cancelled": "a job was asked to stop",
    "job.failed": "a bug in a plug-in or in batchhub holds up one job; tried again later",
    "ticket.intended": "an attempt is in the store; its request comes next",
    "ticket.called_off": "a batch was about to be sent and was not: the process drives no more",
    "ticket.accepted": "the vendor took a batch",
    "ticket.adopted": "a batch that a user found at the vendor is taken for a ticket",
    "ticket.refused": "the vendor refused a batch",
    "ticket.unanswered": "a batch was sent and no answer came; it is sent again with the same key",
    "ticket.repeated": "the vendor has had this body a short while ago; it is sent again later",
    "ticket.unconfirmed": "a batch was sent and no answer came; whether it ran is unknown",
    "ticket.observed": "a poll brought something new",
    "ticket.stalled": "a ticket has shown no progress for longer than usual",
    "ticket.pushed": "a vendor's call has brought a ticket's next poll forward",
    "ticket.ended": "a ticket's results are in the store",
    "ticket.postponed": "a request failed and is tried again later",
    "ticket.doubted": "an answer is odd: an undocumented word, or impossible counts",
    "lane.cooled": "a lane, or one rate of it, sends nothing until the time given",
    "lane.pace_ignored": "an adapter can't read the budget from an answer; it stays as it is",
    "lane.paused": "the credentials were refused; a lane sends nothing for a while",
    "lane.history_ignored": "what the store says a lane has sent can't be read, or not all of it",
    "accounts.differ": "two accounts are one at the vendor, and have different settings",
    "lane.moved": "jobs of an earlier version belong to the lane of their account now",
    "lane.lost": "another process has taken a lane over; this one sends nothing more through it",
    "lane.changed": "an account has other settings; its lane goes on with them",
    "lane.removed": "an account is gone; what its vendor has is followed, nothing more is sent",
    "lane.unchanged": "an account's new settings can't be used; its lane goes on as it was",
    "lane.claimed": "this process drives a lane now",
    "lane.waited": "another process has a lane and shows no sign of life",
    "lane.stopped": "a lane can't go on: a bug in a plug-in or in batchhub",
    "lane.job_skipped": "a job's operation no longer exists; the job stays as it is",
    "lane.contact_changed": "a lane's contact with its vendor changed",
    "shard.claimed": "this process drives the lanes of a shard now",
    "shard.let_go": "this process drives a shard no more, and any other one may",
    "shard.lost": "another process has taken a shard over; this one sends nothing more for it",
    "shards.refused": "the store is of another version by now; this process takes no more shards",
    "lessons.ignored": "what earlier polls have taught can't be read; it is learned anew",
    "lessons.postponed": "what polls have taught could not be saved; tried again later",
    "event.postponed": "the end of a job could not be handled; a consumer gets it again later",
    "event.given_up": "the end of a job could not be handled; it is kept as failed",
    "alert.raised": "a condition of the alerts holds, further jobs have it, or it holds on",
    "alert.recovered": "a condition of the alerts holds no more",
    "alert.delivered": "a channel has taken a message",
    "alert.postponed": "a channel has not taken a message; it gets it again later",
    "alert.given_up": "a channel has not taken a message for too long; it never gets it",
    "alerts.claimed": "this process looks for alerts now, for all of the store",
    "alerts.lost": "another process looks for alerts; this one tells nothing more",
    "alerts.failed": "a bug in batchhub holds up the alerts; tried again later",
    "metrics.started": "the process shows figures of itself at an address",
    "metrics.failed": "figures could not be made, for a fault of batchhub; the next ones may be",
    "push.taken": "a vendor's call was taken in; whoever drives the account looks at it",
    "clock.differs": "this machine's wall clock shows another time than the store's database",
    "store.pruned": "old jobs were deleted",
    "store.damaged": "a row of the store can't be read; its job is left out",
    "store.failed": "the store could not be read or written; tried again later",
    "news.lost": "other processes can't be heard; what they write is looked for every second",
    "news.heard": "other processes are heard again",
    "exchanges.failed": "the record of exchanges could not be written; work goes on without it",
    "exchanges.resumed": "the record of exchanges is written again",
    "exchanges.dropped": "exchanges are missing in the record: it could not be written in time",
    "adapter.blocks": "a call of an adapter stops every account of the process",
    "adapter.left": "a call of an adapter was cancelled and does not end; nobody waits for it",
    "adapter.failed": "a plug-in did not load",
    "page.started": "the page in the browser is served",
    "page.failed": "a page could not be made; whoever asked for it was shown that",
    "page.signed_in": "somebody signed in to the page with a token",
    "page.signed_out": "somebody signed out of the page",
    "page.refused": "somebody tried to sign in to the page with what is no token",
    "page.acted": "an operator retried, cancelled or adopted by the page, or tried to",
    "page.token_made": "a token of the page was made, as there was none",
    "page.token_refused": "a token of the page can't be used; nobody signs in with it",
    "worker.started": "a worker drives all accounts of its settings",
    "worker.stopped": "a worker was stopped; what is not finished is in the store",
    "worker.failed": "a bug in batchhub ended a worker's driving, which begins again",
    "settings.taken": "a worker has read its settings again, and goes on with them",
    "settings.refused": "settings that were read again are wrong; what was known before stays",
    "service.failed": "what runs beside a worker has ended, and is started again",
    "shard.failed": "a shard of lanes could not be driven; tried again later",
    "shard.given": "shards of lanes are handed over to other processes, so that each has its share",
    "shard.freed": "a process was silent for too long; others may drive its shards of lanes",
    "cluster.unreachable": "the database can't be asked who drives what; what is driven goes on",
    "cluster.reached": "the database can be asked again who drives what",
    "cluster.failed": "a bug holds up the sharing of lanes among processes; tried again later",
    "notify.failed": "the service manager can't be told how a worker is",
    "store.hung": "the store does not answer; the service manager gets no sign of life",
    "rule.failed": "a rule for polls raised or gave no seconds; the usual interval is kept",
}
"""All events batchhub logs, and what they mean."""

LOGGER_NAME: Final = "batchhub"


_target: Final = logging.getLogger(LOGGER_NAME)


class Logger:
    """
    The logger every module uses.

    structlog is imported with the first line that anybody wants: it takes a third of the time in
    which a command that only reads the store is done.
    """

    def __init__(self, **bound: Any) -> None:
        self._bound = bound

    def bind(self, **facts: Any) -> Logger:
        """Return a logger whose lines have more facts."""
        return Logger(**self._bound, **facts)

    def debug(self, event: str, **facts: Any) -> None:
        """Log what only helps to find a fault."""
        self._log(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """Log what has happened as it should."""
        self._log(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Log what somebody should know of."""
        self._log(logging.WARNING, event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """Log what somebody has to do something about."""
        self._log(logging.ERROR, event, facts)

    @property
    def takes_info(self) -> bool:
        """Whether anybody wants such lines: where facts are dear to gather."""
        return _target.isEnabledFor(logging.INFO)

    def _log(self, level: int, event: str, facts: dict[str, Any]) -> None:
        if _target.isEnabledFor(level):
            _load_logger().log(level, event, **self._bound, **facts)


_logger: Final = Logger()


def get_logger() -> Logger:
    """Return the logger every module uses."""
    return _logger


@cache
def _load_logger() -> structlog.stdlib.BoundLogger:
    import structlog  # noqa: PLC0415  # slow to import

    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(LOGGER_NAME),
        # All of them are given, so that a program's own `structlog.configure` leaves our lines
        # alone.
        processors=(
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            _blank_secrets,
            _to_stdlib,
        ),
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


# Python's last resort would write our warnings to standard error in a program without logging.
logging.getLogger(LOGGER_NAME).addHandler(logging.NullHandler())
