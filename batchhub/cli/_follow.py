"""Staying with jobs until they end, are held, can't go on, or patience is at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from batchhub.errors import BatchHubError, WaitTimeoutError
from batchhub.models import BatchStatus, Contact

from ._exits import ExitCode, exit_code
from ._options import CONTACT_TIMEOUT_S
from ._words import clean

if TYPE_CHECKING:
    from batchhub.hub import BatchHub, BatchJob

Show = Callable[[BatchStatus], None]


@frozen(kw_only=True)
class Patience:
    """
    How long to stay.

    Attributes:
        timeout_s: The most seconds; `None` for as long as it takes.
        contact_timeout_s: The most seconds in which the vendor is not heard.
    """

    timeout_s: float | None = None
    contact_timeout_s: float = CONTACT_TIMEOUT_S


@frozen(kw_only=True)
class Ending:
    """
    How far a job was followed.

    Attributes:
        status: Where it stood at last.
        error: Why it was not followed to its end; `None` if it was, or is held.
    """

    status: BatchStatus
    error: BatchHubError | None = None

    @property
    def code(self) -> ExitCode:
        """The exit code it stands for."""
        return exit_code(self.status if self.error is None else self.error)


async def follow(job: BatchJob, patience: Patience, show: Show) -> Ending:
    """Stay with one job; what stops us is part of the ending, not raised."""
    try:
        await _watch(job, patience, show)
        return Ending(status=await job.wait())
    except BatchHubError as error:
        return Ending(status=job.status, error=error)


async def follow_all(
    hub: BatchHub, jobs: Sequence[BatchJob], patience: Patience, show: Show
) -> list[Ending]:
    """Drive the hub's accounts, and stay with these jobs; one's trouble stops no other."""
    driving = asyncio.create_task(hub.run(), name="batchhub-cli-run")
    try:
        return list(await asyncio.gather(*(follow(job, patience, show) for job in jobs)))
    finally:
        driving.cancel()
        await asyncio.gather(driving, return_exceptions=True)


async def _watch(job: BatchJob, patience: Patience, show: Show) -> None:
    loop = asyncio.get_running_loop()
    end_s = None if patience.timeout_s is None else loop.time() + patience.timeout_s
    silent_end_s: float | None = None
    changes = job.watch()
    while True:
        ends = [at_s for at_s in (end_s, silent_end_s) if at_s is not None]
        timer = asyncio.timeout_at(min(ends, default=None))
        try:
            async with timer:
                status = await anext(changes)
        except StopAsyncIteration:
            return
        except TimeoutError:
            if not timer.expired():
                raise
            is_over = end_s is not None and loop.time() >= end_s
            raise _timed_out(job, patience, is_over=is_over) from None
        show(status)
        if status.contact is Contact.OK:
            silent_end_s = None
        elif silent_end_s is None:
            silent_end_s = loop.time() + patience.contact_timeout_s


def _timed_out(job: BatchJob, patience: Patience, *, is_over: bool) -> WaitTimeoutError:
    status = job.status
    if is_over:
        what = f"job {job.id} is {status.state.value} after {patience.timeout_s:g} s"
    else:
        what = (
            f"job {job.id}: no contact with {status.adapter} for {patience.contact_timeout_s:g} s"
        )
        if status.contact_note:
            what += f" ({clean(status.contact_note)})"
    return WaitTimeoutError(f"{what}; it can go on", job_id=job.id)
