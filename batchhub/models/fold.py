"""
A job's state, outcome and progress, folded from tallies of its tickets; here and nowhere else.

A `Tally` says all that matters of a job's tickets, however many there are, and changes with each
of them by difference. The store keeps it in the job's row, the loop in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from attrs import evolve, frozen

from .states import BatchState, Outcome
from .tickets import Counts, Finding, Ticket

_SHARES: Final = 1_000_000
"""
The parts an item's progress is counted in.

Whole numbers add up to the same whatever their order, so that memory and store never disagree.
"""

STUCK: Final = "held_by"
"""The finding of a job that waits for a decision about a ticket, as that of an older job."""

_STATES: Final = tuple(BatchState)
_PLACES: Final = {state: place for place, state in enumerate(_STATES)}
_COUNTED: Final = ("total", "succeeded", "failed", "not_executed", "unknown")


@frozen(kw_only=True)
class Part:
    """
    What one ticket adds to a tally.

    Attributes:
        state: Its state.
        total: How many items it has.
        succeeded: How many of them succeeded; likewise the next three.
        done: Its progress times its items, in millionths; `None` if it is unknown.
    """

    state: BatchState
    total: int
    succeeded: int = 0
    failed: int = 0
    not_executed: int = 0
    unknown: int = 0
    done: int | None = None


def count_done(state: BatchState, total: int, progress: float | None) -> int | None:
    """Return a ticket's progress times its items, in millionths; `None` if it is unknown."""
    if state is BatchState.COMPLETED:
        return total * _SHARES
    return None if progress is None else round(progress * total * _SHARES)


def grow(progress: float | None, total: int, done: int) -> float | None:
    """Return a job's progress with some more done, in millionths of an item."""
    if not total or (progress is None and not done):
        return progress
    return (round((progress or 0.0) * total * _SHARES) + done) / (total * _SHARES)


def part_of(ticket: Ticket) -> Part:
    """Return what a ticket adds to a tally."""
    counts = ticket.counts
    return Part(
        state=ticket.state,
        total=counts.total,
        succeeded=counts.succeeded,
        failed=counts.failed,
        not_executed=counts.not_executed,
        unknown=counts.unknown,
        done=count_done(ticket.state, counts.total, ticket.progress),
    )


@frozen(kw_only=True, weakref_slot=False)  # there may be 100,000
class Tally:
    """
    All that a job's state, outcome, counts and progress depend on.

    Attributes:
        stops: Whether the job stops on the first failure: each ticket waits for the one before.
        is_stuck: Whether its PENDING tickets wait for a decision about a ticket of an older job.
        states: The number of tickets in each state, in the order of `BatchState`.
        total: How many items the tickets have.
        succeeded: How many of them succeeded; likewise the next three.
        done: The progress times the items, in millionths, at least; `None` if nobody knows any.
    """

    stops: bool = False
    is_stuck: bool = False
    states: tuple[int, ...] = (0,) * len(_STATES)
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    not_executed: int = 0
    unknown: int = 0
    done: int | None = None

    @classmethod
    def of(cls, parts: Iterable[Part], *, stops: bool) -> Tally:
        """Tally the parts of all tickets of a job."""
        tally = cls(stops=stops)
        for part in parts:
            tally = tally.change(None, part)
        return tally

    def change(self, before: Part | None, after: Part) -> Tally:
        """Return the tally with a ticket that has changed, or, if `before` is `None`, is new."""
        if before == after:
            return self
        states = self.states
        if before is None or before.state is not after.state:
            states = _move(states, None if before is None else before.state, after.state)
        changed = self.add_done(before.done if before else None, after.done)
        return Tally(
            stops=self.stops,
            is_stuck=self.is_stuck,
            states=states,
            done=changed.done,
            **{
                name: getattr(self, name)
                + getattr(after, name)
                - (0 if before is None else getattr(before, name))
                for name in _COUNTED
            },
        )

    def add_done(self, before: int | None, after: int | None) -> Tally:
        """Return the tally with a ticket of which more is done now, in millionths of an item."""
        if after is None or after == before:
            return self
        return Tally(
            stops=self.stops,
            is_stuck=self.is_stuck,
            states=self.states,
            total=self.total,
            succeeded=self.succeeded,
            failed=self.failed,
            not_executed=self.not_executed,
            unknown=self.unknown,
            done=(self.done or 0) + after - (before or 0),
        )

    @classmethod
    def of_columns(
        cls, columns: Mapping[str, int], progress: float | None, *, stops: bool
    ) -> Tally:
        """
        Return the tally that has been kept in columns.

        Args:
            columns: The numbers that `columns` returned, by name.
            progress: What `progress` was.
            stops: Whether the job stops on the first failure.
        """
        total = columns["total"]
        return cls(
            stops=stops,
            is_stuck=False,
            states=tuple(columns[f"tickets_{state.value}"] for state in _STATES),
            done=None if progress is None else round(progress * total * _SHARES),
            **{name: columns[name] for name in _COUNTED},
        )

    def columns(self) -> dict[str, int]:
        """Return its numbers by the names of their columns."""
        numbers = {name: getattr(self, name) for name in _COUNTED}
        for state, number in zip(_STATES, self.states, strict=True):
            numbers[f"tickets_{state.value}"] = number
        return numbers

    def number(self, *states: BatchState) -> int:
        """Return how many tickets are in one of these states."""
        return sum(self.states[_PLACES[state]] for state in states)

    @property
    def tickets(self) -> int:
        """How many tickets there are."""
        return sum(self.states)

    @property
    def open_tickets(self) -> int:
        """How many of them have not ended."""
        return self.number(*_OPEN)

    @property
    def state(self) -> BatchState:
        """The job's state."""
        # Behind an unconfirmed ticket of its own, in a job that stops on the first failure, or
        # behind one of an older job.
        waiting = self.number(BatchState.PENDING) if self.stops or self.is_stuck else 0
        numbers = dict(zip(_STATES, self.states, strict=True))
        return fold_state(numbers, waiting=waiting, is_stuck=self.is_stuck)

    def of_job(self, findings: Iterable[Finding]) -> Tally:
        """Return it with what follows from the findings of the job itself."""
        is_stuck = any(finding.code == STUCK for finding in findings)
        return self if is_stuck == self.is_stuck else evolve(self, is_stuck=is_stuck)

    @property
    def counts(self) -> Counts:
        """The job's counts."""
        return Counts.of_total(
            self.total,
            succeeded=self.succeeded,
            failed=self.failed,
            not_executed=self.not_executed,
            unknown=self.unknown,
        )

    @property
    def outcome(self) -> Outcome | None:
        """How the job went; `None` while it is open."""
        return fold_outcome(self.state, self.counts)

    @property
    def progress(self) -> float | None:
        """How far the job is, from 0 to 1; `None` if nobody knows."""
        return fold_progress(self.state, self.total, self.done)


