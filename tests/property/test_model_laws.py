"""The model's laws: the folding table, outcomes, counts and progress."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from batchhub.models import (
    BatchState,
    BatchStatus,
    Counts,
    Finding,
    ItemState,
    Outcome,
    Ticket,
)
from batchhub.models.fold import Tally, part_of
from batchhub.models.tickets import merge_findings

S = BatchState
TERMINAL = {S.COMPLETED, S.FAILED, S.CANCELLED, S.LOST}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_ticket(position: int, state: BatchState, *, waits: bool = False) -> Ticket:
    """Make a ticket of one item."""
    counts = Counts(succeeded=1) if state in TERMINAL else Counts(pending=1)
    return Ticket(position=position, state=state, counts=counts, waits_for_previous=waits)


def fold_state(tickets: list[Ticket], *, stops: bool) -> BatchState:
    """Fold the state of a job from its tickets."""
    return Tally.of(map(part_of, tickets), stops=stops).state


def can_be(states: tuple[BatchState, ...], *, sequential: bool) -> bool:
    """Whether tickets can stand so: one after the other, only the last that was sent is open."""
    if not sequential or all(state in TERMINAL for state in states):
        return True
    first = next(n for n, state in enumerate(states) if state not in TERMINAL)
    return set(states[first + 1 :]) <= {S.PENDING}


def expected_state(states: tuple[BatchState, ...], *, sequential: bool) -> BatchState:
    """The table of the design, written a second time and in another way."""
    present = set(states)
    if present <= TERMINAL:
        return next(s for s in (S.COMPLETED, S.LOST, S.FAILED, S.CANCELLED) if s in present)
    still_open = [s for s in states if s not in TERMINAL]
    if S.UNCONFIRMED in still_open:
        first = still_open.index(S.UNCONFIRMED)
        behind = still_open[first:]
        free = still_open[:first] + [s for s in behind if s not in {S.UNCONFIRMED, S.PENDING}]
        if not sequential:
            free += [s for s in behind if s is S.PENDING]
        if not free:
            return S.UNCONFIRMED
    if S.IN_PROGRESS in present or present & TERMINAL:
        return S.IN_PROGRESS
    return S.QUEUED if S.QUEUED in present else S.PENDING


@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_folding_table(length: int, sequential: bool) -> None:
    """A job's state is folded from its tickets' by the table, for every combination."""
    for states in itertools.product(BatchState, repeat=length):
        if not can_be(states, sequential=sequential):
            continue
        tickets = [
            make_ticket(n, state, waits=sequential and n > 1) for n, state in enumerate(states, 1)
        ]
        folded = fold_state(tickets, stops=sequential)
        assert folded is expected_state(states, sequential=sequential), states


@pytest.mark.parametrize(
    ("states", "sequential", "folded"),
    [
        ((S.PENDING,), False, S.PENDING),
        ((S.QUEUED, S.PENDING), False, S.QUEUED),
        ((S.IN_PROGRESS, S.PENDING), False, S.IN_PROGRESS),
        ((S.COMPLETED, S.PENDING), False, S.IN_PROGRESS),
        ((S.UNCONFIRMED,), False, S.UNCONFIRMED),
        ((S.UNCONFIRMED, S.PENDING), True, S.UNCONFIRMED),
        ((S.UNCONFIRMED, S.PENDING), False, S.PENDING),
        ((S.UNCONFIRMED, S.COMPLETED), False, S.UNCONFIRMED),
        ((S.COMPLETED, S.LOST, S.FAILED, S.CANCELLED), False, S.COMPLETED),
        ((S.LOST, S.FAILED, S.CANCELLED), False, S.LOST),
        ((S.FAILED, S.CANCELLED), True, S.FAILED),
        ((S.CANCELLED,), False, S.CANCELLED),
    ],
)
def test_folding_examples(
    states: tuple[BatchState, ...], sequential: bool, folded: BatchState
) -> None:
    """The rows of the table that people ask about."""
    tickets = [make_ticket(n, s, waits=sequential and n > 1) for n, s in enumerate(states, 1)]
    assert fold_state(tickets, stops=sequential) is folded


numbers = st.integers(0, 3)


@st.composite
def tickets_strategy(draw: st.DrawFn) -> list[Ticket]:
    """Draw tickets of any kind that are consistent in themselves."""
    tickets = []
    for position in range(1, draw(st.integers(1, 6)) + 1):
        state = draw(st.sampled_from(list(BatchState)))
        counts = Counts(
            succeeded=draw(numbers),
            failed=draw(numbers),
            not_executed=draw(numbers),
            unknown=draw(numbers),
            pending=0 if state in TERMINAL else draw(numbers),
        )
        progress = draw(st.none() | st.floats(0, 1))
        tickets.append(Ticket(position=position, state=state, counts=counts, progress=progress))
    return tickets


def make_status(tickets: list[Ticket]) -> BatchStatus:
    """Make a status of tickets."""
    return BatchStatus(
        job_id="j",
        account="a",
        adapter="x",
        operation="o",
        tickets=tuple(tickets),
        created_at=NOW,
        updated_at=NOW,
    )


@given(tickets_strategy())
def test_status_agrees_with_itself(tickets: list[Ticket]) -> None:
    """A status has an outcome if and only if it is terminal, and its counts are its tickets'."""
    status = make_status(tickets)
    assert (status.outcome is None) == (not status.state.is_terminal)
    assert status.counts.total == sum(t.counts.total for t in tickets)
    if status.state.is_terminal:
        assert status.counts.pending == 0
    if status.state is S.COMPLETED:
        assert status.progress == 1.0
    if status.progress is None:
        assert all(t.progress is None and t.state is not S.COMPLETED for t in tickets) or (
            status.counts.total == 0
        )
    else:
        assert 0.0 <= status.progress <= 1.0 + 1e-9


