"""
The log: structlog events named `noun.past_participle`, all of them listed here.

Every line carries the ids it is about (`job_id`, `ticket`, `lane`). batchhub
configures no logging of its own; the command line does, for its own process.
"""

from __future__ import annotations

from typing import Final

import structlog

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
    "ticket.ended": "a ticket's results are in the store",
    "ticket.postponed": "a request failed and is tried again later",
    "word.unrecognized": "the vendor used a word that nobody documented",
    "lane.cooled": "a lane sends nothing until the time given",
    "lane.paused": "the credentials were refused; a lane sends nothing more",
    "lane.claimed": "this process drives a lane now",
    "lane.stopped": "a lane can't be driven any more; a fault of a plug-in or of ours",
    "lane.contact_changed": "a lane's contact with its vendor changed",
    "store.failed": "the store could not be read or written; tried again later",
    "store.memory_used": "the store is in memory; nothing survives the process",
    "adapter.failed": "a plug-in did not load",
}
"""Every event batchhub logs, and what it says."""


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return the logger every module uses; bind ids to it."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("batchhub")
    return logger
