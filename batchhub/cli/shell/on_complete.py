"""
``--on-complete``: a command of the user, run once for each job that ends.

It is the consumer ``command`` of the store's events. Nothing that goes wrong with it changes how
the jobs went, or the exit code of the command that drives them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

from batchhub._base.clock import Clock, SystemClock
from batchhub._base.commands import run_command
from batchhub._base.show import duration
from batchhub.cli.screen.console import say_warning
from batchhub.errors import BatchHubError
from batchhub.hub import BatchHub, address_of
from batchhub.models import BatchEvent

from .options import FollowOptions

CONSUMER: Final = "command"

LOOK_S: Final = 1.0
"""Seconds between two searches for jobs that have ended."""

PAUSES_S: Final = (60.0, 300.0, 1500.0)
"""Seconds after which a command that failed is tried again, each time."""


@asynccontextmanager
async def running_command(
    hub: BatchHub,
    following: FollowOptions,
    jobs: Collection[str] | None = None,
    *,
    clock: Clock | None = None,
) -> AsyncIterator[None]:
    """
    Run a command for each job that ends while this is entered, or ended before and has no run yet.

    Jobs that have ended by the time it is left are handled first. What failed earlier is tried
    again when it is due, whatever its job.

    Args:
        hub: The hub that has the jobs.
        following: The command, if there is one, and its time limit.
        jobs: The ids of the jobs, which may become more meanwhile; `None` for all of the store.
        clock: What its time limit goes by.
    """
    if following.on_complete is None:
        yield
        return
    runner = _Runner(
        hub, following.on_complete, following.on_complete_timeout_s, clock or SystemClock()
    )
    is_over = asyncio.Event()
    task = asyncio.create_task(runner.run_all(jobs, is_over), name="batchhub-on-complete")
    try:
        yield
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    is_over.set()
    await task


class _Runner:
    """Runs one command for events of a hub."""

    def __init__(self, hub: BatchHub, command: str, limit_s: float, clock: Clock) -> None:
        self._hub = hub
        self._command = command
        self._limit_s = limit_s
        self._clock = clock
        self._warned: set[str] = set()

    async def run_all(self, jobs: Collection[str] | None, is_over: asyncio.Event) -> None:
        """Handle what there is again and again; once more when it is over."""
        while True:
            is_last = is_over.is_set()
            try:
                await self._run_due(jobs)
            except BatchHubError as error:
                # The jobs are what matters: their end is in the store, and comes again.
                self._warn_once(f"--on-complete: {error}")
            if is_last:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), LOOK_S)

    async def _run_due(self, jobs: Collection[str] | None) -> None:
        events = self._hub.events(consumer=CONSUMER, jobs=jobs, retries=True, follow=False)
        async for event in events:
            problem = await self._run(event)
            if problem is not None:
                await _put_off(event, problem)

    async def _run(self, event: BatchEvent) -> str | None:
        """Run the command; return what went wrong, if anything did."""
        from batchhub.wire import dumps  # noqa: PLC0415  # slow to import

        try:
            return await run_command(
                self._command,
                dumps(event.status) + b"\n",
                variables=_variables(self._hub, event),
                limit_s=self._limit_s,
                clock=self._clock,
            )
        except asyncio.CancelledError:
            say_warning(
                f"the command of --on-complete was interrupted, for job {event.job_id}; it is run "
                "again by the next command with --on-complete"
            )
            raise

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            say_warning(text)


async def _put_off(event: BatchEvent, problem: str) -> None:
    what = f"the command of --on-complete {problem}, for job {event.job_id}"
    if event.tries < len(PAUSES_S):
        pause_s = PAUSES_S[event.tries]
        await event.postpone(pause_s)
        say_warning(
            f"{what}; it is tried again in {duration(pause_s)}, by this command or the next one "
            "with --on-complete"
        )
    else:
        await event.give_up()
        say_warning(f"{what}; it failed {event.tries + 1} times and is not tried again")


def _variables(hub: BatchHub, event: BatchEvent) -> dict[str, str]:
    status = event.status
    return {
        "BATCHHUB_STORE": address_of(hub),
        "BATCHHUB_JOB": status.job_id,
        "BATCHHUB_ACCOUNT": status.account,
        "BATCHHUB_STATE": status.state.value,
        "BATCHHUB_OUTCOME": "" if status.outcome is None else status.outcome.value,
        "BATCHHUB_REPEATED": "1" if event.is_repeated else "0",
    }
