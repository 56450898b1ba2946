"""A command of the user: it gets a text on standard input, has a time limit, and is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from .clock import Clock
from .show import duration

ENDING: Final = (signal.SIGTERM, signal.SIGKILL)
GRACE_S: Final = 4.0
"""Seconds a command has to end after each signal."""


async def run_command(
    command: str | Sequence[str],
    text: bytes,
    *,
    variables: Mapping[str, str],
    limit_s: float,
    clock: Clock,
) -> str | None:
    """
    Run a command to its end; return what went wrong, if anything did.

    What it writes goes to standard error. When this is cancelled the command is ended, with all it
    has started.

    Args:
        command: A line for the shell, or a program and its arguments.
        text: What it gets on standard input, and need not read.
        variables: What its environment has besides this process's.
        limit_s: Seconds it has.
        clock: What the limit goes by.
    """
    starting = asyncio.ensure_future(_start(command, variables))
    try:
        # To its end in any case: what has begun to run must be ended.
        process = await asyncio.shield(starting)
        return await _wait(process, text, limit_s, clock)
    except asyncio.CancelledError:
        with suppress(OSError, ValueError):
            await _end(await starting, clock)
        raise
    except (OSError, ValueError) as error:
        return f"can't be started: {error}"


async def _start(command: str | Sequence[str], variables: Mapping[str, str]) -> Process:
    environment = {**os.environ, **variables}
    if isinstance(command, str):
        return await asyncio.create_subprocess_shell(
            command,
            stdin=PIPE,
            stdout=_standard_error(),
            stderr=_standard_error(),
            env=environment,
            start_new_session=True,  # so that all it has started can be ended with it
        )
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=_standard_error(),
        stderr=_standard_error(),
        env=environment,
        start_new_session=True,
    )


async def _wait(process: Process, text: bytes, limit_s: float, clock: Clock) -> str | None:
    running = asyncio.ensure_future(_feed(process, text))
    limit = asyncio.ensure_future(clock.sleep(limit_s))
    try:
        await asyncio.wait({running, limit}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return _problem(process.returncode)
        await _end(process, clock)
        return f"was ended, as it took longer than {duration(limit_s)}"
    finally:
        limit.cancel()
        running.cancel()


async def _end(process: Process, clock: Clock) -> None:
    """End a command and all it has started."""
    ended = asyncio.ensure_future(process.wait())
    # Killed in any case: what it has started may still run when it has ended itself.
    for number in ENDING:
        _send(process, number)
        grace = asyncio.ensure_future(clock.sleep(GRACE_S))
        try:
            await asyncio.wait({ended, grace}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            grace.cancel()
    ended.cancel()  # it may belong to another user by now


async def _feed(process: Process, text: bytes) -> None:
    """Give a command its input, and wait for its end."""
    with suppress(OSError):  # the command need not read it
        await process.communicate(text)
    await process.wait()


def _send(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _problem(code: int | None) -> str | None:
    if not code:
        return None
    return f"exited with {code}" if code > 0 else f"was killed by signal {-code}"


def _standard_error() -> int:
    """Return where the command's output goes: standard output is for results alone."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or replaced by what is no file
        return DEVNULL
