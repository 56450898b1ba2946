"""The states of jobs, tickets and items, the outcome of a job, and contact with its vendor."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class BatchState(StrEnum):
    """What the vendor says of a ticket; a job's state is folded from its tickets'."""

    PENDING = "pending"
    """Not handed over yet."""
    QUEUED = "queued"
    """The vendor has it and has not begun."""
    IN_PROGRESS = "in_progress"
    """The vendor has begun."""
    UNCONFIRMED = "unconfirmed"
    """Sent, and no answer came: nobody can tell whether the vendor has it."""
    COMPLETED = "completed"
    """Finished. What came of it is the outcome."""
    FAILED = "failed"
    """Refused, or failed as a whole."""
    CANCELLED = "cancelled"
    """Ended because we asked for it."""
    LOST = "lost"
    """The vendor no longer knows it."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing follows."""
        return self in _TERMINAL

    def may_become(self, new: BatchState) -> bool:
        """Whether a ticket in this state may move to `new`: forward only, terminal is final."""
        if self.is_terminal or new is self:
            return new is self
        if self is BatchState.UNCONFIRMED:
            return new is not BatchState.PENDING
        if new is BatchState.UNCONFIRMED:
            return self is BatchState.PENDING
        return new.is_terminal or _ORDER[new] > _ORDER[self]


_TERMINAL: Final = frozenset(
    {BatchState.COMPLETED, BatchState.FAILED, BatchState.CANCELLED, BatchState.LOST}
)
_ORDER: Final = {BatchState.PENDING: 0, BatchState.QUEUED: 1, BatchState.IN_PROGRESS: 2}


class Outcome(StrEnum):
    """What came of a job, once it is terminal."""

    SUCCEEDED = "succeeded"
    """Every item succeeded."""
    PARTIAL = "partial"
    """Some items succeeded; of the others it is known that they did not."""
    FAILED = "failed"
    """No item succeeded."""
    INDETERMINATE = "indeterminate"
    """Of some item nobody can tell."""


class Contact(StrEnum):
    """How well we hear the vendor: a second axis, which changes no state."""

    OK = "ok"
    STALE = "stale"
    """No fresh answer."""
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    """Our own side is broken: credentials or store."""


class ItemState(StrEnum):
    """What came of one item."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_EXECUTED = "not_executed"
    """It certainly did not run."""
    UNKNOWN = "unknown"
    """Nobody can tell whether it ran."""
