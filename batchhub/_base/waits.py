"""
What a call of an adapter's verb meets on its way: waits, and answers that are odd.

A verb has a time limit, in which waits for what is not its doing don't count: the account's budget,
a cool-down, a connection. What was odd about an answer that could be read all the same is put on
the job's status, whichever adapter asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import Any


class Waits:
    """
    The waits of one call, also of tasks that it starts.

    Attributes:
        is_waiting: Whether it waits now.
        verb: The verb that is called.
        yields: Whether other calls of its account go before it, as they do before a poll.
        oddities: What was odd about its answers, in words; `None` for nothing, as nearly always.
        answer: The last answer it got, for a record: how it went shows at the end of the call.
    """

    __slots__ = (
        "_since_s",
        "_total_s",
        "answer",
        "is_waiting",
        "oddities",
        "verb",
        "yields",
    )

    def __init__(self, *, yields: bool = False, verb: str = "") -> None:
        self.is_waiting = 0
        self.yields = yields
        self.verb = verb
        self.oddities: dict[str, None] | None = None
        self.answer: Any = None  # what `_http.journal` keeps there
        self._since_s = 0.0
        self._total_s = 0.0

    def begin(self) -> None:
        """Begin a wait; several at once count as one."""
        if not self.is_waiting:
            self._since_s = monotonic()
        self.is_waiting += 1

    def end(self) -> None:
        """End a wait."""
        self.is_waiting -= 1
        if not self.is_waiting:
            self._total_s += monotonic() - self._since_s

    @property
    def total_s(self) -> float:
        """The seconds waited so far."""
        return self._total_s + (monotonic() - self._since_s if self.is_waiting else 0.0)


current: ContextVar[Waits | None] = ContextVar("batchhub_waits", default=None)
"""Those of the call that is under way, of this task and of those it starts."""


def yields() -> bool:
    """Return whether the call that is under way lets others of its account go before it."""
    waits = current.get()
    return waits is not None and waits.yields


def note_oddity(what: str) -> None:
    """Take note of what was odd about an answer of the call that is under way."""
    waits = current.get()
    if waits is not None:
        if waits.oddities is None:
            waits.oddities = {}
        waits.oddities[what] = None


@contextmanager
def waiting() -> Iterator[None]:
    """Wait for what is not the call's doing inside the block."""
    waits = current.get()
    if waits is None:
        yield
        return
    waits.begin()
    try:
        yield
    finally:
        waits.end()
