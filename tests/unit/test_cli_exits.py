"""Exit codes, for every way a job and every kind of error can end a command."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from batchhub import BatchState, BatchStatus, Counts, Ticket, errors
from batchhub.cli.screen.console import OutputError
from batchhub.cli.shell.exits import ExitCode, exit_code, worst

AT = datetime(2026, 1, 1, tzinfo=UTC)


def make_status(*tickets: Ticket) -> BatchStatus:
    """Make a job of these tickets."""
    return BatchStatus(
        job_id="j",
        account="shop",
        adapter="a",
        operation="o",
        tickets=tickets,
        created_at=AT,
        updated_at=AT,
    )


def make_ticket(state: BatchState, ref: str | None = "ref", **counts: int) -> Ticket:
    """Make a ticket the vendor knows, or with no `ref` one it never took."""
    refs = () if ref is None else (ref,)
    return Ticket(position=1, state=state, vendor_refs=refs, counts=Counts(**counts))


@pytest.mark.parametrize(
    ("ticket", "code"),
    [
        (make_ticket(BatchState.COMPLETED, succeeded=3), 0),
        (make_ticket(BatchState.COMPLETED, succeeded=2, failed=1), 1),
        (make_ticket(BatchState.COMPLETED, failed=3), 1),
        (make_ticket(BatchState.COMPLETED, succeeded=2, unknown=1), 1),
        (make_ticket(BatchState.COMPLETED, succeeded=2, not_executed=1), 1),
        (make_ticket(BatchState.CANCELLED, ref=None, not_executed=3), 1),
        (make_ticket(BatchState.LOST, unknown=3), 1),
        (make_ticket(BatchState.FAILED, failed=3), 1),
        (make_ticket(BatchState.FAILED, ref=None, failed=3), 3),
        (make_ticket(BatchState.PENDING, ref=None, pending=3), 4),
        (make_ticket(BatchState.QUEUED, pending=3), 4),
        (make_ticket(BatchState.IN_PROGRESS, pending=3), 4),
        (make_ticket(BatchState.UNCONFIRMED, ref=None, pending=3), 5),
    ],
)
def test_code_of_a_job(ticket: Ticket, code: int) -> None:
    """A job's code tells success, failure, refusal, unfinished and held apart."""
    assert exit_code(make_status(ticket)) == code


@pytest.mark.parametrize(("faults", "code"), [(0, 2), (1, 2), (9, 2), (10, 5), (11, 5)])
def test_an_adapter_is_looked_at_by_somebody_once_it_fails_each_time(
    faults: int, code: int
) -> None:
    """One mistake, in an item that is encoded say, is an error of the call: nothing was sent."""
    error = errors.AdapterError("it failed")
    error.faults = faults
    assert exit_code(error) == code


def test_success_counts_items_not_states() -> None:
    """A job is 0 only if every item succeeded, whatever else its tickets came to."""
    done = make_ticket(BatchState.COMPLETED, succeeded=2)
    cancelled = Ticket(position=2, state=BatchState.CANCELLED, counts=Counts(not_executed=1))
    assert exit_code(make_status(done, cancelled)) == ExitCode.UNSUCCESSFUL


ERROR_TYPES = [getattr(errors, name) for name in errors.__all__]


def test_the_error_tree_is_covered() -> None:
    """No class of the tree is left out below."""

    def descendants(kind: type[Any]) -> set[type[Any]]:
        subs: list[type[Any]] = kind.__subclasses__()
        return {kind}.union(*(descendants(sub) for sub in subs))

    tree = {
        kind for kind in descendants(errors.BatchHubError) if kind.__module__ == errors.__name__
    }
    assert tree == set(ERROR_TYPES)


@pytest.mark.parametrize("kind", ERROR_TYPES, ids=lambda kind: kind.__name__)
def test_code_of_every_error(kind: type[errors.BatchHubError]) -> None:
    """Usage is 2, refused credentials 3; after any other error a job can be resumed: 4."""
    error = kind("job", "x") if issubclass(kind, errors.NotKnownError) else kind("it went wrong")
    if issubclass(kind, errors.UsageError | errors.AdapterError):
        assert exit_code(error) == ExitCode.USAGE
    elif issubclass(kind, errors.CredentialsError):
        assert exit_code(error) == ExitCode.REFUSED
    else:
        assert exit_code(error) == ExitCode.UNFINISHED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (asyncio.CancelledError(), ExitCode.INTERRUPTED),
        (OutputError("disk full"), ExitCode.USAGE),
        (TypeError("a fault of ours"), ExitCode.UNFINISHED),
    ],
)
def test_code_of_foreign_errors(error: BaseException, code: ExitCode) -> None:
    """A signal is 130; nowhere to write is 2; a fault of our own leaves the jobs: 4."""
    assert exit_code(error) is code


def test_codes_are_fixed() -> None:
    """The numbers are what scripts rely on."""
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4, 5, 130]


def test_worst_of_several() -> None:
    """Of several jobs the worst counts, in the order 3, 5, 4, 1, 0; a refused call is before 5."""
    order = [3, 2, 5, 4, 1, 0]
    for place, code in enumerate(order):
        rest = [ExitCode(other) for other in order[place:]]
        assert worst(reversed(rest)) == code
    assert worst([]) == ExitCode.OK
