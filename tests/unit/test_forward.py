"""What was shown of a job never goes back, whichever source is asked next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from batchhub.models import BatchState, BatchStatus, Counts, Ticket
from batchhub.models.forward import is_behind

AT = datetime(2026, 1, 1, tzinfo=UTC)
PENDING, QUEUED, RUNNING = BatchState.PENDING, BatchState.QUEUED, BatchState.IN_PROGRESS
HELD, DONE = BatchState.UNCONFIRMED, BatchState.COMPLETED


def _status(state: BatchState, progress: float | None = None) -> BatchStatus:
    succeeded = 4 if state is DONE else 0
    counts = Counts(succeeded=succeeded, pending=4 - succeeded)
    ticket = Ticket(position=1, state=state, counts=counts, progress=progress)
    return BatchStatus(
        job_id="j",
        account="shop",
        adapter="ecwid",
        operation="batch",
        tickets=(ticket,),
        created_at=AT,
        updated_at=AT,
    )


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (_status(PENDING), _status(QUEUED)),
        (_status(QUEUED), _status(RUNNING, 0.5)),
        (_status(RUNNING, 0.25), _status(RUNNING, 0.5)),
        (_status(RUNNING, 0.75), _status(DONE)),
    ],
)
def test_an_earlier_moment_is_behind_and_a_later_one_is_not(
    found: BatchStatus, shown: BatchStatus
) -> None:
    assert is_behind(found, shown)
    assert not is_behind(shown, found)
    assert not is_behind(shown, shown)


@pytest.mark.parametrize("state", [PENDING, QUEUED, RUNNING])
def test_what_is_held_may_be_anywhere_before_and_after(state: BatchState) -> None:
    assert not is_behind(_status(state), _status(HELD))
    assert not is_behind(_status(HELD), _status(state))


def test_nothing_open_comes_after_the_end() -> None:
    assert is_behind(_status(HELD), _status(DONE))
    assert not is_behind(_status(DONE), _status(HELD))
