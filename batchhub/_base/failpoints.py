"""
The places between durable steps, so that a test can stop the process at each of them.

In production nothing listens, and passing one costs a look at a variable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FAILPOINTS: Final = {
    "commit.begun": "a transaction is written, but not committed",
    "commit.done": "a transaction is durable; its caller does not know yet",
    "chunk.kept": "a part of a large job is in the store; nobody sees it",
    "rejects.kept": "rows that can't be sent are in their file; the others are not stored yet",
    "jobs.hidden": "old jobs are out of sight; nothing of them is deleted yet",
    "items.kept": "a job and its items are in the store; nothing was sent",
    "intent.kept": "an attempt is in the store; its request comes next",
    "request.answered": "the vendor answered a submit; the store does not know yet",
    "ticket.kept": "the store has the vendor's answer to a submit",
    "results.fetched": "the results of a ticket came; the store does not have them yet",
    "results.kept": "the store has the results, together with the ticket's end",
    "event.handled": "a consumer has had the event of a job; the store does not know yet",
    "alert.kept": "a change of alerts and its message are in the store; nobody was told",
    "copy.marked": "the store that is copied is marked; the one it is copied to knows nothing",
    "copy.begun": "both stores of a copy are marked; nothing is copied",
    "copy.chunk_kept": "some rows are copied; the copy is not complete",
    "copy.verified": "a copy is like its source; both are still marked",
    "copy.moved": "a store was copied and can't be used any more, nor can its copy yet",
    "alert.sent": "a channel has taken a message; the store does not know yet",
}
"""All failpoints, and what holds there."""

listener: Callable[[str], None] | None = None
"""Called with the name of each failpoint that is passed; `None` in a program."""


def failpoint(name: str) -> None:
    """Pass a failpoint; a test may stop the process here."""
    if listener is not None:
        listener(name)
