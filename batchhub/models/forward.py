"""Which of two statuses of a job is behind the other: what was shown never goes back."""

from __future__ import annotations

from typing import Final

from .states import BatchState
from .status import BatchStatus

_RANKS: Final = {BatchState.PENDING: 0, BatchState.QUEUED: 1, BatchState.IN_PROGRESS: 2}


def is_behind(found: BatchStatus, shown: BatchStatus) -> bool:
    """
    Return whether a status tells of an earlier moment than one that was shown.

    Two sources may know a job: the store, and a process that drives it, or that did and has not
    heard yet that another one took over. UNCONFIRMED has no place in the order of open states,
    since evidence moves it anywhere.

    Args:
        found: What a source says now.
        shown: What was shown last, of the same job.
    """
    if found.state.is_terminal or shown.state.is_terminal:
        return not found.state.is_terminal
    rank, shown_rank = _RANKS.get(found.state), _RANKS.get(shown.state)
    if rank is None or shown_rank is None:
        return False
    if rank != shown_rank:
        return rank < shown_rank
    if found.counts.pending > shown.counts.pending:
        return True
    before, now = shown.progress, found.progress
    return before is not None and now is not None and now < before
