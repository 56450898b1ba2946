"""The states of jobs, tickets and items, the outcome of a job, and contact with its vendor."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class BatchState(StrEnum):
    """State of a ticket at the vendor. The state of a job is derived from its tickets."""

    PENDING = "pending"
    """Not sent yet."""
    QUEUED = "queued"
    """At the vendor, not started."""
    IN_PROGRESS = "in_progress"
    """The vendor is working on it."""
    UNCONFIRMED = "unconfirmed"
    """Sent, but not answered: it is unknown whether the vendor has it."""
    COMPLETED = "completed"
    """Finished; the outcome says how it went."""
    FAILED = "failed"
    """Refused, or failed as a whole."""
    CANCELLED = "cancelled"
    """Ended because cancelling was requested."""
    LOST = "lost"
    """The vendor no longer knows it."""

    @property
    def is_terminal(self) -> bool:
        """Whether no other state can follow."""
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
    """How a job went, once it has ended."""

    SUCCEEDED = "succeeded"
    """All items succeeded."""
    PARTIAL = "partial"
    """Some items succeeded; the others certainly did not."""
    FAILED = "failed"
    """No item succeeded."""
    INDETERMINATE = "indeterminate"
    """The outcome of at least one item is unknown."""


class Contact(StrEnum):
    """Contact with the vendor, independent of the state."""

    OK = "ok"
    STALE = "stale"
    """No recent answer."""
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    """A problem on our side: credentials or store."""


class ItemState(StrEnum):
    """How one item went."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_EXECUTED = "not_executed"
    """It certainly did not run."""
    UNKNOWN = "unknown"
    """It is unknown whether it ran."""
