"""``--on-complete``: a command of the user, run once for each job that ends."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

from batchhub.cli.screen.console import say_warning
from batchhub.hub import BatchHub
from batchhub.models import BatchEvent

LOOK_S: Final = 1.0
"""Seconds between two searches for jobs that have ended."""


@asynccontextmanager
async def running_command(
    hub: BatchHub, command: str | None, jobs: Collection[str] | None = None
) -> AsyncIterator[None]:
    """
    Run a command for each job that ends while this is entered, or ended before and has no run yet.

    Jobs that have ended by the time it is left are handled first.

    Args:
        hub: The hub that has the jobs.
        command: A shell command; `None` for none.
        jobs: The ids of the jobs; `None` for all of the store.
    """
    if command is None:
        yield
        return
    is_over = asyncio.Event()
    task = asyncio.create_task(_run_all(hub, command, jobs, is_over), name="batchhub-on-complete")
    try:
        yield
    except BaseException:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    is_over.set()
    await task


async def _run_all(
    hub: BatchHub, command: str, jobs: Collection[str] | None, is_over: asyncio.Event
) -> None:
    while True:
        is_last = is_over.is_set()
        async for event in hub.events(jobs=jobs, follow=False):
            await _run(hub, command, event)
        if is_last:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), LOOK_S)


async def _run(hub: BatchHub, command: str, event: BatchEvent) -> None:
    """Run the command; its output goes to standard error, its failure is a warning."""
    from batchhub.wire import dumps  # noqa: PLC0415  # slow to import

    process = await asyncio.create_subprocess_shell(
        command, stdin=PIPE, stdout=sys.stderr.fileno(), env=_environment(hub, event)
    )
    with suppress(ConnectionError):  # the command need not read its input
        await process.communicate(dumps(event.status) + b"\n")
    if code := process.returncode:
        say_warning(f"the command of --on-complete exited with {code} for job {event.job_id}")


def _environment(hub: BatchHub, event: BatchEvent) -> dict[str, str]:
    status = event.status
    return {
        **os.environ,
        "BATCHHUB_STORE": hub.store_name,
        "BATCHHUB_JOB": status.job_id,
        "BATCHHUB_ACCOUNT": status.account,
        "BATCHHUB_STATE": status.state.value,
        "BATCHHUB_OUTCOME": "" if status.outcome is None else status.outcome.value,
        "BATCHHUB_REPEATED": "1" if event.is_repeated else "0",
    }
