"""Staying with a job: to its end, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from batchhub import BatchState, BatchStatus, Contact, Counts, Ticket
from batchhub.cli._exits import ExitCode
from batchhub.cli._follow import Ending, Patience, follow
from batchhub.errors import CredentialsError, StoreError, WaitTimeoutError
from batchhub.hub import BatchJob

AT = datetime(2026, 1, 1, tzinfo=UTC)


def make_status(state: BatchState, contact: Contact = Contact.OK) -> BatchStatus:
    """Make a job of one item."""
    counts = Counts(succeeded=1) if state.is_terminal else Counts(pending=1)
    return BatchStatus(
        job_id="j",
        account="shop",
        adapter="ecwid",
        operation="batch",
        contact=contact,
        contact_note=None if contact is Contact.OK else "nobody\nthere",
        tickets=(Ticket(position=1, state=state, counts=counts),),
        created_at=AT,
        updated_at=AT,
    )


QUEUED, DONE = make_status(BatchState.QUEUED), make_status(BatchState.COMPLETED)
LOST_CONTACT = make_status(BatchState.QUEUED, Contact.UNREACHABLE)


class FakeJob:
    """A job whose changes are written down: statuses, seconds to wait, an error to raise."""

    id = "j"

    def __init__(self, *script: BatchStatus | float | Exception, end: Any = None) -> None:
        self._script = script
        self._end = end
        self.status = QUEUED

    async def watch(self) -> AsyncIterator[BatchStatus]:
        """Play the script."""
        for step in self._script:
            if isinstance(step, BatchStatus):
                self.status = step
                yield step
            elif isinstance(step, Exception):
                raise step
            else:
                await asyncio.sleep(step)

    async def wait(self) -> BatchStatus:
        """Return the last status, or raise what ended it."""
        if self._end is not None:
            raise self._end
        return self.status


async def play(
    *script: BatchStatus | float | Exception, end: Exception | None = None, **patience: Any
) -> tuple[Ending, Sequence[BatchStatus]]:
    """Follow a job that does what the script says; return its ending and what was shown."""
    shown: list[BatchStatus] = []
    job = cast("BatchJob", FakeJob(*script, end=end))
    return await follow(job, Patience(**patience), shown.append), shown


async def test_every_change_is_shown_to_the_end() -> None:
    """A job is followed until it has ended."""
    ending, shown = await play(QUEUED, DONE)
    assert shown == [QUEUED, DONE]
    assert (ending.status, ending.error, ending.code) == (DONE, None, ExitCode.OK)


async def test_the_time_out_leaves_the_job() -> None:
    """After the time given the job goes on without us."""
    ending, _ = await play(QUEUED, 60.0, timeout_s=0.02)
    assert isinstance(ending.error, WaitTimeoutError)
    assert str(ending.error) == "job j is queued after 0.02 s; it can go on"
    assert ending.code is ExitCode.UNFINISHED


async def test_silence_is_borne_for_a_while() -> None:
    """Without contact for the time given we give up, and say why."""
    ending, _ = await play(QUEUED, LOST_CONTACT, 60.0, contact_timeout_s=0.02)
    assert "no contact with ecwid for 0.02 s (nobody there); it can go on" in str(ending.error)
    assert ending.code is ExitCode.UNFINISHED


async def test_contact_found_again_starts_the_time_anew() -> None:
    """Only silence without a break counts."""
    broken = (LOST_CONTACT, 0.06, QUEUED, LOST_CONTACT, 0.06, QUEUED, DONE)
    ending, _ = await play(*broken, contact_timeout_s=0.1)
    assert ending.status is DONE


async def test_silence_counts_from_its_beginning() -> None:
    """A new reason for the silence does not start the time anew."""
    stale = make_status(BatchState.QUEUED, Contact.STALE)
    steps = [step for _ in range(20) for step in (LOST_CONTACT, 0.02, stale, 0.02)]
    ending, _ = await play(*steps, DONE, contact_timeout_s=0.1)
    assert isinstance(ending.error, WaitTimeoutError)


async def test_errors_are_part_of_the_ending() -> None:
    """What stops a job is kept beside how far it came."""
    ending, _ = await play(QUEUED, end=CredentialsError("403"))
    assert (ending.status, ending.code) == (QUEUED, ExitCode.REFUSED)
    ending, _ = await play(QUEUED, StoreError("disk"))
    assert (ending.status, ending.code) == (QUEUED, ExitCode.UNFINISHED)


async def test_a_held_job_needs_a_decision() -> None:
    """A job that is held is left with its own code."""
    held = make_status(BatchState.UNCONFIRMED)
    ending, _ = await play(held)
    assert ending.code is ExitCode.HELD
