"""A job's state, outcome and progress, derived from its tickets; here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

from .states import BatchState, Outcome
from .tickets import Counts, Ticket


def fold_state(tickets: Sequence[Ticket]) -> BatchState:
    """Return a job's state from its tickets, in their order (see the table in docs/statuses.md)."""
    states = [ticket.state for ticket in tickets]
    if all(state.is_terminal for state in states):
        for state in (BatchState.COMPLETED, BatchState.LOST, BatchState.FAILED):
            if state in states:
                return state
        return BatchState.CANCELLED
    if _is_held(tickets):
        return BatchState.UNCONFIRMED
    if any(state is BatchState.IN_PROGRESS or state.is_terminal for state in states):
        return BatchState.IN_PROGRESS
    if BatchState.QUEUED in states:
        return BatchState.QUEUED
    return BatchState.PENDING


def _is_held(tickets: Sequence[Ticket]) -> bool:
    """Whether nothing goes on until someone decides about an unconfirmed ticket."""
    held = False
    for ticket in tickets:
        if ticket.state is BatchState.UNCONFIRMED:
            held = True
        elif ticket.state.is_terminal:
            continue
        elif not (held and ticket.state is BatchState.PENDING and ticket.waits_for_previous):
            return False
    return held


def fold_outcome(state: BatchState, counts: Counts) -> Outcome | None:
    """Return how a job went; `None` while it is open."""
    if not state.is_terminal:
        return None
    if counts.unknown:
        return Outcome.INDETERMINATE
    if counts.succeeded == counts.total:
        return Outcome.SUCCEEDED
    return Outcome.PARTIAL if counts.succeeded else Outcome.FAILED


def fold_progress(state: BatchState, tickets: Sequence[Ticket]) -> float | None:
    """
    Return the tickets' progress, weighted by their items: 0..1, `None` if unknown for all.

    A ticket whose progress is unknown counts as 0, so the figure is a lower bound.
    """
    if state is BatchState.COMPLETED:
        return 1.0
    known = [(t.counts.total, _ticket_progress(t)) for t in tickets]
    total = sum(n for n, _ in known)
    if total == 0 or all(share is None for _, share in known):
        return None
    return sum(n * (share or 0.0) for n, share in known) / total


def _ticket_progress(ticket: Ticket) -> float | None:
    return 1.0 if ticket.state is BatchState.COMPLETED else ticket.progress