_OPEN: Final = tuple(state for state in _STATES if not state.is_terminal)


@lru_cache(maxsize=100)  # one tuple for the many jobs that have but a ticket or two
def _move(states: tuple[int, ...], before: BatchState | None, after: BatchState) -> tuple[int, ...]:
    moved = list(states)
    moved[_PLACES[after]] += 1
    if before is not None:
        moved[_PLACES[before]] -= 1
    return tuple(moved)


def fold_state(
    tickets: Mapping[BatchState, int], *, waiting: int, is_stuck: bool = False
) -> BatchState:
    """
    Return a job's state (see the table in docs/statuses.md).

    Args:
        tickets: How many of its tickets are in each state.
        waiting: How many of the PENDING ones can't go before an UNCONFIRMED one is decided about.
        is_stuck: Whether that one is of an older job.
    """
    number = tickets.get
    still_open = sum(number(state, 0) for state in _OPEN)
    if not still_open:
        for state in (BatchState.COMPLETED, BatchState.LOST, BatchState.FAILED):
            if number(state, 0):
                return state
        return BatchState.CANCELLED
    unconfirmed = number(BatchState.UNCONFIRMED, 0)
    if (unconfirmed or is_stuck) and still_open == unconfirmed + waiting:
        return BatchState.UNCONFIRMED  # nothing goes on until someone decides
    if number(BatchState.IN_PROGRESS, 0) or still_open < sum(tickets.values()):
        return BatchState.IN_PROGRESS
    if number(BatchState.QUEUED, 0):
        return BatchState.QUEUED
    return BatchState.PENDING


def fold_outcome(state: BatchState, counts: Counts) -> Outcome | None:
    """Return how a job went; `None` while it is open."""
    if not state.is_terminal:
        return None
    if counts.unknown:
        return Outcome.INDETERMINATE
    if counts.succeeded == counts.total:
        return Outcome.SUCCEEDED
    return Outcome.PARTIAL if counts.succeeded else Outcome.FAILED


def fold_progress(state: BatchState, total: int, done: int | None) -> float | None:
    """
    Return the tickets' progress, weighted by their items: 0..1, `None` if unknown for all.

    A ticket whose progress is unknown counts as 0, so the figure is a lower bound.

    Args:
        state: The job's state.
        total: How many items it has.
        done: The progress times the items, in millionths; `None` if nobody knows any.
    """
    if state is BatchState.COMPLETED:
        return 1.0
    return None if done is None or not total else done / (total * _SHARES)
