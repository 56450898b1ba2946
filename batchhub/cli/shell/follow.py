"""Following jobs until they end, are held, fail, or a timeout passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from attrs import frozen

from batchhub._base.show import clean, words
from batchhub.errors import BatchHubError, StoreError, WaitTimeoutError
from batchhub.hub import BatchHub, BatchJob
from batchhub.models import BatchStatus, Contact

from .exits import ExitCode, exit_code
from .options import Patience

Show = Callable[[BatchStatus], None]
FindNew = Callable[[], Awaitable[Sequence["BatchJob"]]]

JOIN_S: Final = 1.0
"""Seconds between two searches for jobs that were submitted meanwhile."""


@frozen(kw_only=True)
class Ending:
    """
    The end of following a job.

    Attributes:
        status: Its last status.
        error: Why it was not followed to its end; `None` if it was, or is held.
    """

    status: BatchStatus
    error: BatchHubError | None = None

    @property
    def code(self) -> ExitCode:
        """The exit code it stands for."""
        return exit_code(self.status if self.error is None else self.error)


async def follow(job: BatchJob, patience: Patience, show: Show, *, tickets: bool = False) -> Ending:
    """
    Follow one job; an error that stops it is part of the ending, not raised.

    Args:
        job: The job.
        patience: How long to follow it.
        show: Called with every change.
        tickets: Whether `show` needs the tickets, which are many of a large job.
    """
    try:
        await _watch(job, patience, show, tickets=tickets)
        return Ending(status=await job.wait())
    except BatchHubError as error:
        return Ending(status=job.status, error=error)


async def follow_all(
    hub: BatchHub,
    jobs: Sequence[BatchJob],
    patience: Patience,
    show: Show,
    find_new: FindNew | None = None,
    *,
    tickets: bool = False,
) -> list[Ending]:
    """
    Drive the hub's accounts, and follow these jobs; an error of one does not stop the others.

    Args:
        hub: The hub that drives.
        jobs: The jobs, in the order of the endings.
        patience: How long to follow each.
        show: Called with every change.
        find_new: Called every second for more jobs to follow; their endings come behind the
            others, in the order in which they joined.
        tickets: Whether `show` needs the tickets.
    """
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    driving = [asyncio.create_task(hub.resume(), name="batchhub-cli-run")]
    following = [asyncio.create_task(follow(job, patience, show, tickets=tickets)) for job in jobs]
    try:
        while find_new is not None and not all(task.done() for task in following):
            await asyncio.wait(following, timeout=JOIN_S)
            left = patience.after(loop.time() - began_s)
            new = [] if left is None else await _find(find_new)
            following += [
                asyncio.create_task(follow(job, left, show, tickets=tickets)) for job in new if left
            ]
            if new:
                # A lane with nothing left to do has stopped; it is driven again.
                driving.append(asyncio.create_task(hub.resume(), name="batchhub-cli-run"))
        return list(await asyncio.gather(*following))
    finally:
        for task in (*driving, *following):
            task.cancel()
        await asyncio.gather(*driving, *following, return_exceptions=True)


async def _find(find_new: FindNew) -> Sequence[BatchJob]:
    try:
        return await find_new()
    except StoreError:
        return []  # following a job reports it; the store may be back next time


async def _watch(job: BatchJob, patience: Patience, show: Show, *, tickets: bool) -> None:
    loop = asyncio.get_running_loop()
    end_s = None if patience.timeout_s is None else loop.time() + patience.timeout_s
    silent_end_s: float | None = None
    changes = job.watch(tickets=tickets)
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
        what = f"job {job.id} is {words(status.state)} after {patience.timeout_s:g} s"
    else:
        is_stale = status.contact is Contact.STALE
        what = "no fresh answer" if is_stale else f"no contact with {status.adapter}"
        what = f"job {job.id}: {what} for {patience.contact_timeout_s:g} s"
        if status.contact_note:
            what += f" ({clean(status.contact_note)})"
    goes_on = "it goes on once a worker drives it" if job.needs_worker else "it can be resumed"
    return WaitTimeoutError(f"{what}; {goes_on}", job_id=job.id)