@given(tickets_strategy())
def test_outcome_never_flatters(tickets: list[Ticket]) -> None:
    """An unknown item makes the outcome INDETERMINATE; only all items make it SUCCEEDED."""
    status = make_status(tickets)
    if status.outcome is Outcome.SUCCEEDED:
        assert status.counts.succeeded == status.counts.total
    if status.outcome is not None and status.counts.unknown:
        assert status.outcome is Outcome.INDETERMINATE
    if status.outcome is Outcome.PARTIAL:
        assert 0 < status.counts.succeeded < status.counts.total


@given(st.lists(tickets_strategy(), min_size=1, max_size=4), st.booleans(), st.data())
def test_a_tally_changes_with_each_ticket(
    drawn: list[list[Ticket]], stops: bool, data: st.DataObject
) -> None:
    """A tally that changes by difference is that of all tickets, whatever the order of changes."""
    now = {ticket.position: ticket for ticket in drawn[0]}
    tally = Tally.of(map(part_of, now.values()), stops=stops)
    for changed in drawn[1:]:
        for ticket in data.draw(st.permutations(changed)):
            before = now.get(ticket.position)
            if before is not None and not before.state.may_become(ticket.state):
                continue
            if before is not None and ticket.progress is None:  # it is never forgotten
                ticket = evolve(ticket, progress=before.progress)  # noqa: PLW2901
            tally = tally.change(None if before is None else part_of(before), part_of(ticket))
            now[ticket.position] = ticket
    whole = Tally.of(map(part_of, now.values()), stops=stops)
    assert tally == whole
    kept = Tally.of_columns(whole.columns(), whole.progress, stops=stops)
    if whole.state is not S.COMPLETED and whole.total:  # one that is completed has no progress
        assert kept == whole
    assert (kept.state, kept.counts, kept.outcome, kept.progress) == (
        whole.state,
        whole.counts,
        whole.outcome,
        whole.progress,
    )


def test_a_terminal_ticket_has_nothing_pending() -> None:
    """A ticket that has ended while items are pending can't be put together."""
    with pytest.raises(ValueError, match="pending"):
        Ticket(position=1, state=S.COMPLETED, counts=Counts(pending=1))


def test_times_are_aware() -> None:
    """A naive time is refused."""
    with pytest.raises(ValueError, match="aware"):
        BatchStatus(
            job_id="j",
            account="a",
            adapter="x",
            operation="o",
            tickets=(make_ticket(1, S.PENDING),),
            created_at=datetime(2026, 1, 1),  # noqa: DTZ001
            updated_at=NOW,
        )


def test_states_move_forward_only() -> None:
    """Terminal is final, nothing returns to PENDING, and UNCONFIRMED follows the evidence."""
    for old, new in itertools.product(BatchState, repeat=2):
        allowed = old.may_become(new)
        if old.is_terminal:
            assert allowed == (new is old)
        if new is S.PENDING:
            assert allowed == (old is S.PENDING)
        if old is S.UNCONFIRMED and new is not S.PENDING:
            assert allowed
        if new is S.UNCONFIRMED:
            assert allowed == (old in {S.PENDING, S.UNCONFIRMED})
    assert not S.IN_PROGRESS.may_become(S.QUEUED)
    assert S.QUEUED.may_become(S.COMPLETED)


@given(st.lists(st.sampled_from(list(ItemState))))
def test_counts_add_up(states: list[ItemState]) -> None:
    """The parts of the counts add up to the items counted."""
    assert Counts.of_states(states).total == len(states)


findings = st.builds(
    Finding,
    code=st.sampled_from(["a", "b", "c"]),
    message=st.just("m"),
    count=st.integers(1, 9),
    examples=st.lists(st.text(max_size=2), max_size=8),
)


@given(st.lists(findings))
def test_one_finding_per_code(found: list[Finding]) -> None:
    """Findings are merged by code: counts add up, at most five examples are kept."""
    merged = merge_findings(found)
    assert len({f.code for f in merged}) == len(merged)
    assert sum(f.count for f in merged) == sum(f.count for f in found)
    assert all(len(f.examples) <= 5 for f in merged)
